package e2e

import (
	"strings"
	"testing"
	"time"
)

// My Account, "Sessions & apps" and "Sign-in history".
func TestMyAccountSessions(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	account := s.newAccount(t, "optional")
	home := s.Issuer + "/account"
	console := s.console(t)

	t.Run("one browser, one app, everywhere else", func(t *testing.T) {
		who := s.newPerson(t, account)
		here, there, third := newWalker(t, s, who), newWalker(t, s, who), newWalker(t, s, who)
		there.signIn(home)
		third.signIn(home)
		tokens := here.tokens(console)
		here.Open(home + "/sessions")
		here.want("account-sessions")
		if text := here.Page().Text(); strings.Count(text, "Password") < 3 || !strings.Contains(text, "This browser") {
			t.Fatalf("three sessions: %s", here.Page())
		}
		signedIn := func() (n int) {
			for _, w := range []*walker{there, third} {
				if w.Open(home); w.Page().Screen() == "account" {
					n++
				}
			}
			return n
		}
		here.Press("Sign out Go-http-client")
		if n := signedIn(); n != 1 || !strings.Contains(here.Page().Text(), "Signed out there.") {
			t.Errorf("one signed out of two: %d are left; %s", n, here.Page())
		}
		here.Press("Sign out Acme Console")
		if _, err := console.Refresh(tokens.RefreshToken); err == nil {
			t.Error("an app that was signed out refreshes")
		}
		s.clock.Move(11 * time.Minute)
		here.Press("Sign out everywhere else")
		here.want("sign-in")
		here.password()
		here.want("account-sessions")
		here.Press("Sign out everywhere else")
		here.want("account-sessions")
		if n := signedIn(); n != 0 {
			t.Errorf("%d other browsers are still signed in", n)
		}
	})

	t.Run("why was I not asked?", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, account))
		w.Open(home + "/activity")
		w.Submit(map[string]string{"email": w.who.Email, "password": "not this one"})
		w.password()
		w.want("account-activity")
		w.tokens(console)
		w.Open(home + "/activity")
		for _, says := range []string{"The password was wrong.", "No code was asked for: neither your organisation nor you require one.", "Acme Console"} {
			if !strings.Contains(w.Page().Text(), says) {
				t.Errorf("the history doesn't say %q: %s", says, w.Page())
			}
		}
	})

	t.Run("that was not me: everybody else is out, and the password is next", func(t *testing.T) {
		who := s.newPerson(t, account)
		thief, w := newWalker(t, s, who), newWalker(t, s, who)
		thief.signIn(home)
		w.signIn(home + "/activity")
		w.Press("That was not me")
		w.want("account-password")
		if thief.Open(home); thief.Page().Screen() != "sign-in" {
			t.Errorf("the other browser is still in: %s", thief.Page())
		}
	})

	t.Run("pictures", func(t *testing.T) {
		who := s.newPerson(t, account)
		newWalker(t, s, who).tokens(console)
		c := startChrome(t, phone)
		c.open(home + "/sessions")
		c.password(who)
		c.screen("account-sessions")
		c.inspect("account-sessions")
		c.open(home + "/activity")
		c.screen("account-activity")
		c.inspect("account-activity")
	})
}
