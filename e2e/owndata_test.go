package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

var confirmLink = regexp.MustCompile(`(?m)^http://localhost:[0-9]+/account/email/confirm\?token=stm_[A-Za-z0-9_-]{43}$`)

// From the profile to another address, with the mail on both sides; then a copy
// of one's data, and the end.
func TestChangeOfAddressAndErasure(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	who := s.newPerson(t, s.newAccount(t, "required"))
	fresh := "new-" + who.Email
	c := startChrome(t, phone)
	c.open(s.Issuer + "/account/profile")
	app := c.signInAndEnrol(s, who, func(string) {})
	c.screen("account-profile")
	c.inspect("account-profile")
	c.press("Change the address")
	c.screen("account-email")
	c.inspect("account-email")
	c.fill("email", who.Email)
	c.submit()
	c.screen("account-email")
	c.fill("email", fresh)
	c.submit()
	c.screen("account-email")
	if text := c.text("main"); !strings.Contains(text, "We have sent a message to "+fresh) {
		t.Fatalf("not said: %s", text)
	}
	c.inspect("account-email-asked")
	s.mails(t, who.Email, "Somebody asked to change your e-mail address", 1)
	link := confirmLink.FindString(s.mails(t, fresh, "Confirm your new e-mail address", 1)[0].Text)

	// Opened in another browser, it asks for the sign-in first.
	elsewhere := startChrome(t, desktop)
	elsewhere.open(link)
	elsewhere.password(who)
	elsewhere.screen("enter-code")
	s.clock.Move(time.Minute)
	elsewhere.fill("code", app.Code())
	elsewhere.submit()
	elsewhere.screen("account-email-confirm")

	c.open(link)
	c.screen("account-email-confirm")
	c.inspect("account-email-confirm")
	c.submit()
	c.screen("account-profile")
	for _, says := range []string{"Your e-mail address is changed.", fresh} {
		if text := c.text("main"); !strings.Contains(text, says) {
			t.Errorf("the page doesn't say %q: %s", says, text)
		}
	}
	s.mails(t, who.Email, "Your e-mail address was changed", 1)
	s.mails(t, fresh, "Your e-mail address was changed", 1)
	elsewhere.open(s.Issuer + "/account")
	elsewhere.screen("sign-in")
	c.open(link)
	c.screen("error")

	c.open(s.Issuer + "/account/data")
	c.screen("account-data")
	c.inspect("account-data")
	s.clock.Move(time.Minute) // a message a moment ago
	c.press("Prepare the file")
	c.screen("account-data")
	c.inspect("account-data-ready")
	c.press("Look at what would happen")
	c.screen("account-erase")
	c.inspect("account-erase")
	c.fill("confirm", fresh)
	c.submit()
	c.screen("signed-out")
	c.inspect("signed-out-erased")
	for _, to := range []string{fresh, who.Email} {
		s.mails(t, to, "Your user was erased", 1)
	}
}
