package account_test

import (
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/stiletest/softkey"
	"stile/templates"
)

// Two people use one browser, one after the other.

// joined is a browser in which both are signed in: first one, then the other,
// who is the present one.
func (w *world) joined(first, second string) (one, other *seat) {
	w.t.Helper()
	one = w.seat(first)
	expect(w.t, one.open("/account"), "account", 200)
	other = &seat{Browser: one.Browser, w: w, email: second}
	one.Open(w.url + "/account/switch")
	one.Press("Use another account")
	expect(w.t, other.prove(), "account", 200)
	other.present()
	return one, other
}

// chosen chooses this one of the browser's users, as another tab would.
func (s *seat) chosen() {
	s.w.t.Helper()
	list, err := s.w.db.OwnSessions(s.w.t.Context(), s.w.person(s.email).User.ID)
	must(s.w.t, err)
	f := expect(s.w.t, s.Open(s.w.url+"/account/switch"), "select-account", 200).Fields()
	f.Set(templates.FieldID, list[0].ID)
	f.Set(templates.FieldDo, templates.DoChoose)
	expect(s.w.t, s.Send(s.Page().Action(), f), "account", 200)
	s.present()
}

// present fails unless the browser is in this user's hands.
func (s *seat) present() {
	s.w.t.Helper()
	says(s.w.t, expect(s.w.t, s.Open(s.w.url+"/account/profile"), "account-profile", 200), s.email)
}

// A form that one of them was shown does nothing to the other, whatever has made
// the other the present one.
func TestG05_AFormIsForWhomItWasShown(t *testing.T) {
	for how, change := range map[string]func(w *world, shown, other *seat){
		"the other is chosen": func(_ *world, _, other *seat) { other.chosen() },
		"signed out from elsewhere": func(w *world, shown, _ *seat) {
			must(w.t, w.db.SignOutUser(w.t.Context(), w.person(shown.email).User.ID, audit.System))
		},
	} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			other, shown := w.joined(member, agent)
			form := expect(t, shown.open("/account/password"), "account-password", 200).Fields()
			form.Set(templates.FieldNewPassword, "the new words of the agent")
			change(w, shown, other)
			before := w.state(member)
			own := w.person(agent).User.PasswordVersion
			if p := shown.Send(w.url+"/account/password", form); p.Status != 403 && p.Screen() != "sign-in" {
				t.Errorf("answered with %s", p)
			}
			if after := w.state(member); after != before {
				t.Errorf("something of the other was changed:\n%s\n%s", before, after)
			}
			if w.person(agent).User.PasswordVersion != own {
				t.Error("the password was changed, though its owner had left")
			}
		})
	}
}

// Where the present user is signed out, the other one waits to be chosen.
func TestG05_NobodyStepsIn(t *testing.T) {
	w := newWorld(t)
	other, shown := w.joined(member, agent)
	must(t, w.db.SignOutUser(t.Context(), w.person(agent).User.ID, audit.System))
	expect(t, shown.Open(w.url+"/account/profile"), "sign-in", 200)
	other.chosen()
}

// A copy of the cookie opens nothing once its owner has signed out elsewhere.
func TestG02_SignOutElsewhereLeavesNoCopy(t *testing.T) {
	for what, act := range map[string]struct{ path, press string }{
		"sign out everywhere else": {"/account/sessions", "Sign out everywhere else"},
		"that was not me":          {"/account/activity", "That was not me"},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			s := w.seat(agent)
			expect(t, s.open("/account"), "account", 200)
			copied := cookie(s, "stile-session")
			s.open(act.path)
			s.Press(act.press)
			if p := s.prove(); p.Status != 200 || !s.in() {
				t.Fatalf("its owner is out: %s", p)
			}
			thief := w.seat(agent)
			thief.Header.Set("Cookie", "stile-session="+copied)
			expect(t, thief.Open(w.url+"/account"), "sign-in", 200)
		})
	}
}

// Where a page asks its user to sign in again, another one may sign in: as himself,
// with nothing of what the page was for.
func TestAnotherUserAtThePageThatAsksAgain(t *testing.T) {
	for how, prove := range map[string]func(s *seat, key *softkey.Authenticator){
		"password": func(s *seat, key *softkey.Authenticator) {
			s.Submit(map[string]string{templates.FieldEmail: s.email, templates.FieldPassword: password})
			if s.Page().Screen() == "enter-code" {
				s.answer(key)
			}
		},
		"passkey": func(s *seat, key *softkey.Authenticator) { s.answer(key) },
	} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			_, key := w.keyed(agent)
			first := w.seat(member)
			expect(t, first.open("/account"), "account", 200)
			w.wait(11 * time.Minute)
			expect(t, first.Open(w.url+"/account/passkeys"), "sign-in", 200)
			second := &seat{Browser: first.Browser, w: w, email: agent}
			prove(second, key)
			page := expect(t, second.Page(), "account-passkey", 200) // his own
			if strings.Contains(page.Text(), "Your passkey is ready") {
				t.Error("told of a passkey that nobody has made")
			}
			second.present()
		})
	}
}
