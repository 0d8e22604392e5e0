package web

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"stile/seal"
	"stile/templates"
)

// site is a Kit with a clock that tests move, a log that they read, and a router.
type site struct {
	*Kit
	at     time.Time
	log    bytes.Buffer
	router *mux.Router
}

func newSite(t testing.TB, issuer string, trusted ...string) *site {
	t.Helper()
	hasher, err := seal.NewHasher(bytes.Repeat([]byte("k1"), seal.KeySize/2))
	if err != nil {
		t.Fatal(err)
	}
	set, err := templates.Load("")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{at: time.Date(2026, 11, 22, 14, 32, 0, 0, time.UTC), router: mux.NewRouter()}
	var networks []netip.Prefix
	for _, n := range trusted {
		networks = append(networks, netip.MustParsePrefix(n))
	}
	s.Kit, err = New(Options{
		Issuer: issuer, Templates: set, Hasher: hasher, Now: func() time.Time { return s.at },
		Logger: slog.New(slog.NewTextHandler(&s.log, nil)), TrustedProxies: networks,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.router.NotFoundHandler = s.NotFound()
	return s
}

func (s *site) ask(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	s.Chain(s.router).ServeHTTP(w, r)
	return w.Result()
}

func get(path string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "id.example.com"
	return r
}

func post(path, form string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form))
	r.Host = "id.example.com"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestNewRefusesIssuersThatAreNone(t *testing.T) {
	for _, issuer := range []string{"", "id.example.com", "https://id.example.com/path", "ftp://id.example.com", "https://a@b", "https://b?x=1"} {
		hasher, _ := seal.NewHasher(make([]byte, seal.KeySize))
		if _, err := New(Options{Issuer: issuer, Hasher: hasher}); err == nil {
			t.Errorf("issuer %q accepted", issuer)
		}
	}
}

func TestP01_OnlyTheIssuersHostIsServed(t *testing.T) {
	s := newSite(t, "https://id.example.com")
	var seen []string
	ok := s.Handle(func(_ http.ResponseWriter, r *http.Request) error {
		seen = append(seen, r.URL.Path)
		return nil
	})
	for _, path := range []string{"/page", "/healthz", "/readyz"} {
		s.router.Handle(path, ok)
	}
	for _, c := range []struct {
		host, path string
		want       int
	}{
		{"id.example.com", "/page", 200},
		{"ID.example.com:443", "/page", 200},
		{"evil.example", "/page", 421},
		{"id.example.com.evil.example", "/page", 421},
		{"id.example.com:8443", "/page", 421},
		{"", "/page", 421},
		{"10.0.0.7", "/healthz", 200},
		{"10.0.0.7", "/readyz", 200},
		{"10.0.0.7", "/healthz/x", 421},
	} {
		r := get(c.path)
		r.Host = c.host
		for _, h := range forwardingHeaders {
			r.Header.Set(h, "id.example.com")
		}
		if got := s.ask(r).StatusCode; got != c.want {
			t.Errorf("host %q path %s: status %d, want %d", c.host, c.path, got, c.want)
		}
	}
	// An absolute-form target carries a host of its own, which counts.
	r := httptest.NewRequest(http.MethodGet, "https://evil.example/page", nil)
	if got := s.ask(r).StatusCode; got != 421 {
		t.Errorf("absolute-form target of another host: status %d", got)
	}
	if len(seen) != 4 {
		t.Errorf("handlers ran for %v", seen)
	}
}

func TestH03_EveryAnswerCarriesTheHeaders(t *testing.T) {
	s := newSite(t, "https://id.example.com")
	s.router.Handle("/page", s.Handle(func(w http.ResponseWriter, r *http.Request) error {
		return s.Page(w, r, http.StatusOK, templates.SignIn{})
	}))
	s.router.Handle("/flow", s.HandleFlow(func(w http.ResponseWriter, r *http.Request) error {
		return s.Page(w, r, http.StatusOK, templates.SignIn{}, FormAction(FormTargets("https://app.example/cb", false)...))
	}))
	s.router.Handle("/data", s.Handle(func(http.ResponseWriter, *http.Request) error { return nil }))
	page := "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
		"manifest-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	for path, want := range map[string]map[string]string{
		"/page":    {"Content-Security-Policy": page, "Cross-Origin-Opener-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8"},
		"/flow":    {"Content-Security-Policy": page + " https://app.example https:", "Cross-Origin-Opener-Policy": "unsafe-none"},
		"/data":    {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"},
		"/missing": {"Content-Security-Policy": page},
	} {
		h := s.ask(get(path)).Header
		for name, value := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Strict-Transport-Security": "max-age=63072000; includeSubDomains",
		} {
			if got := h.Get(name); got != value {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		for name, value := range want {
			if got := h.Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", path, name, got, value)
			}
		}
		if h.Get("Permissions-Policy") == "" {
			t.Errorf("%s: no Permissions-Policy", path)
		}
	}
	if h := newSite(t, "http://localhost:8080").ask(get("/")).Header; h.Get("Strict-Transport-Security") != "" {
		t.Error("http issuer asks for https")
	}
}

func TestFormTargets(t *testing.T) {
	for _, c := range []struct {
		uri    string
		strict bool
		want   string
	}{
		{"https://app.example:8443/cb?x=1", false, "https://app.example:8443 https:"},
		{"https://app.example/cb", true, "https://app.example"},
		{"com.example.app:/cb", false, "com.example.app:"},
		{"http://127.0.0.1:7000/cb", false, "http://127.0.0.1:7000"},
		{"http://localhost:7000/cb", true, "http://localhost:7000"},
		{"http://[::1]:7000/cb", false, "http:"},
		{"://", false, ""},
		{"nothing", false, ""},
	} {
		if got := strings.Join(FormTargets(c.uri, c.strict), " "); got != c.want {
			t.Errorf("%s strict=%v: %q, want %q", c.uri, c.strict, got, c.want)
		}
	}
	for _, injected := range []string{"https://a; script-src *", "https://a\r\nX: y", "https://a,b", "'unsafe-inline'", "*", ""} {
		if got := pagePolicy([]string{injected}); got != policyPage {
			t.Errorf("%q got into the policy: %s", injected, got)
		}
	}
}

func TestH05_RedirectsStayInside(t *testing.T) {
	s := newSite(t, "https://id.example.com")
	for _, path := range []string{"//evil", "/\\evil", "https:evil", "https://evil", "", "evil", "/a\nb", "/a\tb", "/a b", "/x\\y", "\x00/"} {
		w := httptest.NewRecorder()
		if err := s.Redirect(w, get("/"), path); err == nil {
			t.Errorf("redirected to %q", path)
		}
		if w.Header().Get("Location") != "" {
			t.Errorf("%q: Location was set", path)
		}
	}
	w := httptest.NewRecorder()
	if err := s.Redirect(w, get("/"), "/login/enter-code?r=1.a.b"); err != nil || w.Code != http.StatusSeeOther {
		t.Errorf("own path: %v, status %d", err, w.Code)
	}
}

func TestErrorsTellNothing(t *testing.T) {
	s := newSite(t, "https://id.example.com")
	marker := "table users, password hunter2"
	for path, c := range map[string]struct {
		err    error
		status int
		retry  string
	}{
		"/unexpected": {errors.New(marker), 503, "5"},
		"/wrapped":    {UserError{Kind: templates.ErrorForbidden, Err: errors.New(marker)}, 403, ""},
		"/limited":    {UserError{Kind: templates.ErrorTooMany, RetryAfter: 1500 * time.Millisecond, Err: errors.New(marker)}, 429, "2"},
		"/own-status": {UserError{Kind: templates.ErrorRequest, Status: 415}, 415, ""},
		"/no-kind":    {UserError{}, 500, ""},
	} {
		s.router.Handle(path, s.Handle(func(http.ResponseWriter, *http.Request) error { return c.err }))
		res := s.ask(get(path))
		if res.StatusCode != c.status || res.Header.Get("Retry-After") != c.retry {
			t.Errorf("%s: status %d, Retry-After %q", path, res.StatusCode, res.Header.Get("Retry-After"))
		}
		if strings.Contains(body(t, res), marker) {
			t.Errorf("%s: the page tells the error", path)
		}
		if len(res.Cookies()) != 0 {
			t.Errorf("%s: an error page sets cookies", path)
		}
	}
}

func TestQ12_APanicIsOnePage(t *testing.T) {
	s := newSite(t, "https://id.example.com")
	s.router.Handle("/panic", s.Handle(func(http.ResponseWriter, *http.Request) error { panic("secret-in-panic") }))
	s.router.Handle("/late", s.Handle(func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = w.Write([]byte("half"))
		panic("late")
	}))
	res := s.ask(get("/panic"))
	if res.StatusCode != http.StatusInternalServerError || strings.Contains(body(t, res), "secret-in-panic") {
		t.Errorf("status %d", res.StatusCode)
	}
	if log := s.log.String(); strings.Contains(log, "secret-in-panic") || !strings.Contains(log, "type=string") {
		t.Errorf("log of the panic: %s", log)
	}
	func() {
		defer func() {
			if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				t.Error("half an answer was ended as if it were whole")
			}
		}()
		s.ask(get("/late"))
	}()
}

func TestAccessLogLeavesQueryOut(t *testing.T) {
	s := newSite(t, "https://id.example.com")
	s.router.Handle("/page", s.Handle(func(http.ResponseWriter, *http.Request) error { return nil }))
	s.ask(get("/page?r=1.secret.sealed"))
	if log := s.log.String(); !strings.Contains(log, "path=/page") || strings.Contains(log, "sealed") {
		t.Errorf("access log: %s", log)
	}
}
