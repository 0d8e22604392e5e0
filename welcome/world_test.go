package welcome_test

import (
	"bytes"
	"errors"
	"log/slog"
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
	"stile/factor"
	"stile/limit"
	"stile/login"
	"stile/mail"
	"stile/manage"
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
	iris     = "iris@example.com"
	elsif    = "elsif@sales.example" // has a user in the sales account
	password = "a few words are good"
)

// world is an installation with the pages, the screens of a sign-in, the real
// database, and a clock that stands still until a test moves it.
type world struct {
	t         *testing.T
	url       string
	db        *storage.DB
	passwords *factor.Passwords
	router    *mux.Router
	restart   func(signUp map[string]string) // with another configuration
	signIns   *signin.Service
	clock     atomic.Int64 // microseconds
	log       log
	support   storage.Account
	sales     storage.Account
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

func newWorld(t *testing.T, change ...func(*factor.PasswordOptions, *limit.Figures)) *world {
	t.Helper()
	t.Parallel() // each world has a database and a clock of its own
	w := &world{t: t}
	w.clock.Store(time.Date(2026, 11, 22, 14, 32, 0, 0, time.UTC).UnixMicro())
	srv := httptest.NewUnstartedServer(nil)
	w.url = "http://" + srv.Listener.Addr().String()
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
	options, figures := factor.PasswordOptions{BelowFloor: true, Queue: time.Minute}, limit.Defaults()
	for _, c := range change {
		c(&options, &figures)
	}
	w.passwords, err = factor.NewPasswords(w.db.Hasher(), options)
	must(t, err)
	kit, err := web.New(web.Options{
		Issuer: w.url, Templates: set, Hasher: w.db.Hasher(), Ring: ring, Now: w.now, Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	must(t, err)
	var handler atomic.Value
	w.restart = func(signUp map[string]string) {
		w.router = mux.NewRouter()
		sessions := &session.Manager{DB: w.db, Kit: kit, Now: w.now}
		signIns := signin.New(signin.Options{
			DB: w.db, Hasher: w.db.Hasher(), Ring: ring, Passwords: w.passwords, Limits: figures, Now: w.now, Issuer: w.url, Name: "Stile", Service: "Gatehouse Service",
			SignUp: signUp, Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
		})
		w.signIns = signIns
		(&login.Handler{Kit: kit, SignIns: signIns, Sessions: sessions, Templates: set}).Mount(w.router)
		(&welcome.Handler{Kit: kit, DB: w.db, SignIns: signIns, Sessions: sessions, Notices: mail.Notices{Issuer: w.url, Now: w.now}, Limits: figures}).Mount(w.router)
		w.router.NotFoundHandler, w.router.MethodNotAllowedHandler = kit.NotFound(), kit.MethodNotAllowed()
		handler.Store(kit.Chain(w.router))
	}
	w.restart(nil)
	srv.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.Load().(http.Handler).ServeHTTP(rw, r) })
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
	_, err = w.db.UpdatePolicy(ctx, w.support.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.TwoStep = true
		return s.Policy, nil
	}, audit.System)
	must(t, err)
	phc, err := w.passwords.Hash(ctx, password)
	must(t, err)
	_, err = w.db.CreateUser(ctx, storage.User{AccountID: w.sales.ID, Email: elsif, Name: "Elsif", Password: phc}, audit.System)
	must(t, err)
}

// invite invites an address and returns the link of the message.
func (w *world) invite(a storage.Account, email string, change ...func(*storage.Invitation)) string {
	w.t.Helper()
	token := seal.NewToken(seal.KindLink).Reveal()
	i := storage.InvitationToSend{
		Invitation: storage.Invitation{AccountID: a.ID, Email: email, Name: "Iris Bernhardsdottir", Roles: []string{storage.RoleMember}},
		LinkHash:   seal.HashToken(token), Mail: storage.Mail{Kind: string(templates.MailInvitation), To: email},
	}
	for _, c := range change {
		c(&i.Invitation)
	}
	must(w.t, w.db.Invite(w.t.Context(), []storage.InvitationToSend{i}, audit.System))
	return w.url + storage.InvitationPath + "?token=" + token
}

// invitationOf reads what the link in a URL is for.
func (w *world) invitationOf(link string) (storage.Invitation, error) {
	u, err := url.Parse(link)
	must(w.t, err)
	i, _, err := w.db.InvitationByLink(w.t.Context(), seal.HashToken(u.Query().Get("token")), manage.MayInvite)
	return i, err
}

func (w *world) browser() *stiletest.Browser {
	b := stiletest.NewBrowser(w.t)
	b.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0")
	return b
}

// toForm opens a link and presses its button.
func (w *world) toForm(b *stiletest.Browser, link string) *stiletest.Page {
	w.t.Helper()
	expect(w.t, b.Open(link), "invitation", 200)
	return expect(w.t, b.Submit(nil), "new-password", 200)
}

// nobody fails if the address has a user.
func (w *world) nobody(email string) {
	w.t.Helper()
	if _, err := w.db.PersonByEmail(w.t.Context(), email); !errors.Is(err, storage.ErrNotFound) {
		w.t.Errorf("user of %s: %v", email, err)
	}
}

func choose(b *stiletest.Browser, password string) *stiletest.Page {
	return b.Submit(map[string]string{templates.FieldNewPassword: password})
}

// expect fails unless the page is this screen with this status.
func expect(t *testing.T, p *stiletest.Page, screen string, status int) *stiletest.Page {
	t.Helper()
	if p.Screen() != screen || p.Status != status {
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
