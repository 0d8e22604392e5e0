package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stile/audit"
	"stile/storage"
)

// newAdmin makes an administrator of an account, and returns who that is.
func (s *system) newAdmin(t testing.TB, account, email, name string) audit.Actor {
	t.Helper()
	s.stile(t, password+"\n", "user", "create", "--account", account, "--email", email, "--name", name, "--role", "admin", "--password-stdin")
	p, err := s.db.PersonByEmail(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	return audit.Actor{Kind: "user", ID: p.User.ID}
}

// decide lets an admin decide on the account's newest request.
func (s *system) decide(t testing.TB, by audit.Actor, approve bool) storage.DeviceRequest {
	t.Helper()
	admin, err := s.db.PersonByID(t.Context(), by.ID)
	if err != nil {
		t.Fatal(err)
	}
	open, err := s.db.DeviceRequests(t.Context(), admin.Account.ID, "", 1)
	if err != nil || len(open) != 1 {
		t.Fatalf("requests: %v, %v", open, err)
	}
	r, err := s.db.DecideDeviceRequest(t.Context(), admin.Account.ID, open[0].ID, approve, by)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Somebody has lost the phone, in an account whose admins approve new devices.
func TestScreensOfAskingAnAdmin(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	account := s.newAccount(t, "required")
	who := s.newPerson(t, account)
	kim := s.newAdmin(t, account, "kim@example.com", "Kim Jansen")
	s.newAdmin(t, account, "robin@example.com", "Robin Dubois")
	if r := s.apply(t, fmt.Sprintf("accounts:\n  - name: %s\n    policy: {two_step: required, reenrolment: admin}\n", account)); r.Code != 0 {
		t.Fatal(r.Err)
	}
	newWalker(t, s, who).tokens(rp)

	c := startChrome(t, phone)
	ask := func(button string) {
		c.press(button)
		c.screen("ask-admin")
	}
	c.open(rp.Begin().URL)
	c.password(who)
	c.screen("enter-code")
	s.clock.Move(time.Minute)
	ask("Set up a new mobile device")
	c.inspect("8c-ask-admin-waiting")
	m := s.mails(t, "kim@example.com", "A new device waits for your approval", 1)[0]
	if !strings.Contains(m.Text, "Pat Person ("+who.Email+") asks to connect a new device, request ") || !strings.Contains(m.Text, "\n"+s.Issuer+"/admin/requests\n") {
		t.Errorf("message to an admin: %s", m.Text)
	}
	s.decide(t, kim, false)
	c.press("Check again")
	c.inspect("8c-ask-admin-refused")
	ask("Ask again")
	c.inspect("8c-ask-admin-too-often")
	s.clock.Move(time.Minute)
	ask("Ask again")

	// Left, and taken up again; then approved while the page waits by itself.
	c.open(rp.Begin().URL)
	c.password(who)
	c.screen("enter-code")
	ask("Set up a new mobile device")
	r := s.decide(t, kim, true)
	do(c, "wait for the page to notice", chromedp.WaitVisible(chromedp.CSS("main form.main")))
	c.inspect("8c-ask-admin-approved")
	if text := evaluate[string](c, "document.querySelector('main').innerText"); !strings.Contains(text, "Your request "+r.Label+" is approved.") {
		t.Errorf("the page says %q", text)
	}
	c.submit()
	c.screen("install-app")
	c.submit()
	c.screen("connect-device")
	app := s.newAuthenticator(t, c.key())
	c.submit()
	c.fill("code", app.Code())
	c.submit()
	c.screen("done")
	c.submit()
	c.submit()
	c.screen("enter-code")
	c.fill("code", app.Code())
	c.submit()
	c.screen("client")

	// Too late; and where nobody else can approve.
	c = startChrome(t, phone)
	attempt := rp.Begin().URL
	c.open(attempt)
	c.password(who)
	s.clock.Move(time.Minute)
	ask("Set up a new mobile device")
	other := newWalker(t, s, who)
	other.app = app
	other.Open(rp.Begin().URL)
	other.password()
	s.clock.Move(time.Minute)
	other.Press("Set up a new mobile device")
	other.want("ask-admin")
	c.press("Check again")
	c.screen("ask-admin")
	c.inspect("8c-ask-admin-over")
	s.stile(t, "", "user", "update", "kim@example.com", "--disable")
	s.stile(t, "", "user", "update", "robin@example.com", "--role", "member", "--role", "admin")
	robin := newWalker(t, s, person{account, "robin@example.com", password})
	robin.tokens(rp)
	c = startChrome(t, phone)
	c.open(rp.Begin().URL)
	c.password(robin.who)
	c.screen("enter-code")
	ask("Set up a new mobile device")
	c.inspect("8c-ask-admin-nobody")
}
