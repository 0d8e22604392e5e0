package admin_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"

	"stile/device"
	"stile/storage"
)

// policy is what the database says.
func (s *site) policy(t testing.TB, a storage.Account) storage.Policy {
	t.Helper()
	state, err := s.DB().AccountState(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	return state.Policy
}

// says fails unless the page holds each of the texts.
func (g *guest) says(texts ...string) {
	g.t.Helper()
	for _, text := range texts {
		if !strings.Contains(g.Page().Text(), text) {
			g.t.Errorf("no %q on %s", text, g.Page())
		}
	}
}

// raise changes what a device group has.
func (s *site) raise(t testing.TB, g storage.DeviceGroup, version string, build int) {
	t.Helper()
	has, err := device.Parse(version, build)
	if err != nil {
		t.Fatal(err)
	}
	g.Has = has
	if _, err := s.DB().SaveDeviceGroup(t.Context(), g, by); err != nil {
		t.Fatal(err)
	}
}

// choose goes from the settings to the review.
func (g *guest) choose(fields ...string) {
	g.t.Helper()
	q := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		q.Set(fields[i], fields[i+1])
	}
	g.Open(g.s.url + "/admin/settings/review?" + q.Encode())
}

func TestN03_SwitchIsBlockedByADeviceGroup(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.2", 1570)
	g := s.enters(t, a, storage.RoleAdmin)
	g.says("1 device group is below")
	g.Press("Admin settings")
	g.want("admin-settings", 200)
	g.choose("two_step", "everyone")
	g.want("admin-review", 200)
	g.says("1 device group is below the required client version 4.3, build 1575", "Desks", "4.2, build 1570")
	if strings.Contains(g.Page().Body, "<button type=\"submit\">Turn on") {
		t.Error("there is a button to turn it on")
	}
	// Pressed all the same, by another program, with all that the form would hold.
	groups, err := s.DB().DeviceGroups(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.raise(t, groups[0], "4.3", 1575)
	g.choose("two_step", "everyone")
	form := g.Page().Fields()
	s.raise(t, groups[0], "4.2", 1570) // after the page was shown
	g.Send(s.url+"/admin/settings/review", form)
	g.want("admin-review", 409)
	g.says("Desks", "4.2, build 1570")
	if s.policy(t, a).TwoStep {
		t.Fatal("two-step verification is on")
	}

	g.Press("Change Desks")
	g.want("admin-device-group", 200)
	g.Submit(map[string]string{"client_version": "4.3", "client_build": "1575"})
	g.want("admin-device-groups", 200)
	g.says("Saved.", "New enough")
	g.choose("two_step", "everyone")
	g.says("1 user is covered. 1 is enrolled. 0 will have to enrol at their next sign-in. 1 is signed in now.")
	g.Submit(nil)
	g.want("admin-settings", 200)
	g.says("Two-step verification is on for everyone", "Last changed by "+g.user.Name)
	if !s.policy(t, a).TwoStep {
		t.Fatal("two-step verification is off")
	}

	// From now on a group may fall below.
	g.Open(s.url + "/admin/device-groups")
	g.Press("Change Desks")
	g.Submit(map[string]string{"client_version": "4.1", "client_build": "1"})
	g.want("admin-device-groups", 200)
	g.says("Below")
	if !s.policy(t, a).TwoStep {
		t.Error("a group that fell below has turned it off")
	}
}

// The switch and a group that falls below, or is added, in the same instant: if
// it is on afterwards, then nothing was below when it was turned on.
func TestN03_GroupChangesInTheSameInstant(t *testing.T) {
	s := sharedSite(t)
	for round := range 6 {
		a := s.account(t, "4.3", 1575)
		g, other := s.enters(t, a, storage.RoleAdmin), s.enters(t, a, storage.RoleAdmin)
		g.choose("two_step", "everyone")
		fields, target := g.Page().Fields(), g.Page().Action()
		groups, err := s.DB().DeviceGroups(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			other.Open(s.url + "/admin/device-groups/" + groups[0].ID)
		} else {
			other.Open(s.url + "/admin/device-groups")
		}
		form, to := other.Page().Fields(), other.Page().Action()
		form.Set("name", "Tablets")
		form.Set("client_version", "4.2")
		form.Set("client_build", "1")
		var both sync.WaitGroup
		both.Go(func() { g.Send(target, fields) })
		both.Go(func() { other.Send(to, form) })
		both.Wait()
		on := s.policy(t, a).TwoStep
		switch g.Page().Screen() {
		case "admin-settings":
			if !on {
				t.Errorf("round %d: said to be on, and is off", round)
			}
		case "admin-review":
			if on || g.Page().Status != 409 {
				t.Errorf("round %d: refused, and on: %s", round, g.Page())
			}
			g.says("Tablets")
		default:
			t.Errorf("round %d: %s", round, g.Page())
		}
		changed, err := s.DB().Events(t.Context(), storage.EventFilter{AccountID: a.ID, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		low := -1
		for i, e := range changed { // newest first
			if e.Kind == "device_group.changed" && e.Detail["version"] == "4.2 build 1" {
				low = i
			}
			if e.Kind == "policy.changed" && low > i {
				t.Errorf("round %d: turned on after the group was below", round)
			}
		}
	}
}

func TestTwoAdminsAtOnceTheSecondSeesWhatChanged(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	sold := s.product(t, a, "Console")
	first, second := s.enters(t, a, storage.RoleAdmin), s.enters(t, a, storage.RoleAdmin)
	first.choose("two_step", "products", "product."+sold.ID, "yes")
	second.choose("two_step", "everyone")
	first.Submit(nil)
	first.says("Two-step verification is on for holders of Console")
	second.Submit(nil)
	second.want("admin-review", 409)
	second.says(first.user.Name+" changed this at", "Your change was not made", "Two-step verification is on for holders of Console")
	if got := s.policy(t, a).Products; len(got) != 1 {
		t.Errorf("covers %v", got)
	}
	second.Submit(nil) // the page has the present version
	second.want("admin-settings", 200)
	if got := s.policy(t, a).Products; len(got) != 0 {
		t.Errorf("covers %v", got)
	}
}

func TestSettingsRefuseWhatMakesNoSense(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	s.product(t, a, "Console")
	g := s.enters(t, a, storage.RoleAdmin)
	for name, c := range map[string]struct{ fields, says string }{
		"no choice":       {"two_step=", "Fill in this field"},
		"no product":      {"two_step=products", "Choose at least one product"},
		"no day":          {"two_step=everyone&from=tomorrow", "Enter a date"},
		"a day gone by":   {"two_step=everyone&from=2020-01-01", "Enter a date"},
		"a day too far":   {"two_step=everyone&from=2090-01-01", "Enter a date"},
		"foreign product": {"two_step=products&product.none=yes", "Choose at least one product"},
	} {
		t.Run(name, func(t *testing.T) {
			g.Open(s.url + "/admin/settings/review?" + c.fields)
			g.want("admin-settings", 422)
			g.says(c.says)
		})
	}
	for name, c := range map[string]struct{ version, build, says string }{
		"letters":      {"four", "1", "Enter one to four numbers"},
		"five numbers": {"1.2.3.4.5", "1", "Enter one to four numbers"},
		"leading zero": {"4.03", "1", "Enter one to four numbers"},
		"negative":     {"4.3", "-1", "Enter a whole number"},
		"too large":    {"4.3", "1000000000", "Enter a whole number"},
		"no build":     {"4.3", "", "Enter a whole number"},
	} {
		t.Run(name, func(t *testing.T) {
			g.Open(s.url + "/admin/device-groups")
			g.Submit(map[string]string{"name": "Tablets", "client_version": c.version, "client_build": c.build})
			g.want("admin-device-groups", 422)
			g.says(c.says)
			if g.Page().Field("name") != "Tablets" || g.Page().Field("client_version") != c.version {
				t.Errorf("what was typed is gone: %v", g.Page().Fields())
			}
		})
	}
	groups, _ := s.DB().DeviceGroups(t.Context(), a.ID)
	if len(groups) != 1 || s.policy(t, a).TwoStep {
		t.Error("something was changed")
	}
	g.Open(s.url + "/admin/device-groups")
	g.Submit(map[string]string{"name": "Desks", "client_version": "4.10", "client_build": "1"})
	g.want("admin-device-groups", 422)
	g.says("has this name already")
	g.Submit(map[string]string{"name": "Tablets", "client_version": "4.10", "client_build": "1"})
	g.want("admin-device-groups", 200)
	g.says("4.10, build 1")
	if strings.Contains(g.Page().Text(), "Below") {
		t.Error("4.10 counts as older than 4.3")
	}
}

func TestSwitchFromADayOn(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	day := s.now().AddDate(0, 0, 20).UTC().Format("2006-01-02")
	g.choose("two_step", "everyone", "from", day)
	g.says("It holds from")
	g.Submit(nil)
	g.want("admin-settings", 200)
	g.says("Two-step verification is going on for everyone, from")
	if g.Page().Field("from") != day {
		t.Errorf("the form has the day %q", g.Page().Field("from"))
	}
	if p := s.policy(t, a); !p.TwoStep || p.At(s.now()).TwoStep {
		t.Errorf("policy %+v", p)
	}
}

func TestProductsAreAddedRenamedAndRemoved(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	g.Press("Products")
	g.want("admin-products", 200)
	g.Submit(map[string]string{"name": "Console"})
	g.says("Added.", "Console")
	products, err := s.DB().Products(t.Context(), a.ID)
	if err != nil || len(products) != 1 {
		t.Fatal(products, err)
	}
	if err := s.DB().GiveSeat(t.Context(), g.user.ID, products[0].ID, by); err != nil {
		t.Fatal(err)
	}
	g.Press("Change Console")
	g.says("1 active user holds a seat")
	g.Submit(map[string]string{"name": "Reports"})
	g.says("Saved.", "Reports")
	g.choose("two_step", "products", "product."+products[0].ID, "yes")
	g.Submit(nil)
	g.want("admin-settings", 200)
	g.Open(s.url + "/admin/products/" + products[0].ID)
	g.says("The policy names this product")
	g.choose("two_step", "off")
	g.Submit(nil)
	g.says("Two-step verification is off now")
	g.choose("two_step", "everyone")
	g.Submit(nil)
	g.Open(s.url + "/admin/products/" + products[0].ID)
	g.Press("Remove")
	g.want("admin-products", 200)
	g.says("Removed.", "no products")
}

func TestRequiredVersionAndRulesAreSet(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	g.Press("Admin settings")
	form := g.form("required")
	form.Set("client_version", "4.4")
	form.Set("client_build", "2000")
	g.Send(s.url+"/admin/settings", form)
	g.want("admin-settings", 200)
	g.says("Saved.")
	rules := g.form("rules")
	rules.Set("reenrolment", "admin")
	rules.Set("waive_first", "yes")
	for _, wrong := range []string{"31", "-1", "a week", ""} {
		rules.Set("trusted_browser_days", wrong)
		g.Send(s.url+"/admin/settings", rules)
		g.want("admin-settings", 422)
		g.says("Give a whole number of days from 0 to 30.")
	}
	rules.Set("trusted_browser_days", "14")
	g.Send(s.url+"/admin/settings", rules)
	g.want("admin-settings", 200)
	p := s.policy(t, a)
	if p.TrustDays() != 14 || g.form("rules").Get("trusted_browser_days") != "14" {
		t.Errorf("%d days", p.TrustDays())
	}
	if want, _ := device.Parse("4.4", 2000); p.Required.Compare(want) != 0 || p.Reenrolment != storage.ReenrolByAdmin || !p.WaiveFirst {
		t.Errorf("policy %+v", p)
	}
	g.Send(s.url+"/admin/settings", form) // made from an older version
	g.want("admin-settings", 409)
	g.says("Somebody changed this in the meantime")
}

func TestOverviewNamesWhatWaits(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	if strings.Contains(g.Page().Text(), "waiting for a decision") {
		t.Errorf("nothing waits: %s", g.Page())
	}
	member, helper := s.enters(t, a, storage.RoleAuditor), s.user(t, a, storage.RoleHelpdesk)
	who := by
	who.Kind, who.ID = "user", helper.ID
	if _, err := s.DB().AskForReset(t.Context(), a.ID, member.user.ID, who); err != nil {
		t.Fatal(err)
	}
	g.Open(s.url + "/admin")
	g.says("1 request is waiting for a decision", "Two-step verification can be turned on")
	g.Press("1 request is waiting for a decision")
	g.want("admin-requests", 200)
	g.choose("two_step", "everyone")
	g.Submit(nil)
	s.user(t, a)
	g.Open(s.url + "/admin")
	g.says("2 users still have to enrol")
	g.Press("2 users still have to enrol")
	g.want("admin-users", 200)
	g.says(helper.Name)
}
