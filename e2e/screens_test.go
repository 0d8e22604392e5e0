package e2e

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stile/stiletest"
)

// The tests in this file come to every state of every screen, keep pictures of
// it on a phone and on a desktop, in light and dark, and hold it to the rules of
// accessibility.

// inspect looks at the state of a screen from all sides.
func (c *chrome) inspect(name string) {
	c.t.Helper()
	before := c.size
	for _, s := range []size{phone, desktop} {
		c.resize(s)
		c.picture(name) // ends in light
		if s == phone {
			c.scheme("dark")
		}
		c.accessible()
	}
	c.resize(narrow)
	if over := evaluate[int](c, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
		c.t.Errorf("%s: %d pixels wider than a window of %d", name, over, narrow.width)
	}
	c.resize(before)
}

// refused sends a code that is wrong, and inspects what comes.
func (c *chrome) refused(field, value, screen, name string) {
	c.t.Helper()
	c.fill(field, value)
	c.submit()
	c.screen(screen)
	do(c, "wait for the summary to have the focus", chromedp.WaitReady(chromedp.CSS(".summary:focus")))
	if name != "" {
		c.inspect(name)
	}
}

// console registers a client that looks like one of the vendor's own and returns
// a relying party that uses it.
func (s *system) console(t testing.TB) *stiletest.RP {
	t.Helper()
	callback := stiletest.CallbackServer(t)
	home := strings.TrimSuffix(callback, "/callback")
	return s.rp(t, s.newClient(t, map[string]any{
		"client_name": "Acme Console", "redirect_uris": []string{callback}, "client_uri": home, "initiate_login_uri": home + "/start",
		"post_logout_redirect_uris": []string{home + "/"},
		"grant_types":               []string{"authorization_code", "refresh_token"}, "scope": "openid profile email offline_access",
	}), callback)
}

func TestScreensOfEnrolment(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	who := s.newPerson(t, s.newAccount(t, "required"))
	c := startChrome(t, phone)

	c.open(rp.Begin("login_hint", who.Email).URL)
	c.screen("sign-in")
	c.inspect("1-sign-in-hint")
	c.submit()
	c.inspect("1-sign-in-empty-password")
	c.refused("email", "pat", "sign-in", "1-sign-in-form")
	c.fill("password", "wrong horse battery")
	c.refused("email", "pat@example.com", "sign-in", "1-sign-in-mismatch")
	for range 10 {
		c.fill("password", "wrong horse battery")
		c.refused("email", "pat@example.com", "sign-in", "")
	}
	c.inspect("1-sign-in-too-many")

	c.password(who)
	c.screen("two-step-introduction")
	c.inspect("2-two-step-introduction")
	c.submit()
	c.screen("verify-email")
	c.inspect("3-verify-email")
	c.submit()
	c.inspect("3-verify-email-empty")
	c.refused("code", "12 34", "verify-email", "3-verify-email-form")
	c.refused("code", "000000", "verify-email", "3-verify-email-wrong")
	c.press("Send the email again")
	c.inspect("3-verify-email-wait")
	s.clock.Move(31 * time.Second)
	c.press("Send the email again")
	c.inspect("3-verify-email-sent-again")
	do(c, "open the details", chromedp.Click(chromedp.CSS("main details summary")))
	c.inspect("3-verify-email-cannot")
	for range 4 {
		c.refused("code", "000000", "verify-email", "")
	}
	c.refused("code", "000000", "verify-email", "3-verify-email-tries")
	for range 3 {
		s.clock.Move(31 * time.Second)
		c.press("Send the email again")
	}
	s.clock.Move(31 * time.Second)
	c.press("Send the email again")
	c.inspect("3-verify-email-limit")
	s.clock.Move(11 * time.Minute)
	c.refused("code", "000000", "verify-email", "3-verify-email-old")
	s.clock.Move(50 * time.Minute)
	c.reload()
	c.screen("error")
	c.inspect("error-over")

	c.open(rp.Begin().URL)
	c.password(who)
	c.submit()
	c.screen("verify-email")
	c.fill("code", codeFrom(t, s.mails(t, who.Email, "Email Verification", 6)[0]))
	c.submit()
	c.screen("install-app")
	c.inspect("4-install-app")
	c.submit()
	c.screen("connect-device")
	c.inspect("5-connect-device")
	c.press("Start over with a new key")
	c.screen("connect-device")
	c.inspect("5-connect-device-new-key")
	app := s.newAuthenticator(t, c.key())
	c.submit()
	c.screen("setup-code")
	c.inspect("6-setup-code")
	c.refused("code", "000000", "setup-code", "6-setup-code-wrong")
	c.refused("code", "000000", "setup-code", "")
	c.refused("code", "000000", "setup-code", "6-setup-code-wrong-again")
	c.fill("code", app.Code())
	c.submit()
	c.screen("done")
	c.inspect("7-done")
	c.submit()
	c.screen("done")
	c.inspect("7-done-reminder")
	c.submit()
	c.screen("enter-code")
	c.inspect("8-enter-code-first")
	c.fill("code", app.Code())
	c.submit()
	c.screen("client")
	c.back()
	c.inspect("finished")
}

func TestScreensOfTheCode(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	w.Open(rp.Begin().URL)
	w.password()
	w.connect()
	w.Submit(map[string]string{"code": w.app.Code()})
	codes := w.Page().Texts("li")
	w.keep()
	w.code()

	c := startChrome(t, phone)
	c.open(rp.Begin().URL)
	c.password(w.who)
	c.screen("enter-code")
	c.inspect("8-enter-code")
	c.submit()
	c.inspect("8-enter-code-empty")
	c.refused("code", "12345", "enter-code", "8-enter-code-form")
	c.refused("code", "000000", "enter-code", "8-enter-code-wrong")
	c.refused("code", w.app.At(w.app.Last()), "enter-code", "8-enter-code-spent")
	c.refused("code", "000000", "enter-code", "8-enter-code-wrong-again")
	for range 3 {
		c.refused("code", "000000", "enter-code", "")
	}
	c.refused("code", "000000", "enter-code", "8-enter-code-too-many")

	c.press("Use a recovery code")
	c.screen("recovery-code")
	c.inspect("8b-recovery-code")
	c.refused("recovery", "abc", "recovery-code", "8b-recovery-code-form")
	c.refused("recovery", "0000-0000-0000-0000", "recovery-code", "8b-recovery-code-wrong")
	c.fill("recovery", recoveryCodes(t, codes)[0])
	c.submit()
	c.screen("two-step-introduction")
	c.inspect("2-two-step-introduction-recovery")
	c.press("Not now")
	c.screen("client")

	// Asked again, and for another device.
	c.open(rp.Begin("prompt", "login").URL)
	c.screen("sign-in")
	c.inspect("1-sign-in-again")
	c.fill("password", w.who.Password)
	c.submit()
	c.screen("enter-code")
	s.clock.Move(25 * time.Hour) // the pause is over; and too old for this sign-in
	c.reload()
	c.screen("error")
	c.open(rp.Begin().URL)
	c.password(w.who)
	c.press("Set up a new mobile device")
	c.screen("two-step-introduction")
	c.inspect("2-two-step-introduction-replace")
	c.submit()
	c.fill("code", s.codeByMail(t, w.who.Email, 1))
	c.submit()
	c.screen("install-app")
	c.submit()
	app := s.newAuthenticator(t, c.key())
	c.submit()
	c.fill("code", app.Code())
	c.submit()
	c.screen("done")
	c.inspect("7-done-replaced")
	c.submit()
	c.submit()
	c.fill("code", app.Code())
	c.submit()
	c.screen("client")

	// An account that asks for no code, and a client that does.
	easy := newWalker(t, s, s.newPerson(t, s.newAccount(t, "optional")))
	c = startChrome(t, phone)
	c.open(rp.Begin().URL)
	c.password(easy.who)
	c.screen("client")
	c.open(rp.Begin("acr_values", "urn:stile:acr:mfa").URL)
	c.screen("two-step-introduction")
	c.inspect("2-two-step-introduction-client")
	app = c.enrol(s, easy.who, func(string) {})
	c.fill("code", app.Code())
	c.submit()
	c.screen("client")
	s.clock.Move(10 * time.Minute)
	c.open(rp.Begin("acr_values", "urn:stile:acr:mfa", "max_age", "60").URL)
	c.fill("password", easy.who.Password)
	c.submit()
	c.screen("enter-code")
	c.inspect("8-enter-code-max-age")
}

// recoveryCodes finds the codes among the items of the page's lists.
func recoveryCodes(t testing.TB, items []string) (codes []string) {
	t.Helper()
	for _, item := range items {
		if len(item) == 19 && strings.Count(item, "-") == 3 {
			codes = append(codes, item)
		}
	}
	if len(codes) != 10 {
		t.Fatalf("%d recovery codes in %q, want 10", len(codes), items)
	}
	return codes
}

func TestScreensAroundTheSignIn(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	callback := stiletest.CallbackServer(t)
	tool := s.rp(t, s.newClient(t, map[string]any{
		"client_name": "Grapher", "redirect_uris": []string{callback}, "client_uri": "https://grapher.example/",
		"policy_uri": "https://grapher.example/privacy", "tos_uri": "https://grapher.example/terms",
		"grant_types": []string{"authorization_code", "refresh_token"}, "scope": "openid profile email offline_access",
	}, "--third-party"), callback, "openid", "profile", "email")
	who := s.newPerson(t, s.newAccount(t, "optional"))
	c := startChrome(t, phone)

	c.open(rp.Begin().URL)
	c.password(who)
	c.screen("client")
	c.open(tool.Begin().URL)
	c.screen("consent")
	c.inspect("consent")
	c.submit()
	c.screen("client")
	c.open(tool.Begin("scope", "openid profile email offline_access").URL)
	c.screen("consent")
	c.inspect("consent-more")

	c.withoutScripts()
	c.open(rp.Begin("response_mode", "form_post").URL)
	c.screen("form-post")
	c.picture("form-post")
	c.withScripts()

	end := s.Issuer + "/end_session"
	c.open(end)
	c.screen("sign-out")
	c.inspect("sign-out")
	c.press("Sign out")
	c.screen("signed-out")
	c.inspect("signed-out")

	for name, address := range map[string]string{
		"error-client":       s.Issuer + "/authorize?response_type=code&client_id=nobody&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&scope=openid",
		"error-redirect-uri": strings.Replace(rp.Begin().URL, url.QueryEscape("/callback"), url.QueryEscape("/callbacks"), 1),
		"error-not-found":    s.Issuer + "/nothing",
		"error-request":      s.Issuer + "/authorize?client_id=a&client_id=b",
		"error-unknown-flow": s.Issuer + "/login/enter-code?r=abc",
	} {
		c.open(address)
		c.screen("error")
		if strings.Contains(address, "/authorize") {
			do(c, "open the details", chromedp.Click(chromedp.CSS("main details summary")))
		}
		c.inspect(name)
	}
}
