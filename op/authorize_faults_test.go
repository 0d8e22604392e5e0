package op

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

// Where no page may be shown, none is: not for a request that was answered
// before, and not without a database.
func TestA09_SilentRequestsAreAnsweredAlsoWhenReloaded(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	post := func() string {
		a := b.do(http.MethodPost, pathAuthorize, authorizeQuery("console", "prompt", "none"), "Sec-Fetch-Site", "cross-site")
		return a.Header.Get("Location")
	}
	once, later := post(), post()
	f.wantCode("first", b.get(once), "console")
	f.wantError("reload", b.get(once), "console", "login_required")
	f.at = f.at.Add(clientAge)
	f.must(f.db.Close())
	f.wantError("no database", b.get(later), "console", "temporarily_unavailable")
}

func TestA02_FaultBeforeTheRedirectURIIsSureIsAPageAndLeavesNothing(t *testing.T) {
	f := newFront(t)
	f.register(storage.Client{ID: "gone", Metadata: storage.Metadata{RedirectURIs: []string{"https://rp.test/cb"}}})
	_, err := f.db.UpdateClient(t.Context(), "gone", func(c *storage.Client) error { c.Disabled = true; return nil }, audit.System)
	f.must(err)
	for what, q := range map[string]url.Values{
		"unknown client":        authorizeQuery("console", "client_id", "nobody"),
		"disabled client":       authorizeQuery("console", "client_id", "gone"),
		"no client":             authorizeQuery("console", "client_id", "-"),
		"client given twice":    {"client_id": {"console", "console"}, "redirect_uri": {redirects["console"]}},
		"unknown redirect URI":  authorizeQuery("console", "redirect_uri", "https://evil.example/cb"),
		"B01: redirect URI + /": authorizeQuery("console", "redirect_uri", redirects["console"]+"/"),
		"B04: no redirect URI":  authorizeQuery("console", "redirect_uri", "-"),
		"redirect URI twice":    {"client_id": {"console"}, "redirect_uri": {redirects["console"], "https://evil.example"}, "response_type": {"code"}},
		"the other way round":   {"client_id": {"console"}, "redirect_uri": {"https://evil.example", redirects["console"]}, "response_type": {"code"}},
		"of another client":     authorizeQuery("console", "redirect_uri", redirects["other"]),
		"markup in the URI":     authorizeQuery("console", "redirect_uri", `"><script>alert(1)</script>`),
		"nothing at all":        {},
	} {
		for _, prompt := range []string{"", "none"} {
			if prompt != "" {
				q.Set("prompt", prompt)
			}
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				b := f.browser()
				target, form := pathAuthorize+"?"+q.Encode(), url.Values(nil)
				if method == http.MethodPost {
					target, form = pathAuthorize, q
				}
				var a reply
				n := f.statements(func() { a = b.do(method, target, form) })
				f.wantPage(what, a, http.StatusBadRequest, "error")
				if len(b.cookies) != 0 || n > 1 || strings.Contains(a.Text, "<script>alert") {
					t.Errorf("%s: cookies %v, %d statements, page %.200s", what, b.cookies, n, a.Text)
				}
			}
		}
	}
}

func TestZitadel07_EveryOtherFaultGoesToTheClientWithStateAndIss(t *testing.T) {
	f := newFront(t)
	for _, c := range []struct{ name, value, want string }{
		{"response_type", "-", "invalid_request"},
		{"response_type", "token", "unsupported_response_type"}, // A03
		{"scope", "-", "invalid_scope"},
		{"request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"},
		{"request_uri", "https://x", "request_uri_not_supported"},
		{"registration", "{}", "registration_not_supported"},
		{"prompt", "none", "login_required"},
		{"prompt", "create", "invalid_request"},
		{"max_age", "-1", "invalid_request"},
		{"claims", "[", "invalid_request"},
		{"claims", `{"id_token":{"acr":{"essential":true,"values":["phr","x"]}}}`, "unmet_authentication_requirements"},
		{"claims", `{"id_token":{"acr":{"essential":true,"value":"unknown"}}}`, "unmet_authentication_requirements"},
		{"code_challenge", "-", "invalid_request"},
		{"id_token_hint", "x", "invalid_request"},
		{"id_token_hint", "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOlsxXX0.AAAA", "invalid_request"}, // Zitadel 1
	} {
		for _, mode := range []string{"query", "fragment", "form_post"} {
			b := f.browser()
			a := b.authorize("console", c.name, c.value, "response_mode", mode)
			f.wantError(c.name+"="+c.value+" in "+mode, a, "console", c.want)
			if v := f.answered(a, "console"); v.Get("state") != "st" {
				t.Errorf("%s=%s: state %q", c.name, c.value, v.Get("state"))
			}
			if isForm := screen(a) == "form-post"; isForm != (mode == "form_post") || strings.Contains(a.Header.Get("Location"), "#") != (mode == "fragment") {
				t.Errorf("%s=%s: not answered by %s", c.name, c.value, mode)
			}
			if len(b.cookies) != 0 {
				t.Errorf("%s=%s: cookies %v", c.name, c.value, b.cookies)
			}
		}
	}
}

func TestZitadel08_ErrorsOfFormPostArePosted(t *testing.T) {
	f := newFront(t)
	a := f.browser().authorize("console", "prompt", "none", "response_mode", "form_post")
	f.wantError("prompt=none", a, "console", "login_required")
	csp := a.Header.Get("Content-Security-Policy")
	if screen(a) != "form-post" || !strings.Contains(csp, "form-action https://rp.test/cb") || strings.Contains(csp, "unsafe") ||
		!strings.Contains(csp, "script-src 'sha256-") || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", a.Header)
	}
}

func TestZitadel26_MisshapenNumbersAreToldWithoutTheTextOfAnError(t *testing.T) {
	f := newFront(t)
	for _, age := range []string{"-1", "abc", "9223372036854775808"} {
		v := f.answered(f.browser().authorize("console", "max_age", age), "console")
		if v.Get("error") != "invalid_request" || strings.ContainsAny(v.Get("error_description"), `"\`) || strings.Contains(v.Get("error_description"), "parsing") {
			t.Errorf("max_age %s: %v", age, v)
		}
	}
}

// unsigned is a token that nobody has signed.
func unsigned(header string) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(header)) + "." + e([]byte("{}")) + "." + e([]byte("signature"))
}

func TestZitadel27_OutageIsNoFaultOfTheClient(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	b.authorize("console")
	f.must(f.db.Close())
	a := b.authorize("console")
	if a.Status < 500 || a.Header.Get("Location") != "" || strings.Contains(a.Text, "sql") {
		t.Errorf("answered %d %.300s", a.Status, a.Text)
	}
}

func TestZitadel01_MisshapenHintsPanicNowhere(t *testing.T) {
	f := newFront(t)
	const bad = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOlsxXX0.AAAA" // {"aud":[1]}
	f.wantError("authorize", f.browser().authorize("console", "id_token_hint", bad), "console", "invalid_request")
	if a := f.browser().get(pathEndSession + "?id_token_hint=" + bad); a.Status != http.StatusSeeOther {
		t.Errorf("end_session: %d %.200s", a.Status, a.Text)
	}
}

func TestB05_StateComesBackAsItWasAndSplitsNothing(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	for _, state := range []string{
		"a b&c", `"><script>alert(1)</script>`, "a+b%20c", "é\u202e", `\'`, strings.Repeat("s", 8<<10), "#?&=",
	} {
		for _, mode := range []string{"query", "fragment", "form_post"} {
			a := b.authorize("console", "state", state, "response_mode", mode)
			if a.Header.Get("Set-Cookie") != "" || strings.Contains(a.Text, "<script>alert") {
				t.Errorf("%q is taken for something else", state)
			}
			if got := f.answered(a, "console").Get("state"); got != state {
				t.Errorf("%s: state %q comes back as %q", mode, state, got)
			}
		}
	}
	for _, state := range []string{"x\r\nSet-Cookie: a=b", "é\u0000"} { // RFC 6749, appendix A.5: printable
		a := b.authorize("console", "state", state)
		f.wantPage("control characters", a, http.StatusBadRequest, "error")
		if a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%q sets a cookie", state)
		}
	}
	f.wantError("more than 8 kB", b.authorize("console", "state", strings.Repeat("s", 8<<10+1)), "console", "invalid_request")
}

func TestZitadel28_RegisteredQueryStaysAndFragmentsAreEncodedOnce(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	for _, mode := range []string{"query", "fragment"} {
		a := b.authorize("odd", "response_mode", mode, "state", "a b&c")
		if to := a.Header.Get("Location"); !strings.HasPrefix(to, "https://odd.test/cb?z=1&a=%2f") {
			t.Errorf("goes to %s", to)
		}
		if got := f.answered(a, "odd").Get("state"); got != "a b&c" {
			t.Errorf("%s: state comes back as %q", mode, got)
		}
	}
}

func TestH05_NoParameterChoosesWhereABrowserGoes(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	for _, evil := range []string{"//evil.example", `/\evil.example`, "https:evil.example", "https://evil.example/"} {
		for _, path := range []string{pathAuthorize, pathConsent, pathEndSession, pathSignOut, pathSignedOut} {
			for _, name := range []string{"next", "return", "r", "redirect_uri", "post_logout_redirect_uri", "continue"} {
				a := b.get(path + "?" + url.Values{name: {evil}}.Encode())
				if to := a.Header.Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) || strings.Contains(a.Text, `href="`+evil) {
					t.Errorf("%s?%s=%s leads to %q", path, name, evil, to)
				}
			}
		}
	}
}

func TestH06_EveryRedirectIs303(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	for what, a := range map[string]reply{
		"to the sign-in": b.authorize("console"),
		"an error":       b.authorize("console", "prompt", "none"),
		"after a POST":   b.do(http.MethodPost, pathAuthorize, authorizeQuery("console")),
		"end_session":    b.do(http.MethodPost, pathEndSession, url.Values{"client_id": {"console"}}),
	} {
		if a.Status != http.StatusSeeOther {
			t.Errorf("%s: %d", what, a.Status)
		}
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodHead} {
		if a := b.do(method, pathAuthorize+"?"+authorizeQuery("console").Encode(), nil); a.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, a.Status)
		}
	}
}
