package e2e

import (
	"net/url"
	"strings"
	"testing"

	"stile/stiletest"
)

// otherBrowser opens a half-done sign-in elsewhere.
func otherBrowser(t *testing.T, s *system) {
	who := s.newPerson(t, s.newAccount(t, "required"))
	w := newWalker(t, s, who)
	w.Open(s.console(t).Begin().URL)
	w.password()
	w.connect()
	here := w.Page().URL.String()

	stranger := newWalker(t, s, who)
	stranger.Open(here)
	stranger.want("sign-in")
	if strings.Contains(stranger.Page().Body, who.Email) {
		t.Error("the page tells a stranger's browser who was signing in")
	}
	fields := w.Page().Fields()
	fields.Set("code", w.app.Code())
	if p := stranger.Send(here, fields); p.Screen() != "error" && p.Screen() != "sign-in" {
		t.Errorf("a form of one browser sent by another: %s", p)
	}
	w.Open(here)
	w.want("setup-code") // and the first browser goes on
}

// twoEnrolments starts to enrol in two tabs; the first that is confirmed counts.
func twoEnrolments(t *testing.T, s *system) {
	rp := s.console(t)
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	first := rp.Begin()
	w.Open(first.URL)
	w.password()
	w.connect()
	here := w.Page().URL.String()

	other := w.elsewhere()
	other.app = nil
	other.Open(rp.Begin().URL)
	other.password()
	other.want("two-step-introduction")
	there := other.Page().URL.String()

	w.Open(here)
	w.Submit(map[string]string{"code": w.app.Code()})
	w.keep()
	w.code()
	wantMFA(t, rp.Redeem(first, w.Page().URL).Claims)

	other.app = w.app
	other.Open(there) // begins again, since an authenticator was connected meanwhile
	if !strings.Contains(other.Page().Text(), "in the meantime") {
		t.Errorf("the other browser doesn't say what happened: %s", other.Page())
	}
	for other.Page().Screen() == "sign-in" {
		other.password()
	}
	other.code()
	if p := other.Page(); p.Screen() != "client" {
		t.Errorf("the other browser ends at %s", p)
	}
}

// twoTabs signs in to two applications in two tabs of one browser.
func twoTabs(t *testing.T, s *system) {
	a, b := s.console(t), s.console(t)
	who := s.newPerson(t, s.newAccount(t, "required"))
	one := startChrome(t, desktop)
	two := one.otherTab()
	first, second := a.Begin(), b.Begin()
	one.open(first.URL)
	two.open(second.URL)
	one.screen("sign-in")
	two.screen("sign-in")
	two.fill("email", who.Email)
	two.fill("password", who.Password)

	one.password(who)
	app := one.enrol(s, who, func(string) {})
	one.fill("code", app.Code())
	one.submit()
	one.screen("client")
	two.submit() // the session is there: nothing more is asked
	two.screen("client")
	for _, end := range []struct {
		rp      *stiletest.RP
		attempt stiletest.Attempt
		tab     *chrome
	}{{a, first, one}, {b, second, two}} {
		at, err := url.Parse(end.tab.location())
		if err != nil {
			t.Fatal(err)
		}
		if at.Scheme+"://"+at.Host+at.Path != end.rp.URL {
			t.Errorf("a tab ended at %s, want %s", at, end.rp.URL)
		}
		wantMFA(t, end.rp.Redeem(end.attempt, at).Claims)
	}
}

// finishedIsOver goes back to the screens of a sign-in that has had its end.
func finishedIsOver(t *testing.T, s *system) {
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	rp := s.console(t)
	w.Open(rp.Begin().URL)
	w.password()
	w.connect()
	setup := w.Page().URL.String()
	w.Submit(map[string]string{"code": w.app.Code()})
	codes := recoveryCodes(t, w.Page().Texts("li"))
	w.keep()
	w.code()
	for _, screen := range []string{"sign-in", "connect-device", "setup-code", "done", "enter-code", "recovery-code", "recovery-codes.txt"} {
		p := w.Open(strings.Replace(setup, "setup-code", screen, 1))
		if p.Screen() != "finished" && p.Screen() != "error" {
			t.Errorf("%s afterwards: %s", screen, p)
		}
		if strings.Contains(p.Body, w.app.Key()) || strings.Contains(p.Body, codes[0]) { // K06
			t.Errorf("%s afterwards shows the key or recovery codes", screen)
		}
	}
}
