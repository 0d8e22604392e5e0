package demo

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
)

// acrMFA is the level that the console asks for at Step up.
const acrMFA = "urn:stile:acr:mfa"

// The console keeps its sessions in memory: it is a sample. The oldest go first.
const maxConsoleSessions = 10_000

const (
	consoleCookie = "acme-console"
	pendingPrefix = "acme-pending-"
	pendingLife   = time.Hour // as long as a sign-in may take at the provider
)

// Console is a sample web application: a confidential client that signs its
// users in with the authorization code flow, PKCE and nonce, on an ordinary
// client library.
type Console struct {
	rp   rp.RelyingParty
	base string
	api  http.Handler // the sample API
	now  func() time.Time

	mu       sync.Mutex
	sessions map[string]consoleSession // by cookie
	pending  map[string]pendingSignIn  // by state
	order    []string                  // cookies, oldest first
}

type consoleSession struct {
	idToken     string
	claims      map[string]any
	name, email string // from the userinfo endpoint
	access      string // access token
	refresh     string // refresh token, if any
	token       string // of the forms of this session
}

// pendingSignIn is what the callback needs to know. It is kept per state, so
// that two tabs can sign in side by side, and tied to the browser by a cookie.
type pendingSignIn struct {
	nonce, verifier, path string
	until                 time.Time
}

// nonceKey carries the nonce of a sign-in to the library, which compares it
// with the ID token's.
type nonceKey struct{}

func nonceOf(ctx context.Context) string {
	nonce, _ := ctx.Value(nonceKey{}).(string)
	return nonce
}

// NewConsole discovers the provider, which must be serving, and returns the
// console that answers at base. Beside its pages it serves the sample API that
// it calls.
func NewConsole(ctx context.Context, issuer, clientID, clientSecret, base string, api http.Handler, now func() time.Time) (*Console, error) {
	party, err := rp.NewRelyingPartyOIDC(ctx, issuer, clientID, clientSecret, base+"/callback",
		[]string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail},
		rp.WithAuthStyle(oauth2.AuthStyleInHeader), rp.WithSigningAlgsFromDiscovery(), rp.WithVerifierOpts(rp.WithNonce(nonceOf)))
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return &Console{rp: party, base: base, api: api, now: now, sessions: map[string]consoleSession{}, pending: map[string]pendingSignIn{}}, nil
}

// Handler serves the console's pages.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.home)
	mux.HandleFunc("GET /session", c.session)
	mux.HandleFunc("GET /payments", c.payments)
	mux.Handle("GET "+pathPayments, c.api)
	mux.HandleFunc("GET /callback", c.callback)
	mux.HandleFunc("GET /sign-in", func(w http.ResponseWriter, r *http.Request) { c.signIn(w, r, "/") })
	mux.HandleFunc("POST /sign-in", func(w http.ResponseWriter, r *http.Request) { c.signIn(w, r, "/") })
	mux.HandleFunc("POST /step-up", c.stepUp)
	mux.HandleFunc("POST /sign-out", c.signOut)
	mux.HandleFunc("GET /demo.css", serveStyle)
	return pageHeaders(http.NewCrossOriginProtection().Handler(mux))
}

func (c *Console) home(w http.ResponseWriter, r *http.Request) { c.showHome(w, r, http.StatusOK, "") }

func (c *Console) showHome(w http.ResponseWriter, r *http.Request, status int, problem string) {
	data := map[string]any{"Problem": problem}
	if s, ok := c.current(r); ok {
		data["Claims"] = s.claims
		data["Token"] = s.token
		data["Who"], data["Email"] = s.name, s.email
		data["AMR"] = strings.Join(amr(s.claims), ", ")
		if at, ok := s.claims["auth_time"].(float64); ok {
			data["AuthTime"] = time.Unix(int64(at), 0).UTC().Format("2006-01-02 15:04:05 UTC")
		}
	}
	show(w, status, "console", data)
}

// session answers the ID token's claims of this browser's session as JSON.
func (c *Console) session(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	s, ok := c.current(r)
	if !ok {
		w.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "not signed in"})
		return
	}
	_ = json.NewEncoder(w).Encode(s.claims)
}

// signIn sends the browser to the provider; path is where it comes out.
func (c *Console) signIn(w http.ResponseWriter, r *http.Request, path string, opts ...rp.AuthURLOpt) {
	state := rand.Text()
	p := pendingSignIn{nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), path: path, until: c.now().Add(pendingLife)}
	c.mu.Lock()
	for old, q := range c.pending {
		if c.now().After(q.until) {
			delete(c.pending, old)
		}
	}
	if len(c.pending) >= maxConsoleSessions {
		c.mu.Unlock()
		c.showHome(w, r, http.StatusServiceUnavailable, "Too many people are signing in. Try again in a minute.")
		return
	}
	c.pending[state] = p
	c.mu.Unlock()
	c.setCookie(w, pendingPrefix+state, "1", int(pendingLife.Seconds()))
	opts = append(opts, rp.WithCodeChallenge(oauth2.S256ChallengeFromVerifier(p.verifier)), rp.AuthURLOpt(rp.WithURLParam("nonce", p.nonce)))
	http.Redirect(w, r, rp.AuthURL(state, c.rp, opts...), http.StatusSeeOther)
}

func (c *Console) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p, ok := c.takePending(w, r, q.Get("state"))
	if !ok {
		c.showHome(w, r, http.StatusBadRequest, "This sign-in was started elsewhere, or is over. Sign in again.")
		return
	}
	if q.Get("iss") != c.rp.Issuer() { // RFC 9207 section 2.4
		c.showHome(w, r, http.StatusBadRequest, "The answer came from another provider.")
		return
	}
	if e := q.Get("error"); e != "" {
		c.showHome(w, r, http.StatusForbidden, fmt.Sprintf("The provider answered %s. %s", e, q.Get("error_description")))
		return
	}
	ctx := context.WithValue(r.Context(), nonceKey{}, p.nonce)
	tokens, err := rp.CodeExchange[*oidc.IDTokenClaims](ctx, q.Get("code"), c.rp, rp.WithCodeVerifier(p.verifier))
	if err != nil {
		c.showHome(w, r, http.StatusBadGateway, "The sign-in could not be completed. Sign in again.")
		return
	}
	claims, err := payload(tokens.IDToken)
	if err != nil {
		c.showHome(w, r, http.StatusBadGateway, "The ID token could not be read. Sign in again.")
		return
	}
	who, err := rp.Userinfo[*oidc.UserInfo](ctx, tokens.AccessToken, tokens.TokenType, tokens.IDTokenClaims.Subject, c.rp)
	if err != nil {
		c.showHome(w, r, http.StatusBadGateway, "The provider did not say who you are. Sign in again.")
		return
	}
	c.begin(w, r, consoleSession{
		idToken: tokens.IDToken, claims: claims, name: who.Name, email: who.Email,
		access: tokens.AccessToken, refresh: tokens.RefreshToken, token: rand.Text(),
	})
	http.Redirect(w, r, p.path, http.StatusSeeOther)
}

// takePending returns the sign-in of a state, once, if this browser began it.
func (c *Console) takePending(w http.ResponseWriter, r *http.Request, state string) (pendingSignIn, bool) {
	if _, err := r.Cookie(pendingPrefix + state); err != nil {
		return pendingSignIn{}, false
	}
	c.setCookie(w, pendingPrefix+state, "", -1)
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.pending[state]
	delete(c.pending, state)
	return p, ok && c.now().Before(p.until)
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	s, ok := c.current(r)
	if !ok || !ownForm(r, s) {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	c.forget(r)
	c.setCookie(w, consoleCookie, "", -1)
	out := url.Values{"id_token_hint": {s.idToken}, "post_logout_redirect_uri": {c.base + "/"}}
	http.Redirect(w, r, c.rp.GetEndSessionEndpoint()+"?"+out.Encode(), http.StatusSeeOther)
}

// begin gives the browser a new session in place of the one it had.
func (c *Console) begin(w http.ResponseWriter, r *http.Request, s consoleSession) {
	c.forget(r)
	id := rand.Text()
	c.mu.Lock()
	c.sessions[id] = s
	c.order = append(c.order, id)
	if len(c.order) > maxConsoleSessions {
		delete(c.sessions, c.order[0])
		c.order = c.order[1:]
	}
	c.mu.Unlock()
	c.setCookie(w, consoleCookie, id, 0)
}

// renew writes the session of a browser that is still signed in.
func (c *Console) renew(r *http.Request, s consoleSession) {
	if cookie, err := r.Cookie(consoleCookie); err == nil {
		c.mu.Lock()
		if _, ok := c.sessions[cookie.Value]; ok {
			c.sessions[cookie.Value] = s
		}
		c.mu.Unlock()
	}
}

func (c *Console) forget(r *http.Request) {
	if cookie, err := r.Cookie(consoleCookie); err == nil {
		c.mu.Lock()
		delete(c.sessions, cookie.Value)
		c.order = slices.DeleteFunc(c.order, func(id string) bool { return id == cookie.Value })
		c.mu.Unlock()
	}
}

func (c *Console) current(r *http.Request) (consoleSession, bool) {
	cookie, err := r.Cookie(consoleCookie)
	if err != nil {
		return consoleSession{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.sessions[cookie.Value]
	return s, ok
}

// setCookie sets a cookie without Secure: the demo is served on a loopback name.
func (c *Console) setCookie(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func ownForm(r *http.Request, s consoleSession) bool {
	return subtle.ConstantTimeCompare([]byte(r.PostFormValue("token")), []byte(s.token)) == 1
}

// payload decodes the claims of an ID token that has been verified.
func payload(idToken string) (map[string]any, error) {
	var claims map[string]any
	_, err := oidc.ParseToken(idToken, &claims)
	return claims, err
}

func amr(claims map[string]any) []string {
	var methods []string
	list, _ := claims["amr"].([]any)
	for _, m := range list {
		methods = append(methods, fmt.Sprint(m))
	}
	return methods
}
