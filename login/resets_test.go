package login_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"stile/audit"
	"stile/signin"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

// Somebody reads another's mailbox, and has a new password whenever he wants.

// newPassword sets a password by a link, and gives it on the first screen that
// follows; nil if no link was sent.
func (w *world) newPassword(b *stiletest.Browser, email, chosen string) *stiletest.Page {
	w.t.Helper()
	b.Open(w.url + signin.ForgotPath)
	b.Submit(map[string]string{templates.FieldEmail: email})
	m, n := w.mail(email, templates.MailPasswordReset)
	if n == 0 {
		return nil
	}
	b.Open(m.Data[templates.DataLink])
	b.Submit(nil)
	expect(w.t, b.Submit(map[string]string{templates.FieldNewPassword: chosen}), "sign-in", 200)
	return b.Submit(pair(email, chosen))
}

// TestK04_GuessesOfAMailbox counts the codes that are judged in a month: those up
// to the suspension, and five. Afterwards the page names the other ways.
func TestK04_GuessesOfAMailbox(t *testing.T) {
	for mode, after := range map[storage.Reenrolment]struct{ screen, says string }{
		storage.ReenrolByAdmin:    {"ask-admin", "Kim Boss"},
		storage.ReenrolByEmail:    {"device-wait", "You can start a wait"},
		storage.ReenrolByRecovery: {"recovery-code", "recovery code"},
	} {
		t.Run(string(mode), func(t *testing.T) {
			w, app, _ := askWorld(t)
			w.policy(w.support, func(p *storage.Policy) { p.Reenrolment = mode })
			guesses := func() (n int) {
				for _, e := range w.events(audit.ProofRefused) {
					if e.Reason == "totp" {
						n++
					}
				}
				return n
			}
			wrong := code(other(app.At(0)))
			thief := w.browser()
			links := 0
			for end := w.now().Add(30 * day); w.now().Before(end) && guesses() <= 60; w.wait(6 * time.Hour) {
				p := w.newPassword(thief, agent, fmt.Sprint("words of a stranger ", links))
				for links++; p.Screen() == "enter-code" && p.Status != http.StatusTooManyRequests; {
					p = thief.Submit(wrong)
				}
			}
			if n := guesses(); n != 55 || links < 100 {
				t.Errorf("%d codes were judged with %d new passwords", n, links)
			}
			says(t, expect(t, w.newPassword(thief, agent, "words of a stranger at last"), "two-step-introduction", 200), "no longer accepted")
			says(t, expect(t, thief.Submit(nil), after.screen, 200), after.says)
		})
	}
}
