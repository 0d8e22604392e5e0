package e2e

import (
	"testing"
	"time"
)

// Some weeks after the enrolment one page asks whether it is still right.
func TestScreensOfTheCheckUp(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	who := s.newPerson(t, s.newAccount(t, "required"))
	w := newWalker(t, s, who)
	w.tokens(rp)
	s.clock.Move(31 * 24 * time.Hour)
	c := startChrome(t, phone)
	attempt := rp.Begin()
	c.open(attempt.URL)
	c.password(who)
	c.screen("enter-code")
	c.fill("code", w.app.Code())
	c.submit()
	c.screen("check-up")
	c.inspect("9-check-up")
	c.submit()
	c.screen("client")
	wantMFA(t, rp.Redeem(attempt, parseURL(t, c.location())).Claims)
	s.clock.Move(time.Minute)
	w.elsewhere().tokens(rp) // asked once
}
