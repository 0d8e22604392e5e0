package manage

import (
	"slices"
	"testing"
	"time"

	"stile/authn"
	"stile/storage"
	"stile/templates"
)

// Whoever makes an admin is not told of it, and the other admins are: once, with
// the names of all.
func TestTheOtherAdminsAreToldOfAnAdmin(t *testing.T) {
	g := &regrading{
		s: &Service{Issuer: "https://id.example", Now: func() time.Time { return now }}, account: storage.Account{ID: "a1", Name: "Example"},
		who:    in(t, somebody(storage.RoleMember, storage.RoleAdmin), proven(now, authn.Password, authn.TOTP)),
		admins: []storage.User{{ID: "u1", Email: "ada@example.com"}, {ID: "u2", Email: "bob@example.com"}},
	}
	g.Begin()
	member, admin := []string{storage.RoleMember}, []string{storage.RoleMember, storage.RoleAdmin}
	for _, c := range []struct {
		before, after storage.User
		told          []templates.MailKind
	}{
		{storage.User{ID: "u3", Name: "Cy", Roles: member}, storage.User{ID: "u3", Name: "Cy", Roles: admin}, []templates.MailKind{templates.MailRolesChanged}},
		{storage.User{}, storage.User{ID: "u4", Name: "Dee", Roles: admin}, nil},
		{storage.User{ID: "u5", Name: "Eve", Roles: admin}, storage.User{}, nil},
		{storage.User{}, storage.User{Name: "Flo", Roles: admin}, nil}, // invited
		{storage.User{}, storage.User{ID: "u6", Name: "Gus", Roles: member}, nil},
	} {
		mails, err := g.Judge(c.before, c.after)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []templates.MailKind
		for _, m := range mails {
			kinds = append(kinds, templates.MailKind(m.Kind))
		}
		if !slices.Equal(kinds, c.told) {
			t.Errorf("%+v is told %v", c.after, kinds)
		}
	}
	told := g.End()
	if len(told) != 1 || told[0].To != "bob@example.com" || told[0].Kind != string(templates.MailAdminsChanged) || told[0].Data[templates.DataUser] != "Cy, Dee, Eve" {
		t.Errorf("told: %+v", told)
	}
}
