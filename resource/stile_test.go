package resource_test

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"stile/audit"
	"stile/config"
	"stile/factor"
	"stile/resource"
	"stile/seal"
	"stile/server"
	"stile/stiletest"
	"stile/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	address  = "agent@example.com"
	password = "seven small boats on a lake"
	callback = "http://127.0.0.1/callback"
	keyOfApp = "12345678901234567890"
)

// world is a Stile in this process, with a user who has an authenticator, an
// app, a service and an API. Its clock stands until a test moves it.
type world struct {
	t       *testing.T
	issuer  string
	server  *server.Server
	front   *httptest.Server
	clock   atomic.Int64
	account storage.Account
	user    storage.User
	secrets map[string]string
	app     *stiletest.Authenticator
	http    *http.Client
}

func (w *world) now() time.Time { return time.UnixMicro(w.clock.Load()).UTC() }

func (w *world) later(d time.Duration) { w.clock.Add(d.Microseconds()) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

var by = audit.Actor{Kind: "cli", ID: "test"}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, secrets: map[string]string{}, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	w.clock.Store(time.Now().UnixMicro()) // relying parties go by the real clock
	w.front = httptest.NewUnstartedServer(nil)
	cfg := config.Default()
	cfg.Dir = t.TempDir()
	w.issuer = "http://" + w.front.Listener.Addr().String()
	cfg.Issuer, cfg.Listen = w.issuer, w.front.Listener.Addr().String()
	var err error
	w.server, err = server.New(t.Context(), cfg, server.Seams{Now: w.now, Logs: io.Discard})
	w.must(err)
	t.Cleanup(func() { _ = w.server.Close() })
	w.front.Config.Handler = w.server.Handler()
	w.front.Start()
	t.Cleanup(w.front.Close)
	w.people()
	code := []string{storage.GrantCode, storage.GrantRefresh}
	w.register("console", storage.Client{Metadata: storage.Metadata{RedirectURIs: []string{callback}, GrantTypes: code, Scope: "openid email payments", ApplicationType: storage.TypeNative}})
	w.register("service", storage.Client{AccountID: w.account.ID, Metadata: storage.Metadata{GrantTypes: []string{storage.GrantClientCredentials}, Scope: "payments"}})
	w.register("api", storage.Client{Metadata: storage.Metadata{GrantTypes: []string{storage.GrantClientCredentials}, IntrospectAll: true}})
	return w
}

// people makes an account and its user, who has a password and, by a sign-in of
// its own, an authenticator.
func (w *world) people() {
	db, ctx := w.server.DB(), w.t.Context()
	var err error
	w.account, err = db.CreateAccount(ctx, storage.Account{Name: "Example Support"}, by)
	w.must(err)
	passwords, err := factor.NewPasswords(db.Hasher(), factor.PasswordOptions{Now: w.now})
	w.must(err)
	hash, err := passwords.Hash(ctx, password)
	w.must(err)
	w.user, err = db.CreateUser(ctx, storage.User{AccountID: w.account.ID, Email: address, Name: "Alex", Password: hash}, by)
	w.must(err)
	person, err := db.PersonByID(ctx, w.user.ID)
	w.must(err)
	until := w.now().Add(time.Hour)
	s, err := db.ProvePassword(ctx, storage.PasswordProof{
		SignIn: storage.SignIn{
			Key: storage.SignInKey{ID: "first", Binding: "first"}, AccountID: w.account.ID, UserID: w.user.ID, Epoch: person.User.Epoch,
			Label: "AB", StartedAt: w.now(), ExpiresAt: until,
			Secrets: storage.SignInSecrets{TOTPKey: []byte(keyOfApp), AuthenticatorID: "app", TOTPUntil: until},
		},
		Event: audit.Event{Kind: audit.ProofAccepted},
	})
	w.must(err)
	_, err = db.ActivateTOTP(ctx, storage.Activation{SignIn: s, Step: 1, Event: audit.Event{Kind: audit.AuthenticatorAdded}})
	w.must(err)
	w.app = stiletest.NewAuthenticator(w.t, base32.StdEncoding.EncodeToString([]byte(keyOfApp)), w.now)
	w.app.Wait = w.later
}

func (w *world) register(id string, c storage.Client) {
	secret := seal.NewToken(seal.KindClientSecret)
	w.secrets[id] = secret.Reveal()
	c.ID, c.SecretHash = id, w.server.DB().HashClientSecret(id, secret)
	_, err := w.server.DB().CreateClient(w.t.Context(), c, by)
	w.must(err)
}

// verifier is that of the API.
func (w *world) verifier(change ...func(*resource.Options)) *resource.Verifier {
	w.t.Helper()
	o := resource.Options{Issuer: w.issuer, ClientID: "api", ClientSecret: w.secrets["api"], Now: w.now, Client: w.http}
	for _, c := range change {
		c(&o)
	}
	v, err := resource.New(w.t.Context(), o)
	w.must(err)
	return v
}

// tokens signs the user in to the console, in a browser of its own.
func (w *world) tokens(b *stiletest.Browser, params ...string) stiletest.Tokens {
	w.t.Helper()
	rp := stiletest.NewRP(w.t, w.http, w.issuer, "console", w.secrets["console"], callback, "openid", "payments")
	b.Apps = []string{callback}
	attempt := rp.Begin(params...)
	page := b.Open(attempt.URL)
	if page.Screen() == "sign-in" {
		page = b.Submit(map[string]string{"email": address, "password": password})
	}
	if page.Screen() == "enter-code" {
		page = b.Submit(map[string]string{"code": w.app.Code()})
	}
	return rp.Redeem(attempt, page.URL)
}

func (w *world) browser() *stiletest.Browser {
	return stiletest.NewBrowser(w.t).Transport(w.http.Transport)
}

// service returns a signed token of the service.
func (w *world) service() string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.issuer+"/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
	w.must(err)
	r.SetBasicAuth("service", w.secrets["service"])
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := w.http.Do(r)
	w.must(err)
	defer resp.Body.Close()
	var said struct {
		AccessToken string `json:"access_token"`
	}
	w.must(json.NewDecoder(resp.Body).Decode(&said))
	if said.AccessToken == "" {
		w.t.Fatalf("no token: %s", resp.Status)
	}
	return said.AccessToken
}

// seen is what the API behind a demand saw and answered.
type seen struct {
	*http.Response
	status int
	token  resource.Token
}

// call sends a request with Authorization headers to an API that demands.
func call(v *resource.Verifier, d resource.Demand, authorization ...string) seen {
	r := httptest.NewRequest(http.MethodGet, "/payments", nil)
	r.Header["Authorization"] = authorization
	return send(v, d, r)
}

func send(v *resource.Verifier, d resource.Demand, r *http.Request) (s seen) {
	h := v.Require(d)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { s.token = resource.From(r.Context()) }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	s.Response, s.status = w.Result(), w.Code
	return s
}

func (s seen) challenge() string { return s.Header.Get("WWW-Authenticate") }
