package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

// reads lists what of people's data the log says was looked at, oldest first.
func (s *site) reads(t testing.TB, a storage.Account) (what []string) {
	t.Helper()
	list, err := s.DB().Events(t.Context(), storage.EventFilter{AccountID: a.ID, Kind: audit.PeopleRead, Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		text := e.Reason
		if e.SubjectID != "" {
			text += " " + e.SubjectID
		}
		what = append([]string{text}, what...)
	}
	return what
}

// Whoever looks at people, or takes their data along, leaves a line in the log.
func TestReadsOfPeopleAreInTheLog(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	m := s.user(t, a)
	g := s.enters(t, a, storage.RoleAuditor)
	g.Open(s.url + "/admin/users")
	g.want("admin-users", 200)
	g.Open(s.url + "/admin/users/" + m.ID)
	g.want("admin-user", 200)
	g.Open(s.url + "/admin/users/nobody")
	if p := g.Open(s.url + "/admin/users.csv"); p.Status != http.StatusOK || !strings.Contains(p.Body, m.Email) {
		t.Errorf("the export: %d", p.Status)
	}
	if got, want := strings.Join(s.reads(t, a), ", "), "list, detail "+m.ID+", export"; got != want {
		t.Errorf("the log says %q, want %q", got, want)
	}
	g.Open(s.url + "/admin/log?kind=people.read")
	g.says("Personal data looked at", "Export of people", "One person")
}

// What is required of somebody is what holds now.
func TestRequiredIsWhatHoldsNow(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	m := s.user(t, a)
	g := s.enters(t, a, storage.RoleAdmin)
	set := func(on bool, from time.Time) {
		t.Helper()
		if _, err := s.DB().UpdatePolicy(t.Context(), a.ID, func(st storage.AccountState) (storage.Policy, error) {
			st.Policy.TwoStep, st.Policy.From = on, from
			return st.Policy, nil
		}, by); err != nil {
			t.Fatal(err)
		}
	}
	looks := func(texts ...string) {
		t.Helper()
		for _, path := range []string{"/admin/users?text=" + m.Email, "/admin/users/" + m.ID} {
			g.Open(s.url + path)
			g.says(texts...)
		}
	}
	looks("Not required")
	set(true, s.now().Add(72*time.Hour))
	looks("Required from ")
	set(false, time.Time{})
	looks("Not required")
	set(true, time.Time{})
	looks("Required")
	if g.Page(); strings.Contains(g.Page().Text(), "Not required") {
		t.Error("what is on is called not required")
	}
}

// A switch that is set for later goes through the same gate when its day is
// changed, and the review says so before it is pressed.
func TestN03_ReviewNamesWhatBlocksAnotherDay(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	if _, err := s.DB().UpdatePolicy(t.Context(), a.ID, func(st storage.AccountState) (storage.Policy, error) {
		st.Policy.TwoStep, st.Policy.From = true, s.now().Add(72*time.Hour)
		return st.Policy, nil
	}, by); err != nil {
		t.Fatal(err)
	}
	s.group(t, a, "Old ones", "4.2", 1570)
	g := s.enters(t, a, storage.RoleAdmin)
	g.Open(s.url + "/admin/settings/review?two_step=everyone")
	g.want("admin-review", 200)
	g.says("Old ones", "4.2, build 1570")
	if strings.Contains(g.Page().Body, `<button type="submit">Turn on`) {
		t.Error("there is a button to turn it on")
	}
}
