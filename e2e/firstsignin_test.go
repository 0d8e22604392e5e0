package e2e

import (
	"encoding/json"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stile/stiletest"
)

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

// signInAndEnrol walks from the sign-in screen to the end of the code prompt,
// typing the key as a person would or scanning the QR code, and returns the
// authenticator.
func (c *chrome) signInAndEnrol(s *system, email string, on visit) *stiletest.Authenticator {
	c.t.Helper()
	c.screen("sign-in")
	on("1-sign-in")
	c.fill("email", email)
	c.fill("password", s.password(c.t, email))
	c.submit()
	app := c.enrol(s, email, on)
	c.screen("enter-code")
	on("8-enter-code")
	c.fill("code", app.Code())
	c.submit()
	return app
}

// enrol walks through screens 2 to 7.
func (c *chrome) enrol(s *system, email string, on visit) *stiletest.Authenticator {
	c.t.Helper()
	c.screen("two-step-introduction")
	on("2-two-step-introduction")
	c.submit()
	c.screen("verify-email")
	on("3-verify-email")
	c.fill("code", s.codeByMail(c.t, email, 0))
	c.submit()
	c.screen("install-app")
	on("4-install-app")
	c.submit()
	c.screen("connect-device")
	on("5-connect-device")
	key := c.text("main code")
	c.submit()
	c.screen("setup-code")
	on("6-setup-code")
	app := stiletest.NewAuthenticator(c.t, strings.Join(strings.Fields(key), ""), time.Now)
	c.fill("code", app.Code())
	c.submit()
	c.screen("done")
	on("7-done")
	do(c, "tick that the codes are kept", chromedp.Click(chromedp.CSS(`[name="kept"]`)))
	c.submit()
	return app
}

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

func wantMFA(t *testing.T, c stiletest.Claims) {
	t.Helper()
	slices.Sort(c.AMR)
	if !slices.Equal(c.AMR, []string{"mfa", "otp", "pwd"}) || c.ACR != "urn:stile:acr:mfa" || c.AuthTime == 0 {
		t.Errorf("claims %+v: want amr pwd, otp, mfa and the multi-factor acr", c)
	}
}

// The main job: from the console to a token with amr pwd, otp, mfa, through
// every screen in order, with a picture of each.
func TestFirstSignIn(t *testing.T) {
	s := startDemo(t)
	c := startChrome(t, desktop)
	c.open(s.Console)
	c.press("Sign in")

	var qr string
	app := c.signInAndEnrol(s, agent, func(name string) {
		c.look(name)
		if name == "5-connect-device" {
			qr = c.elementPicture("main svg")
			scanned, err := exec.Command("zbarimg", "--raw", "-q", qr).Output()
			if err != nil {
				t.Fatalf("zbarimg: %v", err)
			}
			if uri := c.attribute(`main a[href^="otpauth:"]`, "href"); strings.TrimSpace(string(scanned)) != uri {
				t.Errorf("the QR code says %s, the link %s", scanned, uri)
			}
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
	c.screen("sign-in")
	c.fill("email", agent)
	c.fill("password", s.password(t, agent))
	c.submit()
	c.screen("enter-code")
	spent := app.At(app.Last())
	c.fill("code", spent)
	c.submit()
	c.screen("enter-code")
	c.look("8-enter-code-spent")
	c.fill("code", app.Code())
	c.submit()
	wantMFA(t, c.session(s))
}

// The same with the scripts of pages turned off.
func TestFirstSignInWithoutScripts(t *testing.T) {
	s := startDemo(t)
	c := startChrome(t, phone)
	c.withoutScripts()
	c.open(s.Console)
	c.press("Sign in")
	c.signInAndEnrol(s, agent, func(name string) { c.picture("noscript-" + name) })
	wantMFA(t, c.session(s))
}

// A program that is not a browser finds its way by the marks of the pages.
func TestFirstSignInByAProgram(t *testing.T) {
	s := startDemo(t)
	b := stiletest.NewBrowser(t)
	b.Open(s.Console)
	b.Press("Sign in")
	programSignIn(t, s, b, agent)
	var claims stiletest.Claims
	if err := json.Unmarshal([]byte(b.Open(s.Console+"/session").Body), &claims); err != nil {
		t.Fatal(err)
	}
	wantMFA(t, claims)
}

// programSignIn walks a browser without JavaScript from the sign-in screen
// through enrolment and the code prompt.
func programSignIn(t *testing.T, s *system, b *stiletest.Browser, email string) *stiletest.Authenticator {
	t.Helper()
	want := func(screen string) {
		t.Helper()
		if b.Page().Screen() != screen {
			t.Fatalf("want screen %s, have %s", screen, b.Page())
		}
	}
	want("sign-in")
	b.Submit(map[string]string{"email": email, "password": s.password(t, email)})
	want("two-step-introduction")
	b.Submit(nil)
	want("verify-email")
	b.Submit(map[string]string{"code": s.codeByMail(t, email, 0)})
	want("install-app")
	b.Submit(nil)
	want("connect-device")
	uri, err := url.Parse(b.Page().Links("otpauth:")[0])
	if err != nil {
		t.Fatal(err)
	}
	app := stiletest.NewAuthenticator(t, uri.Query().Get("secret"), time.Now)
	b.Submit(nil)
	want("setup-code")
	b.Submit(map[string]string{"code": app.Code()})
	want("done")
	b.Submit(nil)
	if b.Page().Screen() == "done" { // the reminder to keep the recovery codes
		b.Submit(nil)
	}
	want("enter-code")
	b.Submit(map[string]string{"code": app.Code()})
	return app
}
