package e2e

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stile/stiletest"
)

// A browser is trusted, for as long as the policy says, by a box at the code: the
// password is enough there, the tokens say so, and whoever asks for more gets it.
func TestL05_TrustedBrowser(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	account := s.newAccount(t, "required")
	s.stile(t, "", "policy", "update", account, "--trusted-browser-days", "14")
	who := s.newPerson(t, account)
	first := newWalker(t, s, who)
	first.tokens(rp)
	s.clock.Move(time.Minute)

	c := startChrome(t, phone)
	home := s.Issuer + "/account"
	redeem := func(attempt stiletest.Attempt) stiletest.Claims {
		t.Helper()
		c.screen("client")
		u, err := url.Parse(c.location())
		if err != nil {
			t.Fatal(err)
		}
		return rp.Redeem(attempt, u).Claims
	}
	begin := func(params ...string) stiletest.Attempt {
		t.Helper()
		attempt := rp.Begin(params...)
		c.open(attempt.URL)
		return attempt
	}
	code := func() {
		t.Helper()
		c.screen("enter-code")
		c.fill("code", first.app.Code())
		c.submit()
	}
	signOut := func() {
		t.Helper()
		c.open(home)
		c.press("Sign out")
		c.screen("signed-out")
	}

	attempt := begin()
	c.password(who)
	c.screen("enter-code")
	c.inspect("8-enter-code-trust")
	do(c, "tick the box", chromedp.Click(chromedp.CSS("#trust")))
	code()
	wantMFA(t, redeem(attempt))
	if m := s.mails(t, who.Email, "A browser is trusted now", 1)[0]; !strings.Contains(m.Text, "/not-me?token=") {
		t.Errorf("the message has no way to take it back: %s", m.Text)
	}

	signOut()
	attempt = begin()
	c.password(who)
	wantPassword(t, redeem(attempt))
	attempt = begin("acr_values", "urn:stile:acr:mfa")
	code()
	wantMFA(t, redeem(attempt))

	signOut()
	c.open(home)
	c.password(who)
	c.screen("account")
	c.inspect("account-trusted")
	s.clock.Move(time.Minute)
	c.press("Forget Headless Chrome on Linux")
	code() // what protects the sign-in takes the best that there is
	c.screen("account")
	c.press("Forget Headless Chrome on Linux")
	c.screen("account")
	c.inspect("account-trusted-forgotten")
	if text := c.text("main"); !strings.Contains(text, "The browser is not trusted any more.") {
		t.Errorf("the page says %q", text)
	}
	c.open(home + "/activity")
	if text := c.text("main"); !strings.Contains(text, "No code was asked for: the browser is trusted.") {
		t.Errorf("the history says %q", text)
	}
	signOut()
	begin()
	c.password(who)
	c.screen("enter-code")
}
