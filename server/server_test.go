package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"stile/config"
	"stile/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logs is a log that tests can read while it is written.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// instanceOf is a server that runs.
type instanceOf struct {
	*Server
	url  string
	stop context.CancelFunc
	done chan error
	logs *logs
}

// configure returns a configuration in a folder of its own, and a listener.
func configure(t testing.TB) (*config.Config, net.Listener) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Dir = t.TempDir()
	cfg.Issuer = "http://" + l.Addr().String()
	cfg.Listen = l.Addr().String()
	return cfg, l
}

// start runs a server until the test ends.
func start(t testing.TB, cfg *config.Config, l net.Listener) *instanceOf {
	t.Helper()
	out := &logs{}
	s, err := New(t.Context(), cfg, Seams{Logs: out})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	i := &instanceOf{Server: s, url: cfg.Issuer, stop: stop, done: make(chan error, 1), logs: out}
	go func() { i.done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if r, err := client.Get(i.url + "/readyz"); err == nil { // the watcher that it would wait for
			_ = r.Body.Close()
		}
		select {
		case err := <-i.done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the server did not end")
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return i
}

var client = &http.Client{
	Timeout:       10 * time.Second,
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func get(t testing.TB, url string) (int, http.Header, string) {
	t.Helper()
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header, string(body)
}

// eventually waits for something that happens by itself.
func eventually(t testing.TB, within time.Duration, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for tick := time.NewTicker(20 * time.Millisecond); time.Now().Before(deadline); <-tick.C {
		if is() {
			return
		}
	}
	t.Errorf("not within %v: %s", within, what)
}

func TestServesWhatItPromises(t *testing.T) {
	cfg, l := configure(t)
	s := start(t, cfg, l)
	for path, want := range map[string]struct {
		status int
		holds  string
	}{
		"/healthz":                          {200, "ok"},
		"/readyz":                           {200, "ready"},
		"/.well-known/openid-configuration": {200, `"issuer":"` + cfg.Issuer + `"`},
		"/.well-known/oauth-authorization-server": {200, `"issuer":"` + cfg.Issuer + `"`},
		"/jwks":                        {200, `"kty":"RSA"`},
		"/nothing":                     {404, `data-screen="error"`},
		"/authorize":                   {400, `data-screen="error"`},
		"/.well-known/change-password": {303, ""},
	} {
		if status, _, body := get(t, s.url+path); status != want.status || !strings.Contains(body, want.holds) {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
	}
}

func TestP09_OperatorsPagesAreNotPublic(t *testing.T) {
	cfg, l := configure(t)
	ml, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Metrics = ml.Addr().String()
	_ = ml.Close()
	s := start(t, cfg, l)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars"} {
		if status, _, _ := get(t, s.url+path); status != 404 {
			t.Errorf("%s is public: %d", path, status)
		}
	}
	get(t, s.url+"/.well-known/openid-configuration")
	get(t, s.url+"/authorize?client_id=person%40example.com")
	get(t, s.url+"/person@example.com")
	operators := "http://" + cfg.Metrics
	eventually(t, 5*time.Second, "the second listener answers", func() bool {
		r, err := client.Get(operators + "/healthz")
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	_, _, metrics := get(t, operators+"/metrics")
	for _, want := range []string{`route=".well-known/openid-configuration"`, `route="authorize"`, `route="none",status="404"`, "stile_outbox_messages 0", "go_goroutines"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if strings.Contains(metrics, "person") {
		t.Error("/metrics holds what a visitor chose")
	}
	if status, _, _ := get(t, operators+"/debug/pprof/cmdline"); status != 404 {
		t.Errorf("the command line is shown: %d", status)
	}
	if status, _, body := get(t, operators+"/readyz"); status != 200 || body != "ready\n" {
		t.Errorf("%d %s", status, body)
	}
}

func TestP01_OtherHostsAreMisdirected(t *testing.T) {
	cfg, l := configure(t)
	s := start(t, cfg, l)
	for path, want := range map[string]int{"/jwks": 421, "/healthz": 200, "/readyz": 200} {
		r, _ := http.NewRequest(http.MethodGet, s.url+path, nil)
		r.Host = "evil.example"
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, want)
		}
	}
}

func TestQ12_DrainsWithoutBreakingAnythingOff(t *testing.T) {
	cfg, l := configure(t)
	out := &logs{}
	s, err := New(t.Context(), cfg, Seams{Logs: out})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	begun, release := make(chan struct{}), make(chan struct{})
	inner := s.handler
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(begun)
			<-release
			_, _ = io.WriteString(w, "whole")
			return
		}
		inner.ServeHTTP(w, r)
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	for range 2 { // somebody watches
		eventually(t, 5*time.Second, "ready", func() bool { status, _, _ := get(t, cfg.Issuer+"/readyz"); return status == 200 })
	}
	answers := make(chan string, 1)
	go func() {
		_, _, body := get(t, cfg.Issuer+"/slow")
		answers <- body
	}()
	<-begun
	stop()
	eventually(t, 4*time.Second, "not ready while it still takes connections", func() bool {
		r, err := client.Get(cfg.Issuer + "/readyz")
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return r.StatusCode == http.StatusServiceUnavailable
	})
	close(release)
	if got := <-answers; got != "whole" {
		t.Errorf("the request under way was answered %q", got)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("still serving")
	}
	if _, err := net.Dial("tcp", cfg.Listen); err == nil {
		t.Error("still listening")
	}
}

func TestStartErrorsSayWhatToDo(t *testing.T) {
	taken, l := configure(t)
	defer l.Close()
	for name, c := range map[string]struct {
		change func(*config.Config)
		want   []string
	}{
		"port taken": {func(c *config.Config) { c.Listen = taken.Listen }, []string{"listen: " + taken.Listen, "in use", "choose another address"}},
		"no folder":  {func(c *config.Config) { c.Database = "sqlite:absent/stile.db" }, []string{"database", "absent", "must exist and be writable"}},
		"no database": {func(c *config.Config) {
			c.Database = "sqlite:text"
			_ = os.WriteFile(c.Path("text"), []byte(strings.Repeat("this is no database ", 100)), 0o600)
		}, []string{"database", "text"}},
		"no certificate": {func(c *config.Config) {
			c.Issuer, c.TLS = "https://localhost:8443", config.TLS{Cert: "absent.pem", Key: "absent.key"}
		}, []string{"tls", "absent.pem"}},
		"no templates": {func(c *config.Config) { c.Templates.Dir = "absent" }, []string{"templates.dir", "absent"}},
		"postgres":     {func(c *config.Config) { c.Database = "postgres://stile:hunter2@127.0.0.1:1/stile" }, []string{"database"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, l := configure(t)
			_ = l.Close()
			c.change(cfg)
			err := Run(t.Context(), cfg, Seams{Logs: io.Discard})
			if err == nil {
				t.Fatal("it started")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v: lacks %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("O06: the error shows a password: %v", err)
			}
		})
	}
}

func TestO04_MasterKeyOfAnotherDatabase(t *testing.T) {
	cfg, l := configure(t)
	_ = l.Close()
	s, err := New(t.Context(), cfg, Seams{Logs: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	key := cfg.Path(config.MasterKeyFile)
	kept, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	other := *cfg
	other.MasterKey = []seal.Secret{"other:q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJE="}
	if _, err := New(t.Context(), &other, Seams{Logs: io.Discard}); err == nil || !strings.Contains(err.Error(), "master") {
		t.Errorf("with another key: %v", err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), cfg, Seams{Logs: io.Discard}); !errors.Is(err, config.ErrNoMasterKey) {
		t.Errorf("without a key: %v", err)
	}
	if _, err := os.Stat(key); err == nil {
		t.Error("a new key was made for a database that is in use")
	}
	if err := os.WriteFile(key, kept, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), cfg, Seams{Logs: io.Discard}); err == nil || !strings.Contains(err.Error(), "everybody") {
		t.Errorf("with a key that everybody can read: %v", err)
	}
}

func TestMigrateByHand(t *testing.T) {
	cfg, l := configure(t)
	_ = l.Close()
	cfg.Migrate = "manual"
	if _, err := New(t.Context(), cfg, Seams{Logs: io.Discard}); err == nil || !strings.Contains(err.Error(), "stile migrate") {
		t.Fatalf("an empty database served: %v", err)
	}
	db, _, err := PrepareDatabase(t.Context(), cfg, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Migrate(t.Context()), db.Close()); err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), cfg, Seams{Logs: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestLooserLimitsAreLogged(t *testing.T) {
	cfg, l := configure(t)
	cfg.Limits.TOTP.Allowed = 50
	s := start(t, cfg, l)
	eventually(t, 5*time.Second, "a line about the limit", func() bool { return strings.Contains(s.logs.String(), "limits.totp") })
}

func TestFilesOfTheDatabaseArePrivate(t *testing.T) {
	cfg, l := configure(t)
	start(t, cfg, l)
	for _, name := range []string{"stile.db", config.MasterKeyFile} {
		info, err := os.Stat(filepath.Join(cfg.Dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}
