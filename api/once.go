package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"stile/manage"
	"stile/seal"
	"stile/storage"
	"stile/web"
)

// headerKey names a request that may be repeated
// (draft-ietf-httpapi-idempotency-key-header).
const headerKey = "Idempotency-Key"

// headerReplayed marks the answer that a repeat gets.
const headerReplayed = "Idempotency-Replayed"

const maxKey = 255

func idempotencyParam() *huma.Param {
	most := maxKey
	return &huma.Param{
		Name: headerKey, In: "header",
		Description: "Names this request, so that it can be sent again without being done again: for 24 hours a repeat by the same caller and app gets the first answer, as long as the caller may still do it. Use a new random value for each request.",
		Schema:      &huma.Schema{Type: "string", MaxLength: &most},
	}
}

// kept are the headers of an answer that a repeat gets, too.
var kept = []string{"Content-Type", "ETag", "Location"}

// once is middleware: a POST with an Idempotency-Key is done once, and its
// repeats get the first answer. Only what was done is remembered; a request that
// was refused changed nothing, and may be sent again.
func (a *API) once(ctx huma.Context, next func(huma.Context)) {
	r, w := humamux.Unwrap(ctx)
	keys := r.Header.Values(headerKey)
	if r.Method != http.MethodPost || len(keys) == 0 {
		next(ctx)
		return
	}
	if len(keys) > 1 || keys[0] == "" || len(keys[0]) > maxKey {
		a.write(w, r, &Problem{Type: typeKey, Status: http.StatusBadRequest, Detail: "Send one Idempotency-Key of 1 to 255 characters."})
		return
	}
	// A repeat is answered only to whoever might do it now: the answer may hold a secret.
	who := whoOf(r.Context())
	permission, _ := ctx.Operation().Extensions[keyPermission].(string)
	err := who.May(manage.Permission(permission), a.o.Now())
	var key storage.IdempotencyKey
	if err == nil {
		key, err = keyOf(r, who, keys[0])
	}
	if err != nil {
		a.write(w, r, a.problem(r.Context(), err))
		return
	}
	first, err := a.o.DB.BeginOnce(r.Context(), key)
	switch {
	case errors.Is(err, storage.ErrUnderWay):
		p := &Problem{Type: typeKey, Status: http.StatusConflict, Detail: "The first request with this key is under way, or was broken off: look what became of it before you use another key."}
		a.write(w, r, p.with("Retry-After", "2"))
	case errors.Is(err, storage.ErrOtherRequest):
		a.write(w, r, &Problem{Type: typeKey, Status: http.StatusUnprocessableEntity, Detail: "The key was used for another request."})
	case err != nil:
		a.write(w, r, a.problem(r.Context(), err))
	case first != nil:
		w.Header().Set(headerReplayed, "true")
		for name, value := range first.Header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(first.Status)
		_, _ = w.Write(first.Body)
	default:
		a.answerOnce(ctx, key, next)
	}
}

// answerOnce lets a request be done, and keeps the answer before it is sent.
// After a panic nobody knows what was done: the key stays taken.
func (a *API) answerOnce(ctx huma.Context, key storage.IdempotencyKey, next func(huma.Context)) {
	r, w := humamux.Unwrap(ctx)
	rec := &recorder{ResponseWriter: w}
	next(humamux.NewContext(ctx.Operation(), r, rec))
	answer := &storage.Answer{Status: rec.status, Header: map[string]string{}, Body: rec.body.Bytes()}
	for _, name := range kept {
		if value := w.Header().Get(name); value != "" {
			answer.Header[name] = value
		}
	}
	if rec.status/100 != 2 {
		answer = nil
	}
	if err := a.o.DB.EndOnce(context.WithoutCancel(r.Context()), key, answer); err != nil {
		a.o.Logger.ErrorContext(r.Context(), "an answer could not be kept", "request_id", web.RequestID(r.Context()), "error", err)
	}
	w.WriteHeader(rec.status)
	_, _ = w.Write(rec.body.Bytes())
}

// keyOf names a request of somebody who works with an app: by its key, and by
// all that it says.
func keyOf(r *http.Request, who manage.Who, key string) (storage.IdempotencyKey, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return storage.IdempotencyKey{}, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	sum := sha256.New()
	for _, part := range []string{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Content-Type"), r.Header.Get("If-Match"), string(body)} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		_, _ = sum.Write(size[:])
		_, _ = io.WriteString(sum, part)
	}
	by := who.Actor()
	return storage.IdempotencyKey{
		AccountID: who.AccountID(), Actor: by.Kind + " " + by.ID + " " + clientIDOf(r.Context()), Key: seal.HashToken(key),
		Request: base64.RawURLEncoding.EncodeToString(sum.Sum(nil)),
	}, nil
}

// recorder holds an answer back until it is kept.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements [http.ResponseWriter].
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write implements [http.ResponseWriter].
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.body.Write(b)
}
