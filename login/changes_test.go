package login_test

import (
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
	"stile/templates"
)

// Nothing that is changed about a user takes the place of the second factor,
// and nothing signs anybody in by itself.
func TestL02_TheFactorIsAskedForAsBefore(t *testing.T) {
	for what, change := range map[string]func(w *world){
		"another password": func(w *world) {
			phc, err := w.passwords.Hash(t.Context(), password)
			must(w.t, err)
			must(w.t, w.db.SetPassword(w.t.Context(), w.person(agent).User.ID, phc, nobody))
		},
		"another address": func(w *world) {
			w.user(agent, func(u *storage.User) { u.Email = "moved@example.com" })
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			app, _ := w.enrolled(b, agent)
			waiting := w.browser() // gave the password before
			pending := w.begin()
			expect(t, w.password(waiting, pending, agent), "enter-code", 200)
			change(w)
			email := agent
			if what == "another address" {
				email = "moved@example.com"
			}
			expect(t, b.Open(w.begin()), "sign-in", 200) // its session has ended
			if p := waiting.Submit(code(app.Code())); p.URL.Path == "/app" || p.Screen() != "sign-in" {
				t.Errorf("a sign-in from before goes on: %s", p)
			}
			w.wait(time.Minute)
			fresh := w.browser()
			expect(t, w.password(fresh, w.begin(), email), "enter-code", 200)
			begun := fresh.Page().URL.String()
			for _, screen := range []string{"two-step-introduction", "verify-email", "install-app", "connect-device", "setup-code", "done"} {
				expect(t, fresh.Open(w.at(begun, screen)), "enter-code", 200)
			}
			// The mailbox alone doesn't replace it either: the address, or the
			// password, is too new (1.8).
			expect(t, fresh.Press("Set up a new mobile device"), "device-wait", 200)
			expect(t, fresh.Open(w.at(begun, "verify-email")), "enter-code", 200)
			again := w.browser()
			w.password(again, w.begin(), email)
			again.Submit(code(app.Code()))
			if a := w.arrived(again); a.AMR != "mfa otp pwd" {
				t.Errorf("amr %s", a.AMR)
			}
		})
	}
}

// Who has something else than a working authenticator app is asked for that,
// and never let through with the password.
func TestL07_WithoutAWorkingAppAnotherFactorIsAskedFor(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, codes := w.enrolled(b, agent)
	p := w.person(agent)
	must(t, w.db.SuspendTOTP(t.Context(), p.User.ID, p.TOTP.ID, nil, audit.Event{Kind: audit.AuthenticatorPaused}))
	one := w.browser()
	begun := w.begin()
	expect(t, w.password(one, begun, agent), "two-step-introduction", 200)
	for _, screen := range []string{"enter-code", "setup-code", "install-app", "connect-device", "done", "sign-in"} {
		if got := one.Open(w.at(begun, screen)); got.URL.Path == "/app" || got.Screen() != "two-step-introduction" {
			t.Errorf("%s: %s", screen, got)
		}
	}
	fields := one.Page().Fields()
	fields.Set(templates.FieldCode, app.Code())
	if got := one.Send(w.at(begun, "enter-code"), fields); got.URL.Path == "/app" {
		t.Error("the suspended app is good for a sign-in")
	}
	one.Open(w.at(begun, "recovery-code"))
	expect(t, one.Submit(map[string]string{templates.FieldRecovery: "0000-0000-0000-0000"}), "recovery-code", 422)
	expect(t, one.Submit(map[string]string{templates.FieldRecovery: codes[0]}), "two-step-introduction", 200)
	one.Press("Not now")
	if a := w.arrived(one); a.AMR != "mfa otp pwd" {
		t.Errorf("amr %s", a.AMR)
	}
}
