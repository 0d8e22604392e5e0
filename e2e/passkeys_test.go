package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"stile/stiletest"
	"stile/stiletest/softkey"
)

// usePasskey answers the form of the page that asks for a passkey.
func (w *walker) usePasskey(k *softkey.Authenticator) {
	w.t.Helper()
	action, options, fields := w.Page().PasskeyForm()
	if options == "" {
		w.t.Fatalf("no passkey is asked for on %s", w.Page())
	}
	answer := k.Create
	if !strings.Contains(options, `"pubKeyCredParams"`) {
		answer = k.Get
	}
	fields.Set("passkey", answer(options))
	w.Send(action, fields)
}

// addPasskey makes a passkey in My Account.
func (w *walker) addPasskey(name string, flags byte) *softkey.Authenticator {
	w.t.Helper()
	k := softkey.New(w.s.Issuer)
	k.Flags |= flags
	w.Open(w.s.Issuer + "/account/passkeys")
	w.want("account-passkey")
	action, options, fields := w.Page().PasskeyForm()
	fields.Set("passkey", k.Create(options))
	fields.Set("name", name)
	w.Send(action, fields)
	w.want("account")
	return k
}

func (w *walker) says(words string) {
	w.t.Helper()
	if !strings.Contains(w.Page().Text(), words) {
		w.t.Fatalf("the page doesn't say %q: %s", words, w.Page())
	}
}

func wantPasskey(t testing.TB, c stiletest.Claims, amr ...string) {
	t.Helper()
	if !slices.Equal(slices.Sorted(slices.Values(c.AMR)), amr) || c.ACR != "phr" || c.AuthTime == 0 {
		t.Errorf("claims %+v: want amr %v and the phishing-resistant acr", c, amr)
	}
}

// Passkeys of My Account and in sign-ins, with an authenticator of software that
// lies where it may.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	required, free := s.newAccount(t, "required"), s.newAccount(t, "optional")
	home := s.Issuer + "/account"
	console := s.console(t)
	essential := []string{"claims", `{"id_token":{"acr":{"essential":true,"value":"phr"}}}`}

	t.Run("added, signed in with, renamed, removed", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, required))
		w.signIn(home)
		w.says("A passkey is a sign-in in one step")
		k := w.addPasskey("Blue key", 0)
		w.says("Your passkey is ready.")
		w.says("In one device")
		s.mails(t, w.who.Email, "A passkey was added", 1)

		other := newWalker(t, s, w.who)
		attempt := console.Begin()
		other.Open(attempt.URL)
		other.want("sign-in")
		other.usePasskey(k)
		wantPasskey(t, console.Redeem(attempt, other.Page().URL).Claims, "hwk", "mfa", "user")
		attempt = console.Begin(essential...)
		wantPasskey(t, console.Redeem(attempt, other.Open(attempt.URL).URL).Claims, "hwk", "mfa", "user")

		w.Open(home)
		id := strings.TrimPrefix(w.Page().Links("/account/passkey?id=")[0], "/account/passkey?id=")
		w.Open(home + "/passkey?id=" + id)
		w.Submit(map[string]string{"name": " "})
		w.wantProblem("account-passkey-name", "Enter a name of at most 64 characters")
		w.Submit(map[string]string{"name": "Red key"})
		w.says("The passkey has its new name.")
		w.Press("Remove Red key")
		w.says("The passkey is removed.")
		s.mails(t, w.who.Email, "A passkey was removed", 1)
		if other.Open(home); other.Page().Screen() != "sign-in" {
			t.Errorf("1.4: the other browser is still signed in: %s", other.Page())
		}
		other.usePasskey(k)
		other.wantProblem("sign-in", "That passkey did not work here.")
	})

	t.Run("K08 a password alone adds none", func(t *testing.T) {
		who := s.newPerson(t, free)
		w := newWalker(t, s, who)
		w.Open(home)
		w.password()
		w.want("account")
		w.Open(home + "/passkeys") // nobody has a second factor: one is enrolled first, with an e-mail
		w.want("two-step-introduction")
		w.enrol()
		w.code()
		w.want("account-passkey")
		fields, stale := w.Page().Fields(), newWalker(t, s, who)
		stale.Open(home) // signed in with a password, of an account that asks for no more
		stale.password()
		stale.want("account")
		stale.Open(home + "/passkeys")
		stale.want("enter-code")
		fields.Set("passkey", softkey.New(s.Issuer).Create(options(t, w)))
		stale.Send(home+"/passkeys", fields)
		if p := stale.Page(); p.Screen() == "account" {
			t.Fatalf("added: %s", p)
		}
		if w.Open(home); len(w.Page().Links("/account/passkey?id=")) != 0 {
			t.Error("there is a passkey")
		}
	})

	t.Run("M03 what the browser sends is what was asked for", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, required))
		w.signIn(home + "/passkeys")
		for name, lie := range map[string]func(k *softkey.Authenticator){
			"another origin":    func(k *softkey.Authenticator) { k.Origin = "https://evil.example" },
			"user not verified": func(k *softkey.Authenticator) { k.Flags &^= softkey.UserVerified },
			"another challenge": func(k *softkey.Authenticator) { k.Challenge = "Y2hhbGxlbmdl" },
		} {
			k := softkey.New(s.Issuer)
			lie(k)
			w.Open(home + "/passkeys")
			w.usePasskey(k)
			if p := w.Page(); p.Status != 422 || !strings.Contains(p.Text(), "could not be registered") {
				t.Errorf("%s: %s", name, p)
			}
		}
		w.Open(home + "/passkeys")
		w.Submit(map[string]string{"name": "No script"})
		w.wantProblem("account-passkey", "Your browser gave no passkey.")

		// A challenge is for one browser, and answered once.
		w.Open(home + "/passkeys")
		mine, k := w.Page().Fields(), softkey.New(s.Issuer)
		mine.Set("passkey", k.Create(options(t, w)))
		other := newWalker(t, s, s.newPerson(t, required))
		other.signIn(home + "/passkeys")
		theirs := other.Page().Fields()
		theirs.Set("passkey", mine.Get("passkey"))
		theirs.Set("challenge", mine.Get("challenge"))
		other.Send(home+"/passkeys", theirs)
		other.wantProblem("account-passkey", "That took too long.")
		w.Send(home+"/passkeys", mine)
		w.want("account")
		s.clock.Move(time.Minute)
		w.Send(home+"/passkeys", mine)
		if p := w.Page(); p.Screen() == "account" {
			t.Errorf("made twice: %s", p)
		}
		// M04: the same credential, with whomever.
		other.Open(home + "/passkeys")
		theirs = other.Page().Fields()
		theirs.Set("passkey", k.Made(k.Keys[0], options(t, other)))
		other.Send(home+"/passkeys", theirs)
		other.wantProblem("account-passkey", "This passkey is registered already.")
	})

	t.Run("1.4, 1.8: who has a passkey shows it, or waits", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, required))
		w.signIn(home)
		k := w.addPasskey("Lost key", softkey.BackupEligible|softkey.BackedUp)
		w.says("Shared among your devices")
		s.clock.Move(11 * time.Minute)
		w.Press("Make new codes")
		w.want("sign-in")
		w.password()
		w.want("enter-code")
		w.says("with your passkey") // a code is not enough for what protects the sign-in
		w.usePasskey(k)
		w.says("You have confirmed that it is you.")
		w.Press("Make new codes")
		w.want("account-recovery-codes")

		s.newAdmin(t, required, "kim.keys@example.com", "Kim Keys")
		lost := newWalker(t, s, w.who) // with the app, without the passkey
		lost.app = w.app
		s.clock.Move(11 * time.Minute)
		lost.signIn(home)
		lost.Press("Remove Lost key")
		lost.says("The passkey is removed.")
		lost.says("An authenticator was replaced or removed without being used.")
		s.mails(t, "kim.keys@example.com", "A member removed a passkey", 1)
		lost.Press("Make new codes")
		lost.want("account-refused")
	})

	t.Run("L06 unmet for who has none", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, required))
		attempt := console.Begin(essential...)
		at := w.signIn(attempt.URL).URL
		if got := at.Query().Get("error"); got != "unmet_authentication_requirements" {
			t.Errorf("answered with %q at %s", got, at)
		}
	})
}

// options are what the page asks the browser with.
func options(t testing.TB, w *walker) string {
	t.Helper()
	_, options, _ := w.Page().PasskeyForm()
	return options
}
