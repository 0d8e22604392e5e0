package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Every page about people, requests and apps, in each of its states.
func TestScreensOfPeopleAndApps(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	account := s.newAccount(t, "optional")
	who, helper, lost := s.newPerson(t, account), s.newPerson(t, account), s.newPerson(t, account)
	s.stile(t, "", "user", "update", who.Email, "--role", "admin")
	s.stile(t, "", "user", "update", helper.Email, "--role", "helpdesk")
	s.stile(t, "", "user", "update", lost.Email, "--role", "member", "--role", "auditor")
	s.stile(t, "", "product", "create", "Reports and dashboards", "--account", account)

	// Helpdesk asks an admin to reset somebody who has lost a phone.
	newWalker(t, s, lost).signIn(s.Issuer + "/admin")
	h := newWalker(t, s, helper)
	h.signIn(s.Issuer + "/admin/users?role=auditor")
	h.Open(s.Issuer + h.Page().Links("/admin/users/")[0])
	h.want("admin-user")
	h.Press("Ask an admin to reset")

	c := startChrome(t, phone)
	c.open(s.Issuer + "/admin")
	c.password(who)
	app := c.enrol(s, who, func(string) {})
	c.fill("code", app.Code())
	c.submit()
	visit := func(path, screen string) {
		t.Helper()
		c.open(s.Issuer + path)
		c.screen(screen)
		c.inspect(screen)
	}
	wrong := func(name string) {
		t.Helper()
		do(c, "wait for the summary", chromedp.WaitReady(chromedp.CSS(".summary:focus")))
		c.inspect(name)
	}

	visit("/admin/users", "admin-users")
	visit("/admin/requests", "admin-requests")
	c.press("Refuse " + lost.Email)
	c.screen("admin-requests")
	c.inspect("admin-requests-decided")
	c.open(s.Issuer + "/admin/users?role=auditor")
	c.leave("open the user", chromedp.Click(chromedp.CSS("main th a")))
	c.screen("admin-user")
	c.inspect("admin-user")
	c.press("Reset member")
	wrong("admin-user-wrong")

	visit("/admin/users/invite", "admin-invite")
	c.submit()
	wrong("admin-invite-wrong")
	c.fill("email", "nova.newcomer@example.com")
	c.fill("name", "Nova Newcomer")
	c.submit()
	c.screen("admin-invitations")
	c.inspect("admin-invitations")

	visit("/admin/users/import", "admin-import")
	list := filepath.Join(t.TempDir(), "list.csv")
	text := "email,name,roles,products,language,time_zone\nnova@example.com,Nova,emperor,,,\nnobody,X,,Mail,,\n"
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	do(c, "choose the list", chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{list}))
	c.submit()
	c.screen("admin-import")
	if said := c.text("main"); !strings.Contains(said, "Line 3") {
		t.Errorf("the faults are: %s", said)
	}
	c.inspect("admin-import-faults")

	visit("/admin/clients/connect", "admin-connect")
	c.submit()
	wrong("admin-connect-wrong")
	c.fill("client_name", "Grafana of the warehouse")
	do(c, "choose the kind", chromedp.Click(chromedp.CSS(`[id="client_kind.web"]`)))
	c.fill("redirect_uris", "https://grafana.example.com/login/generic_oauth")
	c.submit()
	c.screen("admin-client")
	c.inspect("admin-client-secret")
	visit("/admin/clients", "admin-clients")
	c.press("Grafana of the warehouse")
	c.screen("admin-client")
	c.inspect("admin-client")
	c.press("Who uses it")
	c.screen("admin-client-users")
	c.inspect("admin-client-users-none")
	c.press("Back to the app")
	c.press("Change")
	c.screen("admin-client-change")
	c.fill("redirect_uris", "http://grafana.example.com/login/generic_oauth")
	c.submit()
	wrong("admin-client-change-wrong")
	visit("/admin/log?kind=client.changed", "admin-log")
	c.press("Follow")
	c.screen("admin-log")
	c.inspect("admin-log-following")
}
