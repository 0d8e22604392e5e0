package account_test

import (
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/stiletest/softkey"
	"stile/templates"
)

// Codes stand in for what lets one in. Without that there is no button, but why;
// and the form of a page from before comes back to the page as it is.
func TestNewCodesOnlyWhereTheyStandInForSomething(t *testing.T) {
	w := newWorld(t)
	s := w.seat(agent)
	s.open("/account")
	p := w.person(agent)
	must(t, w.db.SuspendTOTP(t.Context(), p.User.ID, p.TOTP.ID, nil, audit.Event{Kind: audit.AuthenticatorPaused}))
	page := expect(t, s.Press("Make new codes"), "account", 200)
	says(t, page, "Codes stand in for a working authenticator app or passkey")
	if strings.Contains(page.Text(), "Make new codes") {
		t.Error("the button is still there")
	}
	if n := len(w.mails(agent, templates.MailRecoveryCodesMade)); n != 0 || w.person(agent).RecoveryID != p.RecoveryID {
		t.Error("codes were made")
	}
}

// answer gives the passkey that the page asks for.
func (s *seat) answer(key *softkey.Authenticator) {
	s.w.t.Helper()
	action, options, fields := s.Page().PasskeyForm()
	fields.Set(templates.FieldPasskey, key.Get(options))
	s.Send(action, fields)
}

// keyed is a browser of somebody whose second step is a passkey, and no app.
func (w *world) keyed(email string) (*seat, *softkey.Authenticator) {
	w.t.Helper()
	s, key := w.seat(email), softkey.New(w.url)
	s.Open(w.url + "/account")
	s.Submit(map[string]string{templates.FieldEmail: email, templates.FieldPassword: password})
	s.Press("Use a passkey instead")
	s.Submit(map[string]string{templates.FieldCode: w.mail(email, templates.MailEmailCode).Data[templates.DataCode]})
	action, options, fields := s.Page().PasskeyForm()
	fields.Set(templates.FieldPasskey, key.Create(options))
	s.Send(action, fields)
	for s.Page().Screen() == "done" {
		s.Submit(nil)
	}
	s.answer(key)
	expect(w.t, s.Page(), "account", 200)
	w.mails(email, templates.MailPasskeyAdded)
	return s, key
}

// withoutCodes takes the recovery codes away, as who made them and denies it.
func (w *world) withoutCodes(s *seat) {
	w.t.Helper()
	s.Press("Make new codes")
	other := w.seat(s.email)
	other.Open(w.mail(s.email, templates.MailRecoveryCodesMade).Data[templates.DataLink])
	expect(w.t, other.Submit(nil), "not-me-done", 200)
	if n := w.person(s.email).RecoveryLeft; n != 0 {
		w.t.Fatalf("%d codes are left", n)
	}
}

const onlyOne = "You have only one second step."

// Whoever loses the one thing that lets him in is warned before, whatever it is.
func TestAWarningWhereOnlyOneWayInIsLeft(t *testing.T) {
	w := newWorld(t)
	s, key := w.keyed(agent)
	if strings.Contains(s.Page().Text(), onlyOne) {
		t.Error("warned with recovery codes")
	}
	w.wait(time.Minute)
	w.withoutCodes(s)
	s.Open(w.url + "/account")
	s.Submit(map[string]string{templates.FieldEmail: agent, templates.FieldPassword: password})
	s.answer(key)
	says(t, expect(t, s.Page(), "account", 200), onlyOne)
	// Another thing will do.
	w.wait(time.Minute)
	s.Open(w.url + "/account/passkeys")
	action, options, fields := s.Page().PasskeyForm()
	fields.Set(templates.FieldPasskey, softkey.New(w.url).Create(options))
	fields.Set(templates.FieldName, "second")
	if page := expect(t, s.Send(action, fields), "account", 200); strings.Contains(page.Text(), onlyOne) {
		t.Error("warned with two passkeys")
	}
}

// Who has a passkey alone is offered an app beside it: the passkey is asked for
// before, and stays.
func TestAnAppBesideAPasskey(t *testing.T) {
	w := newWorld(t)
	s, key := w.keyed(agent)
	w.wait(time.Minute)
	s.Press("Connect an authenticator app")
	s.Submit(map[string]string{templates.FieldEmail: agent})
	s.Submit(map[string]string{templates.FieldPassword: password})
	page := expect(t, s.Page(), "enter-code", 200)
	if page.Fields().Has(templates.FieldCode) {
		t.Error("a code is asked for")
	}
	s.answer(key)
	page = expect(t, s.prove(), "account", 200)
	says(t, page, "Your authenticator app is connected. Your passkey works as before.")
	p := w.person(agent)
	if p.TOTP == nil || p.Passkeys != 1 || p.User.CooldownUntil != nil {
		t.Errorf("app %v, %d passkeys, cool-down until %v", p.TOTP, p.Passkeys, p.User.CooldownUntil)
	}
	w.mail(agent, templates.MailAuthenticatorConnected)
	if n := len(w.mails(agent, templates.MailAuthenticatorReplaced)); n != 0 {
		t.Error("told that something was replaced")
	}
	// And it lets in as before.
	other := w.seat(agent)
	other.Open(w.url + "/account")
	other.Submit(map[string]string{templates.FieldEmail: agent, templates.FieldPassword: password})
	other.answer(key)
	expect(t, other.Page(), "account", 200)
}

// Who can't sign a stranger out, for the cool-down, is told of the way that does so
// at once.
func TestInTheCoolDownANewPasswordByALinkSignsStrangersOut(t *testing.T) {
	w := newWorld(t)
	s := w.seat(agent)
	s.open("/account")
	w.wait(time.Hour)
	// The phone is lost: another takes its place without it.
	fresh := w.seat(agent)
	fresh.Open(w.url + "/account")
	fresh.Submit(map[string]string{templates.FieldEmail: agent, templates.FieldPassword: password})
	fresh.Press("Set up a new mobile device")
	expect(t, fresh.prove(), "account", 200)
	thief := fresh.another()
	expect(t, thief.open("/account"), "account", 200)
	for path, button := range map[string]string{"/account/activity": "That was not me", "/account/sessions": "Sign out everywhere else"} {
		fresh.open(path)
		says(t, expect(t, fresh.Press(button), "account-refused", 403), "signs everybody out at once")
	}
	if !thief.in() {
		t.Fatal("the stranger is out already")
	}
	links := fresh.Page().Links("/forgot-password")
	if len(links) != 1 {
		t.Fatalf("links %q", links)
	}
	fresh.Open(w.url + links[0])
	fresh.Submit(map[string]string{templates.FieldEmail: agent})
	fresh.Open(w.mail(agent, templates.MailPasswordReset).Data[templates.DataLink])
	fresh.Submit(nil)
	expect(t, fresh.Submit(map[string]string{templates.FieldNewPassword: "another good one of words"}), "sign-in", 200)
	if thief.in() || fresh.in() {
		t.Error("somebody is still signed in")
	}
	if until := w.person(agent).User.CooldownUntil; until == nil || !until.After(w.now()) {
		t.Error("the cool-down is over")
	}
}
