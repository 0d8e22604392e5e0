package api_test

import (
	"encoding/base32"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"stile/audit"
	"stile/config"
	"stile/device"
	"stile/factor"
	"stile/seal"
	"stile/server"
	"stile/stiletest"
	"stile/storage"
	"stile/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	password = "seven small boats on a lake"
	callback = "http://127.0.0.1/callback"
	keyOfApp = "12345678901234567890"
	all      = "stile.read stile.users stile.policy stile.clients"
)

var by = audit.Actor{Kind: "cli", ID: "test"}

// world is a Stile in this process with two accounts. Its clock stands until a
// test moves it.
type world struct {
	t       *testing.T
	issuer  string
	db      *storage.DB
	clock   atomic.Int64
	hash    string
	here    place
	there   place
	secrets map[string]string
	apps    map[string]*stiletest.Authenticator
	url     string // of the database
	http    *http.Client
	patient *http.Client // that waits to be asked for a body
}

// place is an account with one of everything.
type place struct {
	account storage.Account
	admin   storage.User
	user    storage.User // a member
	product storage.Product
	group   storage.DeviceGroup
	client  storage.Client
	invited string
}

func (w *world) now() time.Time { return time.UnixMicro(w.clock.Load()).UTC() }

func (w *world) later(d time.Duration) { w.clock.Add(d.Microseconds()) }

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	return newWorldOn(t, "")
}

// newWorldOn is newWorld on a database; an embedded one if it is empty.
func newWorldOn(t *testing.T, database string) *world {
	t.Helper()
	w := &world{t: t, secrets: map[string]string{}, apps: map[string]*stiletest.Authenticator{}, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	w.clock.Store(time.Now().UnixMicro()) // relying parties go by the real clock
	front := httptest.NewUnstartedServer(nil)
	cfg := config.Default()
	cfg.Dir = t.TempDir()
	if database != "" {
		cfg.Database = seal.Secret(database)
	}
	w.issuer = "http://" + front.Listener.Addr().String()
	cfg.Issuer, cfg.Listen = w.issuer, front.Listener.Addr().String()
	for _, f := range []*int{&cfg.Limits.Authorize.Allowed, &cfg.Limits.Network.Allowed, &cfg.Limits.NetworkHour.Allowed} {
		*f = 1_000_000 // all of a test comes from one address
	}
	s, err := server.New(t.Context(), cfg, server.Seams{Now: w.now, Logs: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if w.db, w.url = s.DB(), database; database == "" {
		w.url = "sqlite:" + filepath.Join(cfg.Dir, "stile.db")
	}
	storagetest.NothingInClear(t, w.url)
	front.Config.Handler = s.Handler()
	front.Start()
	t.Cleanup(front.Close)
	passwords := must[*factor.Passwords](t)(factor.NewPasswords(w.db.Hasher(), factor.PasswordOptions{Now: w.now}))
	w.hash = must[string](t)(passwords.Hash(t.Context(), password))
	w.here, w.there = w.place("here"), w.place("there")
	w.register(storage.Client{ID: "tool", Metadata: storage.Metadata{
		RedirectURIs: []string{callback}, GrantTypes: []string{storage.GrantCode}, Scope: "openid " + all, ApplicationType: storage.TypeNative,
	}})
	w.register(storage.Client{ID: "job", AccountID: w.here.account.ID, Metadata: storage.Metadata{GrantTypes: []string{storage.GrantClientCredentials}, Scope: all}})
	w.register(storage.Client{ID: "vendor", Metadata: storage.Metadata{GrantTypes: []string{storage.GrantClientCredentials}, Scope: all}})
	return w
}

func (w *world) place(name string) (p place) {
	t, ctx := w.t, w.t.Context()
	p.account = must[storage.Account](t)(w.db.CreateAccount(ctx, storage.Account{Name: name}, by))
	p.admin = w.person(p.account, "admin@"+name+".example", "admin")
	p.user = w.person(p.account, "member@"+name+".example")
	p.product = must[storage.Product](t)(w.db.CreateProduct(ctx, storage.Product{AccountID: p.account.ID, Name: "Phone"}, by))
	p.group = must[storage.DeviceGroup](t)(w.db.SaveDeviceGroup(ctx, storage.DeviceGroup{AccountID: p.account.ID, Group: device.Group{
		Name: "Tablets", Has: device.Version{Numbers: []int{4, 2}, Build: 1570},
	}}, by))
	p.client = w.register(storage.Client{ID: name + "-app", AccountID: p.account.ID, Metadata: storage.Metadata{Name: "App", RedirectURIs: []string{"https://app.example/cb"}}})
	until := w.now().Add(time.Hour)
	if err := w.db.Invite(ctx, []storage.InvitationToSend{{
		Invitation: storage.Invitation{AccountID: p.account.ID, Email: "new@" + name + ".example", Name: "New", Roles: []string{"member"}, ExpiresAt: until},
		LinkHash:   "hash " + name,
	}}, by); err != nil {
		t.Fatal(err)
	}
	p.invited = must[[]storage.Invitation](t)(w.db.Invitations(ctx, p.account.ID, "", 10))[0].ID
	return p
}

// person makes a user who has, by a sign-in of before, an authenticator.
func (w *world) person(a storage.Account, email string, roles ...string) storage.User {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	u := must[storage.User](t)(w.db.CreateUser(ctx, storage.User{AccountID: a.ID, Email: email, Name: "Name of " + email, Password: w.hash, Roles: append([]string{"member"}, roles...)}, by))
	until := w.now().Add(time.Hour)
	s := must[storage.SignIn](t)(w.db.ProvePassword(ctx, storage.PasswordProof{
		SignIn: storage.SignIn{
			Key: storage.SignInKey{ID: email, Binding: "first"}, AccountID: a.ID, UserID: u.ID, Epoch: u.Epoch,
			Label: "AB", StartedAt: w.now(), ExpiresAt: until,
			Secrets: storage.SignInSecrets{TOTPKey: []byte(keyOfApp), AuthenticatorID: "app of " + email, TOTPUntil: until},
		},
		Event: audit.Event{Kind: audit.ProofAccepted},
	}))
	must[storage.SignIn](t)(w.db.ActivateTOTP(ctx, storage.Activation{SignIn: s, Step: 1, Event: audit.Event{Kind: audit.AuthenticatorAdded}}))
	return u
}

func (w *world) register(c storage.Client) storage.Client {
	w.t.Helper()
	secret := seal.NewToken(seal.KindClientSecret)
	w.secrets[c.ID] = secret.Reveal()
	c.SecretHash = w.db.HashClientSecret(c.ID, secret)
	return must[storage.Client](w.t)(w.db.CreateClient(w.t.Context(), c, by))
}

// token signs a user in to the tool: with a second factor, or without.
func (w *world) token(email, scope string, mfa bool) string {
	w.t.Helper()
	return w.tokenAt(stiletest.NewBrowser(w.t).Transport(w.http.Transport), email, scope, mfa)
}

// tokenAt is token in a browser that may know the user.
func (w *world) tokenAt(b *stiletest.Browser, email, scope string, mfa bool) string {
	w.t.Helper()
	return w.tokenFor(b, "tool", email, scope, mfa)
}

// tokenFor is tokenAt for an app.
func (w *world) tokenFor(b *stiletest.Browser, client, email, scope string, mfa bool) string {
	w.t.Helper()
	rp := stiletest.NewRP(w.t, w.http, w.issuer, client, w.secrets[client], callback, strings.Fields("openid "+scope)...)
	b.Apps = []string{callback}
	var params []string
	if mfa {
		params = []string{"acr_values", "urn:stile:acr:mfa"}
	}
	attempt := rp.Begin(params...)
	page := b.Open(attempt.URL)
	if page.Screen() == "sign-in" {
		page = b.Submit(map[string]string{"email": email, "password": password})
	}
	if page.Screen() == "enter-code" {
		if w.apps[email] == nil {
			w.apps[email] = stiletest.NewAuthenticator(w.t, base32.StdEncoding.EncodeToString([]byte(keyOfApp)), w.now)
			w.apps[email].Wait = w.later
		}
		page = b.Submit(map[string]string{"code": w.apps[email].Code()})
	}
	return rp.Redeem(attempt, page.URL).AccessToken
}

// admin is the token of an administrator with all scopes.
func (w *world) admin() string { w.t.Helper(); return w.token("admin@here.example", all, true) }

// service is the token of a service.
func (w *world) service(id string) string {
	w.t.Helper()
	r := must[*http.Request](w.t)(http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.issuer+"/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode())))
	r.SetBasicAuth(id, w.secrets[id])
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp := must[*http.Response](w.t)(w.http.Do(r))
	defer resp.Body.Close()
	var said struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || said.AccessToken == "" {
		w.t.Fatalf("no token: %s, %v", resp.Status, err)
	}
	return said.AccessToken
}

// reply is an answer of the API.
type reply struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

// call sends a request with a token; headers are name, value, name, value.
func (w *world) call(token, method, path, body string, headers ...string) reply {
	w.t.Helper()
	r := must[*http.Request](w.t)(http.NewRequestWithContext(w.t.Context(), method, w.issuer+"/api/v1"+path, strings.NewReader(body)))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp := must[*http.Response](w.t)(w.http.Do(r))
	defer resp.Body.Close()
	text := must[[]byte](w.t)(io.ReadAll(resp.Body))
	a := reply{status: resp.StatusCode, header: resp.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.json)
	if a.status >= 400 && (a.header.Get("Content-Type") != "application/problem+json" || a.json["title"] == "" || a.json["status"] != float64(a.status)) {
		w.t.Errorf("%s %s: an error that is no problem: %d, %v, %s", method, path, a.status, a.header, a.text)
	}
	if a.header.Get("Access-Control-Allow-Origin") != "" || a.status < 400 && a.header.Get("Cache-Control") != "no-store" && path != "/openapi.json" {
		w.t.Errorf("%s %s: headers %v", method, path, a.header)
	}
	return a
}

// items returns the items of a list.
func (a reply) items() (items []map[string]any) {
	list, _ := a.json["items"].([]any)
	for _, i := range list {
		items = append(items, i.(map[string]any))
	}
	return items
}
