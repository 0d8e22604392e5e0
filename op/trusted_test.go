package op

import (
	"slices"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

func (r *rig) setPolicy(change func(*storage.Policy)) {
	r.t.Helper()
	_, err := r.db.UpdatePolicy(r.t.Context(), r.account.ID, func(s storage.AccountState) (storage.Policy, error) {
		change(&s.Policy)
		return s.Policy, nil
	}, audit.System)
	r.must(err)
}

// trusting is a front whose account requires two steps and lets browsers be
// trusted, with a browser that is, and has signed in by the password alone.
func trusting(t *testing.T) (*front, *browser, storage.Session) {
	t.Helper()
	f := newFront(t)
	f.setPolicy(func(p *storage.Policy) { p.TwoStep = true; p.SetTrustDays(14) })
	b := f.browser()
	f.ends = func(c *storage.Completion) {
		c.Trust = &storage.NewTrust{Hash: "token", Until: f.at.Add(14 * 24 * time.Hour), PolicyVersion: f.person().Policy.Version}
	}
	given := b.signIn(f.user, authn.Password, authn.TOTP)
	f.wantCode("with the code", b.authorize("console"), "console")
	f.at = f.at.Add(13 * time.Hour) // a code is asked for each time one signs in
	f.ends = func(c *storage.Completion) { c.TrustedID = given.TrustedID }
	b = f.browser()
	return f, b, b.signIn(f.user, authn.Password)
}

// A trusted browser satisfies the account's policy and nothing else, and the
// tokens say what was proven.
func TestL05_E05_TokensOfATrustedBrowser(t *testing.T) {
	f, b, _ := trusting(t)
	tokens := f.exchange("console", f.wantCode("by the password", b.authorize("console"), "console"))
	claims := f.claims(tokens.text("id_token"), "RS256")
	if claims["acr"] != acrPassword || !slices.Equal(texts(claims["amr"]), []string{"pwd"}) {
		t.Errorf("the ID token says %v %v", claims["acr"], claims["amr"])
	}
	again := f.refresh("console", tokens.text("refresh_token"))
	claims = f.claims(again.text("id_token"), "RS256")
	if claims["acr"] != acrPassword || !slices.Equal(texts(claims["amr"]), []string{"pwd"}) {
		t.Errorf("after a refresh: %v %v", claims["acr"], claims["amr"])
	}
	if a := f.introspect("api", again.text("access_token")); a.Body["active"] != true || a.Body["acr"] != acrPassword {
		t.Errorf("introspection: %v", a.Body)
	}
	f.wantError("a higher acr", b.authorize("console", "prompt", "none", "acr_values", acrMFA), "console", "interaction_required")
	f.wantError("an essential acr", b.authorize("console", "prompt", "none", "claims", `{"id_token":{"acr":{"essential":true,"value":"`+acrMFA+`"}}}`), "console", "interaction_required")
	f.at = f.at.Add(time.Minute)
	f.wantError("stale", b.authorize("console", "prompt", "none", "max_age", "0"), "console", "login_required")
	b.returned(b.authorize("console", "acr_values", acrMFA))
	events, err := f.db.Events(t.Context(), storage.EventFilter{Kind: audit.GrantIssued, Limit: 1})
	f.must(err)
	if len(events) != 1 || events[0].Reason != string(authn.ReasonTrusted) {
		t.Errorf("why no code was asked for: %+v", events)
	}
	stranger := f.browser() // the same user, in a browser that nobody trusts
	f.ends = nil
	stranger.signIn(f.user, authn.Password)
	f.wantError("another browser", stranger.authorize("console", "prompt", "none"), "console", "interaction_required")
}

// What the trusted browser was good for ends with it, at once and everywhere.
func TestL01_L05_NothingOutlivesTheTrust(t *testing.T) {
	for name, end := range map[string]func(*front, storage.Session){
		"no days any more": func(f *front, _ storage.Session) { f.setPolicy(func(p *storage.Policy) { p.SetTrustDays(0) }) },
		"forgotten": func(f *front, s storage.Session) {
			own := storage.Own{UserID: f.user.ID, SessionID: s.ID, Epoch: f.person().User.Epoch}
			f.must(f.db.ForgetTrusted(f.t.Context(), own, s.TrustedID, audit.Event{Kind: audit.BrowserForgotten}))
		},
		"less than its time": func(f *front, _ storage.Session) {
			f.at = f.at.Add(12 * time.Hour)
			f.setPolicy(func(p *storage.Policy) { p.SetTrustDays(1) })
		},
		"Enhanced Security on": func(f *front, s storage.Session) {
			own := storage.Own{UserID: f.user.ID, SessionID: s.ID, Epoch: f.person().User.Epoch}
			_, err := f.db.SetEnhanced(f.t.Context(), own, true, audit.System)
			f.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, b, s := trusting(t)
			tokens := f.exchange("console", f.wantCode("before", b.authorize("console"), "console"))
			code := f.wantCode("before", b.authorize("console"), "console")
			end(f, s)
			f.want("refresh", f.refresh("console", tokens.text("refresh_token")), 400, "invalid_grant")
			f.want("code", f.exchange("console", code), 400, "invalid_grant")
			if a := f.introspect("api", tokens.text("access_token")); a.Body["active"] != false {
				t.Errorf("introspection: %v", a.Body)
			}
			if a := f.userInfo(tokens.text("access_token")); a.Status != 401 {
				t.Errorf("userinfo: %d", a.Status)
			}
			silent := "interaction_required"
			if f.at.Sub(s.SeenAt) > 8*time.Hour { // the session is over as well
				silent = "login_required"
			}
			f.wantError("authorize", b.authorize("console", "prompt", "none"), "console", silent)
			b.returned(b.authorize("console"))
		})
	}
}
