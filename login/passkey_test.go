package login_test

import (
	"crypto/rand"
	"net/url"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/factor"
	"stile/seal"
	"stile/stiletest"
	"stile/stiletest/softkey"
	"stile/storage"
	"stile/templates"
)

// key is somebody's authenticator with a passkey that is registered.
type key struct {
	*softkey.Authenticator
	id string
}

// passkey registers a passkey of a user, as My Account does.
func (w *world) passkey(email string, flags ...byte) key {
	w.t.Helper()
	a := softkey.New(w.url)
	for _, f := range flags {
		a.Flags |= f
	}
	keys, p := w.signIns.Passkeys(), w.person(email)
	own, _ := w.own(email)
	challenge := factor.NewChallenge()
	c, err := keys.Made(a.Create(keys.CreationOptions(challenge, p.User.ID, email, p.User.Name, nil)), challenge)
	must(w.t, err)
	k, err := w.db.AddPasskey(w.t.Context(), storage.PasskeyAddition{
		Own: own,
		Passkey: storage.Passkey{
			Credential: c.ID, PublicKey: c.PublicKey, Counter: c.Counter, Transports: c.Transports, Synced: c.Synced, BackedUp: c.BackedUp, Name: "key",
		},
		Challenge: storage.Challenge{Hash: seal.HashToken(challenge), Expires: w.now().Add(time.Minute)}, Event: audit.Event{Kind: audit.PasskeyAdded},
	})
	must(w.t, err)
	return key{a, k.ID}
}

// own is a user in a session of a browser of his.
func (w *world) own(email string) (own storage.Own, browser string) {
	w.t.Helper()
	p, now := w.person(email), w.now()
	n := storage.SignIn{
		Key: storage.SignInKey{ID: rand.Text(), Binding: rand.Text()}, AccountID: p.User.AccountID, UserID: p.User.ID, Epoch: p.User.Epoch,
		StartedAt: now, ExpiresAt: now.Add(time.Minute),
		Progress: authn.Progress{Started: now, Evidence: authn.Evidence{{Method: authn.Password, At: now, Authenticator: authn.PasswordID(p.User.PasswordVersion)}}},
	}
	n, err := w.db.ProvePassword(w.t.Context(), storage.PasswordProof{SignIn: n, Event: audit.Event{Kind: "test"}})
	must(w.t, err)
	s, err := w.db.CompleteSignIn(w.t.Context(), storage.Completion{
		SignIn: n, Evidence: n.Progress.Evidence, NewBrowser: rand.Text(), ExpiresAt: now.Add(time.Hour), Event: audit.Event{Kind: "test"},
	})
	must(w.t, err)
	return storage.Own{UserID: p.User.ID, SessionID: s.ID, Epoch: p.User.Epoch}, s.Browser
}

// form is the page's form that asks for a passkey.
type form struct {
	action, options string
	fields          url.Values
}

func passkeyForm(t *testing.T, p *stiletest.Page) form {
	t.Helper()
	action, options, fields := p.PasskeyForm()
	if options == "" {
		t.Fatalf("no passkey is asked for on %s", p)
	}
	return form{action, options, fields}
}

func (f form) with(answer string) url.Values {
	filled := url.Values{}
	for name, values := range f.fields {
		filled[name] = values
	}
	filled.Set(templates.FieldPasskey, answer)
	return filled
}

// use answers the page in a browser with a passkey.
func (k key) use(t *testing.T, b *stiletest.Browser) *stiletest.Page {
	t.Helper()
	f := passkeyForm(t, b.Page())
	return b.Send(f.action, f.with(k.Get(f.options)))
}

func TestPasskeySignsInAlone(t *testing.T) {
	for name, test := range map[string]struct {
		flags byte
		amr   string
	}{"in one device": {0, "hwk mfa user"}, "synced": {softkey.BackupEligible | softkey.BackedUp, "mfa swk user"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			k := w.passkey(agent, test.flags) // whose account requires two steps
			b := w.browser()
			b.Open(w.begin())
			w.wait(time.Minute)
			k.use(t, b)
			if a := w.arrived(b); a.Email != agent || a.AMR != test.amr || !a.At.Equal(w.now()) {
				t.Errorf("arrived as %+v", a)
			}
			if e := w.events(audit.ProofAccepted); len(e) != 1 || !strings.Contains(e[0].Reason, "passkey") || e[0].SubjectID != w.person(agent).User.ID {
				t.Errorf("audit log: %+v", e)
			}
			if list, err := w.db.Passkeys(t.Context(), w.person(agent).User.ID); err != nil || list[0].Used == nil || list[0].Counter != 1 {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
}

func TestPasskeyInPlaceOfACode(t *testing.T) {
	w := newWorld(t)
	w.enrolled(w.browser(), agent)
	k, other := w.passkey(agent), w.passkey(member)
	b := w.browser()
	expect(t, w.password(b, w.begin(), agent), "enter-code", 200)
	if f := passkeyForm(t, b.Page()); !strings.Contains(f.options, `"transports"`) || b.Page().Field(templates.FieldCode) != "" {
		t.Errorf("asks for %s", f.options)
	}
	// M03: a passkey of another user is none here.
	f := passkeyForm(t, b.Page())
	p := expect(t, b.Send(f.action, f.with(other.Use(other.Keys[0], f.options))), "enter-code", 422)
	says(t, p, "did not work here")
	if e := w.events(audit.ProofRefused); len(e) != 1 || e[0].Reason != "other_user" || e[0].SubjectID != w.person(agent).User.ID {
		t.Errorf("audit log: %+v", e)
	}
	k.use(t, b)
	if a := w.arrived(b); a.Email != agent || a.AMR != "hwk mfa pwd user" {
		t.Errorf("arrived as %+v", a)
	}
}

// The level is in reach of who has a passkey, by it alone.
func TestL06_PhishingResistantIsMetByAPasskeyAlone(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, _ := w.enrolled(b, agent)
	k := w.passkey(agent)
	begun := w.begin(func(r *request) {
		r.Ask.Levels, r.Ask.Essential = []authn.Level{authn.LevelPhishingResistant}, true
	})
	p := expect(t, b.Open(begun), "", 200) // signed in, by a code
	if p.Screen() != "enter-code" {
		t.Fatalf("not asked for more: %s", p)
	}
	for _, words := range []string{"recovery code", "new mobile device"} {
		if strings.Contains(p.Text(), words) {
			t.Errorf("offers what will not do: %s", p)
		}
	}
	_, _, fields := p.PasskeyForm()
	fields.Del(templates.FieldDo)
	fields.Set(templates.FieldCode, app.Code())
	if p := b.Send(p.URL.String(), fields); p.Screen() != "enter-code" {
		t.Fatalf("a code was enough: %s", p)
	}
	b.Open(w.at(begun, "enter-code"))
	k.use(t, b)
	if a := w.arrived(b); !strings.Contains(a.AMR, "hwk") {
		t.Errorf("arrived as %+v", a)
	}
}

func TestL07_WhoHasOnlyAPasskeyIsAskedForIt(t *testing.T) {
	w := newWorld(t)
	k := w.passkey(agent)
	b := w.browser()
	begun := w.begin()
	p := expect(t, w.password(b, begun, agent), "enter-code", 200)
	says(t, p, "with your passkey")
	for _, screen := range []string{"two-step-introduction", "install-app", "connect-device", "setup-code", "done"} {
		if p := b.Open(w.at(begun, screen)); p.Screen() != "enter-code" {
			t.Errorf("%s: %s", screen, p)
		}
	}
	k.use(t, b)
	if a := w.arrived(b); a.AMR != "hwk mfa pwd user" {
		t.Errorf("arrived as %+v", a)
	}
}

// Who lost it sets up another device by the account's rules, and waits then.
func TestK08_ALostPasskeyIsReplacedByTheRules(t *testing.T) {
	w := newWorld(t)
	w.passkey(agent)
	b := w.browser()
	w.password(b, w.begin(), agent)
	p := b.Press("Set up a new mobile device")
	expect(t, p, "two-step-introduction", 200)
	w.enrol(b, agent)
	if until := w.person(agent).User.CooldownUntil; until == nil {
		t.Error("what protects the sign-in can be changed at once")
	}
	w.policy(w.support, func(p *storage.Policy) { p.Reenrolment = storage.ReenrolByRecovery })
	w2 := w.browser()
	w.passkey(member)
	w.policy(w.sales, func(p *storage.Policy) { p.TwoStep, p.Reenrolment = true, storage.ReenrolByRecovery })
	w.password(w2, w.begin(), member)
	if p := w2.Press("Set up a new mobile device"); p.Screen() != "recovery-code" {
		t.Errorf("an e-mail was enough: %s", p)
	}
	if _, n := w.mail(member, templates.MailEmailCode); n != 0 {
		t.Error("a code was sent")
	}
}

func TestM03_WhateverIsWrongWithAPasskeyIsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		email  string
		lie    func(t *testing.T, w *world, k key)
		kind   audit.Kind
		reason string
	}{
		{"another challenge", member, func(_ *testing.T, _ *world, k key) { k.Challenge = factor.NewChallenge() }, audit.SignInFailed, "wrong_passkey"},
		{"another origin", member, func(_ *testing.T, _ *world, k key) { k.Origin = "http://localhost.evil.example" }, audit.SignInFailed, "wrong_passkey"},
		{"another RP ID", member, func(_ *testing.T, _ *world, k key) { k.Site = "evil.example" }, audit.SignInFailed, "wrong_passkey"},
		{"user not verified", member, func(_ *testing.T, _ *world, k key) { k.Flags &^= softkey.UserVerified }, audit.SignInFailed, "wrong_passkey"},
		{"signed by another key", member, func(_ *testing.T, w *world, k key) {
			other := w.passkey(agent)
			k.Keys[0].Private = other.Keys[0].Private
		}, audit.SignInFailed, "wrong_passkey"},
		{"user handle of another", member, func(_ *testing.T, w *world, k key) { k.Keys[0].User = w.person(agent).User.ID }, audit.SignInFailed, "other_user"},
		{"unknown", member, func(_ *testing.T, _ *world, k key) { k.Keys[0].ID = []byte("nobody's") }, audit.SignInFailed, "unknown_passkey"},
		{"removed", member, func(t *testing.T, w *world, k key) {
			own, browser := w.own(member)
			must(t, w.db.RemovePasskey(t.Context(), storage.PasskeyRemoval{
				Own: own, OldBrowser: browser, NewBrowser: "next", ID: k.id, Event: audit.Event{Kind: audit.PasskeyRemoved},
			}))
		}, audit.SignInFailed, "unknown_passkey"},
		{"M04 of a disabled user", gone, func(*testing.T, *world, key) {}, audit.SignInFailed, "switched_off"},
		{"M04 of a suspended account", member, func(t *testing.T, w *world, _ key) {
			_, err := w.db.UpdateAccount(t.Context(), w.sales.ID, func(a *storage.Account) error { at := w.now(); a.SuspendedAt = &at; return nil }, audit.System)
			must(t, err)
		}, audit.SignInFailed, "switched_off"},
		{"counter fell", member, func(t *testing.T, w *world, k key) {
			b := w.browser()
			b.Open(w.begin())
			k.Keys[0].Counter = 7
			k.use(t, b)
			w.arrived(b)
			k.Keys[0].Counter = 3
		}, audit.PasskeyCounter, "counter"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			if test.email == gone {
				w.user(gone, func(u *storage.User) { u.DisabledAt = nil })
			}
			k := w.passkey(test.email)
			if test.email == gone {
				w.user(gone, func(u *storage.User) { at := w.now(); u.DisabledAt = &at })
			}
			test.lie(t, w, k)
			b := w.browser()
			b.Open(w.begin())
			p := expect(t, k.use(t, b), "sign-in", 422)
			says(t, p, "That passkey did not work here.")
			if e := w.events(test.kind); len(e) != 1 || e[0].Reason != test.reason || e[0].Outcome != audit.Refused {
				t.Errorf("audit log: %+v", e)
			}
			if cookie(b, w.url, "stile-session") != "" {
				t.Error("a session was made")
			}
		})
	}
}

func TestM03_AnAnswerIsHeardOnce(t *testing.T) {
	w := newWorld(t)
	w.passkey(member)
	k := w.passkey(member, softkey.BackupEligible)
	k.Counts = false // so that nothing but the challenge tells
	b := w.browser()
	b.Open(w.begin())
	f := passkeyForm(t, b.Page())
	answer := f.with(k.Get(f.options))
	b.Send(f.action, answer)
	w.arrived(b)

	// The same sign-in, in the same browser: it is finished there. Another
	// request of that browser, and the same one in another browser, have
	// challenges of their own.
	other := w.browser()
	other.Open(w.begin())
	fresh := passkeyForm(t, other.Page())
	for name, field := range map[string]string{"a challenge of elsewhere": f.fields.Get(templates.FieldChallenge), "our challenge, an old answer": fresh.fields.Get(templates.FieldChallenge), "none": ""} {
		stolen := fresh.with(answer.Get(templates.FieldPasskey))
		stolen.Set(templates.FieldChallenge, field)
		if p := other.Send(fresh.action, stolen); p.Status != 422 {
			t.Errorf("%s: %s", name, p)
		}
	}
	if cookie(other, w.url, "stile-session") != "" {
		t.Error("a session was made")
	}

	// Twice in one sign-in: the row is begun once.
	again := w.browser()
	begun := w.begin()
	again.Open(begun)
	f = passkeyForm(t, again.Page())
	answer = f.with(k.Get(f.options))
	again.Send(f.action, answer)
	again.Open(w.at(begun, "sign-in") + "&lang=en")
	p := again.Send(f.action, answer)
	if n := len(w.events(audit.ProofAccepted)); n != 2 {
		t.Errorf("%d answers were accepted, want the first of each sign-in: %s", n, p)
	}
}

func TestM03_AChallengeIsOverInFiveMinutes(t *testing.T) {
	w := newWorld(t)
	k := w.passkey(member)
	b := w.browser()
	b.Open(w.begin())
	f := passkeyForm(t, b.Page())
	w.wait(5 * time.Minute)
	p := expect(t, b.Send(f.action, f.with(k.Get(f.options))), "sign-in", 422)
	says(t, p, "That took too long.")
	k.use(t, b) // the page has another one
	w.arrived(b)
}

func TestPasskeyFormWithoutAnAnswer(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.Open(w.begin())
	f := passkeyForm(t, b.Page())
	says(t, expect(t, b.Send(f.action, f.with("")), "sign-in", 422), "Your browser gave no passkey.")
	for _, answer := range []string{"{", `{"id":"AA"}`, "null", strings.Repeat("x", 60_000)} {
		f = passkeyForm(t, b.Page())
		expect(t, b.Send(f.action, f.with(answer)), "sign-in", 422)
	}
}

// A passkey that is replaced without being used leaves nothing elsewhere signed
// in, also where the operator lets nobody wait.
func TestK08_ALostPasskeyLeavesNothingElsewhere(t *testing.T) {
	w := newWorld(t)
	k := w.passkey(agent)
	w.policy(w.support, func(p *storage.Policy) { p.Lifetimes.Cooldown = -1 })
	elsewhere := w.browser()
	w.password(elsewhere, w.begin(), agent)
	k.use(t, elsewhere)
	w.arrived(elsewhere)
	w.wait(time.Minute)
	b := w.browser()
	w.password(b, w.begin(), agent)
	expect(t, b.Press("Set up a new mobile device"), "two-step-introduction", 200)
	w.enrol(b, agent)
	if until := w.person(agent).User.CooldownUntil; until != nil {
		t.Errorf("closed until %v", until)
	}
	expect(t, elsewhere.Open(w.begin()), "sign-in", 200)
}

// The one whom the client asks for, and nobody else.
func TestM03_PasskeyOfAnotherThanTheOneAskedFor(t *testing.T) {
	w := newWorld(t)
	k, other := w.passkey(member), w.passkey(agent)
	b := w.browser()
	b.Open(w.begin(func(r *request) { r.Ask.Subject = w.person(member).User.ID }))
	expect(t, other.use(t, b), "sign-in", 422)
	k.use(t, b)
	if a := w.arrived(b); a.Email != member {
		t.Errorf("arrived as %+v", a)
	}
}

// "Reset for a new device": the passkey opens the way, without an e-mail and
// without a time to wait.
func TestPasskeyOpensTheWayToANewDevice(t *testing.T) {
	w := newWorld(t)
	w.enrolled(w.browser(), agent)
	k := w.passkey(agent)
	b := w.browser()
	b.Open(w.begin(func(r *request) {
		r.NewDevice, r.AddressFirst, r.Ask.Levels, r.Ask.Since = true, true, []authn.Level{authn.LevelMFA}, w.now()
	}))
	expect(t, k.use(t, b), "two-step-introduction", 200)
	b.Submit(nil)
	expect(t, b.Page(), "install-app", 200)
	app := w.app6238(expect(t, b.Submit(nil), "connect-device", 200))
	b.Submit(nil)
	expect(t, b.Submit(map[string]string{templates.FieldCode: app.Code()}), "done", 200)
	if until := w.person(agent).User.CooldownUntil; until != nil {
		t.Errorf("closed until %v", until)
	}
}
