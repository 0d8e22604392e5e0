package op

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
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
	bearer  bool     // an access token is shown
	browser bool     // scripts on the pages of registered clients may call it
}

// call is what one request brought along beside the parsed form, and the
// headers of its answer: with errors the library takes none.
type call struct {
	credentials credentials
	client      *client // once authenticated
	header      http.Header
	actor       audit.Actor
}

type callKey struct{}

// callOf returns the call of a request that passed the guard.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{header: http.Header{}}
}

// guard lets pass to next what the endpoint may get, with the form parsed and
// nothing in the URL. It answers the rest, and what next doesn't survive.
func (p *Provider) guard(e endpoint, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{header: w.Header(), actor: web.Actor(r)}
		c.header.Set("Cache-Control", "no-store") // RFC 6749 section 5.1
		c.header.Set("Pragma", "no-cache")
		defer survive(w, r)
		if e.browser && p.crossOrigin(w, r, e) {
			return
		}
		ctx := context.WithValue(r.Context(), callKey{}, c)
		if err := p.admit(w, r, e, c); err != nil {
			zop.WriteError(w, r.WithContext(ctx), err, nil)
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// admit checks a request and reads its form into it.
func (p *Provider) admit(w http.ResponseWriter, r *http.Request, e endpoint, c *call) error {
	if !slices.Contains(e.methods, r.Method) {
		c.header.Set("Allow", strings.Join(e.methods, ", "))
		return refuse(http.StatusMethodNotAllowed, errMethod())
	}
	if len(r.RequestURI) > maxURL {
		return refuse(http.StatusRequestURITooLong, errTooLarge())
	}
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
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
		fillIn(form, c.credentials)
	}
	if e.bearer {
		if err := p.admitBearer(r, form, c); err != nil {
			return err
		}
	}
	r.Form, r.PostForm, r.Body = form, form, http.NoBody
	return nil
}

// omitted stands for a redirect_uri that was left out, as OAuth 2.1 has it: the
// library insists on one. No registered URI has a fragment.
const omitted = "#"

// fillIn writes into the form what the library would stumble over if it were missing.
func fillIn(form url.Values, c credentials) {
	if form.Get("grant_type") == string(oidc.GrantTypeCode) && !form.Has("redirect_uri") {
		form.Set("redirect_uri", omitted)
	}
	_ = c
}

// unauthorized says that the client is not known for who it is, RFC 6749
// section 5.2.
func (p *Provider) unauthorized(c *call, err error) error {
	c.header.Set("WWW-Authenticate", fmt.Sprintf(`Basic realm="%s", charset="UTF-8"`, p.Issuer))
	return refuse(http.StatusUnauthorized, err)
}

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
	err := fmt.Errorf("panic of type %T at %s", v, debug.Stack())
	zop.WriteError(w, r, refuse(http.StatusInternalServerError, errServer(err)), nil)
}

var _ seal.Secret
