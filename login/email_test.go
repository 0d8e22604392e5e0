package login_test

import (
	"testing"
	"time"

	"stile/audit"
	"stile/stiletest"
	"stile/templates"
)

func code(c string) map[string]string { return map[string]string{templates.FieldCode: c} }

// toEmail goes to the screen that asks for the e-mail code.
func (w *world) toEmail(b *stiletest.Browser) *stiletest.Page {
	w.t.Helper()
	expect(w.t, w.password(b, w.begin(), agent), "two-step-introduction", 200)
	return expect(w.t, b.Submit(nil), "verify-email", 200)
}

// other returns six digits that differ from c.
func other(c string) string {
	b := []byte(c)
	b[5] = '0' + (b[5]-'0'+1)%10
	return string(b)
}

func TestJ01_GuessesAreCountedByUser(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.toEmail(b)
	right := w.code(agent)
	for range 4 {
		says(t, expect(t, b.Submit(code(other(right))), "verify-email", 422), "not the code we sent last")
	}
	says(t, expect(t, b.Submit(code(other(right))), "verify-email", 422), "Too many tries with this code")
	says(t, expect(t, b.Submit(code(right)), "verify-email", 422), "Too many tries with this code")

	// A new code doesn't forget the guesses before, whatever the browser.
	elsewhere := w.browser()
	w.wait(time.Minute)
	w.toEmail(elsewhere)
	next := w.code(agent)
	for range 4 {
		expect(t, elsewhere.Submit(code(other(next))), "verify-email", 422)
	}
	p := expect(t, elsewhere.Submit(code(next)), "verify-email", 429)
	says(t, p, "Try again at")
	if w.person(agent).User.EmailVerifiedAt != nil {
		t.Error("the address counts as verified")
	}
}

func TestJ02_ACodeWorksOnce(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.toEmail(b)
	fields := b.Page().Fields()
	fields.Set(templates.FieldCode, w.code(agent))
	w.parallel(20, b, b.Page().Action(), fields)
	accepted := 0
	for _, e := range w.events(audit.ProofAccepted) {
		if e.Reason == "email_code" {
			accepted++
		}
	}
	if accepted != 1 {
		t.Errorf("accepted %d times", accepted)
	}
	expect(t, b.Open(b.Page().URL.String()+"?"+fields.Encode()), "", 400) // not in a URL
}

func TestJ03_OnlyTheNewestCodeOfThisSignIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.toEmail(b)
	first := w.code(agent)
	w.wait(time.Minute)
	says(t, expect(t, b.Press("Send the email again"), "verify-email", 200), "We sent a new message at 15:33 CET")
	second := w.code(agent)
	if first != second {
		says(t, expect(t, b.Submit(code(first)), "verify-email", 422), "not the code we sent last")
	}

	elsewhere := w.browser()
	w.wait(time.Minute)
	w.toEmail(elsewhere)
	says(t, expect(t, elsewhere.Submit(code(second)), "verify-email", 422), "not the code we sent last")

	w.wait(9 * time.Minute) // the code of b is over, its sign-in is not
	says(t, expect(t, b.Submit(code(second)), "verify-email", 422), "That code is too old")
	b.Press("Send the email again")
	expect(t, b.Submit(code(w.code(agent))), "install-app", 200)
}

func TestJ04_MessagesAreBounded(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	p := w.toEmail(b)
	says(t, expect(t, b.Press("Send the email again"), "verify-email", 429), "Wait until 15:33")
	if p.Status != 200 {
		t.Error("the first message was not sent")
	}
	for range 4 {
		w.wait(time.Minute)
		expect(t, b.Press("Send the email again"), "verify-email", 200)
	}
	w.wait(time.Minute)
	p = expect(t, b.Press("Send the email again"), "verify-email", 429)
	says(t, p, "16:3")
	if _, sent := w.mail(agent, templates.MailEmailCode); sent != 5 {
		t.Errorf("%d messages in an hour", sent)
	}
	// Another browser of the same attacker doesn't get more; what was sent counts there.
	elsewhere := w.browser()
	expect(t, w.password(elsewhere, w.begin(), agent), "two-step-introduction", 200)
	expect(t, elsewhere.Submit(nil), "two-step-introduction", 429)
	if _, sent := w.mail(agent, templates.MailEmailCode); sent != 0 {
		t.Errorf("%d messages more", sent)
	}
}

func TestReloadSendsNothing(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	p := w.toEmail(b)
	for range 3 {
		expect(t, b.Open(p.URL.String()), "verify-email", 200)
	}
	if _, sent := w.mail(agent, templates.MailEmailCode); sent != 1 {
		t.Errorf("%d messages", sent)
	}
	// Back at the introduction, the step counts as done.
	says(t, expect(t, b.Open(w.at(p.URL.String(), "two-step-introduction")), "verify-email", 200), "You have already done this")
}

func TestJ08_CodesAsPeopleTypeThem(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.toEmail(b)
	right := w.code(agent)
	for _, form := range []string{"", " ", "12345", "1234567", "12345a", "code: " + right} {
		expect(t, b.Submit(code(form)), "verify-email", 422)
	}
	if refused := len(w.events(audit.ProofRefused)); refused != 0 {
		t.Errorf("%d forms of codes cost an attempt", refused)
	}
	wide := ""
	for _, d := range right {
		wide += string('０' + d - '0')
	}
	expect(t, b.Submit(code(" "+wide[:9]+"\u202f-\u200b"+wide[9:]+" ")), "install-app", 200)
}
