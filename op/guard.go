package op

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	zop "github.com/zitadel/oidc/v3/pkg/op"

	"stile/audit"
	"stile/seal"
	"stile/web"
)

// endpoint says what a request to one path may look like. The guard holds every
// request to it before the library reads anything: the library takes GET with
// secrets in the URL, repeated parameters and any content type.
type endpoint struct {
	path    string
	methods []string // besides OPTIONS, where browsers ask before they send
	params  []string // the parameters it knows
	client  bool     // the client has to say who it is
	secret  bool     // and to prove it: public clients have no business there
	bearer  bool     // an access token has to be shown
	browser bool     // scripts on the pages of clients may call it
	// check looks at the form where the library would not, or in other words.
	check func(url.Values) error
}

// patience is how long a request may take. Who waits longer for the database
// is better told to come again.
const patience = 2500 * time.Millisecond

// call is what one request brought along beside its form, and the headers of
// its answer: the library takes none with errors.
type call struct {
	credentials credentials
	actor       audit.Actor
	header      http.Header
}

type callKey struct{}

// callOf returns the call of a request that passed the guard.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{header: http.Header{}}
}

// errAnswered says that the answer is written already.
var errAnswered = errors.New("op: answered")

// guard lets pass to next what the endpoint may get: parsed, from the body
// alone. It answers the rest itself, and for next where that panics.
func (p *Provider) guard(e endpoint, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer survive(w, r)
		c := &call{actor: web.Actor(r), header: w.Header()}
		c.header.Set("Cache-Control", "no-store") // RFC 6749 section 5.1
		c.header.Set("Pragma", "no-cache")
		c.header.Set("X-Request-Id", c.actor.RequestID) // also in the log
		if e.browser && p.crossOrigin(w, r, e.methods) {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), callKey{}, c), patience)
		defer cancel()
		r = r.WithContext(ctx)
		switch err := p.admit(w, r, e, c); {
		case err == nil:
			next.ServeHTTP(w, r)
		case !errors.Is(err, errAnswered):
			zop.WriteError(w, r, err, nil)
		}
	})
}

// admit checks a request and reads its form.
func (p *Provider) admit(w http.ResponseWriter, r *http.Request, e endpoint, c *call) error {
	if !slices.Contains(e.methods, r.Method) {
		c.header.Set("Allow", strings.Join(e.methods, ", "))
		return refuse(http.StatusMethodNotAllowed, errMethod())
	}
	if len(r.RequestURI) > maxURL {
		return refuse(http.StatusRequestURITooLong, errTooLarge())
	}
	if r.URL.RawQuery != "" {
		return refuse(http.StatusBadRequest, errQuery())
	}
	form, err := readForm(w, r, e.params)
	if err != nil {
		return err
	}
	if e.client {
		if c.credentials, err = presented(r.Header, form); err != nil {
			return p.unauthorized(c, err)
		}
		if e.secret && c.credentials.secret == "" {
			return p.unauthorized(c, errClientPublic())
		}
	}
	if e.bearer {
		if err := p.admitBearer(w, r.Header["Authorization"], form, c); err != nil {
			return err
		}
	}
	if e.check != nil {
		if err := e.check(form); err != nil {
			return err
		}
	}
	r.Form, r.PostForm, r.Body = form, form, http.NoBody
	return nil
}

// admitBearer finds the one access token of a request, RFC 6750 section 2. Only
// what has the form of ours goes on: no parser of anybody sees a JWT here.
func (p *Provider) admitBearer(w http.ResponseWriter, header []string, form url.Values, c *call) error {
	token := form.Get("access_token")
	if len(header) > 1 || len(header) == 1 && token != "" {
		return p.challenge(c, http.StatusBadRequest, errTokenTwice())
	}
	if len(header) == 1 {
		scheme, rest, _ := strings.Cut(header[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			token = strings.TrimLeft(rest, " ")
		}
	}
	switch {
	case token == "": // section 3.1: who shows nothing is told nothing
		c.header.Set("WWW-Authenticate", p.realm("Bearer"))
		w.WriteHeader(http.StatusUnauthorized)
		return errAnswered
	case !seal.KindAccess.Is(token):
		return p.challenge(c, http.StatusUnauthorized, errBearer())
	}
	form.Set("access_token", token)
	return nil
}

// realm begins a challenge.
func (p *Provider) realm(scheme string) string { return fmt.Sprintf(`%s realm="%s"`, scheme, p.Issuer) }

// survive answers for a handler that panicked. The value of a panic may quote
// what was being worked on; its type and place don't.
func survive(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // the value itself is the sign
		panic(v)
	}
	e := errServer()
	e.Parent = fmt.Errorf("panic of type %T at %s", v, debug.Stack())
	zop.WriteError(w, r, refuse(http.StatusInternalServerError, e), nil)
}
