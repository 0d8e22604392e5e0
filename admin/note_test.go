package admin_test

import (
	"net/url"
	"strings"
	"testing"

	"stile/stiletest"
	"stile/storage"
)

// What is typed waits for a fresh proof, and stands in no address, header, log
// or readable cookie on the way.
func TestS02_NoAddressOrNameInAURL(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	const address, name = "quentin.zanzibar@example.com", "Quentin Zanzibar"
	g.Open(s.url + "/admin/users/invite")
	g.stale()
	began := len(g.Visited)
	g.Submit(map[string]string{"email": address, "name": name})
	g.want("sign-in", 200)
	cookies := ""
	for _, c := range g.Cookies(s.url) {
		cookies += c.String()
	}
	asked := g.Page().Body
	g.goOn()
	g.want("admin-invite", 200)
	g.says("Nothing has been changed yet")
	filled := g.Page().URL.String()
	if f := g.Page().Fields(); f.Get("email") != address || f.Get("name") != name {
		t.Errorf("the form holds %v", f)
	}
	if p := g.Open(filled); p.Field("email") != address {
		t.Errorf("after loading it again: %s", p)
	}
	g.Submit(nil)
	g.want("admin-invitations", 200)
	told := cookies + asked + s.logs.String()
	for _, v := range g.Visited[began:] {
		told += " " + v.URL + " " + v.Header.Get("Location") + " " + v.Header.Get("Refresh") + " " + strings.Join(v.Header.Values("Set-Cookie"), " ")
	}
	for _, word := range []string{"quentin", "zanzibar", "cXVlbnRpb", "F1ZW50aW4", "xdWVudGlu"} {
		if i := strings.Index(strings.ToLower(told), strings.ToLower(word)); i >= 0 {
			t.Errorf("%q is in %q", word, told[max(0, i-80):min(len(told), i+80)])
		}
	}
	t.Run("for nobody else", func(t *testing.T) {
		u, err := url.Parse(filled)
		if err != nil {
			t.Fatal(err)
		}
		empty := func(p *stiletest.Page) {
			t.Helper()
			if strings.Contains(strings.ToLower(p.Body), "zanzibar") || strings.Contains(p.Text(), "Nothing has been changed yet") {
				t.Errorf("%s", p)
			}
		}
		other := s.enters(t, a, storage.RoleAdmin) // another user, in another session
		empty(other.Open(filled))
		other.want("admin-invite", 200)
		empty(g.Open(s.url + "/admin/clients/connect?" + u.RawQuery)) // another page
		g.want("admin-connect", 200)
		if p := g.Open(s.url + "/admin/users/invite?email=x%40example.com&name=X"); p.Field("email")+p.Field("name") != "" { // of a stranger
			t.Errorf("a link fills the form in: %s", p)
		}
		s.pass(1)
		again := s.guest(t, g.user) // the same user, in another session
		again.app = g.app
		again.goTo("/admin")
		empty(again.Open(filled))
	})
}

// Where another user signs in for the proof, what was typed is gone.
func TestS02_AnotherUserFindsAnEmptyForm(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	other := s.enters(t, a, storage.RoleAdmin)
	g.Open(s.url + "/admin/users/invite")
	g.stale()
	g.Submit(map[string]string{"email": "quentin.zanzibar@example.com", "name": "Quentin"})
	g.want("sign-in", 200)
	g.user, g.app = other.user, other.app
	g.goOn()
	g.want("admin-invite", 200)
	if f := g.Page().Fields(); f.Get("email") != "" || f.Get("name") != "" || strings.Contains(g.Page().Text(), "Nothing has been changed yet") {
		t.Errorf("the form holds %v: %s", f, g.Page())
	}
}

// What has no room in a cookie has to be typed again, and the page says so.
func TestWhatIsTooLongIsTypedAgain(t *testing.T) {
	s := sharedSite(t)
	g := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAdmin)
	g.Open(s.url + "/admin/clients/connect")
	g.stale()
	g.Submit(map[string]string{"client_name": "App", "redirect_uris": strings.Repeat("https://app.example/callback/of/some/length\n", 60)})
	g.want("sign-in", 200)
	g.goOn()
	g.want("admin-connect", 200)
	g.says("too long to keep")
}

// A link can't say that something was done.
func TestNoticesAreNotForged(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	g.Open(s.url + "/admin/device-groups")
	g.Submit(map[string]string{"name": "Tablets", "client_version": "4.5", "client_build": "7"})
	g.says("Added.")
	own := g.Page().URL
	for _, query := range []string{"notice=saved", "notice=added", "confirmed=yes", "note=added", "note=1.x.AAAA"} {
		if p := g.Open(s.url + "/admin/device-groups?" + query); p.Status != 200 || strings.Contains(p.Body, `class="notice`) || strings.Contains(p.Text(), "Added.") {
			t.Errorf("%s: %s", query, p)
		}
	}
	other := s.enters(t, a, storage.RoleAdmin)
	if p := other.Open(own.String()); p.Status != 200 || strings.Contains(p.Text(), "Added.") {
		t.Errorf("somebody else's: %s", p)
	}
	if p := g.Open(s.url + "/admin/products?" + own.RawQuery); strings.Contains(p.Text(), "Added.") {
		t.Errorf("of another page: %s", p)
	}
	if p := g.Open(own.String()); !strings.Contains(p.Text(), "Added.") {
		t.Errorf("after loading it again: %s", p)
	}
}
