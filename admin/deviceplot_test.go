package admin_test

import (
	"strings"
	"testing"

	"stile/storage"
)

// Versions are in the order of their numbers, the groups below come first, and a
// spreadsheet finds no formula in the list.
func TestClientVersionsAreDrawn(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.10", 1)
	s.group(t, a, "=Tablets", "4.2", 9)
	g := s.enters(t, a, storage.RoleAuditor)
	p := g.Open(s.url + "/admin/device-groups")
	if !strings.Contains(p.Text(), "Device groups below the required client version: 1 of 2.") {
		t.Errorf("no finding: %s", p)
	}
	drawn := p.Body[strings.Index(p.Body, "<svg"):]
	if below, meets := strings.Index(drawn, "4.2 (9)"), strings.Index(drawn, `class="has meets"`); below < 0 || meets < strings.Index(drawn, `class="has below"`) {
		t.Errorf("drawn in another order: %s", drawn)
	}
	list := g.Open(s.url + "/admin/device-groups.csv").Body
	if !strings.Contains(list, "Desks,4.10,1,4.3,1575,false\n") || !strings.Contains(list, "'=Tablets,4.2,9,4.3,1575,true\n") {
		t.Errorf("the list is\n%s", list)
	}
}
