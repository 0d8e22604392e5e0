package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

var notMeLink = regexp.MustCompile(`(?m)^http://localhost:[0-9]+/not-me\?token=stm_[A-Za-z0-9_-]{43}$`)

// Somebody has lost the phone and forgotten the password: one mailbox doesn't
// give both back at once.
func TestScreensOfTheWait(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	account := s.newAccount(t, "required")
	who := s.newPerson(t, account)
	s.newAdmin(t, account, "kim.waits@example.com", "Kim Jansen")
	newWalker(t, s, who).tokens(rp)

	w := newWalker(t, s, who)
	w.Open(s.Issuer + "/forgot-password")
	w.Submit(map[string]string{"email": who.Email})
	w.Open(s.resetLink(t, who.Email))
	w.Submit(nil)
	who.Password = "quite another password"
	w.Submit(map[string]string{"new-password": who.Password})

	want := func(c *chrome, state string) {
		c.open(rp.Begin().URL)
		c.password(who)
		c.screen("enter-code")
		c.press("Set up a new mobile device")
		c.screen("device-wait")
		c.inspect("8d-device-wait" + state)
	}
	c := startChrome(t, phone)
	want(c, "")
	s.clock.Move(time.Minute)
	c.submit()
	c.screen("device-wait")
	c.inspect("8d-device-wait-runs")
	m := s.mails(t, who.Email, "Somebody wants to set up a new mobile device for you", 1)[0]
	if m := s.mails(t, "kim.waits@example.com", "A member wants to set up a new mobile device", 1)[0]; !strings.Contains(m.Text, who.Email) {
		t.Errorf("message to the admin: %s", m.Text)
	}

	// The owner stops it; the next one goes through.
	owner := startChrome(t, phone)
	owner.open(notMeLink.FindString(m.Text))
	owner.screen("not-me")
	owner.submit()
	owner.screen("not-me-done")
	c = startChrome(t, phone)
	want(c, "-stopped")
	s.clock.Move(24*time.Hour + time.Minute)
	c = startChrome(t, phone)
	want(c, "-again")
	c.submit()
	c.screen("device-wait")
	s.clock.Move(24*time.Hour + time.Minute) // the page tells whole minutes
	c = startChrome(t, phone)
	c.open(rp.Begin().URL)
	c.password(who)
	c.screen("enter-code")
	c.press("Set up a new mobile device")
	c.screen("two-step-introduction")
	c.submit()
	c.screen("verify-email")
}
