package op

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"stile/audit"
	"stile/authn"
	"stile/limit"
	"stile/mail"
	"stile/seal"
	"stile/signin"
	"stile/storage"
	"stile/storage/storagetest"
	"stile/token"
	"stile/web"
)

const backIssuer = "https://id.example.com"

// rig is a provider on a database of its own, called as programs call it. Users
// sign in through storage, so that no page is needed.
type rig struct {
	t       *testing.T
	url     string // of the database
	p       *Provider
	db      *storage.DB
	at      time.Time
	handler http.Handler
	account storage.Account
	user    storage.User
	secrets map[string]seal.Secret
	logged  *logbook
	ends    func(*storage.Completion) // changes how sign-ins end; nil: not at all
}

func newRig(t *testing.T) *rig {
	t.Helper()
	text, secrets := seeded()
	path := filepath.Join(t.TempDir(), "stile.db")
	r := &rig{t: t, at: noon, secrets: secrets, logged: &logbook{}, user: storage.User{ID: "ada"}, url: "sqlite:" + path}
	r.must(os.WriteFile(path, text, 0o600))
	return r.start()
}

// newPostgresRig is newRig on the other engine.
func newPostgresRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, at: noon, secrets: map[string]seal.Secret{}, logged: &logbook{}, user: storage.User{ID: "ada"}, url: storagetest.Postgres(t)}
	seed(r.url, r.secrets)
	return r.start()
}

// replica is another provider on the same database, or the same one after a
// restart.
func (r *rig) replica() *rig {
	other := *r
	return other.start()
}

func (r *rig) start() *rig {
	t := r.t
	t.Helper()
	logger := slog.New(slog.NewTextHandler(r.logged, nil))
	old := slog.Default()
	slog.SetDefault(logger) // the library logs there
	t.Cleanup(func() { slog.SetDefault(old) })

	now := func() time.Time { return r.at }
	db, ring := openAt(r.url, now, logger)
	t.Cleanup(func() { _ = db.Close() })
	storagetest.NothingInClear(t, r.url)
	r.db = db
	set, err := pages()
	r.must(err)
	kit, err := web.New(web.Options{Issuer: backIssuer, Templates: set, Hasher: r.db.Hasher(), Logger: logger, Now: now})
	r.must(err)
	r.p = &Provider{
		DB: r.db, Ring: ring, Kit: kit, Notices: mail.Notices{Issuer: backIssuer, Now: now}, Issuer: backIssuer, Levels: defaultLevels(), Limits: limit.Defaults(),
		Tokens: token.New(r.db, backIssuer, now), Now: now, Logger: logger,
		SignIns: signin.New(signin.Options{DB: db, Limits: limit.Defaults(), Now: now, Issuer: backIssuer}),
	}
	router := mux.NewRouter()
	r.p.mountBack(router)
	r.handler = kit.Chain(router)
	person := r.person()
	r.user, r.account = person.User, person.Account
	_, _, err = r.p.Tokens.JWKS(t.Context()) // keys are read now, not in the middle of a count
	r.must(err)
	return r
}

// logbook keeps what several requests at once write to the log.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// later moves the clock, with the jobs that run meanwhile.
func (r *rig) later(d time.Duration) {
	r.t.Helper()
	r.at = r.at.Add(d)
	r.must(r.p.Tokens.Rotate(r.t.Context()))
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// client registers one more client.
func (r *rig) client(id string, m storage.Metadata) {
	r.t.Helper()
	_, err := r.db.CreateClient(r.t.Context(), storage.Client{ID: id, Metadata: m}, audit.System)
	r.must(err)
}

// person reads the user as everything is now.
func (r *rig) person() storage.Person {
	r.t.Helper()
	p, err := r.db.PersonByID(r.t.Context(), r.user.ID)
	r.must(err)
	return p
}

// signIn completes a sign-in of the user and returns the session. With a second
// factor, an authenticator app is connected first if there is none.
func (r *rig) signIn(methods ...authn.Method) storage.Session {
	r.t.Helper()
	ctx, p := r.t.Context(), r.person()
	s := storage.SignIn{
		Key: storage.SignInKey{ID: uuid.NewString(), Binding: uuid.NewString()}, AccountID: r.account.ID, UserID: r.user.ID,
		Epoch: p.User.Epoch, Label: "AB", StartedAt: r.at, ExpiresAt: r.at.Add(time.Hour),
		Secrets: storage.SignInSecrets{TOTPKey: []byte("12345678901234567890"), AuthenticatorID: uuid.NewString(), TOTPUntil: r.at.Add(time.Hour)},
	}
	s, err := r.db.ProvePassword(ctx, storage.PasswordProof{SignIn: s, Event: audit.Event{Kind: audit.ProofAccepted}})
	r.must(err)
	if slices.Contains(methods, authn.TOTP) && p.TOTP == nil {
		s, err = r.db.ActivateTOTP(ctx, storage.Activation{SignIn: s, Step: 1, Event: audit.Event{Kind: audit.AuthenticatorAdded}})
		r.must(err)
		p = r.person()
	}
	var evidence authn.Evidence
	for _, m := range methods {
		for _, a := range p.Subject.Authenticators {
			if a.Method == m {
				evidence = evidence.With(authn.Proof{Method: m, At: r.at, Authenticator: a.ID})
			}
		}
	}
	session, err := r.db.CompleteSignIn(ctx, r.ending(storage.Completion{
		SignIn: s, Evidence: evidence, NewBrowser: uuid.NewString(),
		ExpiresAt: r.at.Add(12 * time.Hour), Event: audit.Event{Kind: audit.SignInSucceeded},
	}))
	r.must(err)
	return session
}

func (r *rig) ending(c storage.Completion) storage.Completion {
	if r.ends != nil {
		r.ends(&c)
	}
	return c
}

// code issues an authorization code to a client, with changes to the grant.
func (r *rig) code(clientID string, s storage.Session, change ...func(*storage.Grant)) string {
	r.t.Helper()
	p := r.person()
	c, err := r.db.Client(r.t.Context(), clientID)
	r.must(err)
	code := seal.NewToken(seal.KindCode)
	g := storage.Grant{
		AccountID: r.account.ID, ClientID: clientID, UserID: r.user.ID, SessionID: s.ID, RequestID: uuid.NewString(),
		Scope: "openid profile", Nonce: "n-1", Evidence: s.Evidence, ACR: r.p.Levels.Name(s.Evidence.Level()), TrustedID: s.TrustedID,
		Code: storage.Code{
			RedirectURI: strings.Replace(c.Metadata.RedirectURIs[0], "127.0.0.1/", "127.0.0.1:4711/", 1),
			Challenge:   exampleChallenge, ExpiresAt: r.at.Add(CodeLife),
		},
	}
	for _, f := range change {
		f(&g)
	}
	_, err = r.db.IssueCode(r.t.Context(), storage.Issue{
		Grant: g, CodeHash: seal.HashToken(code.Reveal()), Epoch: p.User.Epoch,
		PolicyVersion: p.Policy.Version, ClientVersion: c.Version, Event: audit.Event{Kind: audit.GrantIssued},
	})
	r.must(err)
	return code.Reveal()
}

// reply is what came back.
type reply struct {
	Status int
	Header http.Header
	Text   string
	Body   map[string]any
}

func (a reply) text(name string) string { s, _ := a.Body[name].(string); return s }

// send makes a request as the network would.
func (r *rig) send(q *http.Request) reply {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, q)
	a := reply{Status: w.Code, Header: w.Header(), Text: w.Body.String()}
	if strings.HasPrefix(a.Text, "{") {
		if err := json.Unmarshal(w.Body.Bytes(), &a.Body); err != nil {
			r.t.Errorf("%s %s answers broken JSON: %s", q.Method, q.URL.Path, a.Text)
		}
	}
	if a.Status >= 400 && a.Body != nil {
		if d := a.text("error_description"); d == "" || strings.ContainsAny(d, "\"\\") {
			r.t.Errorf("%s %s: description %q is not as RFC 6749 section 5.2 wants it", q.Method, q.URL.Path, d)
		}
	}
	return a
}

func (r *rig) request(method, path string, form url.Values) *http.Request {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	q := httptest.NewRequestWithContext(context.WithoutCancel(r.t.Context()), method, backIssuer+path, body)
	if form != nil {
		q.Header.Set("Content-Type", formType)
	}
	return q
}

// post sends a form as a client, by the method that it registered.
func (r *rig) post(clientID, path string, pairs ...string) reply {
	r.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	c, err := r.db.Client(context.WithoutCancel(r.t.Context()), clientID)
	method := storage.AuthBasic
	if err == nil {
		method = c.Metadata.TokenEndpointAuthMethod
	}
	switch method {
	case storage.AuthNone:
		form.Set("client_id", clientID)
	case storage.AuthPost:
		form.Set("client_id", clientID)
		form.Set("client_secret", r.secrets[clientID].Reveal())
	}
	q := r.request(http.MethodPost, path, form)
	if method == storage.AuthBasic {
		q.Header.Set("Authorization", basicOf(clientID, r.secrets[clientID].Reveal()))
	}
	return r.send(q)
}

// exchange redeems a code as a good client does.
func (r *rig) exchange(clientID, code string, pairs ...string) reply {
	r.t.Helper()
	redirect := map[string]string{
		"console": "https://rp.test/cb", "other": "https://other.test/cb", "poster": "https://post.test/cb",
		"desktop": "http://127.0.0.1:4711/callback",
	}[clientID]
	return r.post(clientID, pathToken, append([]string{
		"grant_type", "authorization_code", "code", code,
		"redirect_uri", redirect, "code_verifier", exampleVerifier,
	}, pairs...)...)
}

func (r *rig) refresh(clientID, refresh string, pairs ...string) reply {
	r.t.Helper()
	return r.post(clientID, pathToken, append([]string{"grant_type", "refresh_token", "refresh_token", refresh}, pairs...)...)
}

func (r *rig) userInfo(access string) reply {
	r.t.Helper()
	q := r.request(http.MethodGet, pathUserInfo, nil)
	q.Header.Set("Authorization", "Bearer "+access)
	return r.send(q)
}

func (r *rig) introspect(clientID, tok string) reply {
	r.t.Helper()
	return r.post(clientID, pathIntrospection, "token", tok)
}

// tokensOf signs in with the methods and exchanges a code.
func (r *rig) tokensOf(clientID string, methods ...authn.Method) reply {
	r.t.Helper()
	a := r.exchange(clientID, r.code(clientID, r.signIn(methods...)))
	if a.Status != http.StatusOK {
		r.t.Fatalf("exchange: %d %s", a.Status, a.Text)
	}
	return a
}

// claims verifies an ID token with the published keys, as a client does.
func (r *rig) claims(idToken, alg string) map[string]any {
	r.t.Helper()
	keys := jose.JSONWebKeySet{}
	r.must(json.Unmarshal([]byte(r.send(r.request(http.MethodGet, pathKeys, nil)).Text), &keys))
	signed, err := jose.ParseSignedCompact(idToken, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	r.must(err)
	key := keys.Key(signed.Signatures[0].Header.KeyID)
	if len(key) != 1 {
		r.t.Fatalf("key %q is published %d times", signed.Signatures[0].Header.KeyID, len(key))
	}
	payload, err := signed.Verify(key[0])
	r.must(err)
	c := map[string]any{}
	r.must(json.Unmarshal(payload, &c))
	return c
}

// requireTwoSteps flips the account's switch.
func (r *rig) requireTwoSteps() {
	r.t.Helper()
	_, err := r.db.UpdatePolicy(r.t.Context(), r.account.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.TwoStep = true
		return s.Policy, nil
	}, audit.System)
	r.must(err)
}

// want compares status and error.
func (r *rig) want(what string, a reply, status int, code string) {
	r.t.Helper()
	if a.Status != status || a.text("error") != code {
		r.t.Errorf("%s: %d %s, want %d %s", what, a.Status, a.Text, status, code)
	}
}

// statements counts what f sends to the database.
func (r *rig) statements(f func()) int64 {
	before := r.db.Statements()
	f()
	return r.db.Statements() - before
}

// events lists what the audit log says of a kind.
func (r *rig) events(kind audit.Kind) []storage.StoredEvent {
	r.t.Helper()
	e, err := r.db.Events(r.t.Context(), storage.EventFilter{Kind: kind})
	r.must(err)
	return e
}
