package op

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"
	"golang.org/x/net/html"

	"stile/audit"
	"stile/authn"
	"stile/factor"
	"stile/seal"
	"stile/session"
	"stile/signin"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// front is the rig with the half that browsers come to. Sign-ins end as package
// login would let them end; its screens are not here.
type front struct {
	*rig
	admin, elsewhere storage.User // of the same account, and of another one
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{rig: newRig(t)}
	now := func() time.Time { return f.at }
	set, err := templates.Load("")
	f.must(err)
	kit, err := web.New(web.Options{Issuer: backIssuer, Templates: set, Hasher: f.db.Hasher(), Logger: slog.New(slog.DiscardHandler), Now: now})
	f.must(err)
	passwords, err := factor.NewPasswords(f.db.Hasher(), factor.PasswordOptions{BelowFloor: true})
	f.must(err)
	f.p.Kit = kit
	f.p.Sessions = &session.Manager{DB: f.db, Kit: kit, Now: now}
	f.p.SignIns = signin.New(signin.Options{DB: f.db, Hasher: f.db.Hasher(), Ring: f.p.Ring, Passwords: passwords, Limits: f.p.Limits, Now: now, Issuer: backIssuer})
	router := mux.NewRouter()
	f.p.Mount(router)
	router.NotFoundHandler = kit.NotFound()
	router.MethodNotAllowedHandler = kit.MethodNotAllowed()
	f.handler = kit.Chain(router)

	f.admin, err = f.db.CreateUser(t.Context(), storage.User{AccountID: f.account.ID, Email: "bea@example.com", Name: "Bea", Password: "$argon2id$none"}, audit.System)
	f.must(err)
	other, err := f.db.CreateAccount(t.Context(), storage.Account{Name: "Elsewhere", Language: "en", TimeZone: "UTC"}, audit.System)
	f.must(err)
	f.elsewhere, err = f.db.CreateUser(t.Context(), storage.User{AccountID: other.ID, Email: "eve@elsewhere.example", Name: "Eve", Password: "$argon2id$none"}, audit.System)
	f.must(err)
	f.secrets = maps.Clone(f.secrets)
	f.register(storage.Client{ID: "grafana", ThirdParty: true, Metadata: storage.Metadata{
		Name: "Grafana", RedirectURIs: []string{"https://grafana.test/cb"}, GrantTypes: []string{"authorization_code", "refresh_token"},
		Scope: "openid profile email offline_access", ClientURI: "https://grafana.test/home", PostLogoutRedirectURIs: []string{"https://grafana.test/out"},
	}})
	f.register(storage.Client{ID: "app", Metadata: storage.Metadata{Name: "App", ApplicationType: "native", TokenEndpointAuthMethod: "none", RedirectURIs: []string{"com.example.app:/cb"}, Scope: "openid"}})
	f.register(storage.Client{ID: "odd", Metadata: storage.Metadata{
		RedirectURIs: []string{"https://odd.test/cb?z=1&a=%2f"}, Scope: "openid",
		PostLogoutRedirectURIs: []string{"https://odd.test/out?z=1&a=%2f"},
	}})
	f.register(storage.Client{ID: "bound", AccountID: f.account.ID, Metadata: storage.Metadata{RedirectURIs: []string{"https://bound.test/cb"}, Scope: "openid"}})
	return f
}

// register makes a client, with a secret unless it is a public one.
func (f *front) register(c storage.Client) {
	f.t.Helper()
	if c.Metadata.TokenEndpointAuthMethod != storage.AuthNone {
		f.secrets[c.ID] = seal.NewToken(seal.KindClientSecret)
		c.SecretHash = f.db.HashClientSecret(c.ID, f.secrets[c.ID])
	}
	_, err := f.db.CreateClient(f.t.Context(), c, audit.System)
	f.must(err)
}

// redirects are the redirect URIs that the tests use, by client.
var redirects = map[string]string{
	"console": "https://rp.test/cb", "grafana": "https://grafana.test/cb", "desktop": "http://127.0.0.1:4711/callback",
	"app": "com.example.app:/cb", "odd": "https://odd.test/cb?z=1&a=%2f", "bound": "https://bound.test/cb", "other": "https://other.test/cb",
	"strict": "https://strict.test/cb",
}

// browser keeps cookies and follows nothing.
type browser struct {
	f       *front
	cookies map[string]string
}

func (f *front) browser() *browser { return &browser{f, map[string]string{}} }

func (b *browser) do(method, target string, form url.Values, header ...string) reply {
	b.f.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequestWithContext(context.WithoutCancel(b.f.t.Context()), method, target, body)
	r.Host, r.URL.Host, r.URL.Scheme = "id.example.com", "", ""
	r.RequestURI = r.URL.RequestURI()
	if form != nil {
		r.Header.Set("Content-Type", formType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if r.Header.Get("Sec-Fetch-Site") != "cross-site" || method != http.MethodPost { // SameSite=Lax
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
	}
	w := httptest.NewRecorder()
	b.f.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c.Value
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return reply{Status: w.Code, Header: w.Header(), Text: w.Body.String()}
}

func (b *browser) get(target string) reply { b.f.t.Helper(); return b.do(http.MethodGet, target, nil) }

// authorize sends a request of a client; pairs change its parameters, "-" leaves one out.
func (b *browser) authorize(client string, pairs ...string) reply {
	b.f.t.Helper()
	return b.get(pathAuthorize + "?" + authorizeQuery(client, pairs...).Encode())
}

func authorizeQuery(client string, pairs ...string) url.Values {
	q := url.Values{
		"client_id": {client}, "redirect_uri": {redirects[client]}, "response_type": {"code"}, "scope": {"openid"},
		"state": {"st"}, "nonce": {"n"}, "code_challenge": {exampleChallenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "-" {
			q.Del(pairs[i])
		}
	}
	return q
}

// signIn leaves the browser with a session of a user, in which the methods were
// just proven. With a second factor, an app is connected first if there is none.
func (b *browser) signIn(u storage.User, methods ...authn.Method) storage.Session {
	f := b.f
	f.t.Helper()
	ctx := f.t.Context()
	read := func() storage.Person {
		p, err := f.db.PersonByID(ctx, u.ID)
		f.must(err)
		return p
	}
	p := read()
	s := storage.SignIn{
		Key: storage.SignInKey{ID: uuid.NewString(), Binding: uuid.NewString()}, AccountID: u.AccountID, UserID: u.ID,
		Epoch: p.User.Epoch, Label: "AB", StartedAt: f.at, ExpiresAt: f.at.Add(time.Hour),
		Secrets: storage.SignInSecrets{TOTPKey: []byte("12345678901234567890"), AuthenticatorID: uuid.NewString(), TOTPUntil: f.at.Add(time.Hour)},
	}
	s, err := f.db.ProvePassword(ctx, storage.PasswordProof{SignIn: s, Event: audit.Event{Kind: audit.ProofAccepted}})
	f.must(err)
	if slices.Contains(methods, authn.TOTP) && p.TOTP == nil {
		s, err = f.db.ActivateTOTP(ctx, storage.Activation{SignIn: s, Step: 1, Event: audit.Event{Kind: audit.AuthenticatorAdded}})
		f.must(err)
		p = read()
	}
	old := ""
	if c := b.cookies["__Host-stile-session"]; c != "" {
		old = seal.HashToken(c)
	}
	var evidence authn.Evidence
	for _, m := range methods {
		for _, a := range p.Subject.Authenticators {
			if a.Method == m {
				evidence = evidence.With(authn.Proof{Method: m, At: f.at, Authenticator: a.ID})
			}
		}
	}
	id, going := seal.NewToken(seal.KindBrowser), ""
	if old != "" {
		all, err := f.db.BrowserSessions(ctx, old)
		f.must(err)
		for _, v := range all {
			if v.Session.UserID == u.ID {
				going = v.Session.ID
				evidence = v.Session.Evidence.Join(evidence)
			}
		}
	}
	done, err := f.db.CompleteSignIn(ctx, f.ending(storage.Completion{
		SignIn: s, Evidence: evidence, SessionID: going, OldBrowser: old,
		NewBrowser: seal.HashToken(id.Reveal()), ExpiresAt: f.at.Add(12 * time.Hour), Event: audit.Event{Kind: audit.SignInSucceeded},
	}))
	f.must(err)
	b.cookies["__Host-stile-session"] = id.Reveal()
	return done
}

// returned is the path by which package signin comes back to /authorize from the
// sign-in that an answer led to.
func (b *browser) returned(a reply) string {
	b.f.t.Helper()
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.Status != http.StatusSeeOther || u.Path != "/login/sign-in" || u.Query().Get("r") == "" {
		b.f.t.Fatalf("this does not lead to the sign-in: %d %s %.300s", a.Status, a.Header.Get("Location"), a.Text)
	}
	return withRequest(pathAuthorize, u.Query().Get("r"))
}

// answered returns the parameters that went to the client, and makes sure that
// they went to its redirect URI, in the way that was asked for, with iss.
func (f *front) answered(a reply, client string) url.Values {
	f.t.Helper()
	to, text := a.Header.Get("Location"), ""
	uri := redirects[client]
	switch {
	case a.Status == http.StatusOK && screen(a) == "form-post":
		action, fields := formOf(f.t, a)
		if action != uri {
			f.t.Fatalf("posts to %q, want %q", action, uri)
		}
		text = fields.Encode()
	case a.Status != http.StatusSeeOther:
		f.t.Fatalf("no answer to the client: %d %.300s", a.Status, a.Text)
	case strings.HasPrefix(to, uri+"#"):
		text = strings.TrimPrefix(to, uri+"#")
	case strings.Contains(uri, "?") && strings.HasPrefix(to, uri+"&"):
		text = strings.TrimPrefix(to, uri+"&")
	case strings.HasPrefix(to, uri+"?"):
		text = strings.TrimPrefix(to, uri+"?")
	default:
		f.t.Fatalf("goes to %q, want %q", to, uri)
	}
	values, err := url.ParseQuery(text)
	f.must(err)
	if values.Get("iss") != backIssuer {
		f.t.Errorf("H07: iss is %q in %s", values.Get("iss"), text)
	}
	for name, v := range values {
		if len(v) != 1 {
			f.t.Errorf("%s is sent %d times", name, len(v))
		}
	}
	return values
}

// wantCode makes sure that an answer brings a code, and returns it.
func (f *front) wantCode(what string, a reply, client string) string {
	f.t.Helper()
	v := f.answered(a, client)
	if !seal.KindCode.Is(v.Get("code")) || v.Has("error") {
		f.t.Fatalf("%s: answered %v, want a code", what, v)
	}
	return v.Get("code")
}

func (f *front) wantError(what string, a reply, client, code string) {
	f.t.Helper()
	v := f.answered(a, client)
	if v.Get("error") != code || v.Has("code") || v.Get("error_description") == "" {
		f.t.Errorf("%s: answered %v, want %s", what, v, code)
	}
}

// wantPage makes sure that a page is shown, and nothing else happens.
func (f *front) wantPage(what string, a reply, status int, name string) {
	f.t.Helper()
	if a.Status != status || screen(a) != name || a.Header.Get("Location") != "" {
		f.t.Errorf("%s: %d, screen %q, location %q, want the page %s with %d", what, a.Status, screen(a), a.Header.Get("Location"), name, status)
	}
}

func screen(a reply) string {
	_, rest, _ := strings.Cut(a.Text, `data-screen="`)
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

// formOf returns where the first form of a page goes, and its fields.
func formOf(t *testing.T, a reply) (action string, fields url.Values) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(a.Text))
	if err != nil {
		t.Fatal(err)
	}
	get := func(n *html.Node, name string) string {
		for _, x := range n.Attr {
			if x.Key == name {
				return x.Val
			}
		}
		return ""
	}
	for n := range root.Descendants() {
		if n.Data == "form" && get(n, "method") == "post" {
			fields = url.Values{}
			for i := range n.Descendants() {
				if i.Data == "input" {
					fields.Add(get(i, "name"), get(i, "value"))
				}
			}
			return get(n, "action"), fields
		}
	}
	t.Fatalf("no form in %.300s", a.Text)
	return "", nil
}
