package admin_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"stile/storage"
)

// step asks for one address with cookies, and follows nothing.
func step(t testing.TB, address string, cookies map[string]string) (status int, to string, set map[string]string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	set = map[string]string{}
	for _, c := range answer.Cookies() {
		set[c.Name] = c.Value
	}
	return answer.StatusCode, answer.Header.Get("Location"), set
}

// A session of the browser alone opens nothing: the provider has to have spoken
// of it, to this browser, in an answer to what was asked.
func TestOnlyTheProvidersAnswerOpensTheAdminCenter(t *testing.T) {
	s := sharedSite(t)
	g := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAdmin)
	other := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAdmin)
	cookies := func(g *guest) map[string]string {
		all := map[string]string{}
		for _, c := range g.Cookies(s.url) {
			all[c.Name] = c.Value
		}
		return all
	}
	mine := cookies(g)
	if status, _, _ := step(t, s.url+"/admin", mine); status != http.StatusOK {
		t.Fatalf("with everything: %d", status)
	}
	alone := map[string]string{"stile-session": mine["stile-session"]}
	for name, value := range map[string]string{
		"nothing": "", "another session's": cookies(other)["stile-admin"], "a changed one": mine["stile-admin"][:20] + "AAAA" + mine["stile-admin"][24:],
	} {
		alone["stile-admin"] = value
		if status, to, _ := step(t, s.url+"/admin", alone); status != http.StatusSeeOther || !strings.HasPrefix(to, s.url+"/authorize?") {
			t.Errorf("%s: %d to %q", name, status, to)
		}
	}
	delete(alone, "stile-admin")

	// The way through, by hand.
	_, to, pending := step(t, s.url+"/admin/settings?x=1", alone)
	_, callback, _ := step(t, to, alone)
	u, err := url.Parse(callback)
	if err != nil || u.Path != "/admin/callback" || u.Query().Get("code") == "" {
		t.Fatalf("the session does not suffice: %q", callback)
	}
	for name, value := range pending {
		alone[name] = value
	}
	with := func(name, value string) string {
		q := u.Query()
		if q.Set(name, value); value == "" {
			q.Del(name)
		}
		return s.url + "/admin/callback?" + q.Encode()
	}
	for name, address := range map[string]string{
		"another issuer": with("iss", "https://evil.example"), "no issuer": with("iss", ""), "another state": with("state", strings.Repeat("A", 26)),
	} {
		if status, _, set := step(t, address, alone); status != http.StatusGone || set["stile-admin"] != "" {
			t.Errorf("%s: %d, cookies %v", name, status, set)
		}
	}
	if status, _, _ := step(t, callback, map[string]string{"stile-session": mine["stile-session"]}); status != http.StatusGone {
		t.Errorf("in a browser that asked for nothing: %d", status)
	}
	status, to, set := step(t, callback, alone)
	if status != http.StatusSeeOther || to != "/admin/settings?x=1" || set["stile-admin"] == "" {
		t.Errorf("the right answer: %d to %q, cookies %v", status, to, set)
	}
	if status, _, _ := step(t, callback, alone); status != http.StatusGone {
		t.Errorf("the same code again: %d", status)
	}
}
