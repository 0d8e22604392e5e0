package login_test

import (
	"strings"
	"testing"
	"time"

	"stile/authn"
	"stile/stiletest"
	"stile/storage"
)

// whole signs in with password and code, and returns where that leads.
func (w *world) whole(b *stiletest.Browser, app *stiletest.Authenticator, change ...func(*request)) *stiletest.Page {
	w.t.Helper()
	w.wait(time.Minute)
	expect(w.t, w.password(b, w.begin(change...), agent), "enter-code", 200)
	return b.Submit(code(app.Code()))
}

func TestCheckUp(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, _ := w.enrolled(b, agent)
	w.wait(30*day - time.Hour)
	w.whole(b, app)
	w.arrived(b)
	w.wait(12 * time.Hour)

	p := expect(t, w.whole(b, app), "check-up", 200)
	for _, words := range []string{"a•••@example.com", "connected 15:32 CET on 22 November 2026", "10 are left"} {
		says(t, p, words)
	}
	if strings.Contains(p.Text(), agent) || strings.Contains(p.Text(), "locked out") {
		t.Errorf("the page: %s", p)
	}
	other := w.browser() // nothing is in before it was answered, and nothing is lost
	expect(t, w.whole(other, app), "check-up", 200)
	other.Submit(nil)
	w.arrived(other)
	b.Press("Later") // which is not needed any more
	if a := w.arrived(b); a.AMR != "mfa otp pwd" {
		t.Errorf("amr %s", a.AMR)
	}
	w.wait(180*day - time.Hour)
	w.whole(b, app)
	w.arrived(b)
	w.wait(2 * time.Hour)
	expect(t, w.whole(b, app), "check-up", 200)
	b.Press("Later")
	w.arrived(b)
	w.wait(29 * day)
	w.whole(b, app)
	w.arrived(b)
	w.wait(2 * day)
	expect(t, w.whole(b, app), "check-up", 200)
	b.Press("Change in My Account") // which this harness doesn't have
	if got := b.Page(); got.URL.Path != "/account" {
		t.Errorf("at %s", got)
	}
	b.Open(w.begin()) // and the sign-in has ended in a session
	w.arrived(b)
}

// Nobody who waits for an answer in a step-up is asked, nor who gave a password alone.
func TestCheckUpOnlyInWholeSignIns(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, _ := w.enrolled(b, agent)
	w.policy(w.support, func(p *storage.Policy) { p.TwoStep = false })
	w.wait(31 * day)
	w.password(b, w.begin(), agent)
	w.arrived(b)
	w.wait(time.Minute)
	expect(t, b.Open(w.begin(func(r *request) { r.Ask.Levels, r.Ask.Essential = []authn.Level{authn.LevelMFA}, true })), "enter-code", 200)
	b.Submit(code(app.Code()))
	w.arrived(b)
}

// Who has lost all but one thing is told.
func TestCheckUpWarns(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, codes := w.enrolled(b, agent)
	for _, c := range codes {
		w.wait(time.Hour)
		one := w.browser()
		w.password(one, w.begin(), agent)
		one.Press("Use a recovery code")
		expect(t, one.Submit(recovering(c)), "two-step-introduction", 200)
	}
	w.wait(30 * day)
	says(t, expect(t, w.whole(b, app), "check-up", 200), "you are locked out until somebody helps you")
	says(t, b.Page(), "none left")
	k := w.passkey(agent)
	two := w.browser()
	w.password(two, w.begin(), agent)
	p := expect(t, k.use(t, two), "check-up", 200)
	says(t, p, "key")
	if strings.Contains(p.Text(), "locked out") {
		t.Errorf("two ways in: %s", p)
	}
}
