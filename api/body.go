package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// maxBody bounds what is sent, in bytes; the door in front of it has a bound of
// its own.
const maxBody = 60 << 10

// readBody reads what was sent with a request, before anybody looks at it, and
// refuses what the operation does not take.
func readBody(r *http.Request, op *huma.Operation) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if _, exceeded := errors.AsType[*http.MaxBytesError](err); exceeded || len(text) > maxBody {
		return &Problem{Status: http.StatusRequestEntityTooLarge, Detail: "The body is too large."}
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
