package admin_test

import (
	"net/url"
	"strings"
	"testing"

	"stile/storage"
)

func TestQ13_SearchThatIsTooLong(t *testing.T) {
	s := sharedSite(t)
	g := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAdmin)
	text := "a b c d e f g h i j k"
	for _, path := range []string{"/admin/users", "/admin/users.csv"} {
		p := g.Open(s.url + path + "?text=" + url.QueryEscape(text))
		if p.Status != 422 || p.Screen() != "admin-users" || !strings.Contains(p.Text(), "at most ten words") || p.Field("text") != text {
			t.Errorf("%s: %d %s: %s", path, p.Status, p.Screen(), p.Text())
		}
	}
}
