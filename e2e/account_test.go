package e2e

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// My Account, "Sign in & security", without a script.
func TestMyAccount(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	required, free := s.newAccount(t, "required"), s.newAccount(t, "optional")
	home := s.Issuer + "/account"
	notice := func(w *walker, says string) {
		t.Helper()
		w.want("account")
		if !strings.Contains(w.Page().Text(), says) {
			t.Fatalf("the page doesn't say %q: %s", says, w.Page())
		}
	}

	t.Run("Enhanced Security: on, asked at every sign-in, off again", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, free))
		w.Open(home)
		w.password()
		notice(w, "It takes about two minutes to set up.")
		w.Press("Turn on")
		w.enrol()
		w.code()
		notice(w, "Enhanced Security is on.")
		s.mails(t, w.who.Email, "Two-step verification is on", 1)
		wantMFA(t, w.tokens(s.console(t)).Claims)

		again := newWalker(t, s, w.who)
		again.app = w.app
		again.Open(home)
		again.password()
		again.want("enter-code")
		again.code()
		notice(again, "At each sign-in you confirm your password with a second step")
		s.clock.Move(11 * time.Minute) // what protects the sign-in takes fresh proofs
		again.Press("Turn off")
		again.want("sign-in")
		again.password()
		again.want("enter-code")
		again.code()
		notice(again, "You have confirmed that it is you.")
		again.Press("Turn off")
		notice(again, "Enhanced Security is off.")
		s.mails(t, w.who.Email, "Two-step verification is off", 1)
	})

	t.Run("L09 a session without the second factor turns nothing off", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, free))
		w.Open(home)
		w.password()
		w.Press("Turn on")
		w.enrol()
		w.code()
		weak := newWalker(t, s, w.who)
		weak.Open(home)
		weak.password()
		weak.want("enter-code")
		weak.Open(home)
		if weak.Page().Screen() == "account" {
			t.Fatal("a password alone opens My Account of somebody who wants two steps")
		}
	})

	t.Run("L09 what the account requires stays on", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, required))
		w.Open(home)
		w.password()
		w.enrol()
		w.code()
		w.want("account")
		if text := w.Page().Text(); !strings.Contains(text, "Required by your organisation") || strings.Contains(text, "Turn off") {
			t.Fatalf("required, yet: %s", w.Page())
		}
		form := w.Page().Fields()
		form.Set("do", "turn-off")
		w.Send(home, form)
		w.want("account-refused")
	})

	t.Run("H04 nobody else makes the page say that something was done", func(t *testing.T) {
		attacker, victim := newWalker(t, s, s.newPerson(t, required)), newWalker(t, s, s.newPerson(t, required))
		for _, w := range []*walker{attacker, victim} {
			w.signIn(home)
		}
		attacker.Press("Reset for a new device")
		attacker.want("sign-in")
		victim.Open(home + "?r=" + url.QueryEscape(attacker.Page().URL.Query().Get("r")))
		victim.want("account")
		if strings.Contains(victim.Page().Text(), "Your new device is connected.") {
			t.Error("a link makes My Account say what is not so")
		}
	})

	t.Run("K08 who replaces a device without the old one is told of, and it can be taken back", func(t *testing.T) {
		account := s.newAccount(t, "required")
		w, boss := newWalker(t, s, s.newPerson(t, account)), s.newPerson(t, account)
		s.stile(t, "", "user", "update", boss.Email, "--role", "admin")
		w.signIn(home)
		s.clock.Move(time.Minute)
		thief := newWalker(t, s, w.who) // has the password and the mailbox
		thief.Open(home)
		thief.password()
		thief.Press("Set up a new mobile device")
		thief.enrol()
		thief.code()
		thief.want("account")

		s.mails(t, boss.Email, "A member connected a new device", 1)
		notice := s.mails(t, w.who.Email, "Your authenticator was replaced", 1)[0]
		link := regexp.MustCompile(`\S+/not-me\?token=\S+`).FindString(notice.Text)
		w.Open(link)
		w.want("not-me")
		if thief.Open(home); thief.Page().Screen() != "account" {
			t.Error("opening the link, as programs do, has changed something")
		}
		w.Submit(nil)
		w.want("not-me-done")
		s.mails(t, boss.Email, "A member says: this wasn’t me", 1)
		if thief.Open(home); thief.Page().Screen() != "sign-in" {
			t.Errorf("the thief is still in: %s", thief.Page())
		}
		thief.password()
		if thief.Page().Screen() == "enter-code" {
			t.Errorf("the thief's device still takes codes: %s", thief.Page())
		}
		w.Open(link)
		w.want("error")
	})

	t.Run("Profile: language and time zone", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, free))
		w.signIn(home + "/profile")
		w.Submit(map[string]string{"time_zone": "Europe/Atlantis"})
		w.wantProblem("account-profile", "Enter a time zone such as Europe/Brussels")
		w.Submit(map[string]string{"time_zone": "Europe/Paris", "language": "fr"})
		w.want("account-profile")
		if text := w.Page().Text(); !strings.Contains(text, "Fuseau horaire") || w.Page().Field("time_zone") != "Europe/Paris" {
			t.Errorf("after the change: %s", w.Page())
		}
	})

	t.Run("M02 new recovery codes are shown once, and the old ones are void", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, required))
		w.Open(home)
		w.password()
		w.connect()
		w.Submit(map[string]string{"code": w.app.Code()})
		old := recoveryCodes(t, w.Page().Texts("li"))
		w.keep()
		w.code()
		s.clock.Move(11 * time.Minute)
		w.Press("Make new codes")
		w.want("sign-in") // fresh proofs
		w.password()
		w.code()
		notice(w, "You have confirmed that it is you.")
		w.Press("Make new codes")
		w.want("account-recovery-codes")
		codes := recoveryCodes(t, w.Page().Texts("li"))
		w.Press("Download")
		if p := w.Page(); !strings.HasPrefix(p.Header.Get("Content-Type"), "text/plain") || !strings.Contains(p.Body, codes[9]) {
			t.Errorf("the file: %v %s", p.Header, p.Body)
		}
		s.mails(t, w.who.Email, "New recovery codes were made", 1)
		if w.Open(home); strings.Contains(w.Page().Body, codes[0]) {
			t.Error("the codes are shown again")
		}
		again := newWalker(t, s, w.who)
		again.Open(home)
		again.password()
		again.Press("Use a recovery code")
		again.Submit(map[string]string{"recovery": old[0]})
		again.wantProblem("recovery-code", "That is not one of your unused recovery codes.")
		again.Submit(map[string]string{"recovery": codes[0]})
		again.want("two-step-introduction")
	})

	t.Run("Reset for a new device: with a code of the old one no e-mail is needed", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, required))
		w.Open(home)
		w.password()
		w.enrol()
		w.code()
		old := w.app
		s.clock.Move(time.Minute)
		w.Press("Reset for a new device")
		w.want("sign-in")
		w.Submit(map[string]string{"email": w.who.Email})
		w.Submit(map[string]string{"password": w.who.Password})
		w.want("enter-code")
		w.code()
		w.want("two-step-introduction")
		w.Submit(nil)
		w.want("install-app")
		w.Submit(nil)
		w.app = s.newAuthenticator(t, w.key())
		w.Submit(nil)
		w.Submit(map[string]string{"code": w.app.Code()})
		w.keep()
		w.Submit(map[string]string{"code": old.Code()})
		w.wantProblem("enter-code", "That is not the code the app shows now.")
		w.code()
		notice(w, "Your new device is connected.")
		if strings.Contains(w.Page().Text(), "was replaced or removed without being used") {
			t.Error("a cool-down, though the old authenticator gave a code")
		}
	})
}

// The whole path in a real browser: from My Account, over the code prompt, to a
// new device, and back.
func TestResetForANewDevice(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	who := s.newPerson(t, s.newAccount(t, "required"))
	c := startChrome(t, phone)
	c.open(s.Issuer + "/account")
	old := c.signInAndEnrol(s, who, func(string) {})
	c.screen("account")
	c.inspect("account")

	s.clock.Move(time.Minute)
	c.press("Reset for a new device")
	c.screen("sign-in")
	c.inspect("account-reset-address")
	c.submit() // the address is filled in: Next
	c.screen("sign-in")
	c.fill("password", who.Password)
	c.submit()
	c.screen("enter-code")
	c.press("Set up a new mobile device")
	app := c.enrol(s, who, func(string) {})
	c.screen("enter-code")
	c.fill("code", old.Code())
	c.submit()
	c.screen("enter-code") // the old one is dead
	c.fill("code", app.Code())
	c.submit()
	c.screen("account")
	for _, says := range []string{"Your new device is connected.", "On", "was replaced or removed without being used"} {
		if text := c.text("main"); !strings.Contains(text, says) {
			t.Errorf("the page doesn't say %q: %s", says, text)
		}
	}
	c.inspect("account-replaced")
	s.mails(t, who.Email, "Your authenticator was replaced", 1)
}
