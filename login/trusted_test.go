package login_test

import (
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

// trusts is what the enter-code screen gets with the box ticked.
func trusts(code string) map[string]string {
	return map[string]string{templates.FieldCode: code, templates.FieldTrust: "yes"}
}

// offered tells whether the page has the box.
func offered(p *stiletest.Page) bool {
	return strings.Contains(p.Body, `name="`+templates.FieldTrust+`"`)
}

// trustDays lets browsers of both accounts be trusted, which both require two steps.
func (w *world) trustDays(n int) {
	w.t.Helper()
	for _, a := range []storage.Account{w.support, w.sales} {
		w.policy(a, func(p *storage.Policy) { p.TwoStep = true; p.SetTrustDays(n) })
	}
}

// later waits until every session is over.
func (w *world) later() { w.wait(13 * time.Hour) }

// trusted is a browser that the agent trusts, after its session is over.
func (w *world) trusted(app *stiletest.Authenticator) *stiletest.Browser {
	w.t.Helper()
	b := w.browser()
	expect(w.t, w.password(b, w.begin(), agent), "enter-code", 200)
	b.Submit(trusts(app.Code()))
	w.arrived(b)
	w.later()
	return b
}

func TestL05_TrustedBrowserAsksForThePasswordAlone(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, _ := w.enrolled(b, agent)
	w.later()
	if p := expect(t, w.password(b, w.begin(), agent), "enter-code", 200); offered(p) {
		t.Error("offered where the policy trusts no browser")
	}
	w.trustDays(14)
	p := expect(t, b.Open(b.Page().URL.String()), "enter-code", 200)
	says(t, p, "Do not ask on this browser for 14 days")
	if p.Field(templates.FieldTrust) != "" {
		t.Error("ticked beforehand")
	}
	if p := expect(t, b.Submit(trusts("000000")), "enter-code", 422); p.Field(templates.FieldTrust) == "" {
		t.Error("a wrong code takes the tick away")
	}
	b.Submit(trusts(app.Code()))
	if a := w.arrived(b); a.AMR != "mfa otp pwd" {
		t.Errorf("with the code: %s", a.AMR)
	}
	if e := w.events(audit.SignInSucceeded)[0]; e.Reason != string(authn.ReasonProven) {
		t.Errorf("with the code: %s", e.Reason)
	}
	m, n := w.mail(agent, templates.MailBrowserTrusted)
	if n != 1 || !strings.Contains(m.Data[templates.DataBrowser], "Firefox") || m.Data[templates.DataUntil] != w.now().AddDate(0, 0, 14).Format(time.RFC3339) || m.Data[templates.DataLink] == "" {
		t.Errorf("%d messages: %+v", n, m)
	}
	if e := w.events(audit.BrowserTrusted); len(e) != 1 || e[0].SubjectID != w.person(agent).User.ID {
		t.Errorf("audit: %+v", e)
	}

	w.later()
	w.password(b, w.begin(), agent)
	if a := w.arrived(b); a.AMR != "pwd" {
		t.Errorf("in the trusted browser: %s", a.AMR)
	}
	if e := w.events(audit.SignInSucceeded)[0]; e.Reason != string(authn.ReasonTrusted) {
		t.Errorf("in the trusted browser: %s", e.Reason)
	}
	// Who asks for more gets it, and nothing is to be ticked there again.
	b.Open(w.begin(func(r *request) { r.Ask.Levels = []authn.Level{authn.LevelMFA} }))
	if p := expect(t, b.Page(), "enter-code", 200); offered(p) {
		t.Error("offered in a trusted browser")
	}
	b.Submit(code(app.Code()))
	if a := w.arrived(b); a.AMR != "mfa otp pwd" {
		t.Errorf("after the step-up: %s", a.AMR)
	}
	// Nor is there a way around what is essential.
	w.later()
	expect(t, w.password(b, w.begin(func(r *request) { r.Ask = authn.Ask{Levels: []authn.Level{authn.LevelMFA}, Essential: true} }), agent), "enter-code", 200)
}

// Who has a passkey and no app ticks the box beside it. On the first screen there
// is none: a passkey alone proves two steps each time.
func TestL05_TrustedByAPasskey(t *testing.T) {
	w := newWorld(t)
	w.trustDays(14)
	k := w.passkey(agent)
	b := w.browser()
	b.Open(w.begin())
	if offered(b.Page()) {
		t.Error("offered before anything is proven")
	}
	first := passkeyForm(t, b.Page())
	answer := first.with(k.Get(first.options))
	answer.Set(templates.FieldTrust, "yes")
	b.Send(first.action, answer)
	w.arrived(b)
	w.later()
	if p := expect(t, w.password(b, w.begin(), agent), "enter-code", 200); !offered(p) {
		t.Error("not offered beside the passkey")
	}
	f := passkeyForm(t, b.Page())
	answer = f.with(k.Get(f.options))
	answer.Set(templates.FieldTrust, "yes")
	b.Send(f.action, answer)
	w.arrived(b)
	w.later()
	w.password(b, w.begin(), agent)
	if a := w.arrived(b); a.AMR != "pwd" {
		t.Errorf("in the trusted browser: %s", a.AMR)
	}
}

func TestL05_TrustIsOfOneBrowserAndOneUser(t *testing.T) {
	w := newWorld(t)
	w.trustDays(14)
	app, _ := w.enrolled(w.browser(), agent)
	b := w.trusted(app)
	token, known := cookie(b, w.url, "stile-trusted"), cookie(b, w.url, "stile-known")
	if token == "" || known == "" {
		t.Fatal("no cookies")
	}
	for name, header := range map[string][2]string{
		"the cookie alone":                   {"stile-trusted=" + token, ""},
		"with the known cookie of another":   {"stile-trusted=" + token + "; stile-known=" + cookie(w.knownElsewhere(), w.url, "stile-known"), ""},
		"all cookies, another browser":       {"stile-trusted=" + token + "; stile-known=" + known, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15"},
		"one byte of the cookie is changed":  {"stile-trusted=" + flip(token) + "; stile-known=" + known, ""},
		"two cookies of the name, as tossed": {"stile-trusted=" + token + "; stile-trusted=" + token + "; stile-known=" + known, ""},
	} {
		other := w.browser()
		other.Header.Set("Cookie", header[0])
		if header[1] != "" {
			other.Header.Set("User-Agent", header[1])
		}
		if p := w.password(other, w.begin(), agent); p.Screen() != "enter-code" {
			t.Errorf("%s: %s", name, p)
		}
	}
	w.enrolled(w.browser(), member)
	if p := w.password(b, w.begin(), member); p.Screen() != "enter-code" {
		t.Errorf("another user of the browser: %s", p)
	}
	w.password(b, w.begin(func(r *request) { r.SomeoneElse = true }), agent)
	w.arrived(b) // each has a token of his own
}

// knownElsewhere is another browser that the agent has signed in in.
func (w *world) knownElsewhere() *stiletest.Browser {
	b := w.browser()
	w.enrolled(b, member)
	must(w.t, w.db.ResetAuthenticator(w.t.Context(), w.person(member).User.ID, nobody))
	return b
}

func flip(s string) string {
	changed := []byte(s)
	changed[len(changed)/2] ^= 1
	return string(changed)
}

func TestL01_L05_WhatEndsTheTrust(t *testing.T) {
	w := newWorld(t)
	w.trustDays(14)
	app, recovery := w.enrolled(w.browser(), agent)
	who := w.person(agent).User
	phc, err := w.passwords.Hash(t.Context(), password)
	must(t, err)
	user := func(change func(*storage.User)) func() { return func() { w.user(agent, change) } }
	for _, c := range []struct {
		name string
		end  func()
		back func()
	}{
		{"its days are over", func() { w.wait(14 * 24 * time.Hour) }, nil},
		{"the policy allows none", func() { w.trustDays(0) }, func() { w.trustDays(14) }},
		{"the policy allows less", func() { w.wait(24 * time.Hour); w.trustDays(1) }, func() { w.trustDays(14) }},
		{"Enhanced Security", user(func(u *storage.User) { u.Enhanced = true }), user(func(u *storage.User) { u.Enhanced = false })},
		{"another password", func() { must(t, w.db.SetPassword(t.Context(), who.ID, phc, nobody)) }, nil},
		{"signed out everywhere", func() { must(t, w.db.SignOutUser(t.Context(), who.ID, nobody)) }, nil},
		{"others know the password", func() {
			v := w.person(agent).User.PasswordVersion
			must(t, w.db.ExposePassword(t.Context(), who.ID, v, audit.Event{Kind: audit.PasswordExposed, SubjectID: who.ID}))
		}, func() { must(t, w.db.SetPassword(t.Context(), who.ID, phc, nobody)) }},
	} {
		b := w.trusted(app)
		c.end()
		if p := w.password(b, w.begin(), agent); p.Screen() != "enter-code" {
			t.Errorf("%s: %s", c.name, p)
		}
		if c.back != nil {
			c.back()
		}
		if p := w.password(b, w.begin(), agent); c.name != "Enhanced Security" && p.Screen() != "enter-code" {
			t.Errorf("%s, afterwards: %s", c.name, p)
		}
		w.wait(time.Minute)
	}

	// A recovery code trusts nothing, and while what protects the sign-in is
	// closed after a replacement, nothing is to be ticked.
	b := w.browser()
	expect(t, w.password(b, w.begin(), agent), "enter-code", 200)
	b.Press("Use a recovery code")
	fields := b.Page().Fields()
	fields.Set(templates.FieldRecovery, recovery[0])
	fields.Set(templates.FieldTrust, "yes")
	b.Send(b.Page().Action(), fields)
	for b.Page().URL.Path != "/app" {
		b.Press("Not now")
	}
	w.arrived(b)
	w.later()
	if p := w.password(b, w.begin(), agent); p.Screen() != "enter-code" {
		t.Errorf("after a recovery code: %s", p)
	}
	must(t, w.db.ResetAuthenticator(t.Context(), who.ID, nobody))
	b = w.browser()
	expect(t, w.password(b, w.begin(), agent), "two-step-introduction", 200)
	app, _ = w.enrol(b, agent)
	if w.person(agent).User.CooldownUntil == nil || offered(b.Page()) {
		t.Error("offered during the cool-down")
	}
	fields = b.Page().Fields()
	fields.Set(templates.FieldCode, app.Code())
	fields.Set(templates.FieldTrust, "yes")
	b.Send(b.Page().Action(), fields)
	w.arrived(b)
	w.later()
	if p := w.password(b, w.begin(), agent); p.Screen() != "enter-code" {
		t.Errorf("trusted during the cool-down: %s", p)
	}
}

// A sign-in that is about to end when the browser is forgotten begins again.
func TestL05_ForgottenInTheMiddleOfASignIn(t *testing.T) {
	w := newWorld(t)
	w.trustDays(14)
	app, _ := w.enrolled(w.browser(), agent)
	b := w.trusted(app)
	begun := w.begin(func(r *request) { r.Ask = authn.Ask{Levels: []authn.Level{authn.LevelMFA}} })
	expect(t, w.password(b, begun, agent), "enter-code", 200)
	person := w.person(agent)
	other := w.browser()
	w.password(other, w.begin(), agent)
	other.Submit(code(app.Code()))
	s := w.arrived(other)
	must(t, w.db.ForgetTrusted(t.Context(), storage.Own{UserID: person.User.ID, SessionID: s.Session, Epoch: person.User.Epoch}, "", audit.Event{Kind: audit.BrowserForgotten}))
	expect(t, b.Open(w.at(begun, "enter-code")), "sign-in", 200)
	expect(t, w.password(b, w.begin(), agent), "enter-code", 200)
}

// The cookie is no longer than browsers keep, whoever has signed in here.
func TestG02_TheTrustedCookieStaysSmall(t *testing.T) {
	w := newWorld(t)
	w.trustDays(14)
	phc, err := w.passwords.Hash(t.Context(), password)
	must(t, err)
	b := w.browser()
	for i := range 18 {
		email := string(rune('a'+i)) + ".somebody@sales.example"
		_, err := w.db.CreateUser(t.Context(), storage.User{AccountID: w.sales.ID, Email: email, Name: email, Password: phc}, nobody)
		must(t, err)
		w.password(b, w.begin(func(r *request) { r.SomeoneElse = true }), email)
		app, _ := w.enrol(b, email)
		b.Submit(trusts(app.Code()))
		w.arrived(b)
		w.wait(time.Hour)
	}
	if n := len(cookie(b, w.url, "stile-trusted")); n < 2000 || n > 4000 {
		t.Errorf("%d bytes", n)
	}
	w.later()
	for email, screen := range map[string]string{"a.somebody@sales.example": "enter-code", "r.somebody@sales.example": ""} {
		if p := w.password(b, w.begin(func(r *request) { r.SomeoneElse = true }), email); p.Screen() != screen {
			t.Errorf("%s: %s", email, p)
		}
	}
}
