package login_test

import (
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/templates"
)

// Who has the password and not the authenticator is noticed: the owner is told,
// once a day.
func TestK04_ThePasswordCountsAsExposedAfterTenWrongCodes(t *testing.T) {
	w := newWorld(t)
	own := w.browser()
	app, _ := w.enrolled(own, agent)
	guess := func(n int) {
		for range n {
			b := w.browser()
			w.password(b, w.begin(), agent)
			b.Submit(code(other(app.At(0))))
		}
	}
	exposed := func() (lines, mails int) {
		_, mails = w.mail(agent, templates.MailPasswordExposed)
		return len(w.events(audit.PasswordExposed)), mails
	}
	guess(5)
	w.wait(16 * time.Minute)
	guess(4)
	if lines, mails := exposed(); lines != 0 || mails != 0 {
		t.Errorf("after nine: %d lines, %d mails", lines, mails)
	}
	guess(1)
	if lines, mails := exposed(); lines != 1 || mails != 1 {
		t.Errorf("after ten: %d lines, %d mails", lines, mails)
	}
	if e := w.events(audit.PasswordExposed)[0]; e.SubjectID != w.person(agent).User.ID || e.AccountID != w.support.ID || e.Reason != "totp_exposed" {
		t.Errorf("line %+v", e)
	}
	w.wait(time.Hour)
	guess(3)
	if lines, mails := exposed(); lines != 1 || mails != 0 {
		t.Errorf("the same day: %d lines, %d mails", lines, mails)
	}
	if !w.person(agent).Subject.Exposed {
		t.Error("nobody will ask for another password")
	}
}

// A password that others know is changed in the next sign-in with the second
// factor. No URL leads around the page.
func TestL02_ExposedPasswordIsChangedInTheNextSignIn(t *testing.T) {
	w := newWorld(t)
	own := w.browser()
	app, _ := w.enrolled(own, agent)
	who := w.person(agent).User
	must(t, w.db.ExposePassword(t.Context(), who.ID, who.PasswordVersion, audit.Event{Kind: audit.PasswordExposed, SubjectID: who.ID}))
	own.Open(w.begin())
	w.arrived(own) // a session from before

	b := w.browser()
	begun := w.begin()
	expect(t, w.password(b, begun, agent), "enter-code", 200)
	expect(t, b.Open(w.at(begun, "new-password")), "enter-code", 200) // the password alone chooses none
	p := expect(t, b.Submit(code(app.Code())), "new-password", 200)
	says(t, p, "Somebody else knows your password. Choose a new one.")
	says(t, p, "At least 8 characters")
	for _, screen := range []string{"sign-in", "enter-code", "done", "recovery-code"} {
		expect(t, b.Open(w.at(begun, screen)), "new-password", 200)
	}
	b.Impatient = true // a page without a request is no page
	b.Open(w.url + "/app")
	b.Impatient = false
	if a := b.Page(); a.Status == 200 && strings.Contains(a.Body, agent) {
		t.Errorf("in without a new password: %s", a)
	}
	b.Open(begun)
	for pass, words := range map[string]string{"": "Choose a password", "short": "Use at least 8 characters", password: "the password that others know", "password": "common passwords"} {
		says(t, expect(t, b.Submit(map[string]string{templates.FieldNewPassword: pass}), "new-password", 422), words)
	}
	b.Submit(map[string]string{templates.FieldNewPassword: "another good one"})
	a := w.arrived(b)
	if a.AMR != "mfa otp pwd" || w.person(agent).Subject.Exposed {
		t.Errorf("arrived with %+v", a)
	}
	if _, n := w.mail(agent, templates.MailPasswordChanged); n != 1 {
		t.Errorf("%d messages", n)
	}
	if e := w.events(audit.PasswordChanged); len(e) != 1 || e[0].Reason != "exposed" || e[0].SubjectID != who.ID || e[0].Detail["sessions_ended"] != "1" {
		t.Errorf("lines %+v", e)
	}
	expect(t, own.Open(w.begin()), "sign-in", 200) // all other sessions have ended
	expect(t, w.password(w.browser(), w.begin(), agent), "sign-in", 422)
}

// A browser in which the user has signed in before tells nothing about strangers.
func TestK04_WrongCodesInAKnownBrowserExposeNothing(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, _ := w.enrolled(b, agent)
	for range 3 {
		w.password(b, w.begin(func(r *request) { r.SomeoneElse, r.Ask.Since = true, w.now() }), agent)
		for range 4 {
			b.Submit(code(other(app.At(0))))
		}
		w.wait(time.Hour)
	}
	if n := len(w.events(audit.PasswordExposed)); n != 0 {
		t.Errorf("%d lines", n)
	}
}

func TestJ05_TenMessagesADayExposeThePassword(t *testing.T) {
	w := newWorld(t)
	for i := range 11 {
		b := w.browser()
		w.password(b, w.begin(), agent)
		p := b.Submit(nil)
		if want := map[bool]string{true: "verify-email", false: "two-step-introduction"}[i < 10]; p.Screen() != want {
			t.Fatalf("message %d: %s", i, p)
		}
		w.wait(20 * time.Minute)
	}
	_, mails := w.mail(agent, templates.MailPasswordExposed)
	if lines := w.events(audit.PasswordExposed); len(lines) != 1 || mails != 1 || lines[0].Reason != "email_sent_day" {
		t.Errorf("%d lines, %d mails", len(lines), mails)
	}
}
