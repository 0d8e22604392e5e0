package account_test

import (
	"strings"
	"testing"

	"stile/audit"
	"stile/templates"
)

// Codes stand in for what lets one in. Without that there is no button, but why;
// and the form of a page from before comes back to the page as it is.
func TestNewCodesOnlyWhereTheyStandInForSomething(t *testing.T) {
	w := newWorld(t)
	s := w.seat(agent)
	s.open("/account")
	p := w.person(agent)
	must(t, w.db.SuspendTOTP(t.Context(), p.User.ID, p.TOTP.ID, nil, audit.Event{Kind: audit.AuthenticatorPaused}))
	page := expect(t, s.Press("Make new codes"), "account", 200)
	says(t, page, "Codes stand in for a working authenticator app or passkey")
	if strings.Contains(page.Text(), "Make new codes") {
		t.Error("the button is still there")
	}
	if n := len(w.mails(agent, templates.MailRecoveryCodesMade)); n != 0 || w.person(agent).RecoveryID != p.RecoveryID {
		t.Error("codes were made")
	}
}
