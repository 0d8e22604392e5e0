package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"stile/stiletest"
)

const signUps = "sign_up:\n  newcomers.example: Newcomers\n"

var signUpLink = regexp.MustCompile(`(?m)^http://localhost:[0-9]+/invitation\?token=stm_[A-Za-z0-9_-]{43}$`)

func (s *system) signUpLink(t testing.TB, to string) string {
	t.Helper()
	link := signUpLink.FindString(s.mails(t, to, "Create your account", 1)[0].Text)
	if link == "" {
		t.Fatal("the message has no link")
	}
	return link
}

// Somebody without an account comes from an app, and lands there.
func TestSignUpFromAnApp(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, signUps)
	s.stile(t, "", "account", "create", "--json", "Newcomers")
	callback := stiletest.CallbackServer(t)
	rp := s.rp(t, s.newClient(t, map[string]any{
		"client_name": "Acme Console", "redirect_uris": []string{callback}, "scope": "openid email account roles entitlements",
	}), callback)
	for _, sameBrowser := range []bool{true, false} {
		email := fmt.Sprintf("sam.%t@newcomers.example", sameBrowser)
		w := newWalker(t, s, person{"Newcomers", email, "a quite long password"})
		attempt := rp.Begin("prompt", "create", "scope", "openid email account roles entitlements")
		w.Open(attempt.URL)
		w.want("sign-up")
		w.Submit(map[string]string{"email": email})
		w.want("sign-up-sent")
		began, link := w, w.Page().Links("/login/sign-in")[0]
		if !sameBrowser {
			w = w.elsewhere()
		}
		w.Open(s.signUpLink(t, email))
		w.want("invitation")
		w.Submit(nil)
		w.Submit(map[string]string{"new-password": "a quite long password"})
		w.want("sign-in")
		if !sameBrowser {
			w = began
			w.Open(s.Issuer + link)
			w.want("sign-in")
		}
		w.Submit(map[string]string{"password": "a quite long password"})
		if w.Page().URL.Query().Get("code") == "" {
			t.Fatalf("not back at the client: %s", w.Page())
		}
		tokens := rp.Redeem(attempt, w.Page().URL)
		var c struct {
			Account      string   `json:"account_name"`
			Email        string   `json:"email"`
			Verified     bool     `json:"email_verified"`
			Roles        []string `json:"roles"`
			Entitlements []string `json:"entitlements"`
		}
		body := s.ask(t, http.MethodGet, "/userinfo", "", "Authorization", "Bearer "+tokens.AccessToken).Body
		if err := json.Unmarshal([]byte(body), &c); err != nil {
			t.Fatal(err)
		}
		if c.Account != "Newcomers" || c.Email != email || !c.Verified || !slices.Equal(c.Roles, []string{"member"}) || len(c.Entitlements) != 0 {
			t.Errorf("claims %s", body)
		}
	}
}

// The same pages in a real browser, with a look at every state.
func TestScreensOfSignUp(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, signUps)
	s.stile(t, "", "account", "create", "--json", "Newcomers")
	c := startChrome(t, phone)
	c.open(s.console(t).Begin().URL)
	c.screen("sign-in")
	c.inspect("sign-in-with-sign-up")
	c.press("Create an account")
	c.screen("sign-up")
	c.inspect("sign-up")
	c.refused("email", "sam@example.com", "sign-up", "sign-up-domain")
	c.fill("email", "sam@newcomers.example")
	c.submit()
	c.screen("sign-up-sent")
	c.inspect("sign-up-sent")
	c.open(s.signUpLink(t, "sam@newcomers.example"))
	c.screen("invitation")
	c.inspect("invitation-own")
	c.submit()
	c.screen("new-password")
	c.fill("new-password", "a quite long password")
	c.submit()
	c.screen("sign-in")
}
