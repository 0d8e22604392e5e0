package account_test

import (
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"stile/account"
	"stile/audit"
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

// The people of the tests. The support account requires two steps; its admin has
// a colleague.
const (
	agent    = "agent@example.com"
	boss     = "boss@example.com"
	member   = "member@sales.example" // alone in the sales account, and no admin
	password = "a few words are good"
)

// world is an installation with My Account, the screens of a sign-in, the real
// database, and a clock that stands still until a test moves it.
type world struct {
	t     *testing.T
	url   string
	db    *storage.DB
	clock atomic.Int64 // microseconds
	queue []storage.Mail
	phc   string
}

func (w *world) now() time.Time { return time.UnixMicro(w.clock.Load()).UTC() }

func (w *world) wait(d time.Duration) { w.clock.Add(d.Microseconds()) }

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel() // each world has a database and a clock of its own
	w, router := &world{t: t}, mux.NewRouter()
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
	passwords, err := factor.NewPasswords(w.db.Hasher(), factor.PasswordOptions{BelowFloor: true, Memory: 16, Queue: time.Minute})
	must(t, err)
	figures, notices := limit.Defaults(), mail.Notices{Issuer: w.url, Now: w.now}
	kit, err := web.New(web.Options{
		Issuer: w.url, Templates: set, Hasher: w.db.Hasher(), Ring: ring, Now: w.now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	must(t, err)
	sessions := &session.Manager{DB: w.db, Kit: kit, Now: w.now}
	signIns := signin.New(signin.Options{
		DB: w.db, Hasher: w.db.Hasher(), Ring: ring, Passwords: passwords, Limits: figures, Now: w.now, Issuer: w.url, Name: "Stile",
	})
	(&login.Handler{Kit: kit, SignIns: signIns, Sessions: sessions, Templates: set}).Mount(router)
	(&welcome.Handler{Kit: kit, DB: w.db, SignIns: signIns, Sessions: sessions, Notices: notices, Limits: figures}).Mount(router)
	(&account.Handler{
		Kit: kit, DB: w.db, Sessions: sessions, SignIns: signIns, Passwords: passwords, Notices: notices, Limit: figures.Authorize, Now: w.now,
	}).Mount(router)
	router.NotFoundHandler, router.MethodNotAllowedHandler = kit.NotFound(), kit.MethodNotAllowed()
	srv.Config.Handler = kit.Chain(router)
	srv.Start()
	t.Cleanup(srv.Close)
	w.phc, err = passwords.Hash(t.Context(), password)
	must(t, err)
	w.populate()
	return w
}

func (w *world) populate() {
	ctx, t := w.t.Context(), w.t
	support, err := w.db.CreateAccount(ctx, storage.Account{Name: "Example Support", TimeZone: "Europe/Berlin"}, audit.System)
	must(t, err)
	sales, err := w.db.CreateAccount(ctx, storage.Account{Name: "Example Sales"}, audit.System)
	must(t, err)
	_, err = w.db.UpdatePolicy(ctx, support.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.TwoStep = true
		return s.Policy, nil
	}, audit.System)
	must(t, err)
	w.user(support, agent, storage.RoleMember)
	w.user(support, boss, storage.RoleMember, storage.RoleAdmin)
	w.user(sales, member, storage.RoleMember)
}

func (w *world) user(a storage.Account, email string, roles ...string) {
	w.t.Helper()
	_, err := w.db.CreateUser(w.t.Context(), storage.User{AccountID: a.ID, Email: email, Name: "Name of " + email, Password: w.phc, Roles: roles}, audit.System)
	must(w.t, err)
}

func (w *world) person(email string) storage.Person {
	w.t.Helper()
	p, err := w.db.PersonByEmail(w.t.Context(), email)
	must(w.t, err)
	return p
}

// mails returns the messages of a kind to an address that were queued since the
// last call for them.
func (w *world) mails(to string, kind templates.MailKind) (found []storage.Mail) {
	w.t.Helper()
	leased, err := w.db.LeaseMail(w.t.Context(), 1000, 24*time.Hour)
	must(w.t, err)
	w.queue = append(w.queue, leased...)
	w.queue = slices.DeleteFunc(w.queue, func(m storage.Mail) bool {
		is := m.To == to && m.Kind == string(kind)
		if is {
			found = append(found, m)
		}
		return is
	})
	return found
}

// mail is the one message of a kind to an address.
func (w *world) mail(to string, kind templates.MailKind) storage.Mail {
	w.t.Helper()
	found := w.mails(to, kind)
	if len(found) != 1 {
		w.t.Fatalf("%d messages %s to %s, want one", len(found), kind, to)
	}
	return found[0]
}

// seat is a browser of somebody, with the app of the second step.
type seat struct {
	*stiletest.Browser
	w     *world
	email string
	app   *stiletest.Authenticator // nil before two steps
}

func (w *world) seat(email string) *seat {
	s := &seat{Browser: stiletest.NewBrowser(w.t), w: w, email: email}
	s.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0")
	return s
}

// another is another browser of the same person.
func (s *seat) another() *seat {
	o := s.w.seat(s.email)
	o.app = s.app
	return o
}

// open opens a page of My Account, signing in where that is asked for.
func (s *seat) open(path string) *stiletest.Page {
	s.w.t.Helper()
	s.Open(s.w.url + path)
	return s.prove()
}

// prove gives the proofs that are asked for.
func (s *seat) prove() *stiletest.Page {
	s.w.t.Helper()
	for range 12 {
		if !s.step() {
			return s.Page()
		}
	}
	s.w.t.Fatalf("the sign-in has no end: %s", s.Page())
	return nil
}

// step gives the proof that is asked for, and tells whether one was.
func (s *seat) step() bool {
	s.w.t.Helper()
	switch p := s.Page(); p.Screen() {
	case "sign-in":
		s.Submit(map[string]string{templates.FieldEmail: s.email, templates.FieldPassword: password})
	case "enter-code":
		s.w.wait(time.Minute) // a code works once
		s.Submit(map[string]string{templates.FieldCode: s.app.Code()})
	case "verify-email":
		s.Submit(map[string]string{templates.FieldCode: s.w.mail(s.email, templates.MailEmailCode).Data[templates.DataCode]})
	case "connect-device":
		s.app = stiletest.NewAuthenticator(s.w.t, strings.Join(strings.Fields(p.Texts("code")[0]), ""), s.w.now)
		s.Submit(nil)
	case "setup-code":
		s.Submit(map[string]string{templates.FieldCode: s.app.Code()})
	case "two-step-introduction", "install-app", "done":
		s.Submit(nil)
	default:
		return false
	}
	return true
}

// in tells whether the browser is signed in.
func (s *seat) in() bool { return s.Open(s.w.url+"/account").Screen() == "account" }

// expect fails unless the page is this screen with this status.
func expect(t *testing.T, p *stiletest.Page, screen string, status int) *stiletest.Page {
	t.Helper()
	if p.Screen() != screen || p.Status != status {
		t.Fatalf("want %s %d, got %s", screen, status, p)
	}
	return p
}

// noSwitch fails if a page has a language switch, where that would lead away from
// what is shown once.
func noSwitch(t *testing.T, p *stiletest.Page) {
	t.Helper()
	if strings.Contains(p.Body, `name="lang"`) {
		t.Errorf("there is a language switch: %s", p)
	}
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
