package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/client/rs"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"

	"stile/stiletest"
)

// The tests of this file belong to TestClients: what clients do without a
// browser.

// post sends a form to an endpoint as a client, and returns status and answer.
func (s *system) post(t testing.TB, path string, c client, form url.Values) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.Issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.Secret != "" {
		r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret))
	}
	resp, err := s.httpClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if len(body) > 0 {
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatalf("%s: %v in %s", path, err, body)
		}
	}
	return resp.StatusCode, answer
}

// api registers a client that may introspect the tokens of all others.
func (s *system) api(t testing.TB) client {
	t.Helper()
	return s.registered(t, s.stile(t, "", "client", "create", "--json", "--name", "API", "--type", "service", "--introspect-all"))
}

// active introspects a token.
func (s *system) active(t testing.TB, api client, token string) map[string]any {
	t.Helper()
	status, answer := s.post(t, "/introspect", api, url.Values{"token": {token}})
	if status != http.StatusOK {
		t.Fatalf("introspection: %d %v", status, answer)
	}
	return answer
}

func introspection(t *testing.T, s *system) {
	api, party := s.api(t), s.console(t)
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	tokens := w.tokens(party)
	own := client{ID: party.OAuth.ClientID, Secret: party.OAuth.ClientSecret}
	for _, c := range []struct {
		by    client
		token string
	}{{api, tokens.AccessToken}, {own, tokens.AccessToken}, {own, tokens.RefreshToken}} {
		got := s.active(t, c.by, c.token)
		if got["active"] != true || got["acr"] != acrMFA || got["auth_time"] != float64(tokens.Claims.AuthTime) || got["client_id"] != party.OAuth.ClientID || got["sub"] != tokens.Claims.Subject {
			t.Errorf("introspected %v, want what the ID token says: %+v", got, tokens.Claims)
		}
		if amr, _ := json.Marshal(got["amr"]); string(amr) == "null" || len(got["amr"].([]any)) != 3 {
			t.Errorf("amr %s", amr)
		}
	}
	stranger := s.registered(t, s.stile(t, "", "client", "create", "--json", "--name", "Stranger", "--type", "service"))
	if got := s.active(t, stranger, tokens.AccessToken); got["active"] != false || len(got) != 1 {
		t.Errorf("a stranger learns %v", got)
	}
	if status, got := s.post(t, "/introspect", client{}, url.Values{"token": {tokens.AccessToken}}); status != http.StatusUnauthorized {
		t.Errorf("without a client: %d %v", status, got)
	}
	if status, _ := s.post(t, "/revoke", stranger, url.Values{"token": {tokens.RefreshToken}}); status != http.StatusOK {
		t.Errorf("a stranger revoking: %d", status)
	}
	if got := s.active(t, api, tokens.AccessToken); got["active"] != true {
		t.Error("a stranger has revoked a token")
	}
	if got := s.active(t, api, tokens.RefreshToken); got["active"] != false {
		t.Errorf("a refresh token looks to an API like one that opens it: %v", got)
	}
	if status, got := s.post(t, "/revoke", own, url.Values{"token": {tokens.RefreshToken}}); status != http.StatusOK || len(got) > 0 {
		t.Errorf("revoking: %d %v", status, got)
	}
	for _, token := range []string{tokens.AccessToken, tokens.RefreshToken} {
		if got := s.active(t, api, token); got["active"] != false {
			t.Errorf("after revoking: %v", got)
		}
	}
	if _, err := party.UserInfo(tokens.Token); err == nil {
		t.Error("userinfo answers for a revoked token")
	}
}

func service(t *testing.T, s *system) {
	c := s.newClient(t, map[string]any{"client_name": "Nightly", "grant_types": []string{"client_credentials"}, "scope": "reports", "token_endpoint_auth_method": "client_secret_basic"})
	status, got := s.post(t, "/token", c, url.Values{"grant_type": {"client_credentials"}, "scope": {"reports"}})
	token, _ := got["access_token"].(string)
	if status != http.StatusOK || token == "" || got["refresh_token"] != nil || got["id_token"] != nil {
		t.Fatalf("client_credentials: %d %v", status, got)
	}
	claims := s.active(t, s.api(t), token)
	if claims["active"] != true || claims["client_id"] != c.ID || claims["scope"] != "reports" || claims["acr"] != nil || claims["amr"] != nil {
		t.Errorf("the token of a service: %v", claims)
	}
	if parts := strings.Split(token, "."); len(parts) == 3 { // RFC 9068
		header, _ := base64.RawURLEncoding.DecodeString(parts[0])
		if !strings.Contains(string(header), `"at+jwt"`) {
			t.Errorf("header %s", header)
		}
	}
	if status, got := s.post(t, "/token", c, url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}}); status != http.StatusBadRequest || got["error"] != "invalid_scope" {
		t.Errorf("a service asking for more: %d %v", status, got)
	}
	wrong := client{ID: c.ID, Secret: c.Secret + "x"}
	if status, got := s.post(t, "/token", wrong, url.Values{"grant_type": {"client_credentials"}}); status != http.StatusUnauthorized || got["error"] != "invalid_client" {
		t.Errorf("a wrong secret: %d %v", status, got)
	}
}

func userinfo(t *testing.T, s *system) {
	party := s.console(t)
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	tokens := w.tokens(party)
	for _, ask := range []func() (*http.Response, error){
		func() (*http.Response, error) {
			r, _ := http.NewRequest(http.MethodGet, s.Issuer+"/userinfo", nil)
			r.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
			return s.httpClient().Do(r)
		},
		func() (*http.Response, error) {
			return s.httpClient().PostForm(s.Issuer+"/userinfo", url.Values{"access_token": {tokens.AccessToken}})
		},
	} {
		resp, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		err = json.NewDecoder(resp.Body).Decode(&got)
		_ = resp.Body.Close()
		if err != nil || got["email"] != w.who.Email || got["email_verified"] != true || got["name"] != nil || got["sub"] != tokens.Claims.Subject {
			t.Errorf("userinfo %v, %v", got, err)
		}
	}
	resp, err := s.httpClient().Get(s.Issuer + "/userinfo?access_token=" + tokens.AccessToken) // E12
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a token in the query: %d %v", resp.StatusCode, resp.Header)
	}
}

func rotation(t *testing.T, s *system) {
	party, api := s.console(t), s.api(t)
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	first := w.tokens(party)
	second, err := party.Refresh(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if second.RefreshToken == first.RefreshToken || second.Claims.AuthTime != first.Claims.AuthTime || second.Claims.ACR != first.Claims.ACR || second.Claims.SID != first.Claims.SID {
		t.Errorf("refreshed %+v from %+v", second.Claims, first.Claims)
	}
	again, err := party.Refresh(first.RefreshToken) // a lost answer: the successor was not used yet
	if err != nil || again.RefreshToken != second.RefreshToken {
		t.Errorf("asked again at once: %v, %v", again.RefreshToken == second.RefreshToken, err)
	}
	third, err := party.Refresh(second.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := party.Refresh(first.RefreshToken); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("reuse: %v, want invalid_grant", err)
	}
	if got := s.active(t, api, third.AccessToken); got["active"] != false {
		t.Error("the grant lives on after its token was used again")
	}
	s.mails(t, w.who.Email, "An app was signed out for your safety", 1)
}

// zitadelClient is a client on another library than the rest of the tests use.
func zitadelClient(t *testing.T, s *system) {
	ctx := context.Background()
	callback := stiletest.CallbackServer(t)
	c := s.newClient(t, map[string]any{
		"client_name": "Z", "redirect_uris": []string{callback}, "grant_types": []string{"authorization_code", "refresh_token"},
		"post_logout_redirect_uris": []string{callback}, "scope": "openid profile email offline_access", "id_token_signed_response_alg": "ES256",
		"token_endpoint_auth_method": "client_secret_post", // this library revokes in no other way
	})
	party, err := rp.NewRelyingPartyOIDC(ctx, s.Issuer, c.ID, c.Secret, callback, []string{"openid", "profile", "email", "offline_access"},
		rp.WithAuthStyle(oauth2.AuthStyleInParams), rp.WithSigningAlgsFromDiscovery(), rp.WithVerifierOpts(rp.WithNonce(func(context.Context) string { return "" })))
	if err != nil {
		t.Fatal(err)
	}
	verifier := oauth2.GenerateVerifier()
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	w.signIn(rp.AuthURL("a state", party, rp.WithCodeChallenge(oauth2.S256ChallengeFromVerifier(verifier))))
	tokens, err := rp.CodeExchange[*oidc.IDTokenClaims](ctx, w.Page().URL.Query().Get("code"), party, rp.WithCodeVerifier(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if tokens.IDTokenClaims.AuthenticationContextClassReference != acrMFA {
		t.Errorf("acr %q", tokens.IDTokenClaims.AuthenticationContextClassReference)
	}
	info, err := rp.Userinfo[*oidc.UserInfo](ctx, tokens.AccessToken, tokens.TokenType, tokens.IDTokenClaims.Subject, party)
	if err != nil || info.Email != w.who.Email || info.Name != "Pat Person" {
		t.Errorf("userinfo %+v, %v", info, err)
	}
	renewed, err := rp.RefreshTokens[*oidc.IDTokenClaims](ctx, party, tokens.RefreshToken, "", "")
	if err != nil {
		t.Fatal(err)
	}
	api := s.api(t)
	resource, err := rs.NewResourceServerClientCredentials(ctx, s.Issuer, api.ID, api.Secret)
	if err != nil {
		t.Fatal(err)
	}
	told, err := rs.Introspect[*oidc.IntrospectionResponse](ctx, resource, renewed.AccessToken)
	if err != nil || !told.Active || told.Subject != tokens.IDTokenClaims.Subject {
		t.Errorf("introspected %+v, %v", told, err)
	}
	if err := rp.RevokeToken(ctx, party, renewed.RefreshToken, "refresh_token"); err != nil {
		t.Error(err)
	}
	if told, err = rs.Introspect[*oidc.IntrospectionResponse](ctx, resource, renewed.AccessToken); err != nil || told.Active {
		t.Errorf("after revoking: %+v, %v", told, err)
	}
	if at, err := rp.EndSession(ctx, party, renewed.IDToken, callback, "bye", "", nil); err != nil || at == nil {
		t.Errorf("sign-out: %v, %v", at, err)
	}
}

func cors(t *testing.T, s *system) {
	callback := stiletest.CallbackServer(t)
	c := s.registered(t, s.stile(t, "", "client", "create", "--json", "--name", "SPA", "--type", "spa", "--redirect-uri", callback))
	if c.Secret != "" {
		t.Error("a single-page app got a secret")
	}
	origin := strings.TrimSuffix(callback, "/callback")
	for _, ask := range []struct {
		path, origin string
		want         bool
	}{
		{"/token", origin, true},
		{"/userinfo", origin, true},
		{"/revoke", origin, true},
		{"/jwks", origin, true},
		{"/.well-known/openid-configuration", origin, true},
		{"/token", "https://evil.example", false},
		{"/token", "null", false},
		{"/userinfo", "https://evil.example", false},
		{"/authorize", origin, false},
		{"/login/sign-in", origin, false},
		{"/introspect", origin, false},
	} {
		r, _ := http.NewRequest(http.MethodOptions, s.Issuer+ask.path, nil)
		r.Header.Set("Origin", ask.origin)
		r.Header.Set("Access-Control-Request-Method", http.MethodPost)
		r.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
		resp, err := s.httpClient().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		allowed := resp.Header.Get("Access-Control-Allow-Origin")
		if (allowed == ask.origin || allowed == "*") != ask.want || resp.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s from %s: %d, Allow-Origin %q, Allow-Credentials %q", ask.path, ask.origin, resp.StatusCode, allowed, resp.Header.Get("Access-Control-Allow-Credentials"))
		}
	}

	// A page of that origin goes all the way in Chromium.
	party := s.rp(t, c, callback)
	b := startChrome(t, desktop)
	attempt := party.Begin()
	b.open(attempt.URL)
	b.password(s.newPerson(t, s.newAccount(t, "optional")))
	b.screen("client")
	at, err := url.Parse(b.location())
	if err != nil {
		t.Fatal(err)
	}
	got := fetch(b, s.Issuer+"/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {party.Answer(attempt, at).Get("code")}, "redirect_uri": {callback},
		"client_id": {c.ID}, "code_verifier": {attempt.Verifier()},
	})
	if !strings.Contains(got, `"id_token"`) {
		t.Errorf("the page got %s", got)
	}
}

// fetch posts a form from the page and returns the answer's text, or the error.
func fetch(c *chrome, to string, form url.Values) string {
	c.t.Helper()
	args, _ := json.Marshal([]string{to, form.Encode()})
	return awaited(c, `(async ([to, form]) => { try {
		return await (await fetch(to, {method: "POST", body: form, headers: {"Content-Type": "application/x-www-form-urlencoded"}})).text()
	} catch (e) { return String(e) } })(`+string(args)+`)`)
}
