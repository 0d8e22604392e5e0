package admin_test

import (
	"testing"

	"stile/storage"
)

func TestSignInOfAnAdmin(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	if p := g.Page(); len(p.Texts("h1")) != 1 || p.Texts("h1")[0] != a.Name {
		t.Errorf("the first page is %s", p)
	}
	g.Press("Sign out")
	g.want("signed-out", 200)
	g.Open(s.url + "/admin")
	g.want("sign-in", 200)
}
