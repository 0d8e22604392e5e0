package admin_test

import (
	"go/format"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"stile/storage"
)

var secretForm = regexp.MustCompile(`id="client-secret"[^>]*>([^<]+)<`)

// connect connects an app, and returns its page and its id.
func (g *guest) connect(name, kind, redirects string, more ...string) (body, id string) {
	g.t.Helper()
	g.Open(g.s.url + "/admin/clients/connect")
	values := map[string]string{"client_name": name, "client_kind": kind, "redirect_uris": redirects}
	for _, m := range more {
		values[m] = "yes"
	}
	p := g.Submit(values)
	found := regexp.MustCompile(`id="client-id"[^>]*>([^<]+)<`).FindStringSubmatch(p.Body)
	if p.Screen() != "admin-client" || found == nil {
		g.t.Fatalf("not connected: %s", p)
	}
	return p.Body, found[1]
}

func TestSecretIsShownOnce(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	body, id := g.connect("Console", "web", "https://console.example/callback\n  https://console.example/other")
	found := secretForm.FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("no secret: %s", g.Page())
	}
	c, err := s.DB().Client(t.Context(), id)
	must(t, err)
	if !s.DB().IsClientSecret(c, found[1]) || c.AccountID != a.ID || !c.ThirdParty || len(c.Metadata.RedirectURIs) != 2 {
		t.Errorf("connected %+v", c)
	}
	if p := g.Page(); strings.Contains(p.URL.String(), found[1]) || p.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the secret may be kept: %s %s", p.URL, p.Header)
	}
	if p := g.Open(s.url + "/admin/clients/" + id); p.Screen() != "admin-client" || strings.Contains(p.Body, found[1]) {
		t.Errorf("the secret is shown again: %s", p)
	}
	p := g.Press("New secret")
	again := secretForm.FindStringSubmatch(p.Body)
	if again == nil || again[1] == found[1] || strings.Contains(p.URL.String(), again[1]) {
		t.Fatalf("no new secret: %s", p)
	}
	c, err = s.DB().Client(t.Context(), id)
	must(t, err)
	if s.DB().IsClientSecret(c, found[1]) || !s.DB().IsClientSecret(c, again[1]) {
		t.Error("the old secret still works, or the new one does not")
	}
	if strings.Contains(s.logs.String(), found[1]) {
		t.Error("the secret is in the log")
	}
}

func TestSnippetsAreOfTheirKind(t *testing.T) {
	s := sharedSite(t)
	g := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAdmin)
	for kind, want := range map[string]string{"web": "os.Getenv", "native": "oauth2.Config", "spa": "oidc-client-ts", "service": "stile.read"} {
		redirects, scope := "https://app.example/callback", []string(nil)
		if kind == "service" {
			redirects, scope = "", []string{"scope.stile.read"}
		}
		_, id := g.connect("App "+kind, kind, redirects, scope...)
		text := g.Page().Texts("pre")
		if len(text) != 1 || !strings.Contains(text[0], want) || !strings.Contains(text[0], id) || !strings.Contains(text[0], s.url) {
			t.Errorf("%s: %q", kind, text)
		}
		if secret := secretForm.MatchString(g.Page().Body); secret != (kind == "web" || kind == "service") {
			t.Errorf("%s: secret shown: %v", kind, secret)
		}
		if p := g.Open(s.url + "/admin/clients"); !strings.Contains(p.Text(), "App "+kind) {
			t.Errorf("%s is not listed: %s", kind, p)
		}
		if kind == "web" || kind == "native" {
			pre := regexp.MustCompile(`(?s)<pre[^>]*><code>(.*?)</code>`).FindStringSubmatch(g.Open(s.url + "/admin/clients/" + id).Body)
			code := strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&amp;", "&").Replace(pre[1])
			if _, err := format.Source([]byte("package p\nfunc f() {\n" + code + "\n}")); err != nil {
				t.Errorf("%s: %v\n%s", kind, err, code)
			}
		}
	}
}

func TestAppThatCanNotBeConnected(t *testing.T) {
	s := sharedSite(t)
	g := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAdmin)
	for name, values := range map[string]map[string]string{
		"no name":     {"client_name": "", "client_kind": "web", "redirect_uris": "https://app.example/callback"},
		"no kind":     {"client_name": "App", "client_kind": "toaster", "redirect_uris": "https://app.example/callback"},
		"no redirect": {"client_name": "App", "client_kind": "web"},
		"http":        {"client_name": "App", "client_kind": "spa", "redirect_uris": "http://app.example/callback"},
		"wildcard":    {"client_name": "App", "client_kind": "web", "redirect_uris": "https://*.example/callback"},
		"service":     {"client_name": "App", "client_kind": "service", "redirect_uris": "https://app.example/callback"},
	} {
		g.Open(s.url + "/admin/clients/connect")
		if p := g.Submit(values); p.Status != http.StatusUnprocessableEntity || p.Screen() != "admin-connect" || p.Field("redirect_uris") != values["redirect_uris"] {
			t.Errorf("%s: %s", name, p)
		}
	}
}

func TestAppIsSwitchedOffAndRemoved(t *testing.T) {
	s := sharedSite(t)
	g := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAdmin)
	_, id := g.connect("Old app", "spa", "https://app.example/callback")
	g.Press("Switch off")
	if c, err := s.DB().Client(t.Context(), id); err != nil || !c.Disabled {
		t.Errorf("still on: %v", err)
	}
	g.Press("Switch on again")
	if c, err := s.DB().Client(t.Context(), id); err != nil || c.Disabled {
		t.Errorf("still off: %v", err)
	}
	fields := g.Page().Fields()
	fields.Set("do", "remove")
	fields.Set("confirm", "Another app")
	if p := g.Send(s.url+"/admin/clients/"+id, fields); p.Status != http.StatusUnprocessableEntity {
		t.Errorf("removed by another name: %s", p)
	}
	fields.Set("confirm", "Old app")
	g.Send(s.url+"/admin/clients/"+id, fields)
	if p := g.want("admin-clients", 200); strings.Contains(p.Text(), "Old app") {
		t.Errorf("still there: %s", p)
	}
	g.Open(s.url + "/admin/clients/" + id)
	g.want("admin-refused", 404)
}

func TestN01_AppsOfOthersAreMissing(t *testing.T) {
	s := sharedSite(t)
	g := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAdmin)
	_, theirs := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAdmin).connect("Theirs", "web", "https://app.example/callback")
	_, ours := g.connect("Ours", "web", "https://app.example/callback")
	g.Open(s.url + "/admin/clients/" + ours)
	token := g.Page().Field("csrf")
	for _, id := range []string{theirs, "stile-admin", "nothing"} {
		if p := g.Open(s.url + "/admin/clients/" + id); p.Status != 404 {
			t.Errorf("%s is shown: %s", id, p)
		}
		for _, do := range []string{"rotate", "disable", "enable", "remove"} {
			if p := g.Send(s.url+"/admin/clients/"+id, url.Values{"csrf": {token}, "do": {do}, "confirm": {"Theirs"}}); p.Status != 404 {
				t.Errorf("%s %s: %s", do, id, p)
			}
		}
	}
	auditor := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAuditor)
	if p := auditor.Open(s.url + "/admin/clients/connect"); p.Status != 403 {
		t.Errorf("an auditor may connect: %s", p)
	}
}
