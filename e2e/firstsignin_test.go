package e2e

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"stile/stiletest"
)

// People of the demo.
const (
	agent  = "agent@example.com"
	member = "member@sales.example"
)

// visit is what the tests of the sign-in do on each screen they come to.
type visit func(name string)

// look takes pictures and checks accessibility.
func (c *chrome) look(name string) {
	c.t.Helper()
	c.picture(name)
	c.accessible()
}

// password answers the first screen.
func (c *chrome) password(who person) {
	c.t.Helper()
	c.screen("sign-in")
	c.fill("email", who.Email)
	c.fill("password", who.Password)
	c.submit()
}

// signInAndEnrol walks from the sign-in screen to the end of the code prompt
// and returns the authenticator.
func (c *chrome) signInAndEnrol(s *system, who person, on visit) *stiletest.Authenticator {
	c.t.Helper()
	c.screen("sign-in")
	on("1-sign-in")
	c.password(who)
	app := c.enrol(s, who, on)
	c.screen("enter-code")
	on("8-enter-code-first")
	c.fill("code", app.Code())
	c.submit()
	return app
}

// enrol walks through screens 2 to 7, typing the key as a person would.
func (c *chrome) enrol(s *system, who person, on visit) *stiletest.Authenticator {
	c.t.Helper()
	c.screen("two-step-introduction")
	on("2-two-step-introduction")
	sent := len(s.mails(c.t, who.Email, "Email Verification", 0))
	c.submit()
	c.screen("verify-email")
	on("3-verify-email")
	c.fill("code", s.codeByMail(c.t, who.Email, sent))
	c.submit()
	c.screen("install-app")
	on("4-install-app")
	c.submit()
	c.screen("connect-device")
	on("5-connect-device")
	app := s.newAuthenticator(c.t, c.key())
	c.submit()
	c.screen("setup-code")
	on("6-setup-code")
	c.fill("code", app.Code())
	c.submit()
	c.screen("done")
	on("7-done")
	do(c, "tick that the codes are kept", chromedp.Click(chromedp.CSS(`[name="kept"]`)))
	c.submit()
	return app
}

// key reads the key as it is written out, in groups.
func (c *chrome) key() string { return strings.Join(strings.Fields(c.text("main code")), "") }

// session returns the claims of the console's session in this browser.
func (c *chrome) session(s *system) stiletest.Claims {
	c.t.Helper()
	c.open(s.Console + "/session")
	var claims stiletest.Claims
	if err := json.Unmarshal([]byte(c.text("body")), &claims); err != nil {
		c.t.Fatalf("%v in %s", err, c.text("body"))
	}
	return claims
}

// The main job: from the console to a token with amr pwd, otp, mfa, through
// every screen in order, with a picture of each.
func TestFirstSignIn(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	c := startChrome(t, desktop)
	c.open(s.Console)
	c.press("Sign in")

	app := c.signInAndEnrol(s, s.demoUser(t, agent), func(name string) {
		c.look(name)
		if name == "5-connect-device" {
			c.scan()
		}
	})
	if got := c.text("h1"); !strings.Contains(got, "Hello") {
		t.Fatalf("not back at the console: %s", got)
	}
	c.look("console")
	wantMFA(t, c.session(s))
	if got := s.mails(t, agent, "authenticator", 1); len(got) == 0 {
		t.Error("no mail tells of the new authenticator")
	}

	// Later: signed out, and in again with a code.
	c.open(s.Console)
	c.press("Sign out")
	c.press("Sign in")
	c.password(s.demoUser(t, agent))
	c.screen("enter-code")
	c.look("8-enter-code")
	c.fill("code", app.At(app.Last()))
	c.submit()
	c.screen("enter-code")
	c.look("8-enter-code-spent")
	c.fill("code", app.Code())
	c.submit()
	wantMFA(t, c.session(s))
}

// scan reads the QR code on the page with another program, which must find the
// URI of the link beside it.
func (c *chrome) scan() {
	c.t.Helper()
	scanned, err := exec.Command("zbarimg", "--raw", "-q", c.elementPicture("main svg")).Output()
	if err != nil {
		c.t.Fatalf("zbarimg: %v", err)
	}
	if uri := c.attribute(`main a[href^="otpauth:"]`, "href"); strings.TrimSpace(string(scanned)) != uri {
		c.t.Errorf("the QR code says %s, the link %s", scanned, uri)
	}
}

// The same with the scripts of pages turned off, on a phone.
func TestFirstSignInWithoutScripts(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	c := startChrome(t, phone)
	c.withoutScripts()
	c.open(s.Console)
	c.press("Sign in")
	c.signInAndEnrol(s, s.demoUser(t, agent), func(name string) { c.picture("noscript-" + name) })
	wantMFA(t, c.session(s))
}

// A program that is not a browser finds its way by the marks of the pages; a
// one-time code generator that nobody here wrote agrees with the codes.
func TestFirstSignInByAProgram(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	w := newWalker(t, s, s.demoUser(t, agent))
	w.Open(s.Console)
	w.Press("Sign in")
	w.password()
	w.connect()
	code, err := exec.Command("oathtool", "--totp", "--base32", w.app.Key()).Output()
	if err != nil {
		t.Fatalf("oathtool: %v", err)
	}
	w.app.Spend(strings.TrimSpace(string(code)))
	w.Submit(map[string]string{"code": strings.TrimSpace(string(code))})
	w.keep()
	w.code()
	wantMFA(t, w.console())
}
