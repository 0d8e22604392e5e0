package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"stile/stiletest"
)

// fixedHeaders are what every answer of the provider carries (on http; with
// https Strict-Transport-Security joins them).
var fixedHeaders = map[string]string{
	"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
}

const pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

var (
	inline    = regexp.MustCompile(`(?i)<style|\sstyle=|<script(?:>|\s+(?:[^s>][^>]*)?>)|\son[a-z]+\s*=\s*["']|javascript:`)
	postForm  = regexp.MustCompile(`(?s)<form[^>]*method="post"[^>]*>.*?</form>`)
	csrfField = regexp.MustCompile(`<input type="hidden" name="csrf" value="[^"]{20,}">`)
	staticRef = regexp.MustCompile(`(?:href|src)="(/static/[^"#]+)`)
	elsewhere = regexp.MustCompile(`<(?:link|script|img|iframe)[^>]*(?:href|src)="(?:https?:)?//`)
	binding   = regexp.MustCompile(`^(stile-session|stile-login|stile-known)=`)
)

// crawler looks at each kind of page once it is reached.
type crawler struct {
	*walker
	seen   map[string]bool
	static map[string]bool
}

// look checks the page that the browser shows, and posts its form in the ways
// that must not count.
func (c *crawler) look(kind string) {
	c.t.Helper()
	p := c.Page()
	c.want(kind)
	c.seen[kind] = true
	for name, want := range fixedHeaders {
		if got := p.Header.Get(name); got != want {
			c.t.Errorf("%s: %s: %q, want %q", kind, name, got, want)
		}
	}
	if got := p.Header.Get("Cache-Control"); got != "no-store" {
		c.t.Errorf("%s: Cache-Control: %q", kind, got)
	}
	csp := p.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, pagePolicy) || strings.Contains(csp, "unsafe") {
		c.t.Errorf("%s: Content-Security-Policy: %q", kind, csp)
	}
	if p.Header.Get("Cross-Origin-Opener-Policy") == "" || p.Header.Get("Permissions-Policy") == "" {
		c.t.Errorf("%s: headers %v", kind, p.Header)
	}
	if !strings.Contains(p.Body, `<html lang="en"`) || !strings.HasPrefix(p.Header.Get("Content-Type"), "text/html; charset=utf-8") {
		c.t.Errorf("%s: no language or type: %.200s", kind, p.Body)
	}
	if found := inline.FindString(p.Body); found != "" {
		c.t.Errorf("%s: inline style or script: %q", kind, found)
	}
	if found := elsewhere.FindString(p.Body); found != "" {
		c.t.Errorf("%s: loads from elsewhere: %q", kind, found)
	}
	for _, form := range postForm.FindAllString(p.Body, -1) {
		if !csrfField.MatchString(form) {
			c.t.Errorf("%s: a form without a token: %s", kind, form)
		}
	}
	for _, m := range staticRef.FindAllStringSubmatch(p.Body, -1) {
		c.static[m[1]] = true
	}
	c.crossSite(kind)
}

// crossSite posts the main form as another site could, or without its token.
// Neither changes anything: the same screen is still due.
func (c *crawler) crossSite(kind string) {
	c.t.Helper()
	p := c.Page()
	if !strings.Contains(p.Body, `method="post"`) {
		return
	}
	target := strings.TrimPrefix(p.Action(), c.s.Issuer)
	good, without := p.Fields(), p.Fields()
	without.Del("csrf")
	changed := p.Fields()
	changed.Set("csrf", strings.Repeat("A", len(good.Get("csrf"))))
	for name, send := range map[string]struct {
		form    url.Values
		headers []string
	}{
		"without a token":       {without, []string{"Origin", c.s.Issuer}},
		"with another token":    {changed, []string{"Origin", c.s.Issuer}},
		"from another origin":   {good, []string{"Origin", "https://evil.example"}},
		"from no origin":        {good, []string{"Origin", "null"}},
		"from another site":     {good, []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
		"from a sibling domain": {good, []string{"Sec-Fetch-Site", "same-site", "Origin", c.s.Issuer}},
	} {
		headers := append(send.headers, "Content-Type", formType)
		for _, cookie := range c.Cookies(c.s.Issuer) {
			headers = append(headers, "Cookie", cookie.Name+"="+cookie.Value)
		}
		a := c.s.ask(c.t, http.MethodPost, target, send.form.Encode(), headers...)
		if a.Status != http.StatusForbidden || len(a.Header["Set-Cookie"]) > 0 {
			c.t.Errorf("%s %s: status %d, cookies %q", kind, name, a.Status, a.Header["Set-Cookie"])
		}
	}
}

// Every page that a member can reach, errors among them.
func TestH01_H03_EveryPage(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	account := s.newAccount(t, "required")
	rp := s.console(t)
	callback := stiletest.CallbackServer(t)
	tool := s.rp(t, s.newClient(t, map[string]any{"client_name": "Tool", "redirect_uris": []string{callback}}, "--third-party"), callback)
	c := &crawler{newWalker(t, s, s.newPerson(t, account)), map[string]bool{}, map[string]bool{}}

	// Errors first: nothing is known of the visitor.
	for _, path := range []string{"/", "/nothing/here", "/authorize", "/authorize?client_id=nobody&redirect_uri=https://evil.example", "/login/sign-in", "/login/enter-code?r=x", "/consent?r=x", "/sign-out?r=x", "/static/none.css"} {
		c.Open(s.Issuer + path)
		c.look("error")
		if c.Page().Status < 400 {
			t.Errorf("%s: status %d", path, c.Page().Status)
		}
	}
	if found := c.Cookies(s.Issuer); len(found) > 0 {
		t.Errorf("error pages set cookies: %v", found)
	}

	// The sign-in, each screen with its refusals.
	attempt := rp.Begin()
	c.Open(attempt.URL)
	c.look("sign-in")
	c.Submit(map[string]string{"email": c.who.Email, "password": "not the password"})
	c.look("sign-in")
	c.password()
	c.look("two-step-introduction")
	c.Submit(nil)
	c.look("verify-email")
	c.Submit(map[string]string{"code": "12"})
	c.look("verify-email")
	c.Submit(map[string]string{"code": s.codeByMail(t, c.who.Email, 0)})
	c.look("install-app")
	c.Submit(nil)
	c.look("connect-device")
	c.app = s.newAuthenticator(t, c.key())
	c.Submit(nil)
	c.look("setup-code")
	c.Submit(map[string]string{"code": c.app.Code()})
	c.look("done")
	c.keep()
	c.look("enter-code")
	here := c.Page().URL.String()
	c.Press("Use a recovery code")
	c.look("recovery-code")
	c.Open(here)
	c.code()
	wantMFA(t, rp.Redeem(attempt, c.Page().URL).Claims) // none of the foreign posts has done harm

	// Consent, and the way out.
	consent := tool.Begin()
	c.Open(consent.URL)
	c.look("consent")
	c.Submit(nil)
	tool.Redeem(consent, c.Page().URL)
	c.Open(s.Issuer + "/end_session")
	c.look("sign-out")
	if p := c.Open(rp.Begin("prompt", "none").URL); p.URL.Query().Get("code") == "" {
		t.Errorf("foreign posts have signed out: %s", p.URL)
	}
	c.Open(s.Issuer + "/end_session")
	c.Submit(nil)
	c.look("signed-out")

	for _, a := range c.Visited {
		if strings.HasPrefix(a.URL, s.Issuer) {
			cookiesAndRedirects(t, a)
		}
	}
	if len(c.static) < 3 {
		t.Errorf("static files: %v", c.static)
	}
	for path := range c.static {
		a := s.ask(t, http.MethodGet, path, "")
		a.want(t, http.StatusOK)
		if got := a.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" || a.Header.Get("X-Content-Type-Options") != "nosniff" || len(a.Header["Set-Cookie"]) > 0 {
			t.Errorf("%s: %v", path, a.Header)
		}
	}
	for _, path := range []string{"/.well-known/openid-configuration", "/jwks"} {
		if got := s.ask(t, http.MethodGet, path, "").Header.Get("Cache-Control"); !strings.Contains(got, "max-age") {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
}

// cookiesAndRedirects checks what an answer sets, and how it leads on.
func cookiesAndRedirects(t *testing.T, a stiletest.Answer) {
	t.Helper()
	for _, line := range a.Header["Set-Cookie"] {
		if !binding.MatchString(line) || !strings.Contains(line, "; HttpOnly") || !strings.Contains(line, "; SameSite=Lax") || !strings.Contains(line, "; Path=/") || strings.Contains(line, "Domain=") {
			t.Errorf("%s %s sets %q", a.Method, a.URL, line)
		}
		if strings.HasPrefix(line, "stile-session=") && regexp.MustCompile(`Max-Age=[1-9]|Expires`).MatchString(line) && !strings.Contains(line, "Max-Age=0") {
			t.Errorf("the session outlives the browser: %q", line)
		}
	}
	if a.Status/100 == 3 && a.Status != http.StatusSeeOther && (a.Method == http.MethodPost || a.Status > 303) {
		t.Errorf("%s %s: redirect with %d", a.Method, a.URL, a.Status)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s: Cache-Control %q", a.Method, a.URL, a.Header.Get("Cache-Control"))
	}
}
