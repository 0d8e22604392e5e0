package op

import (
	"context"
	"net/http"
	"net/url"

	"github.com/gorilla/mux"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	zop "github.com/zitadel/oidc/v3/pkg/op"
)

// Paths of the endpoints. Clients find them by discovery.
const (
	pathToken         = "/token"
	pathUserInfo      = "/userinfo"
	pathIntrospection = "/introspect"
	pathRevocation    = "/revoke"
	pathKeys          = "/jwks"
	pathDiscovery     = oidc.DiscoveryEndpoint
	pathMetadata      = "/.well-known/oauth-authorization-server" // RFC 8414
)

var (
	post       = []string{http.MethodPost}
	asClient   = []string{"client_id", "client_secret", "client_assertion", "client_assertion_type"}
	aboutToken = append([]string{"token", "token_type_hint"}, asClient...)
)

// endpoints are those that the library dispatches.
var endpoints = []endpoint{
	{
		path: pathToken, methods: post, client: true, browser: true, check: checkGrant,
		params: append([]string{"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope"}, asClient...),
	},
	{path: pathIntrospection, methods: post, client: true, secret: true, params: aboutToken},
	{path: pathRevocation, methods: post, client: true, browser: true, params: aboutToken},
	{path: pathUserInfo, methods: []string{http.MethodGet, http.MethodPost}, bearer: true, browser: true, params: []string{"access_token"}},
}

// mountBack adds what programs call. The library's own router knows exactly the
// paths that lead to it here.
func (p *Provider) mountBack(r *mux.Router) {
	p.failures = p.Kit.NewThrottle(p.Limits.ClientFailures.Allowed, p.Limits.ClientFailures.Per)
	library := zop.RegisterServer(&server{p: p}, zop.Endpoints{
		Token:         zop.NewEndpoint(pathToken),
		Introspection: zop.NewEndpoint(pathIntrospection),
		Revocation:    zop.NewEndpoint(pathRevocation),
		Userinfo:      zop.NewEndpoint(pathUserInfo),
	}, zop.WithServerCORSOptions(nil))
	for _, e := range endpoints {
		r.Handle(e.path, p.guard(e, library))
	}
	discovery := p.document(p.discovery())
	r.Handle(pathDiscovery, discovery)
	r.Handle(pathMetadata, discovery)
	r.Handle(pathKeys, p.document(p.keys))
}

// server is what the library calls with a request that it has parsed. It has a
// method for each endpoint and grant that works; the embedded type refuses the
// others.
type server struct {
	zop.UnimplementedServer
	p *Provider
}

var _ zop.Server = (*server)(nil)

// VerifyClient authenticates the client by what the guard found, not by what
// the library parsed, and checks that it may use the grant.
func (s *server) VerifyClient(ctx context.Context, r *zop.Request[zop.ClientCredentials]) (zop.Client, error) {
	c, err := s.p.authenticate(ctx, callOf(ctx))
	if err != nil {
		return nil, err
	}
	if t := r.Form.Get("grant_type"); t != "" && !c.may(oidc.GrantType(t)) {
		return nil, errGrantForbidden()
	}
	return c, nil
}

// ofClient returns the client that VerifyClient returned.
func ofClient[T any](r *zop.ClientRequest[T]) *client { return r.Client.(*client) }

// omitted stands for a redirect_uri that was left out, which the library
// insists on. No registered URI has a fragment.
const omitted = "#"

// checkGrant looks at the parameters of a token request in whose place the
// library would quote the client's own words, or refuse.
func checkGrant(form url.Values) error {
	t := form.Get("grant_type")
	switch {
	case t == "":
		return errGrantTypeMissing()
	case !grantSupported(t):
		return errGrantType()
	case t == string(oidc.GrantTypeCode) && !form.Has("redirect_uri"):
		form.Set("redirect_uri", omitted)
	}
	return nil
}
