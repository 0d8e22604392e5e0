package account_test

import (
	"testing"
	"time"

	"stile/audit"
	"stile/stiletest/softkey"
	"stile/storage"
	"stile/templates"
)

// Who has no second factor and wants something of My Account that takes one hears
// who asks, and may leave it.
func TestMyAccountSaysWhoAsksForASecondFactor(t *testing.T) {
	w := newWorld(t)
	s := w.seat(member)
	for button, words := range map[string]string{
		"Turn on":       "Enhanced Security asks for a second step besides your password.",
		"Add a passkey": "Before My Account goes on, it asks you to set up two-step verification.",
	} {
		s.open("/account")
		if button == "Turn on" {
			s.Press(button)
		} else {
			s.Open(w.url + "/account/passkeys")
		}
		says(t, expect(t, s.Page(), "two-step-introduction", 200), words)
		expect(t, s.Press("Not now"), "account", 200)
	}
	// Where the account requires it, that is why, and there is no way round.
	_, err := w.db.UpdatePolicy(t.Context(), w.person(member).Account.ID, func(a storage.AccountState) (storage.Policy, error) {
		a.Policy.TwoStep = true
		return a.Policy, nil
	}, audit.System)
	must(t, err)
	p := expect(t, s.Open(w.url+"/account/passkeys"), "two-step-introduction", 200)
	says(t, p, "Your organisation, Example Sales , asks for two-step verification.")
	f := p.Fields()
	f.Set(templates.FieldDo, templates.DoNotNow)
	expect(t, s.Send(p.Action(), f), "two-step-introduction", 200)
}

// The first passkey may be the second factor that adding it asks for: then it is
// there, and nothing says that the password alone signs in no more.
func TestThePasskeyMadeOnTheWayIsTheOneThatWasWanted(t *testing.T) {
	w := newWorld(t)
	s := w.seat(member)
	s.open("/account")
	s.Open(w.url + "/account/passkeys")
	s.Press("Use a passkey instead")
	s.step() // the code of the e-mail
	k := softkey.New(w.url)
	action, options, f := expect(t, s.Page(), "make-passkey", 200).PasskeyForm()
	f.Set(templates.FieldPasskey, k.Create(options))
	p := expect(t, s.Send(action, f), "done", 200)
	says(t, p, "Your passkey is ready")
	says(t, p, "From now on you can sign in with it in place of your password.")
	s.Submit(map[string]string{templates.FieldKept: "yes"})
	action, options, f = expect(t, s.Page(), "enter-code", 200).PasskeyForm()
	f.Set(templates.FieldPasskey, k.Get(options))
	says(t, expect(t, s.Send(action, f), "account", 200), "Your passkey is ready.")
	expect(t, s.Open(w.url+"/account/passkeys"), "account-passkey", 200) // another one
}

// An app that is connected for the day that it is wanted is said to be no more,
// and with Enhanced Security that it is asked for each time.
func TestDoneSaysWhetherACodeIsAskedForEachTime(t *testing.T) {
	for path, words := range map[string]string{"/account/passkeys": "Your app is connected", "": "Two-step verification is on"} {
		t.Run(words, func(t *testing.T) {
			w := newWorld(t)
			s := w.seat(member)
			s.open("/account")
			if path == "" {
				s.Press("Turn on")
			} else {
				s.Open(w.url + path)
			}
			for s.Page().Screen() != "done" && s.step() {
			}
			says(t, expect(t, s.Page(), "done", 200), words)
		})
	}
}

// The code prompt says who asks, and what for.
func TestMyAccountSaysWhyItAsksAgain(t *testing.T) {
	w := newWorld(t)
	s := w.seat(agent)
	s.open("/account")
	w.wait(11 * time.Minute)
	s.Open(w.url + "/account/password")
	s.step()
	says(t, expect(t, s.Page(), "enter-code", 200), "My Account asks again before important steps")
	expect(t, s.prove(), "account-password", 200)
	w.wait(time.Minute)
	s.Open(w.url + "/account")
	s.Press("Reset for a new device")
	s.Submit(nil) // the address, which is known
	s.Submit(map[string]string{templates.FieldPassword: password})
	p := expect(t, s.Page(), "enter-code", 200)
	says(t, p, "To connect a new device, enter a code from your present app.")
	says(t, p, "Set up a new mobile device")
}
