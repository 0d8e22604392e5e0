package welcome_test

import (
	"slices"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
	"stile/templates"
)

// An account's admins hear of one more of them, and of nobody else; people of
// other accounts hear nothing.
func TestAdminsAreToldOfAnInvitedOne(t *testing.T) {
	w := newWorld(t)
	admins := map[string]string{}
	for _, account := range []storage.Account{w.sales, w.support} {
		u, err := w.db.CreateUser(t.Context(), storage.User{
			AccountID: account.ID, Email: account.ID + "@example.com", Name: "Amal", Roles: []string{storage.RoleMember, storage.RoleAdmin},
		}, audit.System)
		must(t, err)
		admins[account.ID] = u.Email
	}
	told := func() (to []string) {
		all, err := w.db.LeaseMail(t.Context(), 100, time.Hour)
		must(t, err)
		for _, m := range all {
			if m.Kind == string(templates.MailAdminsChanged) {
				to = append(to, m.To+" of "+m.Data[templates.DataUser]+" by "+m.Data[templates.DataBy])
			}
		}
		return to
	}
	for role, want := range map[string][]string{
		storage.RoleMember: nil, storage.RoleHelpdesk: nil, storage.RoleAdmin: {admins[w.sales.ID] + " of Iris Bernhardsdottir by Elsif"},
	} {
		b := w.browser()
		w.toForm(b, w.invite(w.sales, role+"@example.com", func(i *storage.Invitation) { i.Roles, i.InvitedBy = []string{role}, "Elsif" }))
		choose(b, "short") // spends nothing, and tells nobody
		if to := told(); to != nil {
			t.Errorf("%s: told before it was accepted: %v", role, to)
		}
		expect(t, choose(b, "Ein paar Wörter, gut"), "sign-in", 200)
		if to := told(); !slices.Equal(to, want) {
			t.Errorf("%s: told %v, want %v", role, to, want)
		}
	}
}
