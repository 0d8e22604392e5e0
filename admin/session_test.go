package admin_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"stile/admin"
	"stile/manage"
	"stile/storage"
)

func TestSignInOfAnAdmin(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	if p := g.Page(); len(p.Texts("h1")) != 1 || p.Texts("h1")[0] != a.Name {
		t.Errorf("the first page is %s", p)
	}
	g.Press("Sign out")
	g.want("signed-out", 200)
	g.Open(s.url + "/admin")
	g.want("sign-in", 200)
}

// stale lets the proofs of a guest become too old for a change, but not the session.
func (g *guest) stale() { g.s.pass(manage.Fresh + time.Minute) }

func TestEveryWriteNeedsFreshProofs(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	path := s.paths(t, a)
	g := s.enters(t, a, storage.RoleAdmin)
	eachRoute(t, func(t *testing.T, r admin.Route) {
		if r.Method != http.MethodPost {
			return
		}
		g, to := g.in(t), path(r)
		g.goTo("/admin")
		g.stale()
		before := s.state(t, a)
		g.asks(r, to)
		if g.Page().Screen() != "sign-in" {
			t.Fatalf("not asked again: %s", g.Page())
		}
		g.goOn()
		if p := g.Page(); p.Status != 200 || !strings.HasPrefix(p.Screen(), "admin-") || p.URL.Path != to {
			t.Errorf("comes out at %s", p)
		}
		g.says("Nothing has been changed yet")
		if after := s.state(t, a); after != before {
			t.Errorf("something was changed:\n%s\n%s", before, after)
		}
	})
}

func TestStepUpComesBackToTheFilledInForm(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	g.Open(s.url + "/admin/device-groups")
	g.stale()
	g.Submit(map[string]string{"name": "Tablets", "client_version": "4.5", "client_build": "7"})
	g.want("sign-in", 200)
	g.goOn()
	g.want("admin-device-groups", 200)
	if f := g.Page().Fields(); f.Get("name") != "Tablets" || f.Get("client_version") != "4.5" || f.Get("client_build") != "7" {
		t.Errorf("the form holds %v", f)
	}
	if strings.Contains(g.Page().URL.RawQuery, "csrf") {
		t.Error("the token is in the address")
	}
	g.Submit(nil)
	g.want("admin-device-groups", 200)
	g.says("Added.", "Tablets")
}

// A recovery code lets an admin look, and changes nothing.
func TestK08_ARecoveryCodeClosesChanges(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	path := s.paths(t, a)
	g := s.guest(t, s.user(t, a, storage.RoleAdmin))
	g.Open(s.url + "/admin")
	for g.Page().Screen() != "done" && g.step() {
	}
	code := g.Page().Texts("code")[0]
	g.goOn()
	lost := s.guest(t, g.user)
	lost.Open(s.url + "/admin")
	lost.Submit(map[string]string{"email": g.user.Email, "password": password})
	lost.Press("Use a recovery code")
	lost.Submit(map[string]string{"recovery": code})
	lost.Press("Not now")
	lost.want("admin-overview", 200)
	eachRoute(t, func(t *testing.T, r admin.Route) {
		lost, to := lost.in(t), path(r)
		before := s.state(t, a)
		lost.asks(r, to)
		if r.Method == http.MethodGet {
			if lost.Page().Status != 200 && lost.Page().Status != 422 {
				t.Errorf("can't even look: %s", lost.Page())
			}
			return
		}
		lost.want("admin-refused", 403)
		lost.says("A recovery code is not enough for changes")
		if s.state(t, a) != before {
			t.Error("something was changed")
		}
	})
}

func TestCooldownClosesChangesAndSaysUntilWhen(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	path := s.paths(t, a)
	g := s.enters(t, a, storage.RoleAdmin)
	lost := s.guest(t, g.user)
	lost.Open(s.url + "/admin")
	lost.Submit(map[string]string{"email": g.user.Email, "password": password})
	s.pass(time.Minute)
	lost.Press("Set up a new mobile device")
	lost.goOn()
	lost.want("admin-overview", 200)
	lost.says("changes are possible again from")
	eachRoute(t, func(t *testing.T, r admin.Route) {
		lost, to := lost.in(t), path(r)
		before := s.state(t, a)
		lost.asks(r, to)
		if r.Method == http.MethodGet {
			if lost.Page().Status != 200 && lost.Page().Status != 422 {
				t.Errorf("can't even look: %s", lost.Page())
			}
			return
		}
		lost.want("admin-refused", 403)
		lost.says("Changes are closed for you for now", "You can make changes again from")
		if s.state(t, a) != before {
			t.Error("something was changed")
		}
	})
}

func TestSessionIsJudgedAtEachRequest(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	t.Run("signed out elsewhere", func(t *testing.T) {
		g := s.enters(t, a, storage.RoleAdmin)
		if err := s.DB().SignOutUser(t.Context(), g.user.ID, by); err != nil {
			t.Fatal(err)
		}
		g.Open(s.url + "/admin")
		g.want("sign-in", 200)
	})
	t.Run("disabled", func(t *testing.T) {
		g := s.enters(t, a, storage.RoleAdmin)
		now := s.now()
		if _, err := s.DB().UpdateUser(t.Context(), g.user.ID, func(u *storage.User) error { u.DisabledAt = &now; return nil }, by); err != nil {
			t.Fatal(err)
		}
		g.Open(s.url + "/admin")
		g.want("sign-in", 200)
	})
	t.Run("authenticator taken away", func(t *testing.T) {
		g := s.enters(t, a, storage.RoleAdmin)
		if err := s.DB().ResetAuthenticator(t.Context(), g.user.ID, by); err != nil {
			t.Fatal(err)
		}
		if g.Open(s.url + "/admin"); g.Page().Screen() == "admin-overview" {
			t.Errorf("goes on with %s", g.Page())
		}
	})
	t.Run("idle", func(t *testing.T) {
		g := s.enters(t, a, storage.RoleAdmin)
		s.pass(50 * time.Minute)
		g.Open(s.url + "/admin") // counts as activity
		s.pass(50 * time.Minute)
		g.Open(s.url + "/admin")
		g.want("admin-overview", 200)
		s.pass(61 * time.Minute)
		g.Open(s.url + "/admin")
		g.want("sign-in", 200)
	})
	t.Run("another user of the browser", func(t *testing.T) {
		g := s.enters(t, a, storage.RoleAdmin)
		g.Open(s.url + "/admin/sign-in")
		g.want("select-account", 200)
		g.Press("Use another account")
		g.want("sign-in", 200)
		g.user = s.user(t, a)
		g.goOn()
		g.want("admin-refused", 403)
	})
}

func TestAnswersThatWereNotAskedForAreRefused(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	callback := ""
	for _, v := range g.Visited {
		if strings.Contains(v.URL, "/admin/callback") {
			callback = v.URL
		}
	}
	if callback == "" {
		t.Fatal("the browser never came to the callback")
	}
	for name, address := range map[string]string{
		"the same answer again":    callback,
		"another state":            regexp.MustCompile(`state=[^&]+`).ReplaceAllString(callback, "state=AAAAAAAAAAAAAAAAAAAAAAAAAA"),
		"no state":                 s.url + "/admin/callback?code=x",
		"an error of nobody":       s.url + "/admin/callback?error=access_denied&state=" + strings.Repeat("A", 26),
		"twice the same parameter": callback + "&state=x",
	} {
		t.Run(name, func(t *testing.T) {
			g := g.in(t)
			g.Open(address)
			if g.Page().Screen() != "error" || g.Page().Status < 400 || g.Page().Status >= 500 {
				t.Errorf("%s", g.Page())
			}
		})
	}
	t.Run("of another issuer", func(t *testing.T) {
		other := s.guest(t, s.user(t, a, storage.RoleAdmin))
		other.Open(s.url + "/admin")
		state := ""
		for _, v := range other.Visited {
			if u, err := url.Parse(v.URL); err == nil && u.Path == "/authorize" && u.Query().Get("state") != "" {
				state = u.Query().Get("state")
				for param, want := range map[string]string{"code_challenge_method": "S256", "response_type": "code", "client_id": "stile-admin"} {
					if got := u.Query().Get(param); got != want {
						t.Errorf("%s is %q", param, got)
					}
				}
				if !strings.Contains(u.Query().Get("claims"), `"essential":true`) || u.Query().Get("nonce") == "" {
					t.Errorf("asks for %v", u.Query())
				}
			}
		}
		other.Open(s.url + "/admin/callback?" + url.Values{"state": {state}, "code": {"x"}, "iss": {"https://evil.example"}}.Encode())
		other.want("error", 410)
	})
}
