package login_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

// The account asks an admin to approve a new device.

const (
	boss   = "boss@example.com"
	deputy = "deputy@example.com"
)

// askWorld is a world in which the agent has an app, and two admins.
func askWorld(t *testing.T) (w *world, app *stiletest.Authenticator, recovery []string) {
	w = newWorld(t)
	app, recovery = w.enrolled(w.browser(), agent)
	phc, err := w.passwords.Hash(t.Context(), password)
	must(t, err)
	for email, name := range map[string]string{boss: "Kim Boss", deputy: "Robin Deputy"} {
		_, err := w.db.CreateUser(t.Context(), storage.User{
			AccountID: w.support.ID, Email: email, Name: name, Password: phc, Roles: []string{storage.RoleAdmin},
		}, audit.System)
		must(t, err)
	}
	w.policy(w.support, func(p *storage.Policy) { p.Reenrolment = storage.ReenrolByAdmin })
	return w, app, recovery
}

// ask signs in with the password alone, and asks for another device.
func (w *world) ask(b *stiletest.Browser, email string) (begun string) {
	w.t.Helper()
	begun = w.begin()
	w.password(b, begun, email)
	expect(w.t, b.Press("Set up a new mobile device"), "ask-admin", 200)
	return begun
}

// force sends the form that goes on with an approval, whatever the page shows.
func (w *world) force(b *stiletest.Browser, begun string) *stiletest.Page {
	w.t.Helper()
	other := w.begin() // in which nobody was asked, so that its page has a form
	w.password(b, other, agent)
	form := expect(w.t, b.Open(w.at(other, "ask-admin")), "ask-admin", 200).Fields()
	form.Del(templates.FieldDo)
	b.Open(w.at(begun, "ask-admin"))
	u, err := url.Parse(begun)
	must(w.t, err)
	form.Set(templates.FieldRequest, u.Query().Get("r"))
	p := b.Send(w.url+"/login/ask-admin", form)
	if p.Status == http.StatusForbidden {
		w.t.Fatalf("the form was not taken: %s", p)
	}
	return p
}

// open returns the newest request of the support account.
func (w *world) request() storage.DeviceRequest {
	w.t.Helper()
	all, err := w.db.DeviceRequests(w.t.Context(), w.support.ID, "", 10)
	must(w.t, err)
	if len(all) == 0 {
		w.t.Fatal("nobody asks")
	}
	return all[0]
}

func (w *world) as(email string) audit.Actor {
	return audit.Actor{Kind: "user", ID: w.person(email).User.ID}
}

func (w *world) decide(r storage.DeviceRequest, approve bool, by string) error {
	_, err := w.db.DecideDeviceRequest(w.t.Context(), w.support.ID, r.ID, approve, w.as(by))
	return err
}

// still fails unless the agent's app is the one that it was.
func (w *world) still(id string) {
	w.t.Helper()
	if p := w.person(agent); p.TOTP == nil || p.TOTP.ID != id {
		w.t.Error("the authenticator isn't the one it was")
	}
}

func TestAskAnAdmin(t *testing.T) {
	w, old, _ := askWorld(t)
	before := w.person(agent).TOTP.ID
	b := w.browser()
	begun := w.ask(b, agent)
	r := w.request()
	says(t, b.Page(), "asks an admin to approve a new device. We told them at 15:34 CET")
	says(t, b.Page(), "Your request is "+r.Label)
	says(t, b.Page(), "Kim Boss")
	says(t, b.Page(), "Robin Deputy")
	says(t, b.Page(), "The request works until 16:34 CET")
	for _, admin := range []string{boss, deputy} {
		m, n := w.mail(admin, templates.MailDeviceAsked)
		if n != 1 || m.Data[templates.DataLabel] != r.Label || m.Data[templates.DataAddress] != agent || m.Data[templates.DataNetwork] == "" ||
			m.Data[templates.DataBrowser] != "Firefox on Windows" {
			t.Errorf("%d messages to %s: %v", n, admin, m.Data)
		}
	}
	if _, n := w.mail(agent, templates.MailDeviceAsked); n != 0 {
		t.Error("who asks was asked")
	}
	if r.Email != agent || r.Network == "" || r.UserAgent == "" || r.State(w.now()) != storage.DeviceOpen {
		t.Errorf("request %+v", r)
	}

	// Looking again asks nobody again, and no screen of the enrolment is open.
	w.wait(time.Minute)
	expect(t, b.Press("Check again"), "ask-admin", 200)
	expect(t, w.force(b, begun), "ask-admin", 200)
	for _, screen := range []string{"verify-email", "install-app", "connect-device", "setup-code"} {
		expect(t, b.Open(w.at(begun, screen)), "enter-code", 200)
	}
	expect(t, b.Press("Set up a new mobile device"), "ask-admin", 200)
	if _, n := w.mail(boss, templates.MailDeviceAsked); n != 0 {
		t.Error("asked twice")
	}

	must(t, w.decide(r, true, boss))
	expect(t, b.Press("Check again"), "ask-admin", 200)
	says(t, b.Page(), "Your request "+r.Label+" is approved")
	w.still(before)
	expect(t, b.Submit(nil), "install-app", 200)
	app := w.app6238(expect(t, b.Submit(nil), "connect-device", 200))
	expect(t, b.Submit(nil), "setup-code", 200)
	w.still(before) // K11
	expect(t, b.Submit(code(app.Code())), "done", 200)
	p := w.person(agent)
	if p.TOTP.ID == before || p.User.CooldownUntil == nil || !p.User.CooldownUntil.Equal(w.now().Add(24*time.Hour)) {
		t.Errorf("after the replacement: %+v, cool-down until %v", p.TOTP, p.User.CooldownUntil)
	}
	b.Submit(nil)
	expect(t, b.Submit(nil), "enter-code", 200)
	expect(t, b.Submit(code(old.Code())), "enter-code", 422)
	b.Submit(code(app.Code()))
	w.arrived(b)
	if _, n := w.mail(agent, templates.MailAuthenticatorReplaced); n != 1 {
		t.Errorf("%d messages about the replacement", n)
	}
	for _, kind := range []audit.Kind{audit.DeviceAsked, audit.DeviceApproved, audit.DeviceUsed} {
		if e := w.events(kind); len(e) != 1 || e[0].SubjectID != p.User.ID || e[0].AccountID != w.support.ID || e[0].Detail["request"] != r.ID {
			t.Errorf("%s: %+v", kind, e)
		}
	}
}

func TestN05_NobodyApprovesForHimself(t *testing.T) {
	w, _, _ := askWorld(t)
	w.enrolled(w.browser(), boss)
	b := w.browser()
	w.ask(b, boss)
	if text := b.Page().Text(); strings.Contains(text, "Kim Boss") || !strings.Contains(text, "Robin Deputy") {
		t.Errorf("who can approve: %s", text)
	}
	r := w.request()
	for _, approve := range []bool{true, false} {
		if err := w.decide(r, approve, boss); !errors.Is(err, storage.ErrOwnRequest) {
			t.Errorf("decided for himself: %v", err)
		}
	}
	if _, err := w.db.DecideDeviceRequest(t.Context(), w.sales.ID, r.ID, true, w.as(member)); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("decided by another account: %v", err)
	}
}

// Someone whose app takes no codes is led to the admin, not around him.
func TestL07_SuspendedAppAndAdmin(t *testing.T) {
	w, _, codes := askWorld(t)
	p := w.person(agent)
	must(t, w.db.SuspendTOTP(t.Context(), p.User.ID, p.TOTP.ID, nil, audit.Event{Kind: audit.AuthenticatorPaused}))
	b := w.browser()
	begun := w.begin()
	expect(t, w.password(b, begun, agent), "two-step-introduction", 200)
	if strings.Contains(b.Page().Text(), "We send") || strings.Contains(b.Page().Text(), "a•••") {
		t.Errorf("promises an e-mail: %s", b.Page())
	}
	expect(t, b.Submit(nil), "ask-admin", 200)
	for _, screen := range []string{"verify-email", "install-app", "setup-code"} {
		expect(t, b.Open(w.at(begun, screen)), "two-step-introduction", 200)
	}
	if _, n := w.mail(agent, templates.MailEmailCode); n != 0 {
		t.Error("an e-mail code was sent")
	}
	must(t, w.decide(w.request(), true, boss))
	b.Open(w.at(begun, "ask-admin"))
	two := w.browser() // a recovery code does it as well
	w.password(two, w.begin(), agent)
	says(t, expect(t, two.Submit(nil), "ask-admin", 200), "Ask an admin") // too soon for another message
	says(t, expect(t, two.Submit(nil), "ask-admin", 429), "We have just sent a message. Wait until")
	expect(t, two.Press("Use a recovery code"), "recovery-code", 200)
	says(t, expect(t, two.Submit(recovering(codes[0])), "install-app", 200), "9 are left")
}

// What an e-mail code had opened is closed when the account's rule changes.
func TestK08_RuleThatChangesOnTheWay(t *testing.T) {
	w, _, _ := askWorld(t)
	w.policy(w.support, func(p *storage.Policy) { p.Reenrolment = storage.ReenrolByEmail })
	b := w.browser()
	begun := w.begin()
	w.password(b, begun, agent)
	b.Press("Set up a new mobile device")
	app := w.toKey(b, agent)
	expect(t, b.Submit(nil), "setup-code", 200)
	w.policy(w.support, func(p *storage.Policy) { p.Reenrolment = storage.ReenrolByAdmin })
	before := w.person(agent).TOTP.ID
	expect(t, b.Submit(code(app.Code())), "two-step-introduction", 200)
	w.still(before)
	w.wait(time.Minute)
	expect(t, b.Submit(nil), "ask-admin", 200)
	must(t, w.decide(w.request(), true, boss))
	b.Press("Check again")
	expect(t, b.Submit(nil), "install-app", 200)
}

func TestTheLastAdminIsToldTheWays(t *testing.T) {
	w, _, _ := askWorld(t)
	w.enrolled(w.browser(), boss)
	w.user(deputy, func(u *storage.User) { at := w.now(); u.DisabledAt = &at })
	b := w.browser()
	begun := w.ask(b, boss)
	says(t, b.Page(), "Nobody else at Example Support can approve a new device.")
	says(t, b.Page(), "ask whoever runs this service to reset your authenticator")
	b.Open(w.at(begun, "enter-code"))
	expect(t, b.Press("Set up a new mobile device"), "ask-admin", 200)
	if all, err := w.db.DeviceRequests(t.Context(), w.support.ID, "", 10); err != nil || len(all) != 0 {
		t.Errorf("%d requests, %v", len(all), err)
	}
	expect(t, b.Press("Use a recovery code"), "recovery-code", 200)
	// The operator's way: then the enrolment is the first.
	must(t, w.db.ResetAuthenticator(t.Context(), w.person(boss).User.ID, audit.Actor{Kind: "cli", ID: "root"}))
	two := w.browser()
	expect(t, w.password(two, w.begin(), boss), "two-step-introduction", 200)
	expect(t, two.Submit(nil), "verify-email", 200)
}

// Asking is bounded like messages are, and tells when it works again.
func TestAskingIsBounded(t *testing.T) {
	w, _, _ := askWorld(t)
	for n := range 4 { // the code of the enrolment was the fifth message
		b := w.browser()
		w.ask(b, agent)
		if n == 0 {
			other := w.browser()
			w.password(other, w.begin(), agent)
			says(t, expect(t, other.Press("Set up a new mobile device"), "enter-code", 429), "We have just sent a message. Wait until")
		}
		w.wait(31 * time.Second)
	}
	b := w.browser()
	w.password(b, w.begin(), agent)
	p := expect(t, b.Press("Set up a new mobile device"), "enter-code", 429)
	says(t, p, "We have sent your admins as many messages as we may for now.")
	if p.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// Who finds an old session open may not ask: the password comes first.
func TestK08_OldSessionMayNotAsk(t *testing.T) {
	w, _, _ := askWorld(t)
	b := w.browser()
	w.policy(w.support, func(p *storage.Policy) { p.TwoStep = false })
	w.password(b, w.begin(), agent)
	w.arrived(b)
	w.policy(w.support, func(p *storage.Policy) { p.TwoStep = true })
	w.wait(20 * time.Minute)
	expect(t, b.Open(w.begin()), "enter-code", 200)
	expect(t, b.Press("Set up a new mobile device"), "sign-in", 200)
	if _, n := w.mail(boss, templates.MailDeviceAsked); n != 0 {
		t.Error("admins were asked")
	}
	w.wait(time.Second)
	b.Submit(pair(agent, password))
	expect(t, b.Press("Set up a new mobile device"), "ask-admin", 200)
}
