package login_test

import (
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

// Where a code sent by e-mail is not enough to replace an authenticator: a wait.

const day = 24 * time.Hour

// reset sets the agent's password as a link from a message does, or somebody else.
func (w *world) reset(email string) {
	w.t.Helper()
	u := w.person(email).User
	must(w.t, w.db.SetPassword(w.t.Context(), u.ID, u.Password, nobody))
}

// waitWorld is a world in which the agent has an app and a new password, with an
// admin in the account.
func waitWorld(t *testing.T) (w *world, app *stiletest.Authenticator) {
	w, app, _ = askWorld(t)
	w.policy(w.support, func(p *storage.Policy) { p.Reenrolment = storage.ReenrolByEmail })
	w.wait(10 * day) // since the last code
	w.reset(agent)
	return w, app
}

// wanting is a browser at the page about the wait.
func (w *world) wanting(email string) (b *stiletest.Browser, begun string) {
	w.t.Helper()
	b, begun = w.browser(), w.begin()
	w.password(b, begun, email)
	expect(w.t, b.Press("Set up a new mobile device"), "device-wait", 200)
	return b, begun
}

// notMe opens the link of a message and says that it was somebody else.
func (w *world) notMe(m storage.Mail) *stiletest.Page {
	w.t.Helper()
	b := w.browser()
	expect(w.t, b.Open(m.Data[templates.DataLink]), "not-me", 200)
	return expect(w.t, b.Submit(nil), "not-me-done", 200)
}

func TestL02_AfterAResetAWaitLetsAnotherDeviceIn(t *testing.T) {
	w, _ := waitWorld(t)
	before := w.person(agent).TOTP.ID
	b, begun := w.wanting(agent)
	says(t, b.Page(), "Your password was set anew")
	says(t, b.Page(), "Kim Boss")
	for _, screen := range []string{"two-step-introduction", "verify-email", "install-app", "setup-code"} {
		expect(t, b.Open(w.at(begun, screen)), "enter-code", 200)
	}
	w.wait(2 * day) // of which nobody hears: a thief gains nothing by it
	b, _ = w.wanting(agent)
	says(t, expect(t, b.Submit(nil), "device-wait", 200), "The wait for a new device began at 15:34 CET")
	opens := w.now().Add(day)
	m, n := w.mail(agent, templates.MailDeviceWait)
	if n != 1 || m.Data[templates.DataFrom] != opens.Format(time.RFC3339) || m.Data[templates.DataBrowser] != "Firefox on Windows" {
		t.Errorf("%d messages: %v", n, m.Data)
	}
	for _, admin := range []string{boss, deputy} {
		if m, n := w.mail(admin, templates.MailMemberWaits); n != 1 || m.Data[templates.DataAddress] != agent {
			t.Errorf("%d messages to %s: %v", n, admin, m.Data)
		}
	}
	if e := w.events(audit.WaitStarted); len(e) != 1 || e[0].Reason != storage.WaitAfterReset || e[0].SubjectID != w.person(agent).User.ID {
		t.Errorf("the log: %+v", e)
	}

	remind := func(want int) {
		t.Helper()
		must(t, w.signIns.RemindOfWaits(t.Context()))
		must(t, w.signIns.RemindOfWaits(t.Context()))
		if m, n := w.mail(agent, templates.MailDeviceWait); n != want || n > 0 && m.Data[templates.DataBrowser] != "Firefox on Windows" {
			t.Errorf("%d messages after a while, want %d: %v", n, want, m.Data)
		}
		if _, n := w.mail(boss, templates.MailMemberWaits); n != want {
			t.Errorf("%d messages to the admin, want %d", n, want)
		}
	}
	w.wait(day - time.Minute)
	remind(0)
	b, begun = w.wanting(agent)
	says(t, b.Page(), "The wait for a new device began at")
	expect(t, b.Open(w.at(begun, "verify-email")), "enter-code", 200)

	w.wait(time.Minute)
	remind(1)
	b = w.browser()
	w.password(b, w.begin(), agent)
	expect(t, b.Press("Set up a new mobile device"), "two-step-introduction", 200)
	if w.person(agent).TOTP.ID != before {
		t.Error("replaced too soon")
	}
	app, _ := w.enrol(b, agent)
	b.Submit(code(app.Code()))
	w.arrived(b)
	p := w.person(agent)
	if p.TOTP.ID == before || p.User.CooldownUntil == nil || !p.User.CooldownUntil.Equal(w.now().Add(day)) {
		t.Errorf("after the replacement: %+v, cool-down until %v", p.TOTP, p.User.CooldownUntil)
	}
	if _, n := w.mail(boss, templates.MailMemberReplaced); n != 1 {
		t.Errorf("%d messages to the admin about the replacement", n)
	}

	w.wait(day) // and it was for once
	remind(0)
	w.reset(agent)
	b, _ = w.wanting(agent)
	says(t, b.Page(), "You can start a wait")
}

// An admin who is told of another device can take it back, as its owner can.
func TestK08_AnAdminDeniesAReplacedDevice(t *testing.T) {
	w, _ := waitWorld(t)
	b, _ := w.wanting(agent)
	expect(t, b.Submit(nil), "device-wait", 200)
	w.wait(day)
	b = w.browser()
	w.password(b, w.begin(), agent)
	expect(t, b.Press("Set up a new mobile device"), "two-step-introduction", 200)
	w.enrol(b, agent)
	m, n := w.mail(boss, templates.MailMemberReplaced)
	if n != 1 {
		t.Fatalf("%d messages", n)
	}
	page := w.notMe(m)
	says(t, page, "Somebody may know the password of "+w.person(agent).User.Name)
	if len(page.Links("/admin")) == 0 || len(page.Links("/account")) != 0 {
		t.Error("an admin is led on as if it were about himself")
	}
	if p := w.person(agent); p.TOTP != nil || !p.Suspended || p.RecoveryLeft != 0 {
		t.Errorf("what an admin has denied: app %+v, %d recovery codes", p.TOTP, p.RecoveryLeft)
	}
}

func TestL02_AWaitIsOver(t *testing.T) {
	for name, end := range map[string]func(*world){
		"too late":         func(w *world) { w.wait(3 * day) },
		"another password": func(w *world) { w.reset(agent); w.wait(day) },
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := waitWorld(t)
			b, _ := w.wanting(agent)
			expect(t, b.Submit(nil), "device-wait", 200)
			if _, n := w.mail(agent, templates.MailDeviceWait); n != 1 {
				t.Errorf("%d messages", n)
			}
			end(w)
			b, _ = w.wanting(agent)
			says(t, b.Page(), "You can start a wait")
			must(t, w.signIns.RemindOfWaits(t.Context()))
			if _, n := w.mail(agent, templates.MailDeviceWait); n != 0 {
				t.Errorf("%d messages of a wait that is over", n)
			}
		})
	}
}

func TestL02_AWaitIsStopped(t *testing.T) {
	for name, to := range map[string]struct {
		address string
		kind    templates.MailKind
	}{
		"by the owner": {agent, templates.MailDeviceWait},
		"by an admin":  {boss, templates.MailMemberWaits},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := waitWorld(t)
			before := w.person(agent).TOTP.ID
			thief, _ := w.wanting(agent)
			expect(t, thief.Submit(nil), "device-wait", 200)
			m, _ := w.mail(to.address, to.kind)
			w.wait(day + time.Hour)
			other := w.begin()
			thief = w.browser()
			w.password(thief, other, agent)
			thief.Press("Set up a new mobile device")
			theirs := w.toKey(thief, agent) // as far as it goes
			expect(t, thief.Submit(nil), "setup-code", 200)
			w.notMe(m)
			expect(t, thief.Submit(code(theirs.Code())), "sign-in", 200)
			w.still(before)
			if e := w.events(audit.NotMeSaid); len(e) != 1 || e[0].Reason != "wait_stopped" {
				t.Errorf("the log: %+v", e)
			}

			thief, _ = w.wanting(agent)
			says(t, thief.Page(), "Somebody stopped the wait")
			if strings.Contains(thief.Page().Text(), "Start the wait") {
				t.Error("another wait is offered at once")
			}
			w.wait(day)
			thief, _ = w.wanting(agent)
			expect(t, thief.Submit(nil), "device-wait", 200)
			if _, n := w.mail(agent, templates.MailDeviceWait); n == 0 {
				t.Error("the next wait was not told")
			}
			w.wait(day - time.Minute)
			thief, _ = w.wanting(agent) // a whole day anew
			says(t, thief.Page(), "The wait for a new device began at")
		})
	}
}

// A changed address is too new for a week, whatever was waited for.
func TestL02_NoWaitMakesAnAddressOlder(t *testing.T) {
	w, _ := waitWorld(t)
	const moved = "agent.new@example.com"
	w.user(agent, func(u *storage.User) { u.Email = moved })
	until := w.now().Add(7 * day)
	b, _ := w.wanting(moved)
	expect(t, b.Submit(nil), "device-wait", 200)
	if m, _ := w.mail(moved, templates.MailDeviceWait); m.Data[templates.DataFrom] != until.Format(time.RFC3339) {
		t.Errorf("opens at %v, want %v", m.Data[templates.DataFrom], until)
	}
	w.wait(7*day - time.Minute)
	w.wanting(moved)
	w.wait(time.Minute)
	b = w.browser()
	w.password(b, w.begin(), moved)
	expect(t, b.Press("Set up a new mobile device"), "two-step-introduction", 200)
}

// Without a reset there is nothing to wait for: the time alone is told.
func TestL02_NewAddressAlone(t *testing.T) {
	w, _, _ := askWorld(t)
	w.policy(w.support, func(p *storage.Policy) { p.Reenrolment = storage.ReenrolByEmail })
	const moved = "agent.new@example.com"
	w.user(agent, func(u *storage.User) { u.Email = moved })
	b, _ := w.wanting(moved)
	says(t, b.Page(), "Your e-mail address was changed a short while ago.")
	if strings.Contains(b.Page().Text(), "Start the wait") {
		t.Error("a wait is offered")
	}
}

// Who is the only admin waits longer, and no other is led around the admins.
func TestK08_TheOnlyAdminWaits(t *testing.T) {
	w, _, _ := askWorld(t)
	w.enrolled(w.browser(), boss)
	w.user(deputy, func(u *storage.User) { at := w.now(); u.DisabledAt = &at })
	b := w.browser()
	w.ask(b, boss)
	expect(t, b.Press("Wait instead"), "device-wait", 200)
	says(t, b.Page(), "Nobody else at Example Support can approve a new device.")
	w.wait(time.Minute) // since the message of the enrolment
	expect(t, b.Submit(nil), "device-wait", 200)
	for range 2 {
		w.wait(day)
		must(t, w.signIns.RemindOfWaits(t.Context()))
	}
	if _, n := w.mail(boss, templates.MailDeviceWait); n != 3 {
		t.Errorf("%d messages in two days", n)
	}
	w.wait(day - time.Minute)
	b = w.browser()
	begun := w.ask(b, boss)
	expect(t, b.Open(w.at(begun, "verify-email")), "enter-code", 200)
	w.wait(time.Minute)
	b = w.browser()
	begun = w.begin()
	w.password(b, begun, boss)
	expect(t, b.Press("Set up a new mobile device"), "two-step-introduction", 200)
	expect(t, b.Submit(nil), "verify-email", 200)

	// Somebody who could approve is there again.
	w.user(deputy, func(u *storage.User) { u.DisabledAt = nil })
	expect(t, b.Submit(code(w.code(boss))), "two-step-introduction", 200)
	w.wait(time.Minute)
	expect(t, b.Submit(nil), "ask-admin", 200)
	expect(t, b.Open(w.at(begun, "device-wait")), "two-step-introduction", 200)
}

// A day that was waited for another reason is not the three days of the only admin.
func TestK08_AWaitOfADayIsNotThatOfTheOnlyAdmin(t *testing.T) {
	w, _, _ := askWorld(t)
	w.enrolled(w.browser(), boss)
	w.user(deputy, func(u *storage.User) { at := w.now(); u.DisabledAt = &at })
	w.policy(w.support, func(p *storage.Policy) { p.Reenrolment = storage.ReenrolByEmail })
	w.reset(boss)
	b, _ := w.wanting(boss)
	says(t, expect(t, b.Submit(nil), "device-wait", 200), "The wait for a new device began")
	w.wait(day)
	w.policy(w.support, func(p *storage.Policy) { p.Reenrolment = storage.ReenrolByAdmin })
	b = w.browser()
	begun := w.ask(b, boss)
	for _, screen := range []string{"two-step-introduction", "verify-email"} {
		expect(t, b.Open(w.at(begun, screen)), "enter-code", 200)
	}
	expect(t, b.Press("Set up a new mobile device"), "ask-admin", 200)
	says(t, b.Press("Wait instead"), "You can start a wait")
}

// For a day after a reset a code of the app, in another sign-in, doesn't make the
// mailbox enough.
func TestL02_ACodeOfTheAppDoesNotSettleAResetOfToday(t *testing.T) {
	w, app := waitWorld(t)
	owner := w.browser()
	w.password(owner, w.begin(), agent)
	owner.Submit(code(app.Code()))
	w.arrived(owner)
	w.wait(day - time.Minute)
	w.wanting(agent)
	w.wait(time.Minute)
	b := w.browser()
	w.password(b, w.begin(), agent)
	expect(t, b.Press("Set up a new mobile device"), "two-step-introduction", 200)
}

// Only admins wait in an account whose admins approve.
func TestK08_MembersDoNotWaitAroundTheirAdmins(t *testing.T) {
	w, _, _ := askWorld(t)
	b := w.browser()
	begun := w.ask(b, agent)
	expect(t, b.Open(w.at(begun, "device-wait")), "enter-code", 200)
	w.enrolled(w.browser(), boss) // nor does an admin beside another
	two := w.browser()
	begun = w.ask(two, boss)
	expect(t, two.Open(w.at(begun, "device-wait")), "enter-code", 200)
}

// An app that takes no codes leads to the wait too, and a fresh password is asked
// for before one begins.
func TestL07_SuspendedAppAndTheWait(t *testing.T) {
	w, _ := waitWorld(t)
	p := w.person(agent)
	must(t, w.db.SuspendTOTP(t.Context(), p.User.ID, p.TOTP.ID, nil, audit.Event{Kind: audit.AuthenticatorPaused}))
	b := w.browser()
	expect(t, w.password(b, w.begin(), agent), "two-step-introduction", 200)
	expect(t, b.Submit(nil), "device-wait", 200)
	expect(t, b.Submit(nil), "device-wait", 200)
	if _, n := w.mail(agent, templates.MailEmailCode); n > 1 {
		t.Error("an e-mail code was sent")
	}
	w.wait(day)
	b = w.browser()
	expect(t, w.password(b, w.begin(), agent), "two-step-introduction", 200)
	expect(t, b.Submit(nil), "verify-email", 200)
}
