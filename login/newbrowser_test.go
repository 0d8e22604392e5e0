package login_test

import (
	"strings"
	"testing"

	"stile/authn"
	"stile/storage"
	"stile/templates"
)

// newBrowsers is how many messages about a new browser the user got since the last call.
func (w *world) newBrowsers(email string) int {
	w.t.Helper()
	_, n := w.mail(email, templates.MailNewBrowser)
	return n
}

func TestASignInInANewBrowserIsTold(t *testing.T) {
	w := newWorld(t)
	own := w.browser()
	w.password(own, w.begin(), member)
	if w.arrived(own); w.newBrowsers(member) != 0 {
		t.Error("the first sign-in of all is told")
	}
	w.later()
	w.password(own, w.begin(), member)
	if w.arrived(own); w.newBrowsers(member) != 0 {
		t.Error("a sign-in in the same browser is told")
	}

	other := w.browser()
	w.password(other, w.begin(), member)
	w.arrived(other)
	m, n := w.mail(member, templates.MailNewBrowser)
	if n != 1 || !strings.Contains(m.Data[templates.DataBrowser], "Firefox") || m.Data[templates.DataNetwork] == "" || m.Data[templates.DataAt] == "" {
		t.Fatalf("%d messages: %+v", n, m)
	}
	w.later()
	w.password(other, w.begin(), member)
	if w.arrived(other); w.newBrowsers(member) != 0 {
		t.Error("the second sign-in there is told")
	}
	// Somebody else's sign-ins make no browser known for this user.
	third := w.browser()
	w.enrolled(third, agent)
	w.password(third, w.begin(func(r *request) { r.SomeoneElse = true }), member)
	if w.arrived(third); w.newBrowsers(member) != 1 || w.newBrowsers(agent) != 0 {
		t.Error("told of the other user's browser")
	}
	// Nor does a session, whose cookie can be copied.
	copied := w.browser()
	copied.Header.Set("Cookie", "stile-session="+cookie(other, w.url, "stile-session"))
	ask := authn.Ask{Since: w.now()}
	w.wait(1)
	w.password(copied, w.begin(func(r *request) { r.Ask = ask }), member)
	if w.newBrowsers(member) != 1 {
		t.Error("a copied session passes for the browser")
	}

	// Another address makes no browser a stranger's.
	const moved = "moved@example.com"
	w.later()
	w.user(member, func(u *storage.User) { *u = u.Moved(moved, w.now()) })
	w.password(own, w.begin(), moved)
	if w.arrived(own); w.newBrowsers(moved) != 0 {
		t.Error("a browser that knew the address of before is told of")
	}
	fresh := w.browser()
	w.password(fresh, w.begin(), moved)
	if w.arrived(fresh); w.newBrowsers(moved) != 1 {
		t.Error("a new browser after the change is not told of")
	}

	// The link ends what was begun there.
	w.notMe(m)
	expect(t, other.Open(w.begin()), "sign-in", 200)
}

// Who connects a device, too, is told of that, and not of the browser besides.
func TestANewDeviceIsToldAloneInANewBrowser(t *testing.T) {
	w := newWorld(t)
	app, _ := w.enrolled(w.browser(), agent)
	b := w.browser()
	w.password(b, w.begin(), agent)
	b.Submit(code(app.Code()))
	if w.arrived(b); w.newBrowsers(agent) != 1 {
		t.Error("a sign-in with the app in a new browser is not told")
	}
	w.later()
	thief := w.browser()
	w.password(thief, w.begin(), agent)
	thief.Press("Set up a new mobile device")
	fresh, _ := w.enrol(thief, agent)
	thief.Submit(code(fresh.Code()))
	w.arrived(thief)
	if _, n := w.mail(agent, templates.MailAuthenticatorReplaced); n != 1 || w.newBrowsers(agent) != 0 {
		t.Errorf("%d messages about the device, and one about the browser", n)
	}
}

// A passkey alone is no less of a sign-in.
func TestANewBrowserIsToldWithAPasskey(t *testing.T) {
	w := newWorld(t)
	k := w.passkey(agent)
	for want := range 2 { // the key was made in a session, so each is a further sign-in
		b := w.browser()
		b.Open(w.begin())
		k.use(t, b)
		if w.arrived(b); w.newBrowsers(agent) != 1 {
			t.Errorf("sign-in %d is not told", want)
		}
	}
}
