package op

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	zop "github.com/zitadel/oidc/v3/pkg/op"

	"stile/authn"
	"stile/storage"
)

func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, len(list))
	for i, e := range list {
		out[i], _ = e.(string)
	}
	return out
}

func TestDiscoverySaysExactlyWhatWorks(t *testing.T) {
	r := newRig(t)
	d := r.send(r.request(http.MethodGet, pathDiscovery, nil))
	if other := r.send(r.request(http.MethodGet, pathMetadata, nil)); d.Status != 200 || other.Text != d.Text {
		t.Fatalf("%d, and the other well-known path differs", d.Status)
	}
	for name, want := range map[string][]string{
		"response_types_supported":                      {"code"},
		"response_modes_supported":                      {"query", "fragment", "form_post"},
		"grant_types_supported":                         {"authorization_code", "refresh_token", "client_credentials"},
		"subject_types_supported":                       {"public"},
		"id_token_signing_alg_values_supported":         {"RS256", "ES256", "EdDSA"},
		"token_endpoint_auth_methods_supported":         {"client_secret_basic", "client_secret_post", "none"},
		"revocation_endpoint_auth_methods_supported":    {"client_secret_basic", "client_secret_post", "none"},
		"introspection_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":              {"S256"},
		"prompt_values_supported":                       {"none", "login", "consent", "select_account"},
		"acr_values_supported": {
			"urn:stile:acr:password", "https://refeds.org/profile/sfa", "urn:stile:acr:mfa",
			"https://refeds.org/profile/mfa",
		},
		"scopes_supported": {
			"openid", "profile", "email", "account", "roles", "entitlements", "offline_access",
			"stile.read", "stile.users", "stile.policy", "stile.clients",
		},
		"ui_locales_supported": {"en", "fr", "it", "de", "es", "pt", "nl"},
		"claims_supported": {
			"iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash",
			"name", "locale", "zoneinfo", "email", "email_verified", "account_id", "account_name", "roles", "entitlements",
		},
		"claim_types_supported": {"normal"},
	} {
		if got := texts(d.Body[name]); !slices.Equal(got, want) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]any{
		"issuer": backIssuer, "claims_parameter_supported": true, "request_uri_parameter_supported": false,
		"authorization_response_iss_parameter_supported": true,
		"authorization_endpoint":                         backIssuer + "/authorize", "token_endpoint": backIssuer + "/token", "userinfo_endpoint": backIssuer + "/userinfo",
		"introspection_endpoint": backIssuer + "/introspect", "revocation_endpoint": backIssuer + "/revoke",
		"jwks_uri": backIssuer + "/jwks", "end_session_endpoint": backIssuer + "/end_session",
	} {
		if d.Body[name] != want {
			t.Errorf("%s is %v, want %v", name, d.Body[name], want)
		}
	}
	known := 21 + 5 // what stands above
	if len(d.Body) > known+2 {
		t.Errorf("%d members: is each of them above?", len(d.Body))
	}
	for _, absent := range []string{
		"device_authorization_endpoint", "registration_endpoint", "check_session_iframe", "backchannel_logout_supported",
		"request_parameter_supported", "pushed_authorization_request_endpoint", "dpop_signing_alg_values_supported",
	} {
		if d.Body[absent] != nil {
			t.Errorf("%s is announced: %v", absent, d.Body[absent])
		}
	}
}

// What is announced is tried out.
func TestWhatDiscoveryAnnouncesIsThere(t *testing.T) {
	r := newRig(t)
	d := r.send(r.request(http.MethodGet, pathDiscovery, nil))
	for name, v := range d.Body {
		path, ok := strings.CutPrefix(fromAny(v), backIssuer+"/")
		if !ok || name == "authorization_endpoint" || name == "end_session_endpoint" {
			continue
		}
		if a := r.send(r.request(http.MethodGet, "/"+path, nil)); a.Status == http.StatusNotFound {
			t.Errorf("%s is not there", name)
		}
	}
	for _, claim := range texts(d.Body["claims_supported"])[12:] {
		if userClaims[claim] == nil {
			t.Errorf("claim %s is never given", claim)
		}
	}
}

func fromAny(v any) string { s, _ := v.(string); return s }

func TestDocumentsAreCachedAndAskedForAgainCheaply(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{pathDiscovery, pathMetadata, pathKeys} {
		a := r.send(r.request(http.MethodGet, path, nil))
		etag := a.Header.Get("ETag")
		if a.Header.Get("Cache-Control") != "public, max-age=3600" || etag == "" || a.Header.Get("Content-Type") != "application/json" ||
			a.Header.Get("Pragma") != "" {
			t.Errorf("%s: %v", path, a.Header)
		}
		for _, match := range []string{etag, `"other", ` + etag, "*", "W/" + etag} {
			q := r.request(http.MethodGet, path, nil)
			q.Header.Set("If-None-Match", match)
			if b := r.send(q); b.Status != http.StatusNotModified || b.Text != "" {
				t.Errorf("%s, If-None-Match %s: %d", path, match, b.Status)
			}
		}
		q := r.request(http.MethodGet, path, nil)
		q.Header.Set("If-None-Match", `"other"`)
		if b := r.send(q); b.Status != 200 {
			t.Errorf("%s, another tag: %d", path, b.Status)
		}
		if b := r.send(r.request(http.MethodHead, path, nil)); b.Status != 200 || b.Text != "" || b.Header.Get("ETag") != etag {
			t.Errorf("%s: HEAD %d", path, b.Status)
		}
		if b := r.send(r.request(http.MethodGet, path+"?cache=buster", nil)); b.Status != 200 {
			t.Errorf("%s with a query: %d", path, b.Status)
		}
		if n := r.statements(func() { r.send(r.request(http.MethodGet, path, nil)) }); n != 0 {
			t.Errorf("%s: %d statements", path, n)
		}
	}
}

func TestKeysArePublicOnly(t *testing.T) {
	r := newRig(t)
	a := r.send(r.request(http.MethodGet, pathKeys, nil))
	var set struct{ Keys []map[string]any }
	r.must(json.Unmarshal([]byte(a.Text), &set))
	algorithms := map[any]bool{}
	for _, k := range set.Keys {
		algorithms[k["alg"]] = true
		if k["kid"] == nil || k["use"] != "sig" || k["d"] != nil || k["p"] != nil || k["k"] != nil {
			t.Errorf("key %v", k["kid"])
		}
	}
	if !algorithms["RS256"] || !algorithms["ES256"] || !algorithms["EdDSA"] {
		t.Errorf("algorithms %v", algorithms)
	}
}

// The library keeps its endpoints in a package variable, so one provider's
// settings change the documents of all.
func TestZitadel21_ProvidersDoNotShareAnything(t *testing.T) {
	first, second := newRig(t), newRig(t)
	before := first.send(first.request(http.MethodGet, pathDiscovery, nil)).Text
	second.p.Issuer = "https://other.example.com"
	second.p.Levels.Aliases = nil
	w := httptest.NewRecorder()
	second.p.document(second.p.discovery()).ServeHTTP(w, second.request(http.MethodGet, pathDiscovery, nil))
	if after := first.send(first.request(http.MethodGet, pathDiscovery, nil)).Text; after != before || w.Body.String() == before {
		t.Error("the first document changed with the second, or the second did not")
	}
	if zop.DefaultEndpoints.Token.Relative() != "/oauth/token" {
		t.Errorf("the library's own default became %s", zop.DefaultEndpoints.Token.Relative())
	}
}

// The library reflects every origin, with credentials, on every route.
func TestZitadel22_H08_OnlyOriginsOfClientsAreNamed(t *testing.T) {
	r := newRig(t)
	r.client("browser", storage.Metadata{
		RedirectURIs: []string{"https://app.test/cb", "http://localhost:3000/cb"}, TokenEndpointAuthMethod: "none",
		AllowedOrigins: []string{"https://pages.test"},
	})
	access := r.accessOf("console", "openid", authn.Password)
	for _, path := range []string{pathToken, pathUserInfo, pathRevocation, pathKeys, pathDiscovery, pathMetadata} {
		for _, origin := range []string{"https://app.test", "https://pages.test", "http://localhost:3000", "https://rp.test"} {
			q := r.request(http.MethodOptions, path, nil)
			q.Header.Set("Origin", origin)
			q.Header.Set("Access-Control-Request-Method", "POST")
			q.Header.Set("Access-Control-Request-Headers", "authorization")
			a := r.send(q)
			if a.Status != http.StatusNoContent || a.Header.Get("Access-Control-Allow-Origin") != origin || !strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Authorization") ||
				a.Header.Get("Access-Control-Allow-Methods") == "" || a.Header.Get("Vary") != "Origin" {
				t.Errorf("preflight of %s by %s: %d %v", path, origin, a.Status, a.Header)
			}
			if a.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s allows credentials", path)
			}
		}
		for _, origin := range []string{"https://evil.test", "null", "https://app.test.evil.test", "https://app.test:444", "http://app.test", "https://APP.test", "http://localhost:3001", "*"} {
			for _, method := range []string{http.MethodOptions, http.MethodGet} {
				q := r.request(method, path, nil)
				q.Header.Set("Origin", origin)
				if a := r.send(q); a.Header.Get("Access-Control-Allow-Origin") != "" || a.Header.Get("Vary") != "Origin" {
					t.Errorf("%s %s by %s: %v", method, path, origin, a.Header)
				}
			}
		}
	}
	q := r.request(http.MethodGet, pathUserInfo, nil)
	q.Header.Set("Origin", "https://app.test")
	q.Header.Set("Authorization", "Bearer "+access)
	if a := r.send(q); a.Status != 200 || a.Header.Get("Access-Control-Allow-Origin") != "https://app.test" || a.Header.Get("Access-Control-Expose-Headers") == "" {
		t.Errorf("UserInfo: %d %v", a.Status, a.Header)
	}
	q = r.request(http.MethodOptions, pathIntrospection, nil)
	q.Header.Set("Origin", "https://app.test")
	if a := r.send(q); a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("introspection is open to browsers")
	}
}

func TestNewClientsAreHeardAfterTenSeconds(t *testing.T) {
	r := newRig(t)
	ask := func() string {
		q := r.request(http.MethodOptions, pathToken, nil)
		q.Header.Set("Origin", "https://late.test")
		return r.send(q).Header.Get("Access-Control-Allow-Origin")
	}
	if ask() != "" {
		t.Fatal("known before it registered")
	}
	r.client("late", storage.Metadata{RedirectURIs: []string{"https://late.test/cb"}, TokenEndpointAuthMethod: "none"})
	r.at = r.at.Add(originAge)
	if ask() != "https://late.test" {
		t.Error("not known after ten seconds")
	}
	if n := r.statements(func() { ask() }); n != 0 {
		t.Errorf("%d statements", n)
	}
	r.at = r.at.Add(originAge)
	r.must(r.db.Close())
	if ask() != "https://late.test" {
		t.Error("forgotten while the database is away")
	}
}
