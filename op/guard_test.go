package op

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	zop "github.com/zitadel/oidc/v3/pkg/op"

	"stile/authn"
	"stile/token"
)

// Payloads that make the library's claims types panic before it checks a signature.
var panicking = []string{`{"aud":[1]}`, `{"AUD":[{}]}`, `{"aud":["a",[]]}`, `{"aud":["a",true]}`, `{"aud":[null]}`}

func TestZitadel01_MisshapenTokensPanicNowhere(t *testing.T) {
	for _, payload := range panicking {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the library reads this now without a panic: is the guard still needed?", payload)
				}
			}()
			_, _ = oidc.ParseToken(jwtOf(plainHeader, payload), new(oidc.TokenClaims))
		}()
	}
	r := newRig(t)
	for _, payload := range panicking {
		text := jwtOf(plainHeader, payload)
		r.want("UserInfo", r.userInfo(text), 401, "invalid_token")
		r.want("UserInfo, posted", r.send(r.request(http.MethodPost, pathUserInfo, url.Values{"access_token": {text}})), 401, "invalid_token")
		r.want("introspection", r.introspect("console", text), 200, "")
		r.want("revocation", r.post("console", pathRevocation, "token", text), 200, "")
		r.want("refresh", r.refresh("console", text), 400, "invalid_grant")
		r.want("code", r.exchange("console", text), 400, "invalid_grant")
	}
	if strings.Contains(r.logged.String(), "panic") {
		t.Error("something panicked")
	}
}

func TestE06_JWTsThatNobodyHereSignedAreInactive(t *testing.T) {
	r := newRig(t)
	good := r.post("service", pathToken, "grant_type", "client_credentials").text("access_token")
	parts := strings.Split(good, ".")
	if a := r.introspect("api", good); a.Body["active"] != true {
		t.Fatalf("a good one: %s", a.Text)
	}
	for name, text := range map[string]string{
		"alg none":          jwtOf(`{"alg":"none","typ":"at+jwt"}`, `{"iss":"`+backIssuer+`","client_id":"service","exp":9999999999}`),
		"alg HS256":         jwtOf(`{"alg":"HS256","typ":"at+jwt","kid":"x"}`, `{"iss":"`+backIssuer+`","client_id":"service","exp":9999999999}`),
		"crit":              jwtOf(`{"alg":"ES256","typ":"at+jwt","crit":["b64"],"b64":false}`, `{}`),
		"kid is a path":     jwtOf(`{"alg":"ES256","typ":"at+jwt","kid":"../../etc/passwd"}`, `{}`),
		"kid is SQL":        jwtOf(`{"alg":"ES256","typ":"at+jwt","kid":"' OR 1=1 --"}`, `{}`),
		"key within":        jwtOf(`{"alg":"ES256","typ":"at+jwt","jwk":{"kty":"oct","k":"AA"}}`, `{}`),
		"signature cut":     good[:len(good)-4],
		"other payload":     parts[0] + "." + strings.Split(jwtOf("{}", `{"iss":"x"}`), ".")[1] + "." + parts[2],
		"50 000 dots":       strings.Repeat(".", 50_000),
		"encrypted":         "e30.e30.e30.e30.e30",
		"an ID token":       r.tokensOf("console", authn.Password).text("id_token"),
		"nothing":           ".",
		"not base64":        "ä.ö.ü",
		"deeply nested":     jwtOf(plainHeader, strings.Repeat(`{"a":`, 500)+"1"+strings.Repeat("}", 500)),
		"repeated claims":   jwtOf(plainHeader, `{"iss":"a","iss":"`+backIssuer+`"}`),
		"unknown algorithm": jwtOf(`{"alg":"PBES2-HS256+A128KW","p2c":10000000}`, `{}`),
	} {
		if a := r.introspect("api", text); a.Status != 200 || a.Text != `{"active":false}`+"\n" {
			t.Errorf("%s: %d %s", name, a.Status, a.Text)
		}
	}
}

func TestE07_TokensAreTakenForTheirOwnUseOnly(t *testing.T) {
	r := newRig(t)
	a := r.tokensOf("console", authn.Password)
	elsewhere := token.New(r.db, "https://elsewhere.example.com", r.p.Now) // the same keys, another issuer
	alien, err := elsewhere.AccessJWT(t.Context(), token.AccessClaims{Subject: "service", ClientID: "service", Audience: token.Audience{backIssuer}})
	r.must(err)
	for name, text := range map[string]string{"ID token": a.text("id_token"), "of another deployment": alien} {
		if got := r.introspect("api", text); got.Text != inactive {
			t.Errorf("%s: %s", name, got.Text)
		}
		r.want(name+" at UserInfo", r.userInfo(text), 401, "invalid_token")
		r.want(name+" as refresh token", r.refresh("console", text), 400, "invalid_grant")
		r.want(name+" as code", r.exchange("console", text), 400, "invalid_grant")
	}
}

// The library sends tokens without a word about caches.
func TestZitadel18_NothingHereIsCached(t *testing.T) {
	r := newRig(t)
	good := r.tokensOf("console", authn.Password)
	for name, a := range map[string]reply{
		"tokens":        good,
		"refresh":       r.refresh("console", good.text("refresh_token")),
		"UserInfo":      r.userInfo(good.text("access_token")),
		"introspection": r.introspect("console", good.text("access_token")),
		"revocation":    r.post("console", pathRevocation, "token", "x"),
		"error":         r.post("console", pathToken),
		"unauthorized":  r.attempt(""),
		"wrong method":  r.send(r.request(http.MethodGet, pathToken, nil)),
	} {
		if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Pragma") != "no-cache" {
			t.Errorf("%s: Cache-Control %q, Pragma %q", name, a.Header.Get("Cache-Control"), a.Header.Get("Pragma"))
		}
	}
}

// Nobody can approve a device with too little proof, or one that a stranger asks
// for, and no code of a device is redeemed twice, as the library would: there is
// no device grant here, and nothing that looks like one.
func TestL03_Zitadel06_NoDeviceGrant(t *testing.T) {
	r := newRig(t)
	r.want("token", r.post("console", pathToken, "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", "x"), 400, "unsupported_grant_type")
	for _, path := range []string{"/device_authorization", "/oauth/token", "/healthz"} {
		if a := r.post("console", path, "scope", "openid"); a.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}

func TestP06_EndpointsAreBounded(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{pathToken, pathIntrospection, pathRevocation, pathUserInfo} {
		big := r.request(http.MethodPost, path, url.Values{"token": {strings.Repeat("x", maxBody)}})
		if a := r.send(big); a.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: 64 KiB and more: %d", path, a.Status)
		}
		q := r.request(http.MethodPost, path, url.Values{"a": {"b"}})
		q.Header.Set("Content-Type", "application/json")
		if a := r.send(q); a.Status != http.StatusUnsupportedMediaType {
			t.Errorf("%s: JSON: %d", path, a.Status)
		}
		q = r.request(http.MethodPost, path, url.Values{"a": {"b"}})
		q.Header.Set("Content-Encoding", "gzip")
		if a := r.send(q); a.Status != http.StatusUnsupportedMediaType {
			t.Errorf("%s: gzip: %d", path, a.Status)
		}
		if a := r.send(r.request(http.MethodPost, path+"?"+strings.Repeat("x", maxURL), url.Values{})); a.Status != http.StatusRequestURITooLong {
			t.Errorf("%s: long URL: %d", path, a.Status)
		}
		q = r.request(http.MethodPost, path, nil)
		q.Body = io.NopCloser(strings.NewReader("token=a&token=b&code=a&code=b&access_token=a&access_token=b"))
		q.Header.Set("Content-Type", formType)
		r.want(path+" repeated", r.send(q), 400, "invalid_request")
	}
}

func TestQ12_PanicsEndTheRequestOnly(t *testing.T) {
	r := newRig(t)
	handler := r.p.guard(endpoint{methods: post}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret value") }))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r.request(http.MethodPost, pathToken, url.Values{}))
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "server_error") || strings.Contains(w.Body.String()+r.logged.String(), "secret value") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(r.logged.String(), "panic of type string") {
		t.Error("nothing in the log")
	}
}

// A database that is away must never look like the client's fault: it would
// throw its tokens away. The library wraps such errors as invalid_grant and
// invalid_client, or sends their text along.
func TestZitadel26_27_OutagesAre503WithoutTheirText(t *testing.T) {
	r := newRig(t)
	a := r.tokensOf("console", authn.Password)
	code := r.code("console", r.signIn(authn.Password))
	calls := map[string]func() reply{
		"code":                  func() reply { return r.exchange("console", code) },
		"refresh":               func() reply { return r.refresh("console", a.text("refresh_token")) },
		"client not in memory":  func() reply { return r.attempt(basicOf("poster", "x")) },
		"wrong secret":          func() reply { return r.attempt(basicOf("console", "x")) },
		"UserInfo":              func() reply { return r.userInfo(a.text("access_token")) },
		"introspect access":     func() reply { return r.introspect("console", a.text("access_token")) },
		"introspect refresh":    func() reply { return r.introspect("console", a.text("refresh_token")) },
		"revoke access":         func() reply { return r.post("console", pathRevocation, "token", a.text("access_token")) },
		"revoke refresh":        func() reply { return r.post("console", pathRevocation, "token", a.text("refresh_token")) },
		"unknown access":        func() reply { return r.userInfo("sta_" + strings.Repeat("A", 43)) },
		"unknown access, asked": func() reply { return r.introspect("console", "sta_"+strings.Repeat("A", 43)) },
	}
	r.must(r.db.Close())
	for name, call := range calls {
		got := call()
		r.want(name, got, 503, "temporarily_unavailable")
		if got.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", name)
		}
		if id := got.Header.Get("X-Request-Id"); id == "" || !strings.Contains(r.logged.String(), id) {
			t.Errorf("%s: reference %q is not in the log", name, id)
		}
		if low := strings.ToLower(got.Text); strings.Contains(low, "sql") || strings.Contains(low, "database") || strings.Contains(low, "closed") {
			t.Errorf("%s: says %s", name, got.Text)
		}
	}
	for _, path := range []string{pathDiscovery, pathMetadata, pathKeys} {
		if got := r.send(r.request(http.MethodGet, path, nil)); got.Status != 200 {
			t.Errorf("%s: %d", path, got.Status)
		}
	}
	if !strings.Contains(r.logged.String(), "closed") {
		t.Error("the log does not say why")
	}
}

// Whoever adds an endpoint or a grant to the library must write its method
// here: what the embedded type answers is 404 and server_error.
func TestTheLibraryCallsOnlyWhatIsWritten(t *testing.T) {
	ctx := t.Context()
	r := newRig(t)
	s := &server{p: r.p}
	written := map[string]func() error{
		"VerifyClient": func() error { _, err := s.VerifyClient(ctx, &zop.Request[zop.ClientCredentials]{}); return err },
		"CodeExchange": func() error {
			_, err := s.CodeExchange(ctx, &zop.ClientRequest[oidc.AccessTokenRequest]{Request: &zop.Request[oidc.AccessTokenRequest]{Data: &oidc.AccessTokenRequest{}}})
			return err
		},
		"RefreshToken": func() error {
			_, err := s.RefreshToken(ctx, &zop.ClientRequest[oidc.RefreshTokenRequest]{Request: &zop.Request[oidc.RefreshTokenRequest]{Data: &oidc.RefreshTokenRequest{}}})
			return err
		},
		"ClientCredentialsExchange": func() error {
			_, err := s.ClientCredentialsExchange(ctx, &zop.ClientRequest[oidc.ClientCredentialsRequest]{
				Request: &zop.Request[oidc.ClientCredentialsRequest]{Form: url.Values{"scope": {"x"}}}, Client: &client{},
			})
			return err
		},
		"Introspect": func() error {
			_, err := s.Introspect(ctx, &zop.Request[zop.IntrospectionRequest]{})
			return err
		},
		"UserInfo": func() error {
			_, err := s.UserInfo(ctx, &zop.Request[oidc.UserInfoRequest]{Data: &oidc.UserInfoRequest{}})
			return err
		},
		"Revocation": func() error {
			_, err := s.Revocation(ctx, &zop.ClientRequest[oidc.RevocationRequest]{
				Request: &zop.Request[oidc.RevocationRequest]{Data: &oidc.RevocationRequest{}}, Client: &client{},
			})
			return err
		},
	}
	for name, call := range written {
		if err := call(); err != nil && (strings.Contains(err.Error(), "not implemented") || strings.Contains(err.Error(), "not supported")) {
			t.Errorf("%s is not written: %v", name, err)
		}
	}
	for _, g := range grantTypes {
		a := r.post("service", pathToken, "grant_type", string(g), "code", "x", "refresh_token", "x")
		if a.Status == 404 || a.text("error") == "unsupported_grant_type" {
			t.Errorf("%s is promised and not there: %d %s", g, a.Status, a.Text)
		}
	}
}
