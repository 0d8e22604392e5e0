package admin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"stile/audit"
	"stile/storage"
	"stile/templates"
)

// allow has users of an account allow an app something.
func (s *site) allow(t testing.TB, id string, users ...storage.User) {
	t.Helper()
	for _, u := range users {
		c, err := s.DB().Client(t.Context(), id)
		must(t, err)
		must(t, s.DB().GiveConsent(t.Context(), u.ID, c, "openid profile", nil, audit.Event{Kind: audit.ConsentGiven, AccountID: u.AccountID, SubjectID: u.ID}))
	}
}

func TestAppIsChanged(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	_, id := g.connect("Console", "spa", "https://console.example/callback")
	s.allow(t, id, g.user)
	page := s.url + "/admin/clients/" + id
	g.Open(page)
	g.Press("Change")
	g.want("admin-client-change", 200)
	stale := g.Page().Fields()

	g.Submit(map[string]string{"redirect_uris": "http://console.example/callback"})
	g.want("admin-client-change", 422)
	g.says("https", "http://console.example/callback")
	g.Submit(map[string]string{"client_name": " ", "redirect_uris": "https://console.example/callback"})
	g.want("admin-client-change", 422)

	g.Open(page + "/change")
	without := g.Page().Fields()
	for name := range without {
		if strings.HasPrefix(name, templates.PrefixScope) {
			without.Del(name)
		}
	}
	g.Send(page+"/change", without)
	g.want("admin-client-change", 422)
	less := g.Page().Fields()
	less.Set("scope.openid", "yes")
	less.Set("scope.profile", "yes")
	less.Set("post_logout_redirect_uris", "https://console.example/")
	g.Send(page+"/change", less)
	g.want("admin-client", 200)
	g.says("Saved.", "https://console.example/")
	if p := g.Open(page + "/users"); !strings.Contains(p.Text(), g.user.Email) {
		t.Errorf("who asks for less is not known any more: %s", p)
	}

	g.Open(page + "/change")
	g.Submit(map[string]string{"client_name": "Board", "redirect_uris": "https://console.example/callback\nhttps://board.example/callback"})
	g.want("admin-client", 200)
	c, err := s.DB().Client(t.Context(), id)
	must(t, err)
	m := c.Metadata
	if m.Name != "Board" || m.Scope != "openid profile" || !slices.Equal(m.AllowedOrigins, []string{"https://console.example", "https://board.example"}) ||
		!slices.Equal(m.PostLogoutRedirectURIs, []string{"https://console.example/"}) {
		t.Errorf("changed %+v", m)
	}
	if g.Open(page + "/users"); g.Page().Status != 200 || strings.Contains(g.Page().Text(), g.user.Name+" "+g.user.Email) {
		t.Errorf("who has allowed less is not asked anew: %s", g.Page())
	}

	g.Send(page+"/change", stale)
	g.want("admin-client-change", 409)
	g.says("Somebody changed this in the meantime")
	if g.Page().Fields().Get("client_name") != "Board" {
		t.Error("the form is not as the app is now")
	}
}

func TestServiceIsChanged(t *testing.T) {
	s := sharedSite(t)
	g := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAdmin)
	_, id := g.connect("Job", "service", "", "scope.stile.read")
	g.Open(s.url + "/admin/clients/" + id + "/change")
	form := g.Page().Fields()
	form.Set("scope.stile.users", "yes")
	form.Set("redirect_uris", "https://evil.example/")
	g.Send(g.Page().Action(), form)
	g.want("admin-client", 200)
	c, err := s.DB().Client(t.Context(), id)
	must(t, err)
	if c.Metadata.Scope != "stile.read stile.users" || len(c.Metadata.RedirectURIs) > 0 {
		t.Errorf("changed %+v", c.Metadata)
	}
}

func TestWhoUsesAnApp(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAuditor)
	app := s.app(t, a)
	var users []storage.User
	for range 51 {
		users = append(users, s.user(t, a))
	}
	s.allow(t, app.ID, users...)
	slices.SortFunc(users, func(x, y storage.User) int { return strings.Compare(x.Email, y.Email) })
	g.Open(s.url + "/admin/clients/" + app.ID)
	g.Press("Who uses it")
	g.want("admin-client-users", 200)
	g.says(users[0].Email, users[49].Email, "Not signed in", "profile")
	if strings.Contains(g.Page().Text(), users[50].Email) {
		t.Error("more than fifty on a page")
	}
	g.Press("Next page")
	g.want("admin-client-users", 200)
	g.says(users[50].Email)
	if text := g.Page().URL.String(); strings.Contains(text, "example.com") {
		t.Errorf("an address in %s", text)
	}
	lines, err := s.DB().Events(t.Context(), storage.EventFilter{AccountID: a.ID, Kind: audit.PeopleRead, Limit: 10})
	must(t, err)
	if len(lines) != 2 || lines[0].ClientID != app.ID || lines[0].Reason != "list" || lines[0].Actor.ID != g.user.ID {
		t.Errorf("lines of reads: %s", fmt.Sprint(lines))
	}
}
