package account_test

import (
	"testing"
	"time"

	"stile/stiletest"
	"stile/templates"
)

// Recovery codes that somebody made in the owner's name open nothing once the
// owner has said so; the app, which was there before, stays.
func TestK08_NotMeTakesRecoveryCodesThatNobodyWanted(t *testing.T) {
	w := newWorld(t)
	s := w.seat(agent)
	expect(t, s.open("/account"), "account", 200)
	before := w.person(agent)
	w.wait(time.Minute)
	expect(t, s.Press("Make new codes"), "account-recovery-codes", 200)
	now := w.person(agent)
	if now.RecoveryID == before.RecoveryID || now.RecoveryLeft == 0 {
		t.Fatalf("%d codes of the set %q", now.RecoveryLeft, now.RecoveryID)
	}
	b := stiletest.NewBrowser(t)
	expect(t, b.Open(w.mail(agent, templates.MailRecoveryCodesMade).Data[templates.DataLink]), "not-me", 200)
	noSwitch(t, expect(t, b.Submit(nil), "not-me-done", 200))
	p := w.person(agent)
	if p.RecoveryID != "" || p.RecoveryLeft != 0 {
		t.Errorf("%d codes are left", p.RecoveryLeft)
	}
	if p.TOTP == nil || p.TOTP.ID != before.TOTP.ID || p.Suspended || s.in() {
		t.Error("the app of before is gone, or whoever made the codes is still in")
	}
}
