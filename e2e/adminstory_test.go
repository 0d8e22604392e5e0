package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const salesAdmin = "admin@sales.example"

// The switch of an account, from the Admin Center in a browser: blocked by a
// device group, raised, reviewed, turned on. What a member holds by password
// alone meets it at the next use; the member enrols, and the admin sees it.
func TestAnAdminTurnsTwoStepOn(t *testing.T) {
	t.Parallel()
	s := startDemo(t)

	// Before: the member is signed in by password, in a browser and in an app.
	w := newWalker(t, s, s.demoUser(t, member))
	app := s.desktopApp(t, "openid", "offline_access")
	held := w.tokens(app)
	wantPassword(t, held.Claims)
	held, err := app.Refresh(held.RefreshToken)
	if err != nil {
		t.Fatalf("refresh before the switch: %v", err)
	}

	c := startChrome(t, desktop)
	c.open(s.Admin)
	c.signInAndEnrol(s, s.demoUser(t, salesAdmin), func(string) {})
	c.screen("admin-overview")
	c.press("Admin settings")
	c.screen("admin-settings")
	c.choose("everyone")
	c.press("Review")
	c.screen("admin-review")
	if text := c.text("main"); !strings.Contains(text, "Sales tablets") || !strings.Contains(text, "4.2") || strings.Contains(text, "Turn on") {
		t.Fatalf("the review is not blocked: %s", text)
	}
	c.look("admin-blocked")
	c.press("Change Sales tablets")
	c.screen("admin-device-group")
	c.fill("client_version", "4.3")
	c.fill("client_build", "1575")
	c.press("Save")
	c.press("Admin settings")
	c.choose("everyone")
	c.press("Review")
	c.screen("admin-review")
	if text := c.text("main"); !strings.Contains(text, "1 will have to enrol") {
		t.Fatalf("the review says: %s", text)
	}
	c.look("admin-review")
	c.press("Turn on")
	c.screen("admin-settings")
	c.look("admin-settings-on")

	// From now on: the refresh token and the session are held against it.
	if _, err := app.Refresh(held.RefreshToken); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("refresh after the switch: %v, want invalid_grant", err)
	}
	w.Open(s.Console + "/sign-in")
	w.want("two-step-introduction")
	w.enrol()
	w.code()
	wantMFA(t, w.console())
	wantMFA(t, w.tokens(app).Claims)

	// The admin sees it happen.
	c.press("Users")
	c.screen("admin-users")
	if text := c.text("main"); strings.Count(text, "Connected") != 2 {
		t.Errorf("the users are: %s", text)
	}
	c.look("admin-users")
	c.press("Overview")
	c.screen("admin-overview")
	c.look("admin-overview")
	c.press("Sign-ins and audit log")
	c.screen("admin-log")
	if text := c.text("main"); !strings.Contains(text, "Two-step settings changed") {
		t.Errorf("the log is: %s", text)
	}
	c.look("admin-log")
	c.resize(phone)
	for _, page := range []string{"", "/settings", "/users", "/device-groups", "/log"} {
		c.open(s.Admin + page)
		c.look("admin" + strings.ReplaceAll(page, "/", "-"))
	}
}

// choose picks one of several options by its id.
func (c *chrome) choose(id string) {
	c.t.Helper()
	do(c, "choose "+id, chromedp.Click(chromedp.CSS("#"+id)))
}
