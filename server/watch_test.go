package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stile/seal"
	"stile/storage/storagetest"
)

// line is a connection between a server and its database that tests can cut.
type line struct {
	t    testing.TB
	to   string // socket of the database
	addr string

	mu    sync.Mutex
	l     net.Listener
	conns []net.Conn
	hang  bool
	wg    sync.WaitGroup
}

// throughLine returns the URL of a database behind a line.
func throughLine(t testing.TB, database string) (*line, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	n := &line{t: t, to: filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432")}
	if port := u.Query().Get("port"); port != "" {
		n.to = filepath.Join(u.Query().Get("host"), ".s.PGSQL."+port)
	}
	n.open()
	t.Cleanup(func() { n.cut(); n.wg.Wait() })
	return n, "postgres://" + u.Query().Get("user") + "@" + n.addr + u.Path + "?sslmode=disable"
}

func (n *line) open() {
	n.t.Helper()
	address := n.addr
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		n.t.Fatal(err)
	}
	n.mu.Lock()
	n.l, n.addr, n.hang = l, l.Addr().String(), false
	n.mu.Unlock()
	n.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.wg.Go(func() { n.carry(c) })
		}
	})
}

func (n *line) carry(c net.Conn) {
	defer c.Close()
	n.keep(c)
	if n.hanging() {
		_, _ = io.Copy(io.Discard, c)
		return
	}
	d, err := net.Dial("unix", n.to)
	if err != nil {
		return
	}
	defer d.Close()
	n.keep(d)
	go func() { _, _ = io.Copy(writer{n, c}, d); _ = c.Close() }()
	_, _ = io.Copy(writer{n, d}, c)
}

func (n *line) keep(c net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, c)
}

func (n *line) hanging() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hang
}

// writer swallows what is sent while the line hangs.
type writer struct {
	line *line
	to   io.Writer
}

func (w writer) Write(b []byte) (int, error) {
	if w.line.hanging() {
		return len(b), nil
	}
	return w.to.Write(b)
}

// cut refuses and breaks off all connections.
func (n *line) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = n.l.Close()
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.conns = nil
}

// freeze lets connections stand, and answers nothing.
func (n *line) freeze() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hang = true
}

// thaw answers again. What was swallowed is lost, so connections are too.
func (n *line) thaw() {
	n.cut()
	n.open()
}

func TestQ02_DatabaseAway(t *testing.T) {
	for name, outage := range map[string]struct{ begin, end func(*line) }{
		"refusing": {(*line).cut, (*line).open},
		"hanging":  {(*line).freeze, (*line).thaw},
	} {
		t.Run(name, func(t *testing.T) {
			n, database := throughLine(t, storagetest.EmptyPostgres(t))
			cfg, l := configure(t)
			cfg.Database = seal.Secret(database)
			s := start(t, cfg, l)
			if status, _, body := get(t, s.url+"/readyz"); status != 200 {
				t.Fatalf("at first: %d %s", status, body)
			}
			asked := 0
			page := func() string { // of another unknown client each time: absent ones are remembered
				asked++
				return fmt.Sprintf("/authorize?response_type=code&client_id=nobody%d", asked)
			}
			if status, _, _ := get(t, s.url+page()); status != 400 {
				t.Fatalf("at first: %d", status)
			}
			outage.begin(n)
			for _, path := range []string{page(), "/jwks", "/.well-known/openid-configuration", "/healthz", page()} {
				want := 200
				if strings.HasPrefix(path, "/authorize") {
					want = 503
				}
				began := time.Now()
				status, h, body := get(t, s.url+path)
				if took := time.Since(began); status != want || took > 15*time.Second {
					t.Errorf("%s: %d after %v: %.300s", path, status, took, body)
				}
				if want == 503 && h.Get("Retry-After") == "" {
					t.Errorf("%s: no Retry-After", path)
				}
			}
			began := time.Now()
			r, err := client.PostForm(s.url+"/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"nobody2"}, "client_secret": {"x"}})
			if err != nil {
				t.Fatal(err)
			}
			_ = r.Body.Close()
			if took := time.Since(began); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" || took > 15*time.Second {
				t.Errorf("/token: %d after %v", r.StatusCode, took)
			}
			program, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/v1/account", nil)
			if err != nil {
				t.Fatal(err)
			}
			program.Header.Set("Authorization", "Bearer sta_0000000000000000000000000000000000000000000")
			answer, err := client.Do(program)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || answer.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("/api/v1: %s, %v", answer.Status, answer.Header)
			}
			eventually(t, 3*time.Second, "not ready", func() bool { status, _, _ := get(t, s.url+"/readyz"); return status == 503 })
			outage.end(n)
			eventually(t, 5*time.Second, "ready again", func() bool { status, _, _ := get(t, s.url+"/readyz"); return status == 200 })
			eventually(t, 5*time.Second, "answers again", func() bool { status, _, _ := get(t, s.url+page()); return status == 400 })
		})
	}
}

func TestQ08_ReplicaWithAWrongClockTakesItselfOut(t *testing.T) {
	cfg, l := configure(t)
	cfg.Database = seal.Secret(storagetest.EmptyPostgres(t))
	_ = l.Close()
	for ahead, want := range map[time.Duration]string{0: "", time.Second: "", 5 * time.Second: "the clock is", -5 * time.Second: "the clock is"} {
		s, err := New(t.Context(), cfg, Seams{Logs: io.Discard, Now: func() time.Time { return time.Now().Add(ahead) }})
		if err != nil {
			t.Fatal(err)
		}
		s.watch.look(t.Context())
		if why := s.health.unready(); want == "" && why != "" || !strings.Contains(why, want) {
			t.Errorf("ahead by %v: %q", ahead, why)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
