package login_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"stile/audit"
	"stile/authn"
	"stile/factor"
	"stile/limit"
	"stile/login"
	"stile/mail"
	"stile/seal"
	"stile/session"
	"stile/signin"
	"stile/stiletest"
	"stile/storage"
	"stile/storage/storagetest"
	"stile/templates"
	"stile/web"
	"stile/welcome"
)

// The people of the tests. The support account requires two steps.
const (
	agent    = "agent@example.com"
	member   = "member@sales.example"
	newcomer = "invited@sales.example" // has no password yet
	gone     = "gone@sales.example"    // disabled
	password = "a few words are good"
)

// world is an installation with the screens, the real database, a clock that
// stands still until a test moves it, and an application at the end of sign-ins.
type world struct {
	t         *testing.T
	url       string
	db        *storage.DB
	signIns   *signin.Service
	sessions  *session.Manager
	router    *mux.Router
	clock     atomic.Int64 // microseconds
	log       log
	support   storage.Account
	sales     storage.Account
	passwords *factor.Passwords
	mails     []storage.Mail
}

// log is written by handlers while tests read it.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (w *world) now() time.Time { return time.UnixMicro(w.clock.Load()).UTC() }

func (w *world) wait(d time.Duration) { w.clock.Add(d.Microseconds()) }

// settings are what a test may want otherwise.
type settings struct {
	hashing factor.PasswordOptions
	limits  limit.Figures
}

func newWorld(t *testing.T, change ...func(*settings)) *world {
	t.Helper()
	t.Parallel() // each world has a database and a clock of its own
	w := &world{t: t, router: mux.NewRouter()}
	w.clock.Store(time.Date(2026, 11, 22, 14, 32, 0, 0, time.UTC).UnixMicro())
	srv := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	must(t, err)
	w.url = "http://localhost:" + port // by a name, for passkeys

	ring, err := seal.NewRing(seal.Key{ID: "test", Secret: [seal.KeySize]byte{1, 2, 3}})
	must(t, err)
	database := "sqlite:" + filepath.Join(t.TempDir(), "stile.db")
	w.db, err = storage.Open(t.Context(), database, storage.Options{Ring: ring, Now: w.now})
	must(t, err)
	t.Cleanup(func() { must(t, w.db.Close()) })
	must(t, w.db.Migrate(t.Context()))
	storagetest.NothingInClear(t, database)

	set, err := templates.Load("")
	must(t, err)
	o := settings{factor.PasswordOptions{BelowFloor: true, Memory: 16, Queue: time.Minute}, limit.Defaults()}
	for _, c := range change {
		c(&o)
	}
	w.passwords, err = factor.NewPasswords(w.db.Hasher(), o.hashing)
	must(t, err)
	kit, err := web.New(web.Options{
		Issuer: w.url, Templates: set, Hasher: w.db.Hasher(), Ring: ring, Now: w.now,
		Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	must(t, err)
	w.sessions = &session.Manager{DB: w.db, Kit: kit, Now: w.now}
	w.signIns = signin.New(signin.Options{
		DB: w.db, Hasher: w.db.Hasher(), Ring: ring, Passwords: w.passwords, Limits: o.limits,
		Now: w.now, Issuer: w.url, Name: "Stile",
	})
	(&login.Handler{Kit: kit, SignIns: w.signIns, Sessions: w.sessions, Templates: set}).Mount(w.router)
	(&welcome.Handler{Kit: kit, DB: w.db, SignIns: w.signIns, Sessions: w.sessions, Notices: mail.Notices{Issuer: w.url, Now: w.now}, Limits: o.limits}).Mount(w.router)
	w.router.Handle("/app", kit.Handle(w.app)).Name("app")
	w.router.NotFoundHandler, w.router.MethodNotAllowedHandler = kit.NotFound(), kit.MethodNotAllowed()
	srv.Config.Handler = kit.Chain(w.router)
	srv.Start()
	t.Cleanup(srv.Close)
	w.populate()
	return w
}

func (w *world) populate() {
	ctx, t := w.t.Context(), w.t
	var err error
	w.support, err = w.db.CreateAccount(ctx, storage.Account{Name: "Example Support", TimeZone: "Europe/Berlin"}, audit.System)
	must(t, err)
	w.sales, err = w.db.CreateAccount(ctx, storage.Account{Name: "Example Sales"}, audit.System)
	must(t, err)
	w.policy(w.support, func(p *storage.Policy) { p.TwoStep = true })
	phc, err := w.passwords.Hash(ctx, password)
	must(t, err)
	for email, account := range map[string]storage.Account{agent: w.support, member: w.sales, gone: w.sales} {
		_, err := w.db.CreateUser(ctx, storage.User{AccountID: account.ID, Email: email, Name: email, Password: phc}, audit.System)
		must(t, err)
	}
	_, err = w.db.CreateUser(ctx, storage.User{AccountID: w.sales.ID, Email: newcomer, Name: newcomer}, audit.System)
	must(t, err)
	w.user(gone, func(u *storage.User) { at := w.now(); u.DisabledAt = &at })
}

func (w *world) policy(a storage.Account, change func(*storage.Policy)) {
	w.t.Helper()
	_, err := w.db.UpdatePolicy(w.t.Context(), a.ID, func(s storage.AccountState) (storage.Policy, error) {
		change(&s.Policy)
		return s.Policy, nil
	}, audit.System)
	must(w.t, err)
}

func (w *world) user(email string, change func(*storage.User)) {
	w.t.Helper()
	_, err := w.db.UpdateUser(w.t.Context(), w.person(email).User.ID, func(u *storage.User) error { change(u); return nil }, audit.System)
	must(w.t, err)
}

func (w *world) person(email string) storage.Person {
	w.t.Helper()
	p, err := w.db.PersonByEmail(w.t.Context(), email)
	must(w.t, err)
	return p
}

// app stands for whoever began the sign-in: it looks whether the session is
// enough, as /authorize does, and says what it has proven.
func (w *world) app(rw http.ResponseWriter, r *http.Request) error {
	req, err := w.signIns.OpenRequest(r.Context(), r.URL.Query().Get("r"))
	if err != nil {
		return err
	}
	view, err := w.sessions.Current(r, "")
	if err != nil {
		return err
	}
	arrived := arrival{Request: req.ID}
	if view != nil {
		need, err := authn.Require(view.Person.Policy.Policy, view.Person.Subject, req.Ask)
		if err != nil {
			return err
		}
		e := need.Counts(view.Session.Evidence, view.Person.Subject)
		arrived.Email, arrived.AMR, arrived.At = view.Person.User.Email, strings.Join(e.AMR(), " "), e.AuthTime()
		arrived.Met, arrived.Session = need.Met(view.Session.Evidence, view.Person.Subject), view.Session.ID
	}
	return json.NewEncoder(rw).Encode(arrived)
}

type arrival struct {
	Request, Email, AMR, Session string
	At                           time.Time
	Met                          bool
}

// arrived reads what the application says, and fails if the browser isn't there.
func (w *world) arrived(b *stiletest.Browser) (a arrival) {
	w.t.Helper()
	if b.Page().URL.Path != "/app" {
		w.t.Fatalf("not at the application but at %s", b.Page())
	}
	if err := json.Unmarshal([]byte(b.Page().Body), &a); err != nil {
		w.t.Fatal(err)
	}
	if !a.Met {
		w.t.Errorf("the application was not reached with enough: %+v", a)
	}
	return a
}

// begin makes a request and returns its URL.
func (w *world) begin(change ...func(*signin.Request)) string {
	w.t.Helper()
	req := signin.Request{ClientID: "console", ClientName: "Acme Console", Home: "https://console.example", Return: "/app"}
	for _, c := range change {
		c(&req)
	}
	path, err := w.signIns.Begin(w.t.Context(), req)
	must(w.t, err)
	return w.url + path
}

// at is the URL of another screen of the request of this URL.
func (w *world) at(begun, screen string) string {
	u, err := url.Parse(begun)
	must(w.t, err)
	return w.url + signin.Path(screen, u.Query().Get("r"))
}

func (w *world) browser() *stiletest.Browser {
	b := stiletest.NewBrowser(w.t)
	b.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0")
	return b
}

// mail returns the newest message of a kind to an address that was queued since
// the last call for it, and its number among them.
func (w *world) mail(to string, kind templates.MailKind) (newest storage.Mail, n int) {
	w.t.Helper()
	leased, err := w.db.LeaseMail(w.t.Context(), 1000, 24*time.Hour)
	must(w.t, err)
	for _, m := range leased {
		must(w.t, w.db.MailSent(w.t.Context(), m.ID))
	}
	w.mails = append(w.mails, leased...)
	var rest []storage.Mail
	for _, m := range w.mails {
		if m.To == to && m.Kind == string(kind) {
			newest, n = m, n+1
			continue
		}
		rest = append(rest, m)
	}
	w.mails = rest
	return newest, n
}

// code returns the newest e-mail code.
func (w *world) code(to string) string {
	w.t.Helper()
	m, n := w.mail(to, templates.MailEmailCode)
	if n == 0 {
		w.t.Fatalf("no e-mail code for %s", to)
	}
	return m.Data[templates.DataCode]
}

// password gives the pair on the first screen.
func (w *world) password(b *stiletest.Browser, begun, email string) *stiletest.Page {
	w.t.Helper()
	b.Open(begun)
	return b.Submit(map[string]string{templates.FieldEmail: email, templates.FieldPassword: password})
}

// toKey goes from the introduction to the key, and returns the app with it.
func (w *world) toKey(b *stiletest.Browser, email string) *stiletest.Authenticator {
	w.t.Helper()
	expect(w.t, b.Page(), "two-step-introduction", 200)
	if expect(w.t, b.Submit(nil), "", 200).Screen() == "verify-email" {
		b.Submit(map[string]string{templates.FieldCode: w.code(email)})
	}
	expect(w.t, b.Page(), "install-app", 200)
	return w.app6238(expect(w.t, b.Submit(nil), "connect-device", 200))
}

// app6238 is an authenticator app that scanned the key of a page.
func (w *world) app6238(p *stiletest.Page) *stiletest.Authenticator {
	w.t.Helper()
	return stiletest.NewAuthenticator(w.t, keyOf(w.t, p), w.now)
}

func keyOf(t *testing.T, p *stiletest.Page) string {
	t.Helper()
	links := p.Links("otpauth:")
	if len(links) == 0 {
		t.Fatalf("no otpauth link on %s", p)
	}
	u, err := url.Parse(links[0])
	must(t, err)
	return u.Query().Get("secret")
}

// enrol goes from the introduction to the code prompt after the enrolment.
func (w *world) enrol(b *stiletest.Browser, email string) (app *stiletest.Authenticator, recovery []string) {
	w.t.Helper()
	app = w.toKey(b, email)
	expect(w.t, b.Submit(nil), "setup-code", 200)
	done := expect(w.t, b.Submit(map[string]string{templates.FieldCode: app.Code()}), "done", 200)
	recovery = done.Texts("code")
	b.Submit(nil)
	expect(w.t, b.Submit(nil), "enter-code", 200) // past the reminder
	return app, recovery
}

// enrolled signs a user in for the first time, and returns the app.
func (w *world) enrolled(b *stiletest.Browser, email string) (app *stiletest.Authenticator, recovery []string) {
	w.t.Helper()
	w.password(b, w.begin(), email)
	app, recovery = w.enrol(b, email)
	b.Submit(map[string]string{templates.FieldCode: app.Code()})
	w.arrived(b)
	w.wait(2 * time.Minute) // so that the app has fresh codes again
	return app, recovery
}

// events returns the audit log's lines of a kind, newest first.
func (w *world) events(kind audit.Kind) []storage.StoredEvent {
	w.t.Helper()
	all, err := w.db.Events(context.Background(), storage.EventFilter{Kind: kind, Limit: 1000})
	must(w.t, err)
	return all
}

// expect fails unless the page is this screen (any, if empty) with this status.
func expect(t *testing.T, p *stiletest.Page, screen string, status int) *stiletest.Page {
	t.Helper()
	if screen != "" && p.Screen() != screen || p.Status != status {
		t.Fatalf("want %s %d, got %s", screen, status, p)
	}
	return p
}

// says fails unless the page has these words.
func says(t *testing.T, p *stiletest.Page, words string) {
	t.Helper()
	if !strings.Contains(p.Text(), words) {
		t.Errorf("page doesn't say %q: %s", words, p)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// nobody acts where it does not matter who does.
type request = signin.Request

var nobody = audit.System
