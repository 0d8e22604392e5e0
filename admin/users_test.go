package admin_test

import (
	"fmt"
	"strings"
	"testing"

	"stile/admin"
	"stile/roster"
	"stile/storage"
	"stile/templates"
)

func TestUsersAreFound(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	console := s.product(t, a, "Console")
	g := s.enters(t, a, storage.RoleAdmin)
	other := s.user(t, a)
	holder := s.user(t, a, storage.RoleMember, storage.RoleHelpdesk)
	must(t, s.DB().GiveSeat(t.Context(), holder.ID, console.ID, by))
	strangers := s.user(t, s.account(t, "4.3", 1575))
	for query, want := range map[string][]string{
		"":                              {g.user.Email, other.Email, holder.Email},
		"?role=helpdesk":                {holder.Email},
		"?role=admin":                   {g.user.Email},
		"?product=" + console.ID:        {holder.Email},
		"?text=" + other.Email[:6]:      {other.Email},
		"?text=pat+" + holder.Name[4:8]: {holder.Email},
		"?state=disabled":               {},
		"?state=enrolled":               {g.user.Email},
		"?text=nobody":                  {},
		"?text=" + strangers.Email:      {},
	} {
		p := g.Open(s.url + "/admin/users" + query)
		for _, u := range []storage.User{g.user, other, holder, strangers} {
			listed := len(want) > 0 && strings.Contains(strings.Join(want, " "), u.Email)
			if strings.Contains(p.Text(), u.Email) != listed {
				t.Errorf("%q: %s listed: %v\n%s", query, u.Email, !listed, p)
			}
		}
		file := g.Open(s.url + strings.Replace("/admin/users"+query, "users", "users.csv", 1))
		rows, err := roster.Read(strings.NewReader(file.Body))
		if err != nil || len(rows) != len(want) {
			t.Errorf("%q exports %d rows, want %d: %v", query, len(rows), len(want), err)
		}
	}
}

func TestUsersComePageByPage(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	for n := range 60 {
		_, err := s.DB().CreateUser(t.Context(), storage.User{AccountID: a.ID, Email: fmt.Sprintf("n%02d.%s", n, g.user.Email), Name: "Somebody"}, by)
		must(t, err)
	}
	p := g.Open(s.url + "/admin/users?text=somebody")
	if n := strings.Count(p.Body, "<small>"); n != 50 {
		t.Errorf("%d users on the first page", n)
	}
	link := p.Links("/admin/users?after=")[0]
	if strings.Contains(link, "example.com") || strings.Contains(link, "%40") {
		t.Errorf("S02: an address is in %s", link)
	}
	next := g.Open(s.url + link)
	if n := strings.Count(next.Body, "<small>"); n != 10 || strings.Contains(next.Text(), "n00.") {
		t.Errorf("%d users on the second page: %s", n, next)
	}
}

func TestUserIsChanged(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	console := s.product(t, a, "Console")
	g := s.enters(t, a, storage.RoleAdmin)
	u := s.user(t, a)
	page := "/admin/users/" + u.ID
	g.Open(s.url + page)
	stale := g.Page().Fields()
	g.Submit(map[string]string{"name": "Pat Changed", "role.auditor": "yes", "product." + console.ID: "yes", "language": "fr", "time_zone": "Europe/Paris"})
	g.want("admin-user", 200)
	row, err := s.DB().Member(t.Context(), a.ID, u.ID, storage.Policy{})
	must(t, err)
	if row.User.Name != "Pat Changed" || strings.Join(row.User.Roles, " ") != "member auditor" || len(row.Products) != 1 || row.User.Language != "fr" || row.User.TimeZone != "Europe/Paris" {
		t.Errorf("changed to %+v", row)
	}
	if p := g.Send(s.url+page, stale); p.Status != 409 || !strings.Contains(p.Text(), "Somebody changed this") || p.Field("name") != "Pat Changed" {
		t.Errorf("a form from before: %s", p)
	}
	g.Open(s.url + page)
	if p := g.Submit(map[string]string{"time_zone": "Mars/Crater"}); p.Status != 422 || !strings.Contains(p.Body, `value="Mars/Crater"`) {
		t.Errorf("no time zone: %s", p)
	}
	if p := g.Submit(map[string]string{"time_zone": "", "name": ""}); p.Status != 422 {
		t.Errorf("without a name: %s", p)
	}
	g.Open(s.url + page)
	g.Press("Switch off")
	if person, err := s.DB().PersonByID(t.Context(), u.ID); err != nil || person.Active() {
		t.Errorf("still active: %v", err)
	}
	g.Press("Switch on again")
	if person, err := s.DB().PersonByID(t.Context(), u.ID); err != nil || !person.Active() {
		t.Errorf("not active: %v", err)
	}
}

func TestN05_ResetNeedsTheAddressAndIsNotForOneself(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	member := s.enters(t, a, storage.RoleAuditor)
	g.Open(s.url + "/admin/users/" + member.user.ID)
	fields := g.Page().Fields()
	fields.Set("do", "reset")
	fields.Set("confirm", g.user.Email)
	if p := g.Send(s.url+"/admin/users/"+member.user.ID, fields); p.Status != 422 {
		t.Errorf("with another address: %s", p)
	}
	fields.Set("confirm", strings.ToUpper(member.user.Email))
	g.Send(s.url+"/admin/users/"+member.user.ID, fields)
	g.want("admin-user", 200)
	if person, err := s.DB().PersonByID(t.Context(), member.user.ID); err != nil || person.TOTP != nil {
		t.Errorf("the authenticator is still there: %v", err)
	}
	if p := member.Open(s.url + "/admin"); p.Screen() != "sign-in" {
		t.Errorf("the member is still in: %s", p)
	}
	fields.Set("confirm", g.user.Email)
	own := g.Send(s.url+"/admin/users/"+g.user.ID, fields)
	if own.Status != 422 {
		t.Errorf("one's own reset: %s", own)
	}
}

func TestN04_TheLastAdminStays(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	g.Open(s.url + "/admin/users/" + g.user.ID)
	fields := g.Page().Fields()
	fields.Del("role.admin")
	if p := g.Send(g.Page().Action(), fields); p.Status != 422 {
		t.Errorf("an admin took his own role: %s", p)
	}
	fields.Set("do", "disable")
	if p := g.Send(g.Page().Action(), fields); p.Status != 422 {
		t.Errorf("an admin switched himself off: %s", p)
	}
}

func TestInvitations(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	elsewhere := s.user(t, s.account(t, "4.3", 1575))
	for _, address := range []string{"new." + g.user.Email, elsewhere.Email} { // nothing tells them apart
		g.Open(s.url + "/admin/users/invite")
		g.Submit(map[string]string{"email": address, "name": "Nova New"})
		if p := g.want("admin-invitations", 200); !strings.Contains(p.Text(), "on its way") || !strings.Contains(p.Text(), address) {
			t.Errorf("invited %s: %s", address, p)
		}
	}
	console := s.product(t, a, "Console")
	g.Open(s.url + "/admin/users/invite")
	g.Submit(map[string]string{"email": "aud." + g.user.Email, "name": "Aud Auditor", "role.auditor": "yes", "product." + console.ID: "yes"})
	if p := g.want("admin-invitations", 200); !strings.Contains(p.Text(), "Member, Auditor Console") {
		t.Errorf("what the invitation gives is not shown: %s", p)
	}
	g.Open(s.url + "/admin/users/invite")
	if p := g.Submit(map[string]string{"email": "nobody", "name": "Nova"}); p.Status != 422 || p.Field("name") != "Nova" {
		t.Errorf("invited nobody: %s", p)
	}
	g.Open(s.url + "/admin/invitations")
	g.Press("Withdraw " + elsewhere.Email)
	if p := g.want("admin-invitations", 200); strings.Contains(p.Text(), elsewhere.Email) {
		t.Errorf("still invited: %s", p)
	}
}

// A long list keeps to the account's pace: the page says until when, and what
// waits is shown so.
func TestJ04_LongListGoesOutLittleByLittle(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	list := func(tag string, n int) []byte {
		text := roster.Header + "\n"
		for i := range n {
			text += fmt.Sprintf("%s%d.%s,Nova New,,,,\n", tag, i, g.user.Email)
		}
		return []byte(text)
	}
	g.Open(s.url + "/admin/users/import")
	if p := g.Upload("file", list("a", 3), nil); strings.Contains(p.Text(), "little by little") {
		t.Errorf("a short list: %s", p)
	}
	if p := g.Upload("file", list("b", 37), map[string]string{"check": "yes"}); !strings.Contains(p.Text(), "37 would be invited") || !strings.Contains(p.Text(), "the last of them about") {
		t.Errorf("a longer one, checked: %s", p)
	}
	if p := g.Upload("file", list("b", 37), nil); !strings.Contains(p.Text(), "the last of them about") {
		t.Errorf("a longer one: %s", p)
	}
	if p := g.Open(s.url + "/admin/invitations"); !strings.Contains(p.Text(), "goes out about") {
		t.Errorf("the list of invitations: %s", p)
	}
	until := s.now()
	problems, known := admin.Problems(storage.LimitedError{Until: until})
	if !known || len(problems) != 1 || problems[0].Key != templates.ErrAdminMails || problems[0].Args["Until"] != until {
		t.Errorf("more than may wait: %v %+v", known, problems)
	}
}

func TestN07_ImportIsAllOrNothing(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	u := s.user(t, a)
	list := roster.Header + "\n" + u.Email + ",Pat Imported,,,,\nnew." + u.Email + ",Nova New,member,,,\n"
	g.Open(s.url + "/admin/users/import")
	for name, wrong := range map[string]string{
		"no file": "", "header": "address\n", "role": list + "x." + u.Email + ",X,emperor,,,\n", "twice": list + u.Email + ",Again,,,,\n",
	} {
		if p := g.Upload("file", []byte(wrong), nil); p.Status != 422 {
			t.Errorf("%s: %s", name, p)
		}
	}
	if p := g.Upload("file", []byte(list), map[string]string{"check": "yes"}); !strings.Contains(p.Text(), "1 would be invited, 1 changed") {
		t.Errorf("checked: %s", p)
	}
	if person, err := s.DB().PersonByID(t.Context(), u.ID); err != nil || person.User.Name == "Pat Imported" {
		t.Errorf("changed by what was wrong, or by a check: %v", err)
	}
	if p := g.Upload("file", []byte(list), nil); !strings.Contains(p.Text(), "1 invited, 1 changed") {
		t.Errorf("imported: %s", p)
	}
	if person, err := s.DB().PersonByID(t.Context(), u.ID); err != nil || person.User.Name != "Pat Imported" {
		t.Errorf("not imported: %v", err)
	}
	if p := g.Upload("file", []byte(strings.Repeat("x", 10<<20)), nil); p.Status != 413 {
		t.Errorf("10 MB: status %d", p.Status)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhoeverHasToEnrolIsTold(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	u := s.user(t, a)
	_, err := s.DB().UpdatePolicy(t.Context(), a.ID, func(st storage.AccountState) (storage.Policy, error) {
		st.Policy.TwoStep = true
		return st.Policy, nil
	}, by)
	must(t, err)
	s.told(t, u.Email, templates.MailTwoStepAnnounced)
	if s.box.has(g.user.Email, templates.MailTwoStepAnnounced) {
		t.Error("who has an authenticator is told to set one up")
	}
}
