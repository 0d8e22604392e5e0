package login_test

import (
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
