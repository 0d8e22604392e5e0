package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"stile/stiletest"
)

// What somebody can do who has a part of what protects a sign-in, and what not.

// attacker is somebody at a browser, with what there is of the owner's.
type attacker struct {
	*walker
	password, mailbox bool
	own               *stiletest.Authenticator // an app that the owner knows nothing of
}

func newAttacker(t testing.TB, s *system, who person) *attacker {
	t.Helper()
	return &attacker{walker: newWalker(t, s, who)}
}

// goOn answers the screens with what there is, and returns the last one.
func (a *attacker) goOn() string {
	a.t.Helper()
	for range 10 {
		screen := a.Page().Screen()
		switch {
		case screen == "sign-in" && !a.Page().Fields().Has("password"):
			a.Submit(map[string]string{"email": a.who.Email})
		case screen == "sign-in" && a.password:
			a.Submit(map[string]string{"email": a.who.Email, "password": a.who.Password})
		case screen == "two-step-introduction", screen == "install-app":
			a.Submit(nil)
		case screen == "verify-email" && a.mailbox:
			a.s.delivered(a.t)
			a.Submit(map[string]string{"code": a.s.codeByMail(a.t, a.who.Email, 0)})
		case screen == "connect-device":
			a.own = a.s.newAuthenticator(a.t, a.key())
			a.Submit(nil)
		case screen == "setup-code":
			a.Submit(map[string]string{"code": a.own.Code()})
		case screen == "done":
			a.Submit(map[string]string{"kept": "yes"})
		case screen == "enter-code" && a.own != nil:
			a.Submit(map[string]string{"code": a.own.Code()})
		case screen == "enter-code":
			a.Press("Set up a new mobile device")
		default:
			return screen
		}
		if a.Page().Screen() == screen && a.Page().Status >= 400 {
			return screen
		}
	}
	return a.Page().Screen()
}

// sensitive returns the pages of My Account that change what protects a sign-in,
// and the buttons that do so on the others.
func sensitive() map[string][]string {
	return map[string][]string{
		"/account/password": nil, "/account/email": nil, "/account/passkeys": nil, "/account/data/erase": nil,
		"/account":          {"Make new codes", "Turn on", "Turn off", "Reset for a new device", "Forget Go-http-client", "Forget all"},
		"/account/sessions": {"Sign out everywhere else"},
		"/account/activity": {"That was not me"},
		"/account/data":     {"Prepare the file"},
	}
}

// place is where an attacker stands: which of those buttons are in reach.
type place struct {
	outside bool     // none: the pages that have them do not open
	absent  []string // the pages have none of these
	free    []string // may be pressed, and is tried on its own
}

// robs tries the doors of My Account, and fails the test if one opens, or is not
// where it is said to be.
func (a *attacker) robs(at place, before string, protected func() string) {
	a.t.Helper()
	inside := func() bool { return strings.HasPrefix(a.Page().Screen(), "account") }
	for path, buttons := range sensitive() {
		a.Open(a.s.Issuer + path)
		a.goOn()
		switch {
		case buttons == nil && inside() && a.Page().Screen() != "account-refused":
			a.t.Errorf("%s opens: %s", path, a.Page())
		case buttons == nil && a.Page().Screen() == "error":
			a.t.Errorf("%s is no door: %s", path, a.Page())
		case buttons != nil && inside() == at.outside:
			a.t.Errorf("%s opens: %t: %s", path, inside(), a.Page())
		case !at.outside:
			for _, button := range buttons {
				a.presses(a.s.Issuer+path, button, at)
			}
		}
	}
	if now := protected(); now != before {
		a.t.Errorf("what protects the sign-in was %s, and is %s", before, now)
	}
}

// presses tries a button of a page that opens.
func (a *attacker) presses(page, button string, at place) {
	a.t.Helper()
	a.Open(page)
	there, absent := slices.Contains(a.Page().Texts("button"), button), slices.Contains(at.absent, button)
	switch {
	case there == absent:
		a.t.Errorf("%q is there: %t: %s", button, there, a.Page())
	case there && !slices.Contains(at.free, button):
		a.Press(button)
		if a.goOn(); strings.HasPrefix(a.Page().Screen(), "account") && a.Page().Screen() != "account-refused" {
			a.t.Errorf("%q works: %s", button, a.Page())
		}
	}
}

// delivered waits until every message that was written has been handed over.
func (s *system) delivered(t testing.TB) {
	t.Helper()
	until(t, "delivered", func() bool {
		n, err := s.db.OutboxLength(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n == 0
	}, s.log)
}

// silent asks without a page, and returns the error; empty if there was a code.
func (w *walker) silent(rp *stiletest.RP, params ...string) string {
	w.t.Helper()
	q := w.Open(rp.Begin(append(params, "prompt", "none")...).URL).URL.Query()
	if q.Get("code") != "" {
		return ""
	}
	return q.Get("error")
}

func TestK08_Attackers(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	account := s.newAccount(t, "required")
	s.newAdmin(t, account, "boss@example.com", "Bo Boss")
	s.stile(t, "", "policy", "update", account, "--trusted-browser-days", "14")
	// victim has an app, a session in a browser that is trusted and a refresh token,
	// all a while ago.
	victim := func(t *testing.T, account string) (*walker, stiletest.Tokens, func() string) {
		t.Helper()
		w := newWalker(t, s, s.newPerson(t, account))
		attempt := rp.Begin("acr_values", acrMFA, "scope", "openid email offline_access")
		w.Open(attempt.URL)
		w.password()
		w.enrol()
		w.Submit(map[string]string{"code": w.app.Code(), "trust": "yes"})
		tokens := rp.Redeem(attempt, w.Page().URL)
		p, err := s.db.PersonByEmail(t.Context(), w.who.Email)
		if err != nil {
			t.Fatal(err)
		}
		s.clock.Move(11 * time.Minute)
		return w, tokens, func() string { return s.protected(t, p.User.ID) }
	}
	undisturbed := func(t *testing.T, w *walker, tokens stiletest.Tokens) {
		t.Helper()
		if e := w.silent(rp); e != "" {
			t.Errorf("the owner is signed out: %s", e)
		}
		if _, err := rp.Refresh(tokens.RefreshToken); err != nil {
			t.Errorf("what the owner's app holds has ended: %v", err)
		}
	}

	t.Run("with the password alone nothing opens, and the owner is undisturbed", func(t *testing.T) {
		w, tokens, protected := victim(t, account)
		a := newAttacker(t, s, w.who)
		a.password = true
		for _, params := range [][]string{nil, {"acr_values", "urn:stile:acr:password"}, {"prompt", "login"}} {
			a.Open(rp.Begin(params...).URL)
			if screen := a.goOn(); screen != "verify-email" && screen != "two-step-introduction" {
				t.Errorf("%v ends at %s", params, a.Page())
			}
		}
		a.robs(place{outside: true}, protected(), protected)
		if e := a.silent(rp); e != "login_required" {
			t.Errorf("prompt=none: %q", e)
		}
		undisturbed(t, w, tokens)
	})

	t.Run("L02 with the mailbox alone comes another password, and nothing behind the code", func(t *testing.T) {
		w, tokens, protected := victim(t, account)
		a := newAttacker(t, s, w.who)
		a.Open(s.Issuer + "/forgot-password")
		a.Submit(map[string]string{"email": w.who.Email})
		a.Open(s.resetLink(t, w.who.Email))
		a.Submit(nil)
		a.who.Password = "chosen by somebody else"
		a.Submit(map[string]string{"new-password": a.who.Password})
		a.want("sign-in")
		if e := a.silent(rp); e != "login_required" {
			t.Errorf("the new password signs in by itself: %q", e)
		}
		a.password, a.mailbox = true, true
		before := protected()
		a.Open(rp.Begin().URL)
		if screen := a.goOn(); screen != "device-wait" {
			t.Errorf("the attacker is at %s", a.Page())
		}
		a.robs(place{outside: true}, before, protected)
		if _, err := rp.Refresh(tokens.RefreshToken); err == nil {
			t.Error("what apps held goes on after a reset")
		}
		s.mails(t, w.who.Email, "Your password was changed", 1)

		owner := w.elsewhere() // the one with the app
		owner.who.Password = a.who.Password
		owner.tokens(rp)
	})

	t.Run("with both, a device can be connected: it is told of, changes nothing for a day, and goes with one press", func(t *testing.T) {
		w, tokens, protected := victim(t, account)
		a := newAttacker(t, s, w.who)
		a.password, a.mailbox = true, true
		a.Open(rp.Begin().URL)
		if a.goOn(); a.Page().URL.Query().Get("code") == "" {
			t.Fatalf("the way of who has lost the phone is closed: %s", a.Page())
		}
		first := protected()
		a.robs(place{
			absent: []string{"Turn on", "Turn off", "Forget Go-http-client", "Forget all"}, // required of all; no browser is trusted any more
			free:   []string{"Reset for a new device"},
		}, first, protected)
		if _, err := rp.Refresh(tokens.RefreshToken); err == nil {
			t.Error("what apps held goes on after a replacement")
		}
		a.Open(s.Issuer + "/account") // by a device of one's own to another of one's own
		a.Press("Reset for a new device")
		a.goOn()
		if protected() == first {
			t.Errorf("no second device: %s", a.Page())
		}
		s.mails(t, "boss@example.com", "A member connected a new device", 1)

		notices := s.mails(t, w.who.Email, "Your authenticator was replaced", 2)
		w.Open(notMeLink.FindString(notices[len(notices)-1].Text)) // of the first one
		w.Submit(nil)
		if e := a.silent(rp); e != "login_required" {
			t.Errorf("after \"This wasn't me\": %q", e)
		}
		again := newAttacker(t, s, w.who)
		again.password, again.own = true, a.own // the second one
		again.Open(rp.Begin().URL)
		if again.goOn(); again.Page().URL.Query().Get("code") != "" {
			t.Error("the device still gives codes that count")
		}
		again.Open(s.Issuer + "/forgot-password")
		again.Submit(map[string]string{"email": w.who.Email})
		again.Open(s.resetLink(t, w.who.Email))
		again.Submit(nil)
		again.who.Password = "chosen by somebody else"
		again.Submit(map[string]string{"new-password": again.who.Password})
		again.Open(rp.Begin().URL)
		if again.goOn(); again.Page().URL.Query().Get("code") != "" {
			t.Error("a new password makes the device give codes that count")
		}
	})

	for mode, ends := range map[string]string{"recovery-code": "recovery-code", "admin": "ask-admin"} {
		t.Run("with both, where the account replaces devices by "+mode+" only, nothing opens", func(t *testing.T) {
			strict := s.newAccount(t, "required")
			s.newAdmin(t, strict, mode+"@example.com", "Ada Admin")
			s.apply(t, "accounts:\n  - name: "+strict+"\n    policy: {two_step: required, trusted_browser_days: 14, reenrolment: "+mode+"}\n")
			w, tokens, protected := victim(t, strict)
			a := newAttacker(t, s, w.who)
			a.password, a.mailbox = true, true
			before := protected()
			a.Open(rp.Begin().URL)
			if screen := a.goOn(); screen != ends {
				t.Errorf("the attacker is at %s", a.Page())
			}
			a.robs(place{outside: true}, before, protected)
			undisturbed(t, w, tokens)
		})
	}

	t.Run("L01 with a session that stands on a password, everything asks for more", func(t *testing.T) {
		free := s.newAccount(t, "optional")
		open := newWalker(t, s, s.newPerson(t, free))
		wantPassword(t, open.tokens(rp).Claims)
		owner := open.elsewhere()
		wantMFA(t, owner.tokens(rp, "acr_values", acrMFA).Claims)
		p, err := s.db.PersonByEmail(t.Context(), owner.who.Email)
		if err != nil {
			t.Fatal(err)
		}
		protected := func() string { return s.protected(t, p.User.ID) }
		a := &attacker{walker: open}
		a.robs(place{absent: []string{"Turn off", "Forget Go-http-client", "Forget all"}}, protected(), protected)
		if e := a.silent(rp, "acr_values", acrMFA, "claims", `{"id_token":{"acr":{"essential":true,"values":["`+acrMFA+`"]}}}`); e == "" {
			t.Error("a password passes for two steps")
		}
		owner.Open(s.Issuer + "/account")
		owner.Press("Turn on")
		owner.want("account")
		if e := open.silent(rp); e == "" {
			t.Error("Enhanced Security leaves an old session what it was")
		}
	})

	t.Run("G04 at an unlocked browser, for a minute: apps open, nothing that protects the sign-in does", func(t *testing.T) {
		w, tokens, protected := victim(t, account)
		a := &attacker{walker: &walker{Browser: w.Browser, t: t, s: s, who: w.who}}
		a.robs(place{absent: []string{"Turn on", "Turn off"}}, protected(), protected)
		begun := rp.Begin()
		if got := rp.Redeem(begun, a.Open(begun.URL).URL).Claims; got.AuthTime > s.clock.Now().Add(-10*time.Minute).Unix() {
			t.Errorf("auth_time is %s", time.Unix(got.AuthTime, 0))
		}
		if e := a.silent(rp, "max_age", "60"); e != "login_required" {
			t.Errorf("max_age: %q", e)
		}
		a.Open(s.Issuer + "/account")
		a.Press("Reset for a new device")
		a.want("sign-in")
		undisturbed(t, w, tokens)
	})
}
