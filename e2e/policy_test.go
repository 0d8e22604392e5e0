package e2e

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"stile/stiletest"
)

// policy is what `stile policy show --json` says, as far as tests look.
type policy struct {
	TwoStep  string   `json:"two_step"`
	Products []string `json:"products"`
	ToEnrol  int      `json:"users_to_enrol"`
	Version  int      `json:"version"`
}

func (s *system) policy(t testing.TB, account string) (p policy) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.stile(t, "", "policy", "show", account, "--json")), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// accountWithGroup is an account in the form of `stile apply`, with one device
// group and more lines of the account.
func accountWithGroup(name, version string, build int, more ...string) string {
	return fmt.Sprintf("accounts:\n  - name: %s\n    device_groups:\n      - {name: Sales tablets, client_version: %q, client_build: %d}\n", name, version, build) +
		strings.Join(append(more, ""), "\n")
}

// The switch of an account: refused while a device group falls short, and from
// then on every door has it.
func TestPolicySwitch(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	account := "Sales " + rand.Text()[:6]
	if r := s.apply(t, accountWithGroup(account, "4.2", 1570)); r.Code != 0 {
		t.Fatal(r.Err)
	}
	rp, api := s.console(t), s.api(t)

	// What people hold before: a password each, one has given a code too.
	easy := newWalker(t, s, s.newPerson(t, account))
	held := easy.tokens(rp)
	attempt := rp.Begin("scope", "openid email offline_access")
	offline := rp.Redeem(attempt, easy.Open(attempt.URL).URL)
	waiting := rp.Begin() // its code is not exchanged yet
	code := rp.Answer(waiting, easy.Open(waiting.URL).URL).Get("code")
	careful := newWalker(t, s, s.newPerson(t, account))
	proven := careful.tokens(rp, "acr_values", acrMFA)
	wantMFA(t, proven.Claims)
	begun := newWalker(t, s, s.newPerson(t, account))
	pending := rp.Begin()
	begun.Open(pending.URL)
	begun.want("sign-in")

	t.Run("N03 refused with the name of the group", func(t *testing.T) {
		r := run(t, "", "stile", "policy", "update", account, "--two-step", "required", "--config", s.Config())
		if r.Code != 1 || r.Out != "" || !strings.Contains(r.Err, "Sales tablets") || !strings.Contains(r.Err, "1575") {
			t.Errorf("exit %d, %q, %q", r.Code, r.Out, r.Err)
		}
		r = s.apply(t, accountWithGroup(account, "4.3", 1574, "    policy: {two_step: required}", "    products: [Sold at the same time]"))
		if r.Code != 1 || !strings.Contains(r.Err, "Sales tablets") || !strings.Contains(r.Err, "apply.yaml:") {
			t.Errorf("apply: exit %d, %q", r.Code, r.Err)
		}
		if p := s.policy(t, account); p.TwoStep != "optional" {
			t.Errorf("the policy is %+v", p)
		}
		r = s.apply(t, accountWithGroup(account, "4.2", 1570)) // nothing of the refused file was applied
		if r.Code != 0 || strings.TrimSpace(r.Out) != "nothing to change" {
			t.Errorf("after the refusal: exit %d, %q, %q", r.Code, r.Out, r.Err)
		}
		if _, err := rp.Refresh(held.RefreshToken); err != nil {
			t.Errorf("refresh after a refused switch: %v", err)
		}
	})
	held = again(t, rp, easy)

	if r := s.apply(t, accountWithGroup(account, "4.3", 1575)); r.Code != 0 {
		t.Fatal(r.Err)
	}
	s.stile(t, "", "policy", "update", account, "--two-step", "required")
	if p := s.policy(t, account); p.TwoStep != "required" || p.ToEnrol != 2 {
		t.Errorf("the policy is %+v, want required, with 2 to enrol", p)
	}

	t.Run("E04 a refresh token of a password alone", func(t *testing.T) {
		for name, token := range map[string]string{"of the session": held.RefreshToken, "offline": offline.RefreshToken} {
			_, err := rp.Refresh(token)
			if err == nil || !strings.Contains(err.Error(), "invalid_grant") || !strings.Contains(err.Error(), "sign") {
				t.Errorf("%s: %v, want invalid_grant that says what to do", name, err)
			}
		}
	})
	t.Run("C05 a code of before", func(t *testing.T) {
		if token, err := rp.Exchange(waiting, code); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
			t.Errorf("got %v, %v, want invalid_grant", token, err)
		}
	})
	t.Run("L04 access tokens of before", func(t *testing.T) {
		if got := s.active(t, api, held.AccessToken); got["active"] != false {
			t.Errorf("introspected %v", got)
		}
		if _, err := rp.UserInfo(held.Token); err == nil {
			t.Error("userinfo answers")
		}
	})
	t.Run("L01 a session of before is asked at its next use", func(t *testing.T) {
		silent := rp.Begin("prompt", "none")
		answered(t, rp, silent, easy.Open(silent.URL), "interaction_required")
		attempt := rp.Begin()
		easy.Open(attempt.URL)
		easy.want("two-step-introduction")
		easy.goOn()
		wantMFA(t, rp.Redeem(attempt, easy.Page().URL).Claims)
	})
	t.Run("L01 a sign-in under way", func(t *testing.T) {
		begun.password()
		begun.want("two-step-introduction")
		begun.goOn()
		wantMFA(t, rp.Redeem(pending, begun.Page().URL).Claims)
	})
	t.Run("E05 who has proven it goes on, and auth_time stays", func(t *testing.T) {
		renewed, err := rp.Refresh(proven.RefreshToken)
		if err != nil {
			t.Fatal(err)
		}
		same := func(what string, c stiletest.Claims) {
			t.Helper()
			if c.AuthTime != proven.Claims.AuthTime || c.ACR != acrMFA || c.SID != proven.Claims.SID {
				t.Errorf("%s: %+v, want %+v", what, c, proven.Claims)
			}
		}
		same("after the switch", renewed.Claims)
		silent := rp.Begin("prompt", "none")
		same("by single sign-on", rp.Redeem(silent, careful.Open(silent.URL).URL).Claims)

		// Signing in elsewhere, later, says nothing about this grant.
		until(t, "a second later", func() bool { return time.Now().Unix() > proven.Claims.AuthTime+1 }, func() string { return "" })
		if fresh := careful.elsewhere().tokens(rp); fresh.Claims.AuthTime <= proven.Claims.AuthTime {
			t.Errorf("elsewhere auth_time %d, here %d", fresh.Claims.AuthTime, proven.Claims.AuthTime)
		}
		renewed, err = rp.Refresh(renewed.RefreshToken)
		if err != nil {
			t.Fatal(err)
		}
		same("after a sign-in elsewhere", renewed.Claims)
	})
	t.Run("and off again", func(t *testing.T) {
		s.stile(t, "", "policy", "update", account, "--two-step", "optional")
		wantPassword(t, newWalker(t, s, s.newPerson(t, account)).tokens(rp).Claims)
	})
}

// again gets tokens with the session of a browser that is signed in.
func again(t testing.TB, rp *stiletest.RP, w *walker) stiletest.Tokens {
	t.Helper()
	silent := rp.Begin("prompt", "none")
	return rp.Redeem(silent, w.Open(silent.URL).URL)
}

// A policy that covers the holders of a product: who has a seat at this moment.
func TestL08_PolicyByProduct(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	account := "Seats " + rand.Text()[:6]
	file := func(seats string) string {
		return "accounts:\n  - name: " + account + "\n    products: [Console, Reports]\n    users:\n      - {email: holder@seats.example, name: Holder, seats: [" + seats + "]}\n"
	}
	if r := s.apply(t, file("Console")); r.Code != 0 {
		t.Fatal(r.Err)
	}
	s.stile(t, password+"\n", "user", "set-password", "holder@seats.example", "--password-stdin")
	s.stile(t, "", "policy", "update", account, "--two-step", "required", "--products", "Reports")
	if p := s.policy(t, account); len(p.Products) != 1 || p.Products[0] != "Reports" || p.ToEnrol != 0 {
		t.Errorf("the policy is %+v", p)
	}
	rp := s.console(t)
	w := newWalker(t, s, person{account, "holder@seats.example", password})
	tokens := w.tokens(rp)
	wantPassword(t, tokens.Claims)

	if r := s.apply(t, file("Console, Reports")); r.Code != 0 {
		t.Fatal(r.Err)
	}
	if _, err := rp.Refresh(tokens.RefreshToken); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("refresh with a seat that is covered: %v, want invalid_grant", err)
	}
	silent := rp.Begin("prompt", "none")
	answered(t, rp, silent, w.Open(silent.URL), "interaction_required")

	if r := s.apply(t, file("Console")); r.Code != 0 {
		t.Fatal(r.Err)
	}
	wantPassword(t, again(t, rp, w).Claims)
}

// Whoever is disabled, has a new password or is signed out by an admin has
// nothing left that works.
func TestE04_AdminsEndWhatPeopleHold(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	rp, api := s.console(t), s.api(t)
	account := s.newAccount(t, "required")
	for name, act := range map[string]func(who person) []string{
		"disable":             func(p person) []string { return []string{"user", "update", p.Email, "--disable"} },
		"set-password":        func(p person) []string { return []string{"user", "set-password", p.Email, "--password-stdin"} },
		"sign-out":            func(p person) []string { return []string{"user", "sign-out", p.Email} },
		"reset-authenticator": func(p person) []string { return []string{"user", "reset-authenticator", p.Email, "--yes"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rp := rp.In(t)
			w := newWalker(t, s, s.newPerson(t, account))
			tokens := w.tokens(rp)
			waiting := rp.Begin()
			code := rp.Answer(waiting, w.Open(waiting.URL).URL).Get("code")
			s.stile(t, "nine other boats on a lake\n", act(w.who)...)
			if _, err := rp.Refresh(tokens.RefreshToken); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
				t.Errorf("refresh: %v, want invalid_grant", err)
			}
			if _, err := rp.Exchange(waiting, code); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
				t.Errorf("code: %v, want invalid_grant", err)
			}
			if got := s.active(t, api, tokens.AccessToken); got["active"] != false {
				t.Errorf("introspected %v", got)
			}
			silent := rp.Begin("prompt", "none")
			answered(t, rp, silent, w.Open(silent.URL), "login_required")

			w.Open(rp.Begin().URL)
			switch name {
			case "disable":
				w.password()
				w.wantProblem("sign-in", "do not match")
			case "set-password":
				w.password()
				w.wantProblem("sign-in", "do not match")
				w.who.Password = "nine other boats on a lake"
				w.password()
				w.want("enter-code")
			case "sign-out":
				w.password()
				w.want("enter-code")
			case "reset-authenticator":
				w.password()
				w.want("two-step-introduction")
			}
		})
	}
}

// Of a client that is disabled nothing works either, and it works again after.
func TestE04_DisabledClient(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	rp, api := s.console(t), s.api(t)
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "optional")))
	tokens := w.tokens(rp)
	s.stile(t, "", "client", "update", rp.OAuth.ClientID, "--disable")
	// Other processes hear of it within seconds: clients are kept in memory for so long.
	until(t, "refused", func() bool {
		status, _ := s.post(t, "/token", client{ID: rp.OAuth.ClientID, Secret: rp.OAuth.ClientSecret}, url.Values{"grant_type": {"client_credentials"}})
		return status == http.StatusUnauthorized
	}, s.log)
	if _, err := rp.Refresh(tokens.RefreshToken); err == nil {
		t.Error("a disabled client refreshes")
	}
	if got := s.active(t, api, tokens.AccessToken); got["active"] != false {
		t.Errorf("introspected %v", got)
	}
	if p := w.Open(rp.Begin().URL); p.Screen() != "error" {
		t.Errorf("a disabled client's request: %s", p)
	}
	s.stile(t, "", "client", "update", rp.OAuth.ClientID, "--enable")
	until(t, "let in", func() bool {
		_, err := rp.Refresh(tokens.RefreshToken)
		return err == nil
	}, s.log)
}
