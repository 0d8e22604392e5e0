package admin_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"stile/admin"
	"stile/audit"
	"stile/manage"
	"stile/seal"
	"stile/stiletest"
	"stile/storage"
)

// The tests in this file are made from the table of routes: a new page or form
// is covered by them as soon as it is in the table. What they need to know of it
// stands in this list: a record for each id in a path.
var records = map[string]func(s *site, t testing.TB, a storage.Account) string{
	"group":   func(s *site, t testing.TB, a storage.Account) string { return s.group(t, a, "Tablets", "4.4", 1).ID },
	"product": func(s *site, t testing.TB, a storage.Account) string { return s.product(t, a, "Console").ID },
	"user":    func(s *site, t testing.TB, a storage.Account) string { return s.user(t, a).ID },
	"client":  func(s *site, t testing.TB, a storage.Account) string { return s.app(t, a).ID },
}

// upload are the paths whose forms bring a file.
var upload = []string{"/admin/users/import"}

// body is what a form of a route sends.
func body(r admin.Route, form url.Values) (kind, text string) {
	if slices.Contains(upload, r.Path) {
		return stiletest.Multipart(form, "file", []byte("email,name,roles,products,language,time_zone\nnew@example.com,New,,,,\n"))
	}
	return "application/x-www-form-urlencoded", form.Encode()
}

// routesBut are the routes that need a permission.
func routesBut() []admin.Route {
	return slices.DeleteFunc(admin.Routes(), func(r admin.Route) bool { return r.Permission == admin.Anyone })
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// paths puts records of an account into the paths of all routes.
func (s *site) paths(t testing.TB, a storage.Account) func(r admin.Route) string {
	t.Helper()
	ids := map[string]string{}
	return func(r admin.Route) string {
		return placeholder.ReplaceAllStringFunc(r.Path, func(p string) string {
			name := strings.Trim(p, "{}")
			if records[name] == nil {
				t.Fatalf("%s: no record for %s: add a line to the list", r.Path, p)
			}
			if ids[name] == "" {
				ids[name] = records[name](s, t, a)
			}
			return ids[name]
		})
	}
}

// token returns the token that the forms of a route have for this browser, as
// its pages would show it.
func (g *guest) token(r admin.Route) string {
	g.t.Helper()
	for _, c := range g.Cookies(g.s.url) {
		if c.Name == "stile-session" {
			period := strconv.FormatInt(g.s.now().Unix()/(24*60*60), 10)
			return g.s.DB().Hasher().Text(seal.HashForm, "session "+c.Value, strings.TrimPrefix(r.Path, "/"), period)
		}
	}
	g.t.Fatal("no session cookie")
	return ""
}

// filled is a form of a route with everything that some form needs, and a token.
func (g *guest) filled(r admin.Route) url.Values {
	return url.Values{
		"csrf": {g.token(r)}, "do": {r.Do},
		"name": {"New name"}, "client_version": {"4.9"}, "client_build": {"9"}, "two_step": {"everyone"},
		"version": {"1"}, "reenrolment": {"admin"}, "waive_first": {"yes"}, "email": {"new@example.com"}, "id": {"none"},
		"client_name": {"New app"}, "client_kind": {"web"}, "redirect_uris": {"https://new.example/callback"},
	}
}

// asks opens a route, or sends its form.
func (g *guest) asks(r admin.Route, path string) {
	g.t.Helper()
	if r.Method == http.MethodPost {
		if slices.Contains(upload, r.Path) {
			g.SendFile(g.s.url+path, g.filled(r), "file", []byte("email,name,roles,products,language,time_zone\nnew@example.com,New,,,,\n"))
			return
		}
		g.Send(g.s.url+path, g.filled(r))
		return
	}
	g.Open(g.s.url + path)
}

// state is all that forms could change of an account.
func (s *site) state(t testing.TB, a storage.Account) string {
	t.Helper()
	state, err := s.DB().AccountState(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	users, err := s.DB().Users(t.Context(), a.ID, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range users {
		users[i].SignedInAt, users[i].FactorProvenAt = nil, nil
	}
	groups, err := s.DB().DeviceGroups(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.DB().Events(t.Context(), storage.EventFilter{AccountID: a.ID, Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	for _, e := range events {
		about := strings.HasPrefix(string(e.Kind), "sign_in.") || strings.HasPrefix(string(e.Kind), "proof.") || strings.HasPrefix(string(e.Kind), "grant.") ||
			strings.HasPrefix(string(e.Kind), "email_code.") || e.Kind == audit.PeopleRead
		if e.Outcome == audit.OK && !about {
			done++
		}
	}
	text, err := json.Marshal([]any{state, users, groups, done})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// eachRoute runs a test for each route that needs a permission.
func eachRoute(t *testing.T, do func(t *testing.T, r admin.Route)) {
	t.Helper()
	for _, r := range routesBut() {
		t.Run(strings.Trim(r.Method+" "+r.Path+" "+r.Do, " "), func(t *testing.T) { do(t, r) })
	}
}

func TestN02_WhoMayWhat(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	path := s.paths(t, a)
	guests := map[string]*guest{
		storage.RoleAdmin: s.enters(t, a, storage.RoleAdmin), storage.RoleHelpdesk: s.enters(t, a, storage.RoleHelpdesk),
		storage.RoleAuditor: s.enters(t, a, storage.RoleAuditor),
	}
	former := s.enters(t, a, storage.RoleAdmin)
	if _, err := s.DB().UpdateUser(t.Context(), former.user.ID, func(u *storage.User) error { u.Roles = []string{storage.RoleMember}; return nil }, by); err != nil {
		t.Fatal(err)
	}
	member := s.guest(t, s.user(t, a))
	if member.goTo("/admin").Screen() != "admin-refused" || member.Page().Status != 403 {
		t.Fatalf("a member sees %s", member.Page())
	}
	guests["member"], guests["former admin"] = member, former
	may := map[string]func(manage.Permission) bool{
		storage.RoleAdmin: func(manage.Permission) bool { return true },
		storage.RoleHelpdesk: func(p manage.Permission) bool {
			return slices.Contains([]manage.Permission{manage.Read, manage.SignOutUsers, manage.AskForResets}, p)
		},
		storage.RoleAuditor: func(p manage.Permission) bool { return p == manage.Read || p == manage.ReadAudit },
	}
	for who, g := range guests {
		if who == storage.RoleAdmin {
			continue // what admins may do, the other tests show
		}
		eachRoute(t, func(t *testing.T, r admin.Route) {
			g, to := g.in(t), path(r)
			before := s.state(t, a)
			g.asks(r, to)
			if may[who] != nil && may[who](r.Permission) {
				if g.Page().Status == 403 {
					t.Errorf("%s: refused: %s", who, g.Page())
				}
				return
			}
			if g.Page().Status != 403 || g.Page().Screen() != "admin-refused" {
				t.Errorf("%s: %s", who, g.Page())
			}
			if after := s.state(t, a); after != before {
				t.Errorf("%s: something was changed:\n%s\n%s", who, before, after)
			}
		})
	}
}

func TestN02_NobodyComesInWithoutSigningIn(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	path := s.paths(t, a)
	eachRoute(t, func(t *testing.T, r admin.Route) {
		if r.Method == http.MethodPost {
			return // without a session there is no token: H01
		}
		g := s.guest(t, storage.User{})
		g.Open(s.url + path(r))
		g.want("sign-in", 200)
	})
}

func TestN01_IDsOfAnotherAccountAreMissing(t *testing.T) {
	s := sharedSite(t)
	a, foreign := s.account(t, "4.3", 1575), s.account(t, "4.3", 1575)
	path, id := s.paths(t, foreign), regexp.MustCompile(`[A-Za-z0-9_-]{16,}`)
	g := s.enters(t, a, storage.RoleAdmin)
	eachRoute(t, func(t *testing.T, r admin.Route) {
		if !placeholder.MatchString(r.Path) {
			return
		}
		g, to := g.in(t), path(r)
		before, own := s.state(t, foreign), s.state(t, a)
		g.asks(r, to)
		found := g.Page()
		if found.Status != 404 || found.Screen() != "admin-refused" {
			t.Errorf("another account's: %s", found)
		}
		g.asks(r, placeholder.ReplaceAllString(r.Path, "nothing-like-it-anywhere"))
		missing := g.Page()
		if missing.Status != found.Status || missing.Screen() != found.Screen() || missing.Text() != found.Text() ||
			id.ReplaceAllString(missing.Body, "") != id.ReplaceAllString(found.Body, "") {
			t.Errorf("another account's differs from a missing one:\n%s\n%s", found.Body, missing.Body)
		}
		if s.state(t, foreign) != before || s.state(t, a) != own {
			t.Error("something was changed")
		}
	})
	// In the fields of a form.
	theirs := s.product(t, foreign, "Theirs")
	s.product(t, a, "Ours")
	g.choose("two_step", "products", "product."+theirs.ID, "yes")
	g.want("admin-settings", 422)
}

func TestH01_FormsAreTakenFromOurPagesOnly(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	path := s.paths(t, a)
	g, other := s.enters(t, a, storage.RoleAdmin), s.enters(t, a, storage.RoleAdmin)
	all := admin.Routes()
	for _, r := range all {
		if r.Method != http.MethodPost {
			continue
		}
		t.Run(strings.Trim(r.Path+" "+r.Do, " "), func(t *testing.T) {
			g, to := g.in(t), path(r)
			before := s.state(t, a)
			good := g.filled(r)
			with := func(token string) url.Values {
				form := g.filled(r)
				form.Set("csrf", token)
				return form
			}
			elsewhere := r
			elsewhere.Path += "/elsewhere"
			for name, c := range map[string]struct {
				form    url.Values
				headers []string
				bare    bool // without cookies
			}{
				"no token":                   {form: with("")},
				"a token of another browser": {form: with(other.token(r))},
				"a token of another route":   {form: with(g.token(elsewhere))},
				"a token of another day":     {form: with(g.s.old(g, r))},
				"another origin":             {form: good, headers: []string{"Origin", "https://evil.example"}},
				"no origin":                  {form: good, headers: []string{"Origin", "null"}},
				"another site":               {form: good, headers: []string{"Sec-Fetch-Site", "cross-site"}},
				"a sibling":                  {form: good, headers: []string{"Sec-Fetch-Site", "same-site"}},
				"no cookies":                 {form: good, bare: true},
			} {
				kind, text := body(r, c.form)
				req, err := http.NewRequest(http.MethodPost, s.url+to, strings.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", kind)
				for i := 0; i+1 < len(c.headers); i += 2 {
					req.Header.Set(c.headers[i], c.headers[i+1])
				}
				if !c.bare {
					for _, cookie := range g.Cookies(s.url) {
						req.AddCookie(cookie)
					}
				}
				answer, err := http.DefaultTransport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				var body bytes.Buffer
				_, _ = body.ReadFrom(answer.Body)
				_ = answer.Body.Close()
				if answer.StatusCode != http.StatusForbidden || !strings.Contains(body.String(), `data-screen="error"`) {
					t.Errorf("%s: status %d, %.200s", name, answer.StatusCode, body.String())
				}
			}
			if after := s.state(t, a); after != before {
				t.Errorf("something was changed:\n%s\n%s", before, after)
			}
		})
	}
	g.Open(s.url + "/admin")
	g.want("admin-overview", 200) // and is still signed in
}

// old is a token of two days before.
func (s *site) old(g *guest, r admin.Route) string {
	s.pass(-48 * time.Hour)
	defer s.pass(48 * time.Hour)
	return g.token(r)
}

// in is the same guest for a subtest.
func (g *guest) in(t testing.TB) *guest {
	in := *g
	in.t = t
	return &in
}

func TestH03_HeadersOfEveryPage(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	path := s.paths(t, a)
	g := s.enters(t, a, storage.RoleAdmin)
	eachRoute(t, func(t *testing.T, r admin.Route) {
		if r.Method != http.MethodGet {
			return
		}
		g := g.in(t)
		for _, fault := range g.Open(s.url + path(r)).Unguarded() {
			t.Error(fault)
		}
	})
}

func TestTableRefusesWhatHasNoPermission(t *testing.T) {
	nothing := func(*admin.Visit) error { return nil }
	for name, r := range map[string]admin.Route{
		"no permission":    {Method: "GET", Path: "/admin/x", Handle: nothing},
		"outside":          {Method: "GET", Path: "/administer", Permission: manage.Read, Handle: nothing},
		"nowhere":          {Method: "GET", Path: "/admin/x", Permission: manage.Read},
		"writes by read":   {Method: "POST", Path: "/admin/x", Permission: manage.Read, Handle: nothing},
		"other method":     {Method: "DELETE", Path: "/admin/x", Permission: manage.EditUsers, Handle: nothing},
		"a page that does": {Method: "GET", Path: "/admin/x", Do: "remove", Permission: manage.Read, Handle: nothing},
		"one of two":       {Method: "GET", Path: "/admin", Permission: manage.Read, Handle: nothing},
	} {
		if err := admin.CheckRoutes(append(admin.Routes(), r)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := admin.CheckRoutes(admin.Routes()); err != nil {
		t.Error(err)
	}
}
