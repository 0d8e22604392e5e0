package login_test

import (
	"strings"
	"testing"
	"time"

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
