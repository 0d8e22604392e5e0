package login_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/seal"
	"stile/stiletest"
	"stile/stiletest/softkey"
	"stile/storage"
	"stile/templates"
)

// toPasskey goes from the introduction to the page that makes a passkey.
func (w *world) toPasskey(b *stiletest.Browser, email string) *stiletest.Page {
	w.t.Helper()
	expect(w.t, b.Page(), "two-step-introduction", 200)
	expect(w.t, b.Press("Use a passkey instead"), "verify-email", 200)
	return expect(w.t, b.Submit(code(w.code(email))), "make-passkey", 200)
}

func TestPasskeyInPlaceOfTheApp(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin()
	w.password(b, begun, agent)
	for _, screen := range []string{"make-passkey", "done", "enter-code"} {
		expect(t, b.Open(w.at(begun, screen)), "two-step-introduction", 200)
	}
	w.toPasskey(b, agent)
	for _, screen := range []string{"install-app", "connect-device", "setup-code", "done", "enter-code"} {
		expect(t, b.Open(w.at(begun, screen)), "make-passkey", 200)
	}
	// Without a script, or on second thoughts, there is the app; and the way back.
	expect(t, b.Press("Connect an authenticator app instead"), "install-app", 200)
	two := w.browser()
	w.wait(time.Minute)
	w.password(two, w.begin(), agent)
	w.toPasskey(two, agent)
	k := key{Authenticator: softkey.New(w.url)}
	f := passkeyForm(t, two.Page())
	made := k.Create(f.options)
	says(t, expect(t, two.Send(f.action, f.with("")), "make-passkey", 422), "passkey")
	says(t, expect(t, two.Send(f.action, f.with("{}")), "make-passkey", 422), "passkey")
	if w.person(agent).Passkeys != 0 {
		t.Fatal("a passkey of nothing")
	}
	p := expect(t, two.Send(f.action, f.with(made)), "done", 200)
	codes := p.Texts("code")
	who := w.person(agent)
	if len(codes) != 10 || who.Passkeys != 1 || who.RecoveryLeft != 10 || who.User.CooldownUntil != nil {
		t.Errorf("%d codes, %+v", len(codes), who)
	}
	if m, n := w.mail(agent, templates.MailPasskeyAdded); n != 1 || m.Data[templates.DataLink] == "" {
		t.Errorf("%d messages: %v", n, m.Data)
	}
	if e := w.events(audit.PasskeyAdded); len(e) != 1 || e[0].SubjectID != who.User.ID || e[0].AccountID != w.support.ID {
		t.Errorf("the log: %+v", e)
	}
	// Making it proves nothing: it is asked for, like the app after its setup code.
	two.Submit(nil)
	expect(t, two.Submit(nil), "enter-code", 200)
	k.use(t, two)
	if a := w.arrived(two); a.AMR != "hwk mfa pwd user" {
		t.Errorf("amr %s", a.AMR)
	}
	// What was under way elsewhere begins again, and adds nothing.
	expect(t, b.Submit(nil), "sign-in", 200)
	three := w.browser()
	expect(t, w.password(three, w.begin(), agent), "enter-code", 200)
	expect(t, three.Press("Use a recovery code"), "recovery-code", 200)
	expect(t, three.Submit(recovering(codes[0])), "two-step-introduction", 200)
	if strings.Contains(three.Page().Text(), "Use a passkey instead") {
		t.Error("another passkey is offered")
	}
}

// Who has the password alone makes no passkey where a second factor is there.
func TestK08_NoPasskeyBesideASecondFactor(t *testing.T) {
	w := newWorld(t)
	thief := w.browser() // before the user has enrolled
	w.password(thief, w.begin(), agent)
	w.toPasskey(thief, agent)
	f := passkeyForm(t, thief.Page())
	made := softkey.New(w.url).Create(f.options)
	w.wait(time.Minute)
	w.enrolled(w.browser(), agent)
	expect(t, thief.Send(f.action, f.with(made)), "sign-in", 200)

	b := w.browser()
	begun := w.begin()
	w.password(b, begun, agent)
	expect(t, b.Open(w.at(begun, "make-passkey")), "enter-code", 200)
	expect(t, b.Press("Set up a new mobile device"), "two-step-introduction", 200)
	fields := b.Page().Fields()
	fields.Set(templates.FieldDo, templates.DoUsePasskey)
	expect(t, b.Send(b.Page().Action(), fields), "two-step-introduction", 200)
	expect(t, b.Submit(nil), "verify-email", 200)
	expect(t, b.Submit(code(w.code(agent))), "install-app", 200)
	b.Send(w.url+"/login/make-passkey", url.Values{templates.FieldPasskey: {made}})
	if p := w.person(agent); p.Passkeys != 0 || p.TOTP == nil {
		t.Errorf("%+v", p)
	}

	// And the database would not have it, whatever a page lets through.
	p := w.person(agent)
	n := storage.SignIn{Key: storage.SignInKey{ID: "x", Binding: "y"}, AccountID: p.User.AccountID, UserID: p.User.ID, Epoch: p.User.Epoch, ExpiresAt: w.now().Add(time.Minute)}
	n, err := w.db.ProvePassword(t.Context(), storage.PasswordProof{SignIn: n, Event: audit.Event{Kind: "test"}})
	must(t, err)
	_, err = w.db.ActivatePasskey(t.Context(), storage.FirstPasskey{
		SignIn: n, Passkey: storage.Passkey{ID: "k", Credential: []byte("c"), Name: "key"},
		Challenge: storage.Challenge{Hash: seal.HashToken("c"), Expires: w.now()}, Event: audit.Event{Kind: audit.PasskeyAdded},
	})
	if !errors.Is(err, storage.ErrConflict) {
		t.Errorf("a passkey beside the app: %v", err)
	}
}

// After a reset nobody has shown that the device is the user's.
func TestK08_ThePasskeyAfterAResetCoolsDown(t *testing.T) {
	w := newWorld(t)
	w.enrolled(w.browser(), agent)
	must(t, w.db.ResetAuthenticator(t.Context(), w.person(agent).User.ID, nobody))
	w.wait(time.Minute)
	b := w.browser()
	w.password(b, w.begin(), agent)
	w.toPasskey(b, agent)
	f := passkeyForm(t, b.Page())
	expect(t, b.Send(f.action, f.with(softkey.New(w.url).Create(f.options))), "done", 200)
	if until := w.person(agent).User.CooldownUntil; until == nil || !until.Equal(w.now().Add(day)) {
		t.Errorf("cool-down until %v", until)
	}
}
