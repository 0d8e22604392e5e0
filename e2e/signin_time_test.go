package e2e

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What takes time: a pending sign-in that is left alone, and messages that may
// be sent again.
func TestSignInOverTime(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	account := s.newAccount(t, "required")

	t.Run("K11 an enrolment that was broken off begins again", func(t *testing.T) {
		who := s.newPerson(t, account)
		for _, last := range []string{"two-step-introduction", "verify-email", "install-app", "connect-device", "setup-code"} {
			w := newWalker(t, s, who)
			w.Open(rp.Begin().URL)
			w.password()
			w.connectUntil(last)
			s.clock.Move(15 * time.Minute) // five messages an hour
		}
		w := newWalker(t, s, who)
		wantMFA(t, w.tokens(rp).Claims)
	})
	t.Run("J03 the newest code counts", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, account))
		w.Open(rp.Begin().URL)
		w.password()
		w.want("two-step-introduction")
		w.Submit(nil)
		older := s.codeByMail(t, w.who.Email, 0)
		page := w.Press("Send the email again")
		w.want("verify-email")
		if page.Status != http.StatusTooManyRequests || page.Header.Get("Retry-After") == "" || !regexp.MustCompile(`Wait until \d\d:\d\d UTC ?, then send it again`).MatchString(page.Text()) {
			t.Errorf("at once: Retry-After %q, %s", page.Header.Get("Retry-After"), page)
		}
		s.clock.Move(31 * time.Second)
		w.Press("Send the email again")
		if !strings.Contains(w.Page().Text(), "We sent a new message at") {
			t.Errorf("after half a minute: %s", w.Page())
		}
		newest := s.codeByMail(t, w.who.Email, 1)
		if older == newest {
			t.Skip("one in a million: both codes are the same")
		}
		w.Submit(map[string]string{"code": older})
		w.wantProblem("verify-email", "That is not the code we sent last.")
		w.Submit(map[string]string{"code": newest})
		w.want("install-app")
		if !strings.Contains(w.Page().Text(), "Your e-mail address is verified.") {
			t.Errorf("the right code is not confirmed: %s", w.Page())
		}
	})
	t.Run("G04 left alone, it begins again and ends in the same application", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, account))
		w.tokens(rp)
		w = w.elsewhere()
		attempt := rp.Begin()
		w.Open(attempt.URL)
		w.password()
		w.want("enter-code")
		s.clock.Move(11 * time.Minute)
		w.Submit(map[string]string{"code": w.app.Code()})
		w.want("sign-in")
		w.goOn()
		wantMFA(t, rp.Redeem(attempt, w.Page().URL).Claims)
	})
	t.Run("A05 after an hour it is over", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, account))
		w.Open(rp.Begin().URL)
		w.password()
		s.clock.Move(61 * time.Minute)
		page := w.Submit(nil)
		if page.Screen() != "error" || page.Status != http.StatusGone || !strings.Contains(page.Text(), "This sign-in is over.") || len(page.Links(strings.TrimSuffix(rp.URL, "/callback")+"/start")) != 1 {
			t.Errorf("after an hour: %s, links %q", page, page.Links(""))
		}
	})
	t.Run("a key that was offered for too long is another one", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, account))
		w.Open(rp.Begin().URL)
		w.password()
		w.connect()
		first := w.app.Key()
		s.clock.Move(25 * time.Minute)
		w.Open(w.Page().URL.String())
		w.Press("I need more time") // scripts show this button two minutes before the end
		w.want("setup-code")
		s.clock.Move(6 * time.Minute)
		w.Submit(map[string]string{"code": w.app.Code()})
		w.want("install-app")
		if !strings.Contains(w.Page().Text(), "The earlier key no longer works. Remove it from your app.") {
			t.Errorf("nothing says that the earlier key no longer works: %s", w.Page())
		}
		w.Submit(nil)
		w.want("connect-device")
		if w.key() == first {
			t.Error("the key is still the same after 32 minutes")
		}
	})
}
