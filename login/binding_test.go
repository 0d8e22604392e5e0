package login_test

import (
	"testing"
	"time"

	"stile/authn"
	"stile/signin"
	"stile/stiletest"
	"stile/templates"
)

// noted is a browser with the login cookie of another, in which a page is open.
func (w *world) noted(from *stiletest.Browser, begun string) *stiletest.Browser {
	b := w.browser()
	b.Header.Set("Cookie", "stile-login="+cookie(from, w.url, "stile-login"))
	b.Open(begun)
	b.Header.Del("Cookie") // the answer has set it anew
	return b
}

// Somebody who knows the password noted the cookie and the link of a sign-in,
// before anything or after a password, and left the browser to its user.
func TestG01_ANotedCookieLeadsNowhere(t *testing.T) {
	for _, before := range []string{"a page was opened", "the same password was proven", "another user's was proven"} {
		t.Run(before, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			begun := w.begin(func(r *signin.Request) { r.SomeoneElse = true })
			b.Open(begun)
			switch before {
			case "the same password was proven":
				w.password(b, w.begin(), agent)
			case "another user's was proven":
				w.password(b, w.begin(), member)
			}
			attacker := w.noted(b, begun)
			w.password(b, begun, agent)
			expect(t, b.Page(), "two-step-introduction", 200)
			expect(t, attacker.Open(begun), "sign-in", 200)
			// With the same password he comes to a sign-in of his own.
			attacker.Submit(pair(agent, password))
			w.wait(2 * time.Minute)
			w.toKey(b, agent)
			expect(t, attacker.Open(w.at(begun, "connect-device")), "two-step-introduction", 200)
		})
	}
}

// What stands on a session alone is found only by who has its cookie.
func TestG01_ANotedCookieLeadsToNoStepUp(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.password(b, w.begin(), member)
	w.arrived(b)
	begun := w.begin(func(r *signin.Request) { r.Ask.Levels = []authn.Level{authn.LevelMFA} })
	b.Open(begun)
	attacker := w.noted(b, begun)
	expect(t, b.Submit(nil), "verify-email", 200)
	expect(t, attacker.Open(begun), "sign-in", 200)
	expect(t, attacker.Submit(pair(member, password)), "two-step-introduction", 200)
	expect(t, b.Open(begun), "verify-email", 200)
}

// Each proof has a key of its own, and the windows before go on with theirs:
// also those of another user.
func TestWindowsOfOneBrowserGoOn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	first, second := w.begin(), w.begin()
	w.password(b, first, agent)
	expect(t, b.Submit(nil), "verify-email", 200)
	w.password(b, second, agent)
	other := w.begin(func(r *signin.Request) { r.SomeoneElse = true })
	w.password(b, other, member)
	w.arrived(b)
	expect(t, b.Open(first), "verify-email", 200)
	expect(t, b.Submit(map[string]string{templates.FieldCode: w.code(agent)}), "install-app", 200)
	expect(t, b.Open(second), "two-step-introduction", 200)

	// A step-up that stands on the member's session, while the agent comes and goes.
	up := w.begin(func(r *signin.Request) { r.Ask.Levels = []authn.Level{authn.LevelMFA} })
	b.Open(up)
	expect(t, b.Submit(nil), "verify-email", 200)
	w.password(b, w.begin(func(r *signin.Request) { r.SomeoneElse = true }), agent)
	expect(t, b.Open(up), "verify-email", 200)
	expect(t, b.Submit(map[string]string{templates.FieldCode: w.code(member)}), "install-app", 200)
}
