package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stile/stiletest"
)

// each runs tests side by side on one installation.
func each(t *testing.T, s *system, tests map[string]func(*testing.T, *system)) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

func TestSignInBranches(t *testing.T) {
	t.Parallel()
	each(t, startServe(t, ""), map[string]func(*testing.T, *system){
		"I01 one answer for all who do not get in":        neutralAnswer,
		"K09 screens can't be skipped by their URL":       skippedScreens,
		"K09 Back and reload keep the QR code":            keptKey,
		"K05 the setup code is spent":                     setupCodeIsSpent,
		"A05 a sign-in in another browser":                otherBrowser,
		"K10 two tabs enrol side by side":                 twoEnrolments,
		"two tabs end in their own applications":          twoTabs,
		"a finished sign-in is over":                      finishedIsOver,
		"somebody else signs in":                          someoneElse,
		"typed addresses come back, with what was wrong":  wrongForms,
		"codes as people paste them":                      pastedCodes,
		"the address is the same whatever way it's typed": sameAddress,
	})
}

// volatile is what differs from page to page by design.
var volatile = regexp.MustCompile(`(value|href|action|datetime|data-options)="[^"]*"|Reference [A-Z0-9]+|<strong>[A-Z0-9]{12}</strong>|<bdi>[A-Z0-9]+</bdi>|[0-2]\d:[0-5]\d`)

// neutralAnswer compares what an unknown address, a disabled user, a user
// without a password and a wrong password get.
func neutralAnswer(t *testing.T, s *system) {
	account := s.newAccount(t, "required")
	known, disabled := s.newPerson(t, account), s.newPerson(t, account)
	s.stile(t, "", "user", "update", disabled.Email, "--disable")
	passwordless := "nopass" + known.Email[6:]
	s.stile(t, "", "user", "create", "--account", account, "--email", passwordless, "--name", "N", "--no-password")
	rp := s.console(t)

	var first *stiletest.Page
	for _, c := range []struct{ email, password string }{
		{known.Email, "not the right password"},
		{"nobody" + known.Email[6:], "not the right password"},
		{disabled.Email, disabled.Password},
		{disabled.Email, "not the right password"},
		{passwordless, "not the right password"},
	} {
		w := newWalker(t, s, person{})
		w.Open(rp.Begin().URL)
		page := w.Submit(map[string]string{"email": c.email, "password": c.password})
		w.wantProblem("sign-in", "The e-mail address and password do not match.")
		if page.Field("email") != c.email || page.Field("password") != "" {
			t.Errorf("the form holds %q", page.Fields())
		}
		if first == nil {
			first = page
			continue
		}
		if a, b := volatile.ReplaceAllString(first.Body, ""), volatile.ReplaceAllString(page.Body, ""); a != b {
			t.Errorf("%s: the page differs:\n%s\nfrom\n%s", c.email, b, a)
		}
		if a, b := headerNames(first), headerNames(page); a != b || len(first.Header["Set-Cookie"]) != len(page.Header["Set-Cookie"]) {
			t.Errorf("%s: headers %s, want %s", c.email, b, a)
		}
	}
	for _, m := range s.messages(t, known.Email) {
		if !strings.Contains(m.Subject, "asks for two-step verification") { // of the new account
			t.Errorf("mail was sent: %+v", m)
		}
	}
}

func headerNames(p *stiletest.Page) string {
	var names []string
	for name := range p.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// skippedScreens opens and posts to each screen that is not due.
func skippedScreens(t *testing.T, s *system) {
	rp := s.console(t)
	all := []string{"two-step-introduction", "verify-email", "install-app", "connect-device", "setup-code", "done", "enter-code", "recovery-code", "ask-admin"}
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	sealed := func() string { return w.Page().URL.Query().Get("r") }
	skip := func(due string, open ...string) {
		t.Helper()
		r, fields := sealed(), w.Page().Fields()
		for _, screen := range append(all, "sign-in") {
			if screen == due || slices.Contains(open, screen) {
				continue
			}
			address := s.Issuer + "/login/" + screen + "?r=" + url.QueryEscape(r)
			w.Open(address)
			w.want(due)
			fields.Set("code", "123456")
			fields.Set("kept", "yes")
			w.Send(address, fields)
			if at := w.Page().Screen(); at != due && at != "error" { // the token of a form belongs to its screen
				t.Fatalf("posting to %s came to %s", screen, w.Page())
			}
		}
		if p := w.Open(s.Issuer + "/authorize?r=" + url.QueryEscape(r)); p.Screen() != due && p.Screen() != "sign-in" {
			t.Fatalf("going back to /authorize came to %s", p)
		}
		w.Open(s.Issuer + "/login/" + due + "?r=" + url.QueryEscape(r))
		w.want(due)
	}
	w.Open(rp.Begin().URL)
	skip("sign-in")
	w.password()
	skip("two-step-introduction")
	w.Submit(nil)
	skip("verify-email")
	w.Submit(map[string]string{"code": s.codeByMail(t, w.who.Email, 0)})
	skip("install-app")
	w.Submit(nil)
	skip("connect-device", "install-app")
	w.app = s.newAuthenticator(t, w.key())
	w.Submit(nil)
	skip("setup-code", "install-app", "connect-device")
	w.Submit(map[string]string{"code": w.app.Code()})
	skip("done")
	w.keep()
	skip("enter-code", "recovery-code")
	if p := w.Open(rp.Begin("prompt", "none").URL); p.URL.Query().Get("error") != "login_required" {
		t.Errorf("before the last code: %s", p.URL)
	}
}

// keptKey reloads and goes back in Chromium.
func keptKey(t *testing.T, s *system) {
	who := s.newPerson(t, s.newAccount(t, "required"))
	c := startChrome(t, desktop)
	c.open(s.console(t).Begin().URL)
	c.password(who)
	c.screen("two-step-introduction")
	c.reload()
	c.screen("two-step-introduction")
	c.submit()
	c.screen("verify-email")
	c.reload()
	c.screen("verify-email")
	c.fill("code", s.codeByMail(t, who.Email, 0))
	c.submit()
	c.screen("install-app")
	c.submit()
	c.screen("connect-device")
	key := c.key()
	c.reload()
	c.screen("connect-device")
	if c.key() != key {
		t.Error("a reload changed the key")
	}
	c.submit()
	c.screen("setup-code")
	c.back()
	c.screen("connect-device")
	c.scan()
	if c.key() != key {
		t.Error("Back changed the key")
	}
	c.back()
	c.screen("install-app")
	c.back()
	if got := c.text("main"); !strings.Contains(got, "You have already done this") {
		t.Errorf("Back to a step that is done: %s", got)
	}
	c.screen("setup-code") // where the enrolment is
	c.press("Back to the QR code")
	c.screen("connect-device")
	if c.key() != key {
		t.Error("going on changed the key")
	}
	c.submit()
	app := s.newAuthenticator(t, key)
	c.fill("code", app.Code())
	c.submit()
	c.screen("done")
	if got := s.mails(t, who.Email, "Email Verification", 1); len(got) != 1 {
		t.Errorf("%d codes were sent, want 1", len(got))
	}
}

func setupCodeIsSpent(t *testing.T, s *system) {
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	attempt := s.console(t)
	begun := attempt.Begin()
	w.Open(begun.URL)
	w.password()
	w.connect()
	setup := w.app.Code()
	w.Submit(map[string]string{"code": setup})
	w.keep()
	w.want("enter-code")
	if !strings.Contains(w.Page().Text(), "The setup code is spent.") {
		t.Errorf("the page doesn't say that the setup code is spent: %s", w.Page())
	}
	w.Submit(map[string]string{"code": setup})
	w.wantProblem("enter-code", "That code was used already.")
	w.code()
	wantMFA(t, attempt.Redeem(begun, w.Page().URL).Claims)
}

func someoneElse(t *testing.T, s *system) {
	account := s.newAccount(t, "required")
	rp := s.console(t)
	w := newWalker(t, s, s.newPerson(t, account))
	w.tokens(rp)
	attempt := rp.Begin("prompt", "login")
	w.Open(attempt.URL)
	w.password()
	w.want("enter-code")
	w.Press("Sign in as someone else")
	w.want("sign-in")
	other := newWalker(t, s, s.newPerson(t, account))
	other.Browser = w.Browser
	other.goOn()
	if got := rp.Email(rp.Redeem(attempt, other.Page().URL)); got != other.who.Email {
		t.Errorf("signed in as %s, want %s", got, other.who.Email)
	}
}

func wrongForms(t *testing.T, s *system) {
	w := newWalker(t, s, person{})
	for _, c := range []struct{ email, password, says string }{
		{"", "", "Enter your e-mail address"},
		{"", "", "Enter your password"},
		{"pat", "x", "Enter an e-mail address in the form name@example.com"},
		{"pat@example.com", "", "Enter your password"},
		{`"><script>alert(1)</script>@x.example`, "x", "e-mail address"},
	} {
		w.Open(s.console(t).Begin().URL)
		w.Submit(map[string]string{"email": c.email, "password": c.password})
		w.wantProblem("sign-in", c.says)
		if w.Page().Field("email") != c.email || strings.Contains(w.Page().Body, "<script>alert") {
			t.Errorf("%q came back as %q", c.email, w.Page().Field("email"))
		}
	}
}

func pastedCodes(t *testing.T, s *system) {
	rp := s.console(t)
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	w.Open(rp.Begin().URL)
	w.password()
	w.want("two-step-introduction")
	w.Submit(nil)
	for _, form := range []string{"12345", "1234567", "abcdef", "12 34 5x", ""} {
		w.Submit(map[string]string{"code": form})
		w.want("verify-email")
		if w.Page().Status != http.StatusUnprocessableEntity {
			t.Errorf("%q: status %d", form, w.Page().Status)
		}
	}
	code := s.codeByMail(t, w.who.Email, 0)
	w.Submit(map[string]string{"code": " " + code[:3] + "\u00a0\u2013 " + code[3:] + "\u200b"})
	w.want("install-app")
	w.Submit(nil)
	w.app = s.newAuthenticator(t, w.key())
	w.Submit(nil)
	w.Submit(map[string]string{"code": fullWidth(w.app.Code())})
	w.keep()
	w.code()
}

func fullWidth(digits string) string {
	return strings.Map(func(r rune) rune { return r - '0' + '\uff10' }, digits)
}

func sameAddress(t *testing.T, s *system) {
	who := s.newPerson(t, s.newAccount(t, "optional"))
	rp := s.console(t)
	for _, typed := range []string{who.Email, strings.ToUpper(who.Email), "  " + who.Email + " "} {
		w := newWalker(t, s, person{who.Account, typed, who.Password})
		if got := rp.Email(w.tokens(rp)); got != who.Email {
			t.Errorf("%q signed in as %q", typed, got)
		}
	}
}
