package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// choose presses the button of somebody.
func (w *walker) choose(who person) {
	w.t.Helper()
	for _, text := range w.Page().Texts("button") {
		if strings.Contains(text, who.Email) {
			w.Press(text)
			return
		}
	}
	w.t.Fatalf("%s can't be chosen: %s", who.Email, w.Page())
}

// Two users in one browser: the account chooser, prompt=select_account, and
// switching.
func TestTwoUsersInOneBrowser(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	free, strict := s.newAccount(t, "optional"), s.newAccount(t, "required")
	one, other := s.newPerson(t, free), s.newPerson(t, strict)
	console := s.console(t)
	w := newWalker(t, s, one)
	home := s.Issuer + "/account"

	w.signIn(home)
	w.Press("Switch account")
	w.want("select-account")
	w.Press("Use another account")
	w.want("sign-in")
	w.who = other
	w.goOn()
	w.want("account")
	if !strings.Contains(w.Page().Body, other.Email) {
		t.Fatalf("not the other one: %s", w.Page())
	}

	subject := map[string]string{}
	for _, who := range []person{one, other, one} {
		attempt := console.Begin("prompt", "select_account")
		w.Open(attempt.URL)
		w.want("select-account")
		w.choose(who)
		tokens := console.Redeem(attempt, w.Page().URL)
		if before := subject[who.Email]; before != "" && before != tokens.Claims.Subject {
			t.Errorf("%s is %s and %s", who.Email, before, tokens.Claims.Subject)
		}
		subject[who.Email] = tokens.Claims.Subject
		if who == one {
			wantPassword(t, tokens.Claims)
		} else {
			wantMFA(t, tokens.Claims)
		}
		if w.Open(home); !strings.Contains(w.Page().Body, who.Email) {
			t.Errorf("the chosen one is not the present one: %s", w.Page())
		}
	}
	if subject[one.Email] == subject[other.Email] {
		t.Error("one user is taken for the other")
	}

	t.Run("G05 a choice of a session of another browser is none", func(t *testing.T) {
		stranger := newWalker(t, s, s.newPerson(t, free))
		stranger.signIn(home)
		stranger.Press("Switch account")
		id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(stranger.Page().Body)
		w.Open(home)
		w.Press("Switch account")
		form := w.Page().Fields()
		form.Set("id", id[1])
		w.Send(w.Page().URL.String(), form)
		w.want("select-account")
	})

	t.Run("G04 who has been away too long is not among them", func(t *testing.T) {
		s.clock.Move(90 * time.Minute) // two-step sessions are over after an hour
		attempt := console.Begin("prompt", "select_account")
		w.Open(attempt.URL)
		w.want("select-account")
		if text := w.Page().Text(); strings.Contains(text, other.Email) || !strings.Contains(text, one.Email) {
			t.Errorf("to choose from: %s", w.Page())
		}
	})

	t.Run("nobody to choose: the sign-in", func(t *testing.T) {
		w := newWalker(t, s, one)
		attempt := console.Begin("prompt", "select_account")
		w.Open(attempt.URL)
		w.want("sign-in")
		w.password()
		console.Redeem(attempt, w.Page().URL)
	})

	t.Run("pictures", func(t *testing.T) {
		c := startChrome(t, phone)
		c.open(home)
		c.password(one)
		c.screen("account")
		c.open(s.Issuer + "/account/switch")
		c.screen("select-account")
		c.inspect("0-select-account")
	})
}
