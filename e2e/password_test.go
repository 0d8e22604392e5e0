package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

var resetLink = regexp.MustCompile(`(?m)^http://localhost:[0-9]+/reset-password\?token=stm_[A-Za-z0-9_-]{43}$`)

// resetLink returns the link of the newest message about a new password.
func (s *system) resetLink(t testing.TB, to string) string {
	t.Helper()
	link := resetLink.FindString(s.mails(t, to, "Choose a new password", 1)[0].Text)
	if link == "" {
		t.Fatal("the message has no link")
	}
	return link
}

// A new password without the old one, and with it, without a script.
func TestNewPasswords(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	account := s.newAccount(t, "required")
	home := s.Issuer + "/account"
	const next = "quite another password"

	t.Run("I07 L02 forgotten, in the middle of a client's request: the second factor is asked for, and the client reached", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, account))
		rp := s.console(t)
		w.signIn(rp.Begin().URL)
		app := w.app
		w = w.elsewhere()
		attempt := rp.Begin()
		w.Open(attempt.URL)
		w.Open(s.Issuer + w.Page().Links("/forgot-password")[0])
		w.want("forgot-password")
		w.Submit(map[string]string{"email": w.who.Email})
		w.want("forgot-password")
		w.Open(s.resetLink(t, w.who.Email))
		w.want("message-link")
		w.Submit(nil)
		w.Submit(map[string]string{"new-password": next})
		w.want("sign-in")
		w.Submit(map[string]string{"password": next})
		w.want("enter-code")
		s.clock.Move(time.Minute)
		w.Submit(map[string]string{"code": app.Code()})
		if w.Page().URL.Query().Get("code") == "" {
			t.Fatalf("not back at the client: %s", w.Page())
		}
		s.mails(t, w.who.Email, "Your password was changed", 1)
	})

	t.Run("G01 changed in My Account: this browser goes on, all others end", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, account))
		w.Open(home)
		w.password()
		w.enrol()
		w.code()
		s.clock.Move(time.Minute)
		other := w.elsewhere()
		other.Open(home)
		other.password()
		other.code()
		other.want("account")
		s.clock.Move(11 * time.Minute)
		w.Open(s.Issuer + "/.well-known/change-password")
		w.want("sign-in") // fresh proofs
		w.password()
		w.code()
		w.want("account-password")
		w.Submit(map[string]string{"new-password": "short"})
		w.wantProblem("account-password", "Use at least 8 characters.")
		before := w.Cookies(s.Issuer)
		w.Submit(map[string]string{"new-password": next})
		w.want("account")
		if !strings.Contains(w.Page().Text(), "Your password is changed.") {
			t.Errorf("not said: %s", w.Page())
		}
		for _, c := range w.Cookies(s.Issuer) {
			for _, old := range before {
				if c.Name == "stile-session" && old.Name == c.Name && old.Value == c.Value {
					t.Error("the cookie is the one it was")
				}
			}
		}
		other.Open(home)
		other.want("sign-in")
		w.Open(home)
		w.want("account")
		wantMFA(t, w.tokens(s.console(t)).Claims)
		s.mails(t, w.who.Email, "Your password was changed", 1)
	})

	t.Run("the well-known address leads everybody to the page", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, account))
		w.Open(s.Issuer + "/.well-known/change-password")
		w.want("sign-in")
	})
}

// The same pages in a real browser, with a look at every state.
func TestScreensOfNewPasswords(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	who := s.newPerson(t, s.newAccount(t, "required"))
	c := startChrome(t, phone)
	c.open(s.Issuer + "/account")
	c.signInAndEnrol(s, who, func(string) {})
	c.screen("account")
	c.inspect("account-with-password")
	c.press("Change password")
	c.screen("account-password")
	c.inspect("account-password")
	c.refused("new-password", "password", "account-password", "account-password-common")
	c.open(s.Issuer + "/forgot-password")
	c.screen("forgot-password")
	c.inspect("forgot-password")
	c.refused("email", "nobody", "forgot-password", "forgot-password-form")
	c.fill("email", who.Email)
	c.submit()
	c.inspect("forgot-password-sent")
	link := s.resetLink(t, who.Email)
	c.open(link)
	c.screen("message-link")
	c.inspect("message-link-reset")
	c.submit()
	c.screen("new-password")
	c.inspect("new-password-reset")
	c.fill("new-password", "quite another password")
	c.submit()
	c.screen("sign-in")
	c.inspect("sign-in-after-reset")
	c.open(link)
	c.screen("error")
	c.inspect("error-link")
	c.press("Send a new one")
	c.screen("forgot-password")
}
