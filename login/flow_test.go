package login_test

import (
	"testing"
	"time"

	"stile/authn"
	"stile/factor"
	"stile/signin"
	"stile/templates"
)

func TestFirstSignInWithEnrolment(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin()
	p := expect(t, b.Open(begun), "sign-in", 200)
	says(t, p, "Acme Console")
	p = expect(t, b.Submit(map[string]string{templates.FieldEmail: agent, templates.FieldPassword: password}), "two-step-introduction", 200)
	says(t, p, "Example Support")
	if _, sent := w.mail(agent, templates.MailEmailCode); sent != 0 {
		t.Error("a mail was sent before Continue")
	}
	p = expect(t, b.Submit(nil), "verify-email", 200)
	mail, sent := w.mail(agent, templates.MailEmailCode)
	if sent != 1 {
		t.Fatalf("%d mails", sent)
	}
	says(t, p, mail.Data[templates.DataLabel])
	if mail.Data[templates.DataBrowser] != "Firefox on Windows" {
		t.Errorf("mail is about %q", mail.Data[templates.DataBrowser])
	}
	p = expect(t, b.Submit(map[string]string{templates.FieldCode: mail.Data[templates.DataCode]}), "install-app", 200)
	says(t, p, "verified")
	if w.person(agent).User.EmailVerifiedAt == nil {
		t.Error("the address does not count as verified")
	}
	p = expect(t, b.Submit(nil), "connect-device", 200)
	app := w.app6238(p)
	expect(t, b.Submit(nil), "setup-code", 200)
	setup := app.Code()
	p = expect(t, b.Submit(map[string]string{templates.FieldCode: setup}), "done", 200)
	if codes := p.Texts("code"); len(codes) != 10 {
		t.Errorf("%d recovery codes", len(codes))
	}
	if _, n := w.mail(agent, templates.MailAuthenticatorConnected); n != 1 {
		t.Errorf("%d notices", n)
	}
	// Unticked, it reminds once, and then goes on.
	expect(t, b.Submit(nil), "done", 200)
	expect(t, b.Submit(nil), "enter-code", 200)
	w.wait(time.Minute)
	b.Submit(map[string]string{templates.FieldCode: app.Code()})
	a := w.arrived(b)
	if a.Email != agent || a.AMR != "mfa otp pwd" || !a.At.Equal(w.now()) {
		t.Errorf("arrived as %+v", a)
	}
}

func TestLaterSignIns(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, _ := w.enrolled(b, agent)

	t.Run("the session is enough for another client", func(t *testing.T) {
		b.Open(w.begin())
		w.arrived(b)
	})
	t.Run("prompt=login asks for both", func(t *testing.T) {
		p := b.Open(w.begin(func(r *signin.Request) { r.Ask.Since = w.now() }))
		expect(t, p, "sign-in", 200)
		if p.Field(templates.FieldEmail) != agent {
			t.Error("the address is not filled in")
		}
		b.Submit(map[string]string{templates.FieldEmail: agent, templates.FieldPassword: password})
		expect(t, b.Page(), "enter-code", 200)
		b.Submit(map[string]string{templates.FieldCode: app.Code()})
		if a := w.arrived(b); !a.At.Equal(w.now()) {
			t.Errorf("auth_time %s, now %s", a.At, w.now())
		}
	})
	t.Run("idle for an hour", func(t *testing.T) {
		w.wait(time.Hour)
		expect(t, b.Open(w.begin()), "sign-in", 200)
	})
	t.Run("in another browser", func(t *testing.T) {
		other := w.browser()
		expect(t, w.password(other, w.begin(), agent), "enter-code", 200)
		other.Submit(map[string]string{templates.FieldCode: app.Code()})
		w.arrived(other)
	})
}

func TestWithoutTwoStep(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.password(b, w.begin(), member)
	first := w.arrived(b)
	if first.Email != member || first.AMR != "pwd" {
		t.Fatalf("arrived as %+v", first)
	}
	passwordAt := w.now()

	t.Run("step-up goes straight to what is missing", func(t *testing.T) {
		w.wait(5 * time.Minute)
		p := b.Open(w.begin(func(r *signin.Request) { r.Ask.Levels, r.Ask.Essential = []authn.Level{authn.LevelMFA}, true }))
		expect(t, p, "two-step-introduction", 200)
		says(t, p, "Acme Console")
		app, _ := w.enrol(b, member)
		b.Submit(map[string]string{templates.FieldCode: app.Code()})
		a := w.arrived(b)
		if a.AMR != "mfa otp pwd" || !a.At.Equal(passwordAt) || a.Session != first.Session {
			t.Errorf("after the step-up %+v, the password was given at %s", a, passwordAt)
		}
	})
}

// Who finds an old session open may not connect a device of his own to it.
func TestK08_AnOldPasswordOpensNoEnrolment(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.password(b, w.begin(), member)
	w.arrived(b)
	w.wait(authn.FreshPassword + time.Minute)
	stepUp := func(r *signin.Request) { r.Ask.Levels, r.Ask.Essential = []authn.Level{authn.LevelMFA}, true }
	p := expect(t, b.Open(w.begin(stepUp)), "sign-in", 200)
	if p.Field(templates.FieldEmail) != member {
		t.Error("the address is not filled in")
	}
	b.Submit(map[string]string{templates.FieldEmail: member, templates.FieldPassword: password})
	expect(t, b.Page(), "two-step-introduction", 200)
}

func TestLoginHintFillsTheField(t *testing.T) {
	w := newWorld(t)
	p := w.browser().Open(w.begin(func(r *signin.Request) { r.LoginHint = "nobody@example.com" }))
	if got := p.Field(templates.FieldEmail); got != "nobody@example.com" {
		t.Errorf("the field holds %q", got)
	}
}

// A stored hash that is weaker than the present setting is renewed by the
// sign-in, and works on.
func TestI08_WeakHashesAreRenewed(t *testing.T) {
	w := newWorld(t)
	weak, err := factor.NewPasswords(w.db.Hasher(), factor.PasswordOptions{BelowFloor: true})
	must(t, err)
	phc, err := weak.Hash(t.Context(), password)
	must(t, err)
	must(t, w.db.SetPassword(t.Context(), w.person(member).User.ID, phc, nobody))
	epoch := w.person(member).User.Epoch
	for range 2 {
		b := w.browser()
		w.password(b, w.begin(), member)
		w.arrived(b)
	}
	now := w.person(member).User
	if now.Password == phc || now.Epoch != epoch {
		t.Errorf("renewed: %v, epoch %d after %d", now.Password != phc, now.Epoch, epoch)
	}
}

func TestAddressFirst(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	p := expect(t, b.Open(w.begin(func(r *signin.Request) { r.AddressFirst = true })), "sign-in", 200)
	if _, there := p.Fields()[templates.FieldPassword]; there {
		t.Error("the first page asks for the password")
	}
	expect(t, b.Submit(map[string]string{templates.FieldEmail: "nobody"}), "sign-in", 422)
	// The same page follows for everybody.
	for _, email := range []string{"nobody@example.com", member} {
		p = expect(t, b.Submit(map[string]string{templates.FieldEmail: email}), "sign-in", 200)
		if p.Field(templates.FieldEmail) != email {
			t.Errorf("address on the second page: %q", p.Field(templates.FieldEmail))
		}
		if email != member {
			b.Press("Use another address")
		}
	}
	p = expect(t, b.Submit(map[string]string{templates.FieldPassword: "wrong"}), "sign-in", 422)
	if p.Field(templates.FieldEmail) != member {
		t.Error("the address was lost")
	}
	b.Submit(map[string]string{templates.FieldPassword: password})
	w.arrived(b)
}
