package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"stile/roster"
)

// What bounds a body, in bytes: of most operations, and of a list of users. The
// door in front has bounds of its own.
const (
	maxBody = 60 << 10
	maxList = roster.MaxBytes
)

// readBody reads what was sent with a request, before anybody looks at it, and
// refuses what the operation does not take.
func readBody(r *http.Request, op *huma.Operation) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, op.MaxBodyBytes))
	if _, exceeded := errors.AsType[*http.MaxBytesError](err); exceeded || int64(len(text)) == op.MaxBodyBytes {
		return &Problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("The body is too large: this takes at most %d kB.", (op.MaxBodyBytes-1)>>10)}
	}
	if err != nil {
		return &Problem{Status: http.StatusBadRequest, Detail: "The body could not be read."}
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	if len(text) == 0 {
		return nil
	}
	if op.RequestBody == nil {
		return &Problem{Status: http.StatusBadRequest, Detail: "This takes no body."}
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || op.RequestBody.Content[kind] == nil || r.Header.Get("Content-Encoding") != "" {
		for takes := range op.RequestBody.Content {
			return (&Problem{Status: http.StatusUnsupportedMediaType, Detail: "Send " + takes + ", not compressed."}).with("Accept", takes)
		}
	}
	return nil
}
