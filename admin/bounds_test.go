package admin_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/config"
	"stile/server"
	"stile/storage"
)

// Who is signed in and may not enter writes no more than a line a minute about
// the same page.
func TestN02_RepeatedRefusalsAreOneLine(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.guest(t, s.user(t, a))
	g.goTo("/admin")
	lines := func() (n int) {
		list, err := s.DB().Events(t.Context(), storage.EventFilter{AccountID: a.ID, Kind: audit.AdminRefused, Limit: 500})
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for range 20 {
		if p := g.Open(s.url + "/admin"); p.Status != 403 {
			t.Fatalf("%s", p)
		}
	}
	if n := lines(); n != 1 {
		t.Errorf("twenty of the same are %d lines", n)
	}
	g.Open(s.url + "/admin/users")
	if n := lines(); n != 2 {
		t.Errorf("with another page: %d lines", n)
	}
	s.pass(61 * time.Second)
	g.Open(s.url + "/admin")
	if n := lines(); n != 3 {
		t.Errorf("a minute later: %d lines", n)
	}
}

// The Admin Center and My Account are bound by network like the beginning of a
// sign-in.
func TestG06_AreasAreBoundedByNetwork(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Dir, cfg.Issuer = t.TempDir(), "http://"+l.Addr().String()
	cfg.Mail.From = "Stile <no-reply@localhost>"
	cfg.Limits.Authorize.Allowed = 3
	s, err := server.New(t.Context(), cfg, server.Seams{Now: time.Now, Mail: &mailbox{}, Logs: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	front := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = front.Serve(l) }()
	t.Cleanup(func() { _ = front.Close() })
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, area := range []string{"/admin", "/account"} {
		for i, path := range []string{area, area, strings.Replace(area+"/sessions", "/admin/sessions", "/admin/users", 1), area} {
			r, err := client.Get(cfg.Issuer + path)
			if err != nil {
				t.Fatal(err)
			}
			_ = r.Body.Close()
			if held := r.StatusCode == http.StatusTooManyRequests; held != (i == 3) || held && r.Header.Get("Retry-After") == "" {
				t.Errorf("%s, request %d: %d", path, i, r.StatusCode)
			}
		}
	}
}
