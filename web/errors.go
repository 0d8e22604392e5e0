package web

import (
	"fmt"
	"net/http"
	"time"
)

// UserError is an error that people may see: a status and the locale key of a
// sentence. Every other error becomes a page that tells nothing but a reference.
type UserError struct {
	Status     int
	Key        string         // locale key of the sentence
	Args       map[string]any // its placeholders
	RetryAfter time.Duration  // for 429 and 503: when to try again
	StartAgain string         // where a new attempt begins, such as the client's own page; may be empty
	ClientName string         // whom the page speaks for, where known
	Err        error          // for the log; never shown
}

func (e UserError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Key, e.Err)
	}
	return e.Key
}

func (e UserError) Unwrap() error { return e.Err }

// NotFound answers what no route takes.
func (k *Kit) NotFound() http.Handler {
	return k.Handle(func(http.ResponseWriter, *http.Request) error {
		return UserError{Status: http.StatusNotFound, Key: keyNotFound}
	})
}

// MethodNotAllowed answers a method that a path does not take.
func (k *Kit) MethodNotAllowed() http.Handler {
	return k.Handle(func(_ http.ResponseWriter, r *http.Request) error {
		return UserError{Status: http.StatusMethodNotAllowed, Key: keyBroken, Err: fmt.Errorf("method %q", printable(r.Method, 16))}
	})
}
