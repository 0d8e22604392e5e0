package op

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

// askForAll is a claims parameter that names every claim that there is, twice.
func askForAll() string {
	all := map[string]any{}
	for name := range userClaims {
		all[name] = map[string]any{"essential": true}
	}
	text, _ := json.Marshal(map[string]any{"userinfo": all, "id_token": all})
	return string(text)
}

// wantClaims compares what an answer says about the user with what may be said.
func wantClaims(t *testing.T, what string, said map[string]any, may ...string) {
	t.Helper()
	for name := range userClaims {
		if _, is := said[name]; is != slices.Contains(may, name) && name != "entitlements" {
			t.Errorf("%s: %s is told: %v", what, name, is)
		}
	}
}

// What a client asks for by name it gets only within the scopes that it is
// registered for, that this request was granted, and that the user has allowed.
func TestS01_NamedClaimsOpenNothing(t *testing.T) {
	f := newFront(t)
	all := askForAll()
	b := f.browser()
	b.signIn(f.user, authn.Password)
	email := []string{"email", "email_verified"}
	for _, c := range []struct {
		what, client, scope string
		may                 []string
	}{
		{"scope not asked for", "console", "openid", nil},
		{"one scope asked for", "console", "openid email", email},
		{"scopes not registered", "odd", "openid profile email account roles", nil},
		{"third party", "grafana", "openid", nil},
		{"third party, more allowed", "grafana", "openid email roles", email},
		{"third party, more allowed and less asked for", "grafana", "openid", nil},
	} {
		a := b.authorize(c.client, "scope", c.scope, "claims", all)
		if strings.HasPrefix(a.Header.Get("Location"), pathConsent) {
			a = b.press(b.consentPage(a), "allow")
		}
		code := f.wantCode(c.what, a, c.client)
		tokens := f.post(c.client, pathToken, "grant_type", "authorization_code", "code", code, "redirect_uri", redirects[c.client], "code_verifier", exampleVerifier)
		f.want(c.what, tokens, 200, "")
		wantClaims(t, c.what+": ID token", f.claims(tokens.text("id_token"), "RS256"), c.may...)
		wantClaims(t, c.what+": UserInfo", f.userInfo(tokens.text("access_token")).Body, c.may...)
		if text := tokens.text("refresh_token"); text != "" {
			again := f.refresh(c.client, text)
			wantClaims(t, c.what+": refreshed", f.claims(again.text("id_token"), "RS256"), c.may...)
			wantClaims(t, c.what+": UserInfo again", f.userInfo(again.text("access_token")).Body, c.may...)
			narrow := f.refresh(c.client, again.text("refresh_token"), "scope", "openid")
			wantClaims(t, c.what+": narrowed", f.claims(narrow.text("id_token"), "RS256"))
		}
	}
}

// Grants keep names; whether they are open is judged at each use, also for a
// grant that was written when nobody compared them.
func TestS01_NamedClaimsEndWithTheirScope(t *testing.T) {
	r := newRig(t)
	a := r.exchange("console", r.code("console", r.signIn(authn.Password), func(g *storage.Grant) {
		g.Scope, g.Claims = "openid email", wanted{IDToken: []string{"email", "name", "nobody_knows"}}.String()
	}))
	wantClaims(t, "both open", r.claims(a.text("id_token"), "RS256"), "email")
	_, err := r.db.UpdateClient(t.Context(), "console", func(c *storage.Client) error { c.Metadata.Scope = "openid"; return nil }, audit.System)
	r.must(err)
	wantClaims(t, "UserInfo", r.userInfo(a.text("access_token")).Body)
	if i := r.introspect("api", a.text("access_token")); i.text("scope") != "openid" {
		t.Errorf("introspection says %q", i.text("scope"))
	}
	if i := r.introspect("console", a.text("refresh_token")); i.text("scope") != "openid" {
		t.Errorf("introspection of the refresh token says %q", i.text("scope"))
	}
	wantClaims(t, "refreshed", r.claims(r.refresh("console", a.text("refresh_token")).text("id_token"), "RS256"))
}
