package admin_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stile/audit"
	"stile/config"
	"stile/device"
	"stile/factor"
	"stile/limit"
	"stile/server"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

// site is a running server with a clock that tests put forward.
type site struct {
	*server.Server
	url   string
	ahead atomic.Int64
	logs  syncBuffer
	box   *mailbox
}

// mailbox takes the mail.
type mailbox struct {
	mu    sync.Mutex
	mails []storage.Mail
}

// Send implements mail.Sender.
func (b *mailbox) Send(_ context.Context, m storage.Mail) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mails = append(b.mails, m)
	return nil
}

// newest returns the newest code that was sent to an address, or "".
func (b *mailbox) newest(to string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.mails) - 1; i >= 0; i-- {
		if code := b.mails[i].Data[templates.DataCode]; code != "" && b.mails[i].To == to {
			return code
		}
	}
	return ""
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (s *site) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// pass puts the clock forward.
func (s *site) pass(d time.Duration) { s.ahead.Add(int64(d)) }

// newSite starts a server.
func newSite(t testing.TB) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{url: "http://" + l.Addr().String(), box: &mailbox{}}
	cfg := config.Default()
	cfg.Dir, cfg.Issuer, cfg.Listen = t.TempDir(), s.url, l.Addr().String()
	cfg.Mail.From = "Stile <no-reply@localhost>"
	for _, bound := range []*limit.Figure{
		&cfg.Limits.Network, &cfg.Limits.NetworkHour, &cfg.Limits.EmailSentNetwork, &cfg.Limits.Authorize,
	} {
		bound.Allowed = 100_000
	}
	if s.Server, err = server.New(context.Background(), cfg, server.Seams{Now: s.now, Mail: s.box, Logs: &s.logs}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = s.Close()
		if t.Failed() && os.Getenv("STILE_LOG") != "" {
			t.Log(s.logs.String())
		}
	})
	return s
}

// shared is the server of the tests that need none of their own.
var shared = struct {
	once sync.Once
	site *site
	t    *lasting
}{t: &lasting{}}

// lasting is a testing.TB that lives as long as all tests together.
type lasting struct {
	testing.TB
	dir      string
	cleanups []func()
}

func (l *lasting) Helper()                   {}
func (l *lasting) Cleanup(f func())          { l.cleanups = append(l.cleanups, f) }
func (l *lasting) Failed() bool              { return false }
func (l *lasting) Fatal(args ...any)         { panic(args) }
func (l *lasting) Error(args ...any)         { panic(args) }
func (l *lasting) Fatalf(f string, a ...any) { panic(f) }
func (l *lasting) TempDir() string {
	l.dir, _ = os.MkdirTemp("", "stile-admin-")
	return l.dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, f := range shared.t.cleanups {
		f()
	}
	_ = os.RemoveAll(shared.t.dir)
	os.Exit(code)
}

// sharedSite returns the server of the tests that put no clock forward.
func sharedSite(testing.TB) *site {
	shared.once.Do(func() { shared.site = newSite(shared.t) })
	return shared.site
}

var by = audit.Actor{Kind: "cli", ID: "test"}

const password = "seven small boats on a lake"

// hash is the password's, made once.
var hash = sync.OnceValues(func() (string, error) {
	s := sharedSite(nil)
	passwords, err := factor.NewPasswords(s.DB().Hasher(), factor.PasswordOptions{Now: s.now})
	if err != nil {
		return "", err
	}
	return passwords.Hash(context.Background(), password)
})

// account makes an account with a device group.
func (s *site) account(t testing.TB, version string, build int) storage.Account {
	t.Helper()
	a, err := s.DB().CreateAccount(t.Context(), storage.Account{Name: "Account " + rand.Text()[:8]}, by)
	if err != nil {
		t.Fatal(err)
	}
	s.group(t, a, "Desks", version, build)
	return a
}

func (s *site) group(t testing.TB, a storage.Account, name, version string, build int) storage.DeviceGroup {
	t.Helper()
	has, err := device.Parse(version, build)
	if err != nil {
		t.Fatal(err)
	}
	g, err := s.DB().SaveDeviceGroup(t.Context(), storage.DeviceGroup{AccountID: a.ID, Group: device.Group{Name: name, Has: has}}, by)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (s *site) product(t testing.TB, a storage.Account, name string) storage.Product {
	t.Helper()
	p, err := s.DB().CreateProduct(t.Context(), storage.Product{AccountID: a.ID, Name: name}, by)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// app connects a client of the account.
func (s *site) app(t testing.TB, a storage.Account) storage.Client {
	t.Helper()
	id := rand.Text()
	c, err := s.DB().CreateClient(t.Context(), storage.Client{
		ID: id, AccountID: a.ID, SecretHash: s.DB().HashClientSecret(id, "a secret of a test"), ThirdParty: true,
		Metadata: storage.Metadata{Name: "App", RedirectURIs: []string{"https://app.example/callback"}},
	}, by)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// user makes a user with a password.
func (s *site) user(t testing.TB, a storage.Account, roles ...string) storage.User {
	t.Helper()
	if s != shared.site {
		t.Fatal("passwords are hashed for the shared site")
	}
	phc, err := hash()
	if err != nil {
		t.Fatal(err)
	}
	name := strings.ToLower(rand.Text()[:10])
	u, err := s.DB().CreateUser(t.Context(), storage.User{AccountID: a.ID, Email: name + "@example.com", Name: "Pat " + name, Roles: roles, Password: phc}, by)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// guest is somebody at a browser.
type guest struct {
	*stiletest.Browser
	t    testing.TB
	s    *site
	user storage.User
	app  *stiletest.Authenticator
}

func (s *site) guest(t testing.TB, u storage.User) *guest {
	t.Helper()
	return &guest{Browser: stiletest.NewBrowser(t), t: t, s: s, user: u}
}

// enters signs in to the Admin Center, as a new user with one of the roles.
func (s *site) enters(t testing.TB, a storage.Account, roles ...string) *guest {
	t.Helper()
	g := s.guest(t, s.user(t, a, roles...))
	g.goTo("/admin")
	g.want("admin-overview", 200)
	return g
}

// goTo opens a page and does what the sign-in asks for.
func (g *guest) goTo(path string) *stiletest.Page {
	g.t.Helper()
	g.Open(g.s.url + path)
	return g.goOn()
}

// goOn does what the sign-in asks for, until it is over.
func (g *guest) goOn() *stiletest.Page {
	g.t.Helper()
	for range 12 {
		if !g.step() {
			return g.Page()
		}
	}
	g.t.Fatalf("the sign-in does not end: %s", g.Page())
	return nil
}

// step does what one screen of a sign-in asks for; false where it is over.
func (g *guest) step() bool {
	g.t.Helper()
	switch g.Page().Screen() {
	case "sign-in":
		g.Submit(map[string]string{"email": g.user.Email, "password": password})
	case "verify-email":
		g.Submit(map[string]string{"code": g.s.code(g.t, g.user.Email)})
	case "connect-device":
		uri, err := url.Parse(g.Page().Links("otpauth:")[0])
		if err != nil {
			g.t.Fatal(err)
		}
		g.app = stiletest.NewAuthenticator(g.t, uri.Query().Get("secret"), g.s.now)
		g.app.Wait = g.s.pass
		g.Submit(nil)
	case "setup-code", "enter-code":
		g.Submit(map[string]string{"code": g.app.Code()})
	case "done":
		g.Submit(map[string]string{"kept": "yes"})
	case "two-step-introduction", "install-app":
		g.Submit(nil)
	default:
		return false
	}
	return true
}

// want fails unless this page is shown.
func (g *guest) want(screen string, status int) *stiletest.Page {
	g.t.Helper()
	if p := g.Page(); p.Screen() != screen || p.Status != status {
		g.t.Fatalf("want screen %s with status %d, have %s", screen, status, p)
	}
	return g.Page()
}

// code waits for the newest code that was sent to an address.
func (s *site) code(t testing.TB, to string) string {
	t.Helper()
	for range 1000 {
		if code := s.box.newest(to); code != "" {
			return code
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatalf("no code for %s", to)
	return ""
}

// has tells whether a message of a kind was sent to an address.
func (b *mailbox) has(to string, kind templates.MailKind) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.mails, func(m storage.Mail) bool { return m.To == to && m.Kind == string(kind) })
}

// told waits for a message of a kind to an address.
func (s *site) told(t testing.TB, to string, kind templates.MailKind) {
	t.Helper()
	for range 3000 {
		if s.box.has(to, kind) {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatalf("no message %s for %s", kind, to)
}

// form returns the fields of the form of the page that does this.
func (g *guest) form(do string) url.Values {
	g.t.Helper()
	for _, f := range forms.FindAllString(g.Page().Body, -1) {
		if do != "" && !strings.Contains(f, `name="do" value="`+do+`"`) {
			continue
		}
		fields := url.Values{}
		for _, in := range inputs.FindAllString(f, -1) {
			name, value := attribute(in, "name"), attribute(in, "value")
			if kind := attribute(in, "type"); kind != "radio" && kind != "checkbox" || strings.Contains(in, " checked") {
				fields.Set(name, value)
			}
		}
		return fields
	}
	g.t.Fatalf("no form %q in %s", do, g.Page())
	return nil
}

var (
	forms  = regexp.MustCompile(`(?s)<form.*?</form>`)
	inputs = regexp.MustCompile(`<input[^>]*>`)
)

func attribute(tag, name string) string {
	if found := regexp.MustCompile(name + `="([^"]*)"`).FindStringSubmatch(tag); found != nil {
		return found[1]
	}
	return ""
}
