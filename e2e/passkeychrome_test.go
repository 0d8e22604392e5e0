package e2e

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// virtualKey gives the browser an authenticator that verifies its user.
func (c *chrome) virtualKey() webauthn.AuthenticatorID {
	c.t.Helper()
	send(c, webauthn.Enable, webauthn.EnableParams{})
	result, err := chromedp.Call(c.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	return result.AuthenticatorID
}

// withoutAutofill makes the pages that follow believe that the browser has no
// autofill of passkeys; what it returns undoes that.
func (c *chrome) withoutAutofill() (undo func()) {
	c.t.Helper()
	script, err := chromedp.Call(c.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false)`,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	id := script.Identifier
	return func() {
		send(c, page.RemoveScriptToEvaluateOnNewDocument, page.RemoveScriptToEvaluateOnNewDocumentParams{Identifier: id})
	}
}

// waitFor waits until an expression is true in the page.
func (c *chrome) waitFor(what, expression string) {
	c.t.Helper()
	until(c.t, what, func() bool { return evaluate[bool](c, expression) }, func() string { return c.text("main") })
}

// Passkeys in a real browser, with its virtual authenticator.
func TestPasskeysInChrome(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	who := s.newPerson(t, s.newAccount(t, "required"))
	console := s.console(t)
	c := startChrome(t, phone)
	key := c.virtualKey()
	verified := func(yes bool) {
		send(c, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: key, IsUserVerified: yes})
	}
	present := func(yes bool) {
		send(c, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: key, Enabled: yes})
	}

	// Made in My Account.
	c.open(s.Issuer + "/account")
	app := c.signInAndEnrol(s, who, func(string) {})
	c.screen("account")
	c.press("Add a passkey")
	c.screen("account-passkey")
	c.inspect("account-passkey")
	if strings.Contains(c.text("main"), "need a browser in which scripts run") {
		t.Error("the page says that scripts don't run")
	}
	c.fill("name", "Pocket")
	verified(false)
	do(c, "try without being verified", chromedp.Click(chromedp.CSS(`#passkey`)))
	c.waitFor("what the page says", `document.querySelector(".said").textContent.includes("No passkey was made.")`)
	verified(true)
	c.press("Create passkey")
	c.screen("account")
	for _, says := range []string{"Your passkey is ready.", "Pocket", "In one device", "Not yet"} {
		if text := c.text("main"); !strings.Contains(text, says) {
			t.Errorf("the page doesn't say %q: %s", says, text)
		}
	}
	c.inspect("account-passkeys")

	// The same device makes no second one. Who has a passkey shows it first.
	c.press("Add a passkey")
	c.screen("enter-code")
	c.press("Use a passkey")
	c.screen("account-passkey")
	do(c, "make another one", chromedp.Click(chromedp.CSS(`#passkey`)))
	c.waitFor("what the page says", `document.querySelector(".said").textContent.includes("holds a passkey for your account already")`)

	// In place of a code.
	signOut := func() {
		c.open(s.Issuer + "/account")
		c.screen("account")
		c.press("Sign out")
		c.screen("signed-out")
	}
	signOut()
	present(false) // nobody touches it: autofill offers, and is not taken
	c.open(s.Issuer + "/account")
	c.screen("sign-in")
	c.inspect("sign-in-passkey")
	c.password(who)
	c.screen("enter-code")
	c.inspect("enter-code-passkey")
	present(true)
	c.press("Use a passkey")
	c.screen("account")

	// By the button, as the whole sign-in. Autofill would take the key first.
	signOut()
	withAutofill := c.withoutAutofill()
	attempt := console.Begin()
	c.open(attempt.URL)
	c.screen("sign-in")
	c.press("Sign in with a passkey")
	c.screen("client")
	wantPasskey(t, console.Redeem(attempt, parseURL(t, c.location())).Claims, "hwk", "mfa", "user")
	withAutofill()

	// By autofill: the field for the address offers it, and the authenticator
	// takes the offer by itself.
	signOut()
	attempt = console.Begin()
	c.open(attempt.URL)
	c.screen("client")
	wantPasskey(t, console.Redeem(attempt, parseURL(t, c.location())).Claims, "hwk", "mfa", "user")

	// What protects the sign-in takes it, and no code.
	s.clock.Move(11 * time.Minute)
	c.open(s.Issuer + "/account")
	c.screen("account")
	present(false)
	c.press("Make new codes")
	c.screen("sign-in")
	c.fill("password", who.Password)
	c.submit()
	c.screen("enter-code")
	c.inspect("enter-code-only-passkey")
	present(true)
	c.press("Use a passkey")
	c.screen("account")

	// Without scripts the page says what is missing, and the code works.
	c.press("Rename Pocket")
	c.screen("account-passkey-name")
	c.inspect("account-passkey-name")
	c.fill("name", "Left pocket")
	c.submit()
	c.screen("account")
	c.withoutScripts()
	c.open(s.Issuer + "/account/passkeys")
	c.screen("account-passkey")
	if text := c.text("main"); !strings.Contains(text, "Passkeys need a browser in which scripts run.") {
		t.Errorf("without scripts: %s", text)
	}
	c.picture("account-passkey-no-script")
	c.open(s.Issuer + "/account")
	c.screen("account")
	c.press("Remove Left pocket")
	c.screen("enter-code") // what it proved counts no more
	s.clock.Move(time.Minute)
	c.fill("code", app.Code())
	c.submit()
	c.screen("account")
	if text := c.text("main"); strings.Contains(text, "Left pocket") || strings.Contains(text, "without being used") {
		t.Errorf("after removal: %s", text)
	}
}

func parseURL(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
