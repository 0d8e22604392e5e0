package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"

	"stile/audit"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// ClientID is the client_id of the Admin Center.
const ClientID = "stile-admin"

const callbackPath = home + "/callback"

// Register makes the Admin Center a client, or brings the registration to this
// version.
func Register(ctx context.Context, db *storage.DB, issuer, acr string) error {
	want := storage.Metadata{
		Name: "Admin Center", RedirectURIs: []string{issuer + callbackPath}, PostLogoutRedirectURIs: []string{issuer + home},
		GrantTypes: []string{storage.GrantCode}, TokenEndpointAuthMethod: storage.AuthNone, Scope: oidc.ScopeOpenID,
		InitiateLoginURI: issuer + home, DefaultACRValues: []string{acr},
	}.Filled()
	_, err := db.CreateClient(ctx, storage.Client{ID: ClientID, Metadata: want}, audit.System)
	if errors.Is(err, storage.ErrExists) {
		_, err = db.UpdateClient(ctx, ClientID, func(c *storage.Client) error {
			if c.AccountID != "" {
				return fmt.Errorf("client %q belongs to an account: delete it, the Admin Center needs the name", ClientID)
			}
			c.Metadata, c.SecretHash, c.ThirdParty, c.Disabled = want, "", false, false
			return nil
		}, audit.System)
	}
	return err
}

// party is the Admin Center as a relying party. All it asks the provider goes
// through the server's own handler, in this process.
type party struct {
	issuer, acr string
	now         func() time.Time
	http        *http.Client

	mu sync.Mutex
	rp rp.RelyingParty // after the first discovery
}

func newParty(o Options) *party {
	return &party{issuer: o.Issuer, acr: o.ACR, now: o.Now, http: &http.Client{Transport: inProcess{o.Self}}}
}

// inProcess asks a handler instead of the network.
type inProcess struct{ handler func() http.Handler }

// RoundTrip implements [http.RoundTripper].
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.Host, in.RemoteAddr = r.URL.RequestURI(), r.URL.Host, ""
	if in.Body == nil {
		in.Body = http.NoBody
	}
	answer := &recorder{header: http.Header{}, status: http.StatusOK}
	t.handler().ServeHTTP(answer, in)
	return &http.Response{
		Status: strconv.Itoa(answer.status) + " " + http.StatusText(answer.status), StatusCode: answer.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: answer.header,
		Body: io.NopCloser(&answer.body), ContentLength: int64(answer.body.Len()), Request: r,
	}, nil
}

// nonceKey carries the nonce of a sign-in to the library, which compares it
// with the ID token's.
type nonceKey struct{}

// library returns the relying party, which has discovered its provider.
func (p *party) library(ctx context.Context) (rp.RelyingParty, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rp != nil {
		return p.rp, nil
	}
	found, err := rp.NewRelyingPartyOIDC(ctx, p.issuer, ClientID, "", p.issuer+callbackPath, []string{oidc.ScopeOpenID},
		rp.WithHTTPClient(p.http), rp.WithAuthStyle(oauth2.AuthStyleInParams), rp.WithSigningAlgsFromDiscovery(),
		rp.WithVerifierOpts(
			rp.WithACRVerifier(oidc.DefaultACRVerifier([]string{p.acr})),
			rp.WithNonce(func(ctx context.Context) string {
				nonce, _ := ctx.Value(nonceKey{}).(string)
				return nonce
			})))
	if err != nil {
		return nil, fmt.Errorf("admin: discovery: %w", err)
	}
	p.rp = found
	return found, nil
}

// pendingSignIn is what the callback has to know. A sealed cookie holds it, one
// for each state, so that two tabs can sign in side by side.
type pendingSignIn struct {
	State    string  `json:"s"`
	Nonce    string  `json:"n"`
	Verifier string  `json:"v"`
	Back     wayBack `json:"b"`
}

// wayBack is where a sign-in comes out.
type wayBack struct {
	Path    string     `json:"p"`
	Form    url.Values `json:"f,omitempty"` // that waits to be sent again
	Notice  string     `json:"n,omitempty"` // what to say there, see [note]
	Subject string     `json:"s,omitempty"` // who has sent the form
}

// fitting leaves out what has no room in a cookie.
func (b wayBack) fitting(r *http.Request) wayBack {
	if len(b.Path) > maxBack {
		b.Path = r.URL.EscapedPath()
	}
	if len(b.Path)+len(b.Form.Encode()) > maxBack {
		b.Form, b.Notice = nil, templates.AdminTypeAgain
	}
	return b
}

const (
	pendingPrefix = web.CookieAdmin + "-"
	pendingName   = 8 // letters of the state that name its cookie
	pendingLife   = time.Hour
	maxPending    = 6
	maxBack       = 1400 // bytes of a path and a form that fit into a cookie
)

// signIn sends the browser to the authorization endpoint; back is where it
// comes out. params are name, value, name, value.
func (c *Center) signIn(w http.ResponseWriter, r *http.Request, back wayBack, params ...string) error {
	library, err := c.party.library(r.Context())
	if err != nil {
		return err
	}
	p := pendingSignIn{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Back: back.fitting(r)}
	if older := c.Kit.CookiesBeginning(r, pendingPrefix); len(older) >= maxPending {
		for _, name := range older {
			c.Kit.ClearCookie(w, name)
		}
	}
	if err := c.Kit.SetSealed(w, pendingPrefix+p.State[:pendingName], p, pendingLife); err != nil {
		return err
	}
	// Essential: the provider answers with this level or with an error, never with less.
	claims := fmt.Sprintf(`{"id_token":{"acr":{"essential":true,"value":%q}}}`, c.ACR)
	opts := []rp.AuthURLOpt{
		rp.WithCodeChallenge(oauth2.S256ChallengeFromVerifier(p.Verifier)),
		rp.AuthURLOpt(rp.WithURLParam("nonce", p.Nonce)), rp.AuthURLOpt(rp.WithURLParam("claims", claims)),
	}
	if lang := web.Language(r); lang != "" {
		params = append(params, "ui_locales", lang)
	}
	for i := 0; i+1 < len(params); i += 2 {
		opts = append(opts, rp.AuthURLOpt(rp.WithURLParam(params[i], params[i+1])))
	}
	return c.Kit.Leave(w, r, rp.AuthURL(p.State, library, opts...))
}

// callback takes the provider's answer.
func (c *Center) callback(w http.ResponseWriter, r *http.Request) error {
	q, err := web.Query(r)
	if err != nil {
		return err
	}
	p, ok := c.takePending(w, r, q.Get("state"))
	if !ok {
		return web.UserError{Kind: templates.ErrorOver, Start: home, Err: errors.New("admin: answer to a sign-in that was not begun here")}
	}
	if q.Get("iss") != c.Issuer { // RFC 9207, section 2.4
		return web.UserError{Kind: templates.ErrorOver, Start: home, Err: errors.New("admin: answer of another provider")}
	}
	if code := q.Get("error"); code != "" {
		return c.refused(code)
	}
	about, err := c.party.redeem(r.Context(), p, q.Get("code"))
	if err != nil {
		return web.UserError{Kind: templates.ErrorOver, Start: home, Err: err}
	}
	if err := c.Kit.SetSigned(w, web.CookieAdmin, about, web.SessionAge); err != nil {
		return err
	}
	to, err := p.Back.Path, error(nil)
	if p.Back.Notice != "" && p.Back.Subject == about.Subject { // nobody finds what another one has typed
		to, err = c.withNote(r, about.Subject, to, note{Notice: p.Back.Notice, Form: p.Back.Form})
	}
	if err != nil {
		return err
	}
	return c.Kit.Redirect(w, r, to)
}

// refused is the page for an error of the provider.
func (c *Center) refused(code string) error {
	e := web.UserError{Kind: templates.ErrorOver, Start: home, Err: fmt.Errorf("admin: the provider answered %q", code)}
	switch code {
	case "unmet_authentication_requirements":
		e.Kind = templates.ErrorUnmet
	case "temporarily_unavailable", "server_error":
		e.Kind, e.RetryAfter = templates.ErrorUnavailable, time.Second
	}
	return e
}

// takePending returns the sign-in of a state, if this browser began it, and
// forgets it.
func (c *Center) takePending(w http.ResponseWriter, r *http.Request, state string) (p pendingSignIn, ok bool) {
	if len(state) < pendingName {
		return p, false
	}
	name := pendingPrefix + state[:pendingName]
	ok = c.Kit.Sealed(r, name, &p)
	c.Kit.ClearCookie(w, name)
	return p, ok && p.State == state
}

// spokenOf is what the Admin Center keeps of a sign-in: of whom, and of which
// session, the ID token spoke. It opens nothing by itself.
type spokenOf struct {
	Subject string `json:"sub"`
	SID     string `json:"sid"`
}

// about returns what the Admin Center keeps of this browser's sign-in.
func (c *Center) about(r *http.Request) (about spokenOf, ok bool) {
	ok = c.Kit.Signed(r, web.CookieAdmin, &about)
	return about, ok
}

// redeem exchanges a code and verifies the ID token.
func (p *party) redeem(ctx context.Context, pending pendingSignIn, code string) (spokenOf, error) {
	library, err := p.library(ctx)
	if err != nil {
		return spokenOf{}, err
	}
	ctx = context.WithValue(context.WithValue(ctx, oauth2.HTTPClient, p.http), nonceKey{}, pending.Nonce)
	tokens, err := library.OAuthConfig().Exchange(ctx, code, oauth2.VerifierOption(pending.Verifier))
	if err != nil {
		return spokenOf{}, fmt.Errorf("admin: code: %w", err)
	}
	idToken, _ := tokens.Extra("id_token").(string)
	verifier := *library.IDTokenVerifier()
	verifier.Offset = time.Until(p.now()) + time.Second // the library looks at the system's clock, we at ours
	claims, err := rp.VerifyTokens[*oidc.IDTokenClaims](ctx, tokens.AccessToken, idToken, &verifier)
	if err != nil {
		return spokenOf{}, fmt.Errorf("admin: ID token: %w", err)
	}
	return spokenOf{Subject: claims.Subject, SID: claims.SessionID}, nil
}

// withQuery adds fields to a path.
func withQuery(path string, fields url.Values) string {
	if len(fields) == 0 {
		return path
	}
	return path + "?" + fields.Encode()
}
