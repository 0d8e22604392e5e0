package templates_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"stile/locale"
	"stile/templates"
)

var sections = []templates.Section{
	templates.AdminOverviewSection, templates.AdminSettingsSection, templates.AdminUsersSection, templates.AdminProductsSection,
	templates.AdminDevicesSection, templates.AdminLogSection,
}

// adminFrame is the frame of a page of the Admin Center, or of My Account.
func adminFrame(p locale.Printer, page templates.Page) templates.Frame {
	f := frame(p, page)
	f.Client, f.Request, f.Action = templates.Client{}, "", "/"+strings.Replace(page.Name(), "-", "/", 1)
	for i := range f.Languages {
		f.Languages[i].Href = f.Action + "?lang=" + f.Languages[i].Tag
	}
	f.Area = &templates.AreaFrame{Account: "Example Support", Address: address, Sections: sections, SignOut: "c2lnbi1vdXQ"}
	if strings.HasPrefix(page.Name(), "account") {
		f.Area.Sections = nil
		for _, s := range templates.AccountSections() {
			f.Area.Sections = append(f.Area.Sections, s.Section)
		}
	}
	return f
}

func adminSamples() []sample {
	required := templates.AdminBelow{Version: "4.3", Build: "1575"}
	off, on := templates.AdminPolicy{}, templates.AdminPolicy{On: true}
	some := templates.AdminPolicy{On: true, Products: []string{"Console", "Reports"}}
	later := some
	later.From = now.Add(8 * 24 * time.Hour)
	coverage := templates.AdminCoverage{Users: 1240, Covered: 214, Enrolled: 71, ToEnrol: 143, SignedIn: 12}
	settings := templates.AdminSettings{
		Account: "Example Support", Policy: off, Choice: "off", Version: "3", Required: required, Reenrolment: "email", TrustDays: "14", Editable: true,
		Products:  []templates.AdminChoice{{ID: "p1", Name: "Console", Chosen: true}, {ID: "p2", Name: "Reports"}},
		Lifetimes: templates.AdminLifetimes{TwoStepIdle: 60, TwoStepAbsolute: 720, PasswordIdle: 480, PasswordAbsolute: 7 * 24 * 60},
	}
	read, scheduled := settings, settings
	read.Editable, read.Reenrolment = false, "admin"
	scheduled.Policy, scheduled.Choice, scheduled.From, scheduled.ChangedBy, scheduled.ChangedAt = later, "products", "2026-11-30", "Sam Sales", now
	review := templates.AdminReview{
		Account: "Example Support", Now: off, Next: on, Coverage: coverage, Required: required, Back: "/admin/settings?two_step=everyone", Editable: true,
		Hidden: []templates.FormField{{Name: "two_step", Value: "everyone"}, {Name: "version", Value: "3"}},
	}
	blocked, turnOff, meanwhile, dated, same := review, review, review, review, review
	blocked.Below = []templates.AdminBelow{{ID: "g1", Name: "Sales tablets", Version: "4.2", Build: "1570"}, {ID: "g2", Name: "Desks", Version: "4.1", Build: "900"}}
	turnOff.Now, turnOff.Next = on, off
	meanwhile.Now, meanwhile.Next, meanwhile.Meanwhile, meanwhile.ChangedBy, meanwhile.ChangedAt = some, on, true, "Sam Sales", now
	dated.Next = later
	same.Same = true
	many := review
	many.Next.Products = []string{"Console", "Console 2", "Console 3", "Reports", "Reports 2", "Reports 3", "Reports 4"}
	groups := templates.AdminDeviceGroups{Required: required, Editable: true, Groups: []templates.AdminGroup{
		{ID: "g2", Name: "Desks", Version: "4.10", Build: "1"}, {ID: "g1", Name: "Sales tablets", Version: "4.2", Build: "1570", Below: true},
	}}
	groups.Versions = templates.AdminClientVersions{Scale: []templates.AdminBelow{{Version: "4.2", Build: "1570"}, required, {Version: "4.10", Build: "1"}}, Needs: 1, Has: []int{2, 0}}
	groups.CSV = "/admin/device-groups.csv"
	wrong := groups
	wrong.New = templates.AdminGroup{Name: "Phones", Version: "four", Build: "1"}
	products := templates.AdminProducts{Editable: true, Products: []templates.AdminProductRow{
		{ID: "p1", Name: "Console", Seats: 1214, Covered: true}, {ID: "p2", Name: "Reports", Seats: 7},
	}}
	var days []templates.AdminDay
	for i := range 30 {
		days = append(days, templates.AdminDay{Day: now.AddDate(0, 0, i-29), Enrolled: max(0, 5*(i-15))})
	}
	cool := func(f *templates.Frame) { f.Area.Cooldown = now.Add(20 * time.Hour) }
	return append(peopleSamples(), []sample{
		{"admin-overview", nil, templates.AdminOverview{Account: "Example Support", Policy: off, Coverage: coverage, Below: 3, Editable: true}},
		{"admin-overview.on", cool, templates.AdminOverview{Account: "Example Support", Policy: on, Coverage: coverage, Requests: 1, Days: days, Changed: now.AddDate(0, 0, -14)}},
		{"admin-settings", nil, settings},
		{"admin-settings.read", nil, read},
		{"admin-settings.scheduled", noticed("notice.admin.policy_on", nil), scheduled},
		{"admin-settings.wrong", problem("from", "error.input.date", nil), settings},
		{"admin-review", nil, review},
		{"admin-review.blocked", nil, blocked},
		{"admin-review.off", nil, turnOff},
		{"admin-review.meanwhile", nil, meanwhile},
		{"admin-review.dated", nil, dated},
		{"admin-review.same", nil, same},
		{"admin-review.many", nil, many},
		{"admin-device-groups", nil, groups},
		{"admin-device-groups.none", nil, templates.AdminDeviceGroups{Required: required}},
		{"admin-device-groups.wrong", problem("client_version", "error.input.version", nil), wrong},
		{"admin-device-group", noticed("notice.admin.confirmed", nil), templates.AdminDeviceGroup{Called: "Desks", Group: groups.Groups[0], Required: required, Tag: "dGFn"}},
		{"admin-products", nil, products},
		{"admin-product", nil, templates.AdminProduct{Called: "Reports", Typed: "Reports", Product: products.Products[1], Tag: "dGFn"}},
		{"admin-product.named", problem("", "error.admin.product_in_use", nil), templates.AdminProduct{Called: "Console", Typed: "Console", Product: products.Products[0], Tag: "dGFn"}},
		{"admin-refused.no-role", nil, templates.AdminRefused{Why: templates.AdminNoRole, Account: "Example Support"}},
		{"admin-refused.not-allowed", nil, templates.AdminRefused{Why: templates.AdminNotAllowed, Account: "Example Support"}},
		{"admin-refused.cooldown", cool, templates.AdminRefused{Why: templates.AdminCooldown, Account: "Example Support", Until: now.Add(20 * time.Hour), Back: "/admin/settings"}},
		{"admin-refused.recovery", nil, templates.AdminRefused{Why: templates.AdminRecovery, Account: "Example Support", Back: "/admin/settings"}},
		{"admin-refused.missing", nil, templates.AdminRefused{Why: templates.AdminMissing, Account: "Example Support"}},
	}...)
}

func renderAdmin(t testing.TB, set *templates.Set, p locale.Printer, s sample) []byte {
	t.Helper()
	f := adminFrame(p, s.page)
	if s.frame != nil {
		s.frame(&f)
	}
	var b bytes.Buffer
	if err := set.Execute(&b, f, s.page); err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return b.Bytes()
}

// TestAdminPages holds every page in every language against its golden file and
// against the rules of all pages.
func TestAdminPages(t *testing.T) {
	set := load(t)
	for _, s := range areaSamples() {
		for _, l := range locale.Supported {
			body := renderAdmin(t, set, set.Printer(l), s)
			compare(t, s.name+"."+string(l)+".html", withoutHashes(set, body))
			t.Run(s.name+"/"+string(l), func(t *testing.T) {
				d := parsePage(t, body)
				for _, name := range []string{"h1", "main", "header", "footer"} {
					if n := len(d.all(name)); n != 1 {
						t.Errorf("%d elements %s", n, name)
					}
				}
				if h1, title := text(d.all("h1")[0]), text(d.all("title")[0]); !strings.Contains(title, h1) || !strings.HasSuffix(title, " – Stile") {
					t.Errorf("title %q does not hold the heading %q", title, h1)
				}
				if got := attr(d.all("body")[0], "data-screen"); got != s.page.Name() {
					t.Errorf("data-screen is %q", got)
				}
				for _, n := range d.all("") {
					checkNode(t, d, n, s.page.Name())
				}
				checkForms(t, d)
			})
		}
	}
}

// checkForms holds the forms of a page of the Admin Center to their rules: the
// main one is the first, each that posts has a token and says what it does.
func checkForms(t *testing.T, d doc) {
	t.Helper()
	for i, f := range within(d.all("main")[0], "form") {
		buttons := within(f, "button")
		if len(buttons) != 1 || attr(buttons[0], "type") != "submit" || text(buttons[0]) == "" {
			t.Errorf("form %d has %d buttons", i, len(buttons))
		}
		if attr(f, "method") != "post" {
			continue
		}
		names := []string{}
		for _, in := range within(f, "input") {
			names = append(names, attr(in, "name"))
		}
		if main := attr(f, "class") == "main"; !slices.Contains(names, templates.FieldCSRF) || !main && !slices.Contains(names, templates.FieldDo) {
			t.Errorf("form %d has the fields %q", i, names)
		}
	}
	if out := attr(d.all("form")[0], "action"); out != "/admin/sign-out" && out != "/account/sign-out" {
		t.Error("no way out")
	}
}

// TestAdminPagesAreTranslated: whatever people read went through the texts.
func TestAdminPagesAreTranslated(t *testing.T) {
	set, word := load(t), regexp.MustCompile(`\p{L}{3,}`)
	given := regexp.MustCompile(`Example Support|Sam Sales|Sales tablets|Desks|Phones|(Acme )?Console|Reports|Grafana|Mia Member|Firefox on Windows|Safari on iOS|[a-z0-9]{4}(-[a-z0-9]{4}){3}|Stile|agent@example\.com|English|Français|Italiano|Deutsch|Español|Português|Nederlands|7f3k9q2m|Firefox, Linux|https?://[a-z./]+|stile\.[a-z]+|app-\d|email,name|provider, err|openid|profile|offline_access|email|client_(id|secret)|(post_logout_)?redirect_uris|scope|c2VjcmV0|use https|forbidden|Sam|Europe/Brussels|products`)
	for _, s := range areaSamples() {
		d := parsePage(t, renderAdmin(t, set, locale.Pseudo(), s))
		for _, n := range d.all("script") {
			n.Parent.RemoveChild(n)
		}
		all := text(d.Node)
		for strings.Contains(all, "⟦") {
			next := regexp.MustCompile(`⟦[^⟦⟧]*⟧`).ReplaceAllString(all, " ")
			if next == all {
				t.Fatalf("%s: brackets do not match in %q", s.name, all)
			}
			all = next
		}
		if rest := given.ReplaceAllString(all, " "); word.MatchString(rest) {
			t.Errorf("%s: not translated: %q", s.name, strings.Join(word.FindAllString(rest, -1), " "))
		}
	}
}

// TestH04_MarkupInNamesOfTheAdminCenterIsText: names of accounts, groups,
// products and people are shown as they are.
func TestH04_MarkupInNamesOfTheAdminCenterIsText(t *testing.T) {
	set := load(t)
	policy := templates.AdminPolicy{On: true, Products: []string{hostile}}
	pages := []templates.Page{
		templates.AdminOverview{Account: hostile, Policy: policy},
		templates.AdminSettings{Account: hostile, Policy: policy, Editable: true, Choice: hostile, From: hostile, Version: hostile, Products: []templates.AdminChoice{{ID: "x", Name: hostile}}, ChangedBy: hostile, ChangedAt: now},
		templates.AdminReview{Now: policy, Next: policy, Below: []templates.AdminBelow{{ID: hostile, Name: hostile, Version: hostile, Build: hostile}}, Back: "/" + hostile, Hidden: []templates.FormField{{Name: hostile, Value: hostile}}},
		templates.AdminDeviceGroups{Editable: true, Groups: []templates.AdminGroup{{ID: hostile, Name: hostile, Version: hostile, Build: hostile}}, New: templates.AdminGroup{Name: hostile}},
		templates.AdminDeviceGroup{Called: hostile, Group: templates.AdminGroup{Name: hostile}, Tag: hostile},
		templates.AdminProducts{Editable: true, Products: []templates.AdminProductRow{{ID: hostile, Name: hostile}}, New: hostile},
		templates.AdminProduct{Called: hostile, Typed: hostile},
		templates.AdminRefused{Why: templates.AdminMissing, Account: hostile},
	}
	for _, page := range pages {
		f := adminFrame(set.Printer(locale.English), page)
		f.Area.Account, f.Area.Address = hostile, hostile
		var b bytes.Buffer
		if err := set.Execute(&b, f, page); err != nil {
			t.Fatal(err)
		}
		root, err := html.Parse(&b)
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			if n.Type == html.ElementNode && (n.Data == "img" || n.Data == "script" && n.FirstChild != nil) {
				t.Errorf("%s: <%s> came to life", page.Name(), n.Data)
			}
		}
		if !strings.Contains(text(root), "<script>alert(1)</script>") {
			t.Errorf("%s: the name is not shown", page.Name())
		}
	}
}
