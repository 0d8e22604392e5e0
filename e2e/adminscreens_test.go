package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Every page about the account's policy, devices and products, in each of its
// states.
func TestScreensOfTheAdminCenter(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	account := s.newAccount(t, "optional")
	who := s.newPerson(t, account)
	for range 3 {
		s.newPerson(t, account)
	}
	s.stile(t, "", "user", "update", who.Email, "--role", "admin")
	if r := s.apply(t, fmt.Sprintf(`accounts:
  - name: %s
    products: [Console, Reports and dashboards]
    device_groups:
      - {name: Support desks, client_version: "4.10", client_build: 1}
      - {name: Sales tablets, client_version: "4.2", client_build: 1570}
      - {name: Warehouse scanners on the second floor, client_version: "4.1.20", client_build: 88}
`, account)); r.Code != 0 {
		t.Fatal(r.Err)
	}
	c := startChrome(t, phone)
	c.open(s.Issuer + "/admin")
	c.password(who)
	app := c.enrol(s, who, func(string) {})
	c.fill("code", app.Code())
	c.submit()
	c.screen("admin-overview")
	c.inspect("admin-overview")
	visit := func(path, screen, name string) {
		t.Helper()
		c.open(s.Issuer + path)
		c.screen(screen)
		c.inspect(name)
	}
	visit("/admin/settings", "admin-settings", "admin-settings")
	c.open(s.Issuer + "/admin/settings/review?two_step=products")
	c.inspect("admin-settings-wrong")
	visit("/admin/settings/review?two_step=everyone", "admin-review", "admin-review-blocked")
	visit("/admin/settings/review?two_step=off", "admin-review", "admin-review-same")
	visit("/admin/products", "admin-products", "admin-products")
	c.press("Change Console")
	c.inspect("admin-product")
	visit("/admin/device-groups", "admin-device-groups", "admin-device-groups")
	c.fill("name", "Phones")
	c.fill("client_version", "four")
	c.submit()
	do(c, "wait for the summary", chromedp.WaitReady(chromedp.CSS(".summary:focus")))
	c.inspect("admin-device-groups-wrong")
	for _, group := range []string{"Sales tablets", "Warehouse scanners on the second floor"} {
		c.open(s.Issuer + "/admin/device-groups")
		c.press("Change " + group)
		c.screen("admin-device-group")
		c.inspect("admin-device-group")
		c.press("Remove")
		c.screen("admin-device-groups")
	}
	day := s.clock.Now().Add(20 * 24 * time.Hour).UTC().Format("2006-01-02")
	visit("/admin/settings/review?two_step=everyone&from="+day, "admin-review", "admin-review-dated")
	c.submit()
	c.screen("admin-settings")
	c.inspect("admin-settings-dated")
	visit("/admin/settings/review?two_step=everyone", "admin-review", "admin-review")
	c.submit()
	c.screen("admin-settings")
	c.inspect("admin-settings-on")
	visit("/admin/settings/review?two_step=off", "admin-review", "admin-review-off")
	visit("/admin", "admin-overview", "admin-overview-on")
	visit("/admin/users/nobody", "admin-refused", "admin-missing")

	// Somebody without a role proves who it is like everyone, and is told so.
	nobody := s.newPerson(t, s.newAccount(t, "optional"))
	member := startChrome(t, phone)
	member.open(s.Issuer + "/admin")
	member.password(nobody)
	app = member.enrol(s, nobody, func(string) {})
	member.fill("code", app.Code())
	member.submit()
	member.screen("admin-refused")
	member.inspect("admin-no-role")
}
