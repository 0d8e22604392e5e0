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

// The recovery codes that came with a device which its owner never wanted are the
// stranger's too: they open nothing once the owner has said so.
func TestK08_RecoveryCodesGoWithTheDeviceThatNobodyWanted(t *testing.T) {
	w := newWorld(t)
	thief := w.browser()
	w.password(thief, w.begin(), agent)
	_, codes := w.enrol(thief, agent)
	m, n := w.mail(agent, templates.MailAuthenticatorConnected)
	if n != 1 {
		t.Fatalf("%d messages", n)
	}
	w.notMe(m)
	w.wait(time.Minute)
	b, begun := w.browser(), w.begin()
	w.password(b, begun, agent)
	if b.Open(w.at(begun, "recovery-code")).Fields().Has(templates.FieldRecovery) {
		b.Submit(recovering(codes[0]))
	}
	if p := w.person(agent); p.RecoveryLeft != 0 || p.User.FactorProvenAt != nil {
		t.Errorf("%d codes are left", p.RecoveryLeft)
	}
	says(t, expect(t, b.Open(begun), "two-step-introduction", 200), "You enter a code that we send to")
}

// A link that a former mailbox has, too, doesn't say what the present one is.
func TestI01_ANoticeInAFormerMailboxDoesNotTellThePresentAddress(t *testing.T) {
	w := newWorld(t)
	w.enrolled(w.browser(), agent)
	m, _ := w.mail(agent, templates.MailAuthenticatorConnected)
	w.user(agent, func(u *storage.User) { u.Email = "elsewhere@example.com" })
	if p := expect(t, w.browser().Open(m.Data[templates.DataLink]), "not-me", 200); strings.Contains(p.Body, "elsewhere") {
		t.Errorf("the page tells the present address: %s", p.Text())
	}
}

// What people were told as admins is of no use to them once they are none, neither
// the page nor its button; whoever is one again may use it.
func TestK08_AFormerAdminTakesNothingBack(t *testing.T) {
	now := time.Now()
	for name, former := range map[string]func(*storage.User){
		"disabled":      func(u *storage.User) { u.DisabledAt = &now },
		"a member only": func(u *storage.User) { u.Roles = []string{storage.RoleMember} },
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := waitWorld(t)
			b, _ := w.wanting(agent)
			expect(t, b.Submit(nil), "device-wait", 200)
			m, n := w.mail(boss, templates.MailMemberWaits)
			if n != 1 {
				t.Fatalf("%d messages", n)
			}
			before := w.person(agent)
			mailbox := w.browser() // with the page open already
			expect(t, mailbox.Open(m.Data[templates.DataLink]), "not-me", 200)
			w.user(boss, former)
			expect(t, mailbox.Submit(nil), "error", 410)
			over := expect(t, mailbox.Open(m.Data[templates.DataLink]), "error", 410)
			if strings.Contains(over.Body, agent) {
				t.Errorf("the page says whom it was about: %s", over.Text())
			}
			w.still(before.TOTP.ID)
			if after := w.person(agent); after.User.Epoch != before.User.Epoch || after.RecoveryLeft != before.RecoveryLeft || len(w.events(audit.NotMeSaid)) != 0 {
				t.Errorf("something was taken back: %+v", after.User)
			}
			w.user(boss, func(u *storage.User) { u.DisabledAt, u.Roles = nil, []string{storage.RoleAdmin} })
			w.notMe(m)
			if e := w.events(audit.NotMeSaid); len(e) != 1 || e[0].Actor.ID != w.person(boss).User.ID || e[0].SubjectID != before.User.ID {
				t.Errorf("the log: %+v", e)
			}
		})
	}
}

// The link of one's own message is one's own, whatever one was or is, and whichever
// mailbox it went to.
func TestK08_OnesOwnLinkNeedsNoRole(t *testing.T) {
	w, _ := waitWorld(t)
	w.user(agent, func(u *storage.User) { u.Roles = []string{storage.RoleAdmin} })
	b, _ := w.wanting(agent)
	expect(t, b.Submit(nil), "device-wait", 200)
	m, _ := w.mail(agent, templates.MailDeviceWait)
	w.user(agent, func(u *storage.User) { u.Roles, u.Email = []string{storage.RoleMember}, "elsewhere@example.com" })
	w.notMe(m)
	if e := w.events(audit.NotMeSaid); len(e) != 1 || e[0].Actor.ID != "" {
		t.Errorf("the log: %+v", e)
	}
}

// Without a set there is nothing to try: an answer that no page asked for comes
// back to the screen, and is no fault of ours.
func TestK08_NoRecoveryCodeIsTriedWhereThereIsNoSet(t *testing.T) {
	w := newWorld(t)
	w.enrolled(w.browser(), agent)
	m, _ := w.mail(agent, templates.MailAuthenticatorConnected)
	w.notMe(m)
	if w.person(agent).RecoveryID != "" {
		t.Fatal("the codes have stayed")
	}
	b, begun := w.browser(), w.begin()
	w.password(b, begun, agent)
	page := expect(t, b.Open(w.at(begun, "recovery-code")), "recovery-code", 200)
	if strings.Contains(page.Text(), "Back to the code from the app") {
		t.Error("the page leads to an app that gives no codes")
	}
	fields := page.Fields()
	fields.Set(templates.FieldRecovery, "x7q4-9mkt-2hve-bd8r")
	fields.Del(templates.FieldDo)
	says(t, expect(t, b.Send(w.at(begun, "recovery-code"), fields), "recovery-code", 200), "You have no recovery codes left.")
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("logged as a fault: %s", w.log.String())
	}
}

// The way back to the code is there for whom it leads to one.
func TestBackFromTheRecoveryCodesOnlyWhereTheAppGivesCodes(t *testing.T) {
	w := newWorld(t)
	w.enrolled(w.browser(), agent)
	w.passkey(member)
	w.policy(w.sales, func(p *storage.Policy) { p.TwoStep = true })
	for who, back := range map[string]bool{agent: true, member: false} {
		b, begun := w.browser(), w.begin()
		expect(t, w.password(b, begun, who), "enter-code", 200)
		page := expect(t, b.Open(w.at(begun, "recovery-code")), "recovery-code", 200)
		if strings.Contains(page.Text(), "Back to the code from the app") != back {
			t.Errorf("%s: back %t on %s", who, !back, page)
		}
	}
}

// Who has denied the only device is told to connect another before choosing a new
// password, and is in at once that way. The other way round there is a wait, since
// whoever reads the mailbox could have denied it, too.
func TestL02_AfterADenialTheDeviceComesFirst(t *testing.T) {
	denied := func(t *testing.T) (w *world, page *stiletest.Page) {
		w = newWorld(t)
		w.enrolled(w.browser(), agent)
		m, _ := w.mail(agent, templates.MailAuthenticatorConnected)
		b := w.browser()
		b.Open(m.Data[templates.DataLink])
		w.wait(time.Minute)
		return w, expect(t, b.Submit(nil), "not-me-done", 200)
	}
	t.Run("as the page says", func(t *testing.T) {
		w, page := denied(t)
		says(t, page, "First sign in and connect your own device")
		b := w.browser()
		w.password(b, w.begin(), agent)
		app, _ := w.enrol(b, agent)
		w.wait(time.Minute)
		expect(t, w.newPassword(b, agent, "other words that are good"), "enter-code", 200)
		if p := b.Submit(code(app.Code())); p.URL.Path != "/account" { // where it ends that nobody else asked for
			t.Errorf("at %s", p)
		}
	})
	t.Run("with the password alone", func(t *testing.T) {
		w, _ := denied(t)
		stranger := w.browser()
		w.password(stranger, w.begin(), agent)
		expect(t, stranger.Submit(nil), "verify-email", 200)
		for range 5 {
			stranger.Submit(code("000000"))
		}
		if p := w.person(agent); p.TOTP != nil || p.Passkeys != 0 {
			t.Error("the password connects a device")
		}
	})
	t.Run("with the mailbox alone", func(t *testing.T) {
		w, _ := denied(t) // by whoever reads it
		stranger := w.browser()
		expect(t, w.newPassword(stranger, agent, "words of a stranger"), "two-step-introduction", 200)
		says(t, expect(t, stranger.Submit(nil), "device-wait", 200), "You can start a wait")
		if _, n := w.mail(agent, templates.MailEmailCode); n != 0 {
			t.Errorf("%d codes were sent", n)
		}
	})
}

// A new password comes first where it makes nobody wait.
func TestAfterADenialTheNewPasswordComesFirst(t *testing.T) {
	for name, set := range map[string]func(*storage.Policy){
		"an admin approves":   func(p *storage.Policy) { p.Reenrolment = storage.ReenrolByAdmin },
		"a recovery code":     func(p *storage.Policy) { p.Reenrolment = storage.ReenrolByRecovery },
		"nobody needs a code": func(p *storage.Policy) { p.TwoStep = false },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.enrolled(w.browser(), agent)
			w.policy(w.support, set)
			m, _ := w.mail(agent, templates.MailAuthenticatorConnected)
			b := w.browser()
			b.Open(m.Data[templates.DataLink])
			says(t, expect(t, b.Submit(nil), "not-me-done", 200), "choose a new one now")
		})
	}
}
