package login_test

import (
	"testing"
	"time"

	"stile/audit"
	"stile/limit"
	"stile/stiletest"
	"stile/templates"
)

// guardedWorld is a world in which three wrong codes in a month are too many, and
// were tried in a browser that the agent never used. known is the agent's own.
func guardedWorld(t *testing.T) (w *world, known, stranger *stiletest.Browser, app *stiletest.Authenticator) {
	w = newWorld(t, func(s *settings) { s.limits.TOTPMonth = limit.Figure{Allowed: 3, Per: 30 * day} })
	known, stranger = w.browser(), w.browser()
	app, _ = w.enrolled(known, agent)
	w.password(stranger, w.begin(), agent)
	for range 2 {
		expect(t, stranger.Submit(code(other(app.At(0)))), "enter-code", 422)
	}
	expect(t, stranger.Submit(code(other(app.At(0)))), "verify-email", 200)
	return w, known, stranger, app
}

func TestK04_TooManyCodesInAMonth(t *testing.T) {
	w, known, stranger, app := guardedWorld(t)
	if _, n := w.mail(agent, templates.MailEmailCode); n != 1 {
		t.Errorf("%d messages", n)
	}
	says(t, stranger.Page(), "Many wrong codes were tried for your account lately.")
	if e := w.events(audit.LimitReached); len(e) != 1 || e[0].Reason != string(limit.TOTPMonth) {
		t.Errorf("the log: %+v", e)
	}
	w.wait(time.Minute)
	b := w.browser()
	begun := w.begin()
	expect(t, w.password(b, begun, agent), "verify-email", 200)
	for _, screen := range []string{"enter-code", "two-step-introduction", "install-app", "connect-device", "setup-code"} {
		expect(t, b.Open(w.at(begun, screen)), "verify-email", 200)
	}
	mailed := w.code(agent)
	expect(t, b.Submit(code(other(mailed))), "verify-email", 422)
	expect(t, b.Submit(code(mailed)), "enter-code", 200)
	expect(t, b.Submit(code(other(app.At(0)))), "enter-code", 422) // and this far it is open
	w.wait(time.Minute)
	b.Submit(code(app.Code()))
	if a := w.arrived(b); a.AMR != "mfa otp pwd" {
		t.Errorf("amr %s", a.AMR)
	}
	// From now on that one is known, as the user's own always was.
	for _, mine := range []*stiletest.Browser{b, known} {
		w.wait(2 * time.Hour)
		expect(t, w.password(mine, w.begin(), agent), "enter-code", 200)
	}
	w.wait(time.Minute)
	known.Submit(code(app.Code()))
	w.arrived(known)
	// A success takes nothing back; only time does.
	unknown := w.browser()
	expect(t, w.password(unknown, w.begin(), agent), "verify-email", 200)
	w.wait(30 * day)
	unknown = w.browser()
	expect(t, w.password(unknown, w.begin(), agent), "enter-code", 200)
}

// The code that lets an unknown browser try codes of the app enrols nobody, and
// the other way round.
func TestK08_ACodeOfOnePurposeIsNoneOfAnother(t *testing.T) {
	w, _, _, _ := guardedWorld(t)
	w.wait(time.Minute)
	b := w.browser()
	begun := w.begin()
	expect(t, w.password(b, begun, agent), "verify-email", 200)
	guard := w.code(agent)
	expect(t, b.Submit(code(guard)), "enter-code", 200)
	expect(t, b.Press("Set up a new mobile device"), "two-step-introduction", 200)
	w.wait(time.Minute)
	expect(t, b.Submit(nil), "verify-email", 200)
	enrol := w.code(agent)
	if guard != enrol {
		expect(t, b.Submit(code(guard)), "verify-email", 422)
	}
	expect(t, b.Submit(code(enrol)), "install-app", 200)
}

// Where no message can be sent now, the page says so and has the ways on.
func TestGuardedWithoutAMessage(t *testing.T) {
	w, _, _, _ := guardedWorld(t)
	b := w.browser()
	says(t, w.password(b, w.begin(), agent), "There is no code that works just now. Send the email again.")
	expect(t, b.Press("Send the email again"), "verify-email", 429)
	w.wait(time.Minute)
	expect(t, b.Press("Send the email again"), "verify-email", 200)
	expect(t, b.Submit(code(w.code(agent))), "enter-code", 200)
	b = w.browser()
	w.password(b, w.begin(), agent)
	expect(t, b.Press("Use a recovery code"), "recovery-code", 200)
}
