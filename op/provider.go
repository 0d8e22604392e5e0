// Package op speaks OAuth 2.0 and OpenID Connect.
//
// It has two halves. What browsers come to is served by handlers of our own:
//
//	request.go    reads an authorization request and refuses what is malformed
//	redirect.go   decides whether a redirect URI is the client's
//	ask.go        turns the request into what has to be proven
//	authorize.go  answers it: a code, an error, a sign-in or a consent first
//	consent.go    asks the user on behalf of third parties
//	response.go   sends the answer to the client: query, fragment, form_post
//	logout.go     signs out on a client's wish
//
// What programs call (token, userinfo, introspection, revocation, discovery,
// keys) is dispatched by the library zitadel/oidc behind a strict guard; see
// guard.go and the files beside it.
//
// The package trusts sessions and makes none: what is missing is left to
// package signin, and the browser comes back to /authorize with the same sealed
// request. Whether the evidence of a session suffices is never stored; it is
// asked of package authn at each use.
package op

import (
	"log/slog"
	"time"

	"github.com/gorilla/mux"

	"stile/limit"
	"stile/mail"
	"stile/seal"
	"stile/session"
	"stile/signin"
	"stile/storage"
	"stile/token"
	"stile/web"
)

// Provider is an OpenID provider. Every field but Logger is required.
type Provider struct {
	DB       *storage.DB
	Ring     *seal.Ring
	Sessions *session.Manager
	SignIns  *signin.Service
	Tokens   *token.Issuer
	Kit      *web.Kit
	Issuer   string // the issuer URL, without a slash at the end
	Notices  mail.Notices
	Levels   Levels
	Limits   limit.Figures // of failed client authentications
	Now      func() time.Time
	Logger   *slog.Logger

	longRequests *web.Throttle // rows that strangers write
	failures     *web.Throttle // of client authentication

	clients clientCache
	origins originIndex
}

// CodeLife is how long an authorization code works.
const CodeLife = 60 * time.Second

// Mount adds the endpoints to a router.
func (p *Provider) Mount(r *mux.Router) {
	p.mountFront(r)
	p.mountBack(r)
}
