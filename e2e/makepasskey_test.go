package e2e

import (
	"testing"
	"time"
)

// A passkey is made within the first sign-in, in place of connecting an app.
func TestPasskeyInPlaceOfTheAppInChrome(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	who := s.newPerson(t, s.newAccount(t, "required"))
	console := s.console(t)
	c := startChrome(t, phone)
	c.virtualKey()
	attempt := console.Begin()
	c.open(attempt.URL)
	c.password(who)
	c.screen("two-step-introduction")
	c.inspect("2-two-step-introduction-passkey")
	c.press("Use a passkey instead")
	c.screen("verify-email")
	c.fill("code", s.codeByMail(t, who.Email, 0))
	c.submit()
	c.screen("make-passkey")
	c.inspect("5p-make-passkey")
	c.press("Create passkey")
	c.screen("done")
	c.inspect("7-done-passkey")
	c.submit()
	c.submit()
	c.screen("enter-code")
	c.inspect("8-enter-code-only-passkey")
	s.clock.Move(time.Minute)
	c.press("Use a passkey")
	c.screen("client")
	wantPasskey(t, console.Redeem(attempt, parseURL(t, c.location())).Claims, "hwk", "mfa", "pwd", "user")
}
