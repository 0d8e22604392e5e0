package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"stile/templates"
)

// UserError is an error that people may see: a kind of error page, and what
// the page needs. Every other error becomes a page that tells nothing but a
// reference, and that trying again in a moment may help: what handlers fail
// with is the database, almost always.
type UserError struct {
	Kind       templates.ErrorKind
	Status     int                         // zero: the usual one of the kind
	RetryAfter time.Duration               // for 429 and 503: when to try again
	Start      string                      // where the client begins anew; may be empty
	Account    string                      // organisation whose admin can help; may be empty
	Client     templates.Client            // for whom the page speaks; may be zero
	Developer  *templates.DeveloperDetails // for the maker of a client; may be nil
	Err        error                       // for the log; never shown
}

func (e UserError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Kind, e.Err)
	}
	return string(e.Kind)
}

func (e UserError) Unwrap() error { return e.Err }

// statuses are the usual statuses of the kinds.
var statuses = map[templates.ErrorKind]int{
	templates.ErrorOver:          http.StatusGone,
	templates.ErrorAlreadyDone:   http.StatusConflict,
	templates.ErrorUnknownClient: http.StatusBadRequest,
	templates.ErrorRedirectURI:   http.StatusBadRequest,
	templates.ErrorRequest:       http.StatusBadRequest,
	templates.ErrorUnmet:         http.StatusForbidden,
	templates.ErrorForbidden:     http.StatusForbidden,
	templates.ErrorFormExpired:   http.StatusForbidden,
	templates.ErrorOtherBrowser:  http.StatusForbidden,
	templates.ErrorCookies:       http.StatusForbidden,
	templates.ErrorSwitchedOff:   http.StatusForbidden,
	templates.ErrorNotFound:      http.StatusNotFound,
	templates.ErrorMethod:        http.StatusMethodNotAllowed,
	templates.ErrorTooLarge:      http.StatusRequestEntityTooLarge,
	templates.ErrorHost:          http.StatusMisdirectedRequest,
	templates.ErrorTooMany:       http.StatusTooManyRequests,
	templates.ErrorSentLink:      http.StatusGone,
	templates.ErrorInvitation:    http.StatusGone,
	templates.ErrorLink:          http.StatusGone,
	templates.ErrorUnavailable:   http.StatusServiceUnavailable,
	templates.ErrorInternal:      http.StatusInternalServerError,
}

// moment is how long a database may take to come back.
const moment = 5 * time.Second

// fault is a mistake of ours, which trying again doesn't mend.
func fault(err error) error { return UserError{Kind: templates.ErrorInternal, Err: err} }

// shown returns what people may see of an error.
func shown(err error) UserError {
	e, ok := errors.AsType[UserError](err)
	if !ok {
		e = UserError{Kind: templates.ErrorUnavailable, RetryAfter: moment}
	}
	if e.Status == 0 {
		e.Status = statuses[e.Kind]
	}
	if e.Status == 0 {
		e.Status = http.StatusInternalServerError
	}
	return e
}

// failure is what answers errors under a path instead of a page.
type failure struct {
	prefix string
	answer func(w http.ResponseWriter, r *http.Request, status int)
}

// FailAs lets errors under a path be answered by a function: programs that call
// there can't read pages. It is called before the first request.
func (k *Kit) FailAs(prefix string, answer func(w http.ResponseWriter, r *http.Request, status int)) {
	k.failures = append(k.failures, failure{prefix, answer})
}

// Fail answers an error. What a [UserError] says is shown; of any other error
// people see a reference, and the log its text.
func (k *Kit) Fail(w http.ResponseWriter, r *http.Request, err error) {
	e := shown(err)
	k.logFailure(r, e.Status, err)
	for _, f := range k.failures {
		if strings.HasPrefix(r.URL.Path, f.prefix) {
			f.answer(w, r, e.Status)
			return
		}
	}
	page := templates.ErrorPage{Kind: e.Kind, At: k.now(), Start: e.Start, Account: e.Account, Developer: e.Developer}
	if e.RetryAfter > 0 {
		retryAfter(w.Header(), e.RetryAfter)
		page.RetryAt = k.now().Add(e.RetryAfter)
	}
	if err := k.Page(w, r, e.Status, page, Client(e.Client)); err != nil {
		k.logFailure(r, http.StatusInternalServerError, err)
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// NotFound answers what no route takes.
func (k *Kit) NotFound() http.Handler {
	return k.Handle(func(http.ResponseWriter, *http.Request) error {
		return UserError{Kind: templates.ErrorNotFound}
	})
}

// MethodNotAllowed answers a method that a path does not take.
func (k *Kit) MethodNotAllowed() http.Handler {
	return k.Handle(func(_ http.ResponseWriter, r *http.Request) error {
		return UserError{Kind: templates.ErrorMethod, Err: fmt.Errorf("method %q", printable(r.Method, 16))}
	})
}
