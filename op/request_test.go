package op

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"stile/authn"
	"stile/storage"
)

const goodChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

// webClient is a confidential client of the vendor.
func webClient() *client {
	return &client{
		Client: storage.Client{ID: "web", Metadata: storage.Metadata{
			Name: "Web", RedirectURIs: []string{"https://rp.example/cb"}, GrantTypes: []string{"authorization_code", "refresh_token"},
			TokenEndpointAuthMethod: "client_secret_basic",
		}},
		scopes: strings.Fields("openid profile email offline_access read"),
	}
}

// query builds a good request with some parameters replaced; "-" leaves one out.
func query(changes ...string) string {
	v := url.Values{
		"client_id": {"web"}, "redirect_uri": {"https://rp.example/cb"}, "response_type": {"code"}, "scope": {"openid email"},
		"state": {"s"}, "nonce": {"n"}, "code_challenge": {goodChallenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
		if changes[i+1] == "-" {
			v.Del(changes[i])
		}
	}
	return v.Encode()
}

func parse(t *testing.T, c *client, texts ...string) (request, error) {
	t.Helper()
	p, ok := parseParameters(bounds, texts...)
	if !ok {
		t.Fatalf("%v is no form", texts)
	}
	return parseRequest(p, c, p.target("https://rp.example/cb"), promptValues)
}

// code returns the OAuth error code of an error, or "".
func code(err error) string {
	if e, ok := errors.AsType[*oidc.Error](err); ok {
		return string(e.ErrorType)
	}
	return ""
}

func TestGoodRequestIsReadWhole(t *testing.T) {
	q, err := parse(t, webClient(), query("prompt", "login consent", "max_age", "30", "acr_values", "a b", "login_hint", "m@example.com",
		"ui_locales", "fr de", "display", "popup", "response_mode", "fragment", "unknown", "x", "scope", "openid read offline_access openid nonsense"))
	if err != nil {
		t.Fatal(err)
	}
	if q.Target != (target{URI: "https://rp.example/cb", Mode: modeFragment, State: "s"}) || q.Nonce != "n" || q.Challenge != goodChallenge ||
		!slices.Equal(q.Scope, []string{"openid", "read", "offline_access"}) || !q.Offline ||
		!q.ask.login || !q.Consent || q.Select || q.Silent || q.ask.maxAge == nil || *q.ask.maxAge != 30*time.Second ||
		!slices.Equal(q.ask.acr, []string{"a", "b"}) || q.loginHint != "m@example.com" || !slices.Equal(q.locales, []string{"fr", "de"}) {
		t.Errorf("read as %+v", q)
	}
}

func TestA01_KnownParametersComeOnce(t *testing.T) {
	for name := range bounds {
		once := query(name, "x")
		for where, texts := range map[string][]string{
			"twice in the query": {once + "&" + name + "=x"},
			"in query and body":  {once, name + "=x"},
			"once empty":         {once + "&" + name + "="},
			"written otherwise":  {once + "&%" + strings.ToUpper(hex(name[0])) + name[1:] + "=x"},
		} {
			p, ok := parseParameters(bounds, texts...)
			if !ok || !slices.Contains(p.repeated, name) || p.sure(name) {
				t.Errorf("%s %s: nobody noticed", name, where)
			}
		}
	}
	_, err := parse(t, webClient(), query(), "nonce=other")
	if code(err) != "invalid_request" {
		t.Errorf("a repeated nonce: %v", err)
	}
	p, _ := parseParameters(bounds, query()+"&state=other")
	if got := p.target("https://rp.example/cb").State; got != "" {
		t.Errorf("of two states %q is sent back", got)
	}
	if _, err := parse(t, webClient(), query()+"&x=1&x=2"); err != nil {
		t.Errorf("an unknown parameter given twice: %v", err)
	}
}

func hex(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

func TestZitadel14_RepeatedAuthorizationParametersAreRefused(t *testing.T) {
	if _, err := parse(t, webClient(), query()+"&scope=openid"); code(err) != "invalid_request" {
		t.Errorf("scope given twice: %v", err)
	}
}

func TestA03_ResponseTypeAndMode(t *testing.T) {
	for value, want := range map[string]string{
		"code": "", "-": "invalid_request", "": "invalid_request", "token": "unsupported_response_type", "id_token": "unsupported_response_type",
		"code id_token": "unsupported_response_type", "none": "unsupported_response_type", "CODE": "unsupported_response_type",
		strings.Repeat("code ", 40): "unsupported_response_type",
	} {
		if _, err := parse(t, webClient(), query("response_type", value)); code(err) != want {
			t.Errorf("response_type %.20q: %v, want %q", value, err, want)
		}
	}
	for value, want := range map[string]string{"-": "", "": "", "query": "", "fragment": "", "form_post": "", "jwt": "invalid_request", "query.jwt": "invalid_request", "Query": "invalid_request"} {
		q, err := parse(t, webClient(), query("response_mode", value))
		if code(err) != want {
			t.Errorf("response_mode %q: %v, want %q", value, err, want)
		}
		if want != "" && q.Target.Mode != modeQuery {
			t.Errorf("response_mode %q is answered in the mode %q", value, q.Target.Mode)
		}
	}
	p, _ := parseParameters(bounds, query("response_mode", "form_post"))
	to := p.target("com.example.app:/cb")
	if _, err := parseRequest(p, webClient(), to, promptValues); code(err) != "invalid_request" || to.Mode != modeQuery {
		t.Errorf("form_post to a private scheme: %v in the mode %q", err, to.Mode)
	}
}

func TestZitadel11_TokensNeverComeFromTheAuthorizationEndpoint(t *testing.T) {
	if _, err := parse(t, webClient(), query("response_type", "id_token token", "response_mode", "query")); code(err) != "unsupported_response_type" {
		t.Errorf("implicit: %v", err)
	}
}

func TestC03_ChallengeIsS256OrNoneWhereThatIsRegistered(t *testing.T) {
	public, old := webClient(), webClient()
	public.Metadata.TokenEndpointAuthMethod = "none"
	old.Metadata.RequirePKCE = new(false)
	publicToo := webClient() // however it came to say so
	publicToo.Metadata.TokenEndpointAuthMethod, publicToo.Metadata.RequirePKCE = "none", new(false)
	for _, c := range []struct {
		what      string
		client    *client
		challenge string
		method    string
		ok        bool
	}{
		{"S256", webClient(), goodChallenge, "S256", true},
		{"S256, public", public, goodChallenge, "S256", true},
		{"128 characters", webClient(), strings.Repeat("a", 128), "S256", true},
		{"none", webClient(), "-", "-", false},
		{"none, public", public, "-", "-", false},
		{"none, public that claims not to need it", publicToo, "-", "-", false},
		{"none, registered so", old, "-", "-", true},
		{"plain", webClient(), goodChallenge, "plain", false},
		{"plain, though not needed", old, goodChallenge, "plain", false},
		{"no method means plain", webClient(), goodChallenge, "-", false},
		{"no method, though not needed", old, goodChallenge, "-", false},
		{"method alone", old, "-", "S256", false},
		{"method in the wrong case", webClient(), goodChallenge, "s256", false},
		{"unknown method", webClient(), goodChallenge, "foo", false},
		{"empty challenge", webClient(), "", "S256", false},
		{"42 characters", webClient(), goodChallenge[1:], "S256", false},
		{"129 characters", webClient(), strings.Repeat("a", 129), "S256", false},
		{"other base64", webClient(), strings.Replace(goodChallenge, "-", "+", 1), "S256", false},
		{"padded", webClient(), goodChallenge + "=", "S256", false},
	} {
		q, err := parse(t, c.client, query("code_challenge", c.challenge, "code_challenge_method", c.method))
		if c.ok && (err != nil || c.challenge != "-" && q.Challenge != c.challenge) || !c.ok && code(err) != "invalid_request" {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

func TestZitadel10_WhatIsNotSupportedIsSaidAndNotDropped(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"},
		{"request_uri", "urn:x", "request_uri_not_supported"},
		{"registration", "{}", "registration_not_supported"},
		{"authorization_details", "[]", "invalid_authorization_details"},
		{"prompt", "create", "invalid_request"},
		{"prompt", "login never", "invalid_request"},
		{"prompt", "none login", "invalid_request"},
		{"prompt", "none none", "invalid_request"},
		{"response_mode", "web_message", "invalid_request"},
		{"claims", "{", "invalid_request"},
	} {
		if _, err := parse(t, webClient(), query(c.name, c.value)); code(err) != c.want {
			t.Errorf("%s=%s: %v, want %s", c.name, c.value, err, c.want)
		}
	}
}

func TestA07_NumbersAndSizesAreBounded(t *testing.T) {
	for value, want := range map[string]time.Duration{"0": 0, "1": time.Second, "2147483647": 2147483647 * time.Second} {
		if q, err := parse(t, webClient(), query("max_age", value)); err != nil || q.ask.maxAge == nil || *q.ask.maxAge != want {
			t.Errorf("max_age %s: %v", value, err)
		}
	}
	for _, value := range []string{"-1", "+1", "abc", "1.5", "0x10", " 1", "2147483648", "9223372036854775808", "1_000", "١"} {
		if _, err := parse(t, webClient(), query("max_age", value)); code(err) != "invalid_request" {
			t.Errorf("max_age %q: %v", value, err)
		}
	}
	for name, limit := range bounds {
		if name == "response_type" || name == "response_mode" || strings.HasPrefix(name, "request") || name == "registration" || name == "authorization_details" {
			continue // refused for another reason
		}
		if _, err := parse(t, webClient(), query(name, strings.Repeat("a", limit+1))); code(err) != "invalid_request" {
			t.Errorf("%s of %d bytes: %v", name, limit+1, err)
		}
	}
	if _, err := parse(t, webClient(), query("ui_locales", strings.Repeat("fr ", 4000))); code(err) != "invalid_request" {
		t.Errorf("4000 tags: %v", err)
	}
	if _, ok := parseParameters(bounds, strings.Repeat("x=1&", 101)); ok {
		t.Error("101 parameters are read")
	}
}

func TestOnlyOpenScopesAreGranted(t *testing.T) {
	none, narrow, service := webClient(), webClient(), webClient()
	none.scopes = nil
	narrow.Metadata.GrantTypes = []string{"authorization_code"}
	service.Metadata.GrantTypes = []string{"client_credentials"}
	for _, c := range []struct {
		what, asked, want, code string
		client                  *client
	}{
		{"registered ones", "openid profile read", "openid profile read", "", webClient()},
		{"others are ignored", "openid admin x", "openid", "", webClient()},
		{"without openid it is plain OAuth", "read", "read", "", webClient()},
		{"offline_access needs refresh tokens", "openid offline_access", "openid", "", narrow},
		{"who registered none may know who it is", "openid profile email read offline_access", "openid profile email", "", none},
		{"none open", "admin", "", "invalid_scope", webClient()},
		{"none asked for", "-", "", "invalid_scope", webClient()},
		{"client for something else", "openid", "", "unauthorized_client", service},
	} {
		q, err := parse(t, c.client, query("scope", c.asked))
		if code(err) != c.code || strings.Join(q.Scope, " ") != c.want && c.code == "" {
			t.Errorf("%s: %v, %v", c.what, q.Scope, err)
		}
	}
}

func TestRequestThatIsNoFormIsNotRead(t *testing.T) {
	for _, text := range []string{"state=%", "state=%zz", "st%ate=1", "state=%ff%fe", "state=\xff", "client_id=a%00b", "nonce=%00", "state=a%0ab", "scope=openid%09email", "login_hint=%7f"} {
		if _, ok := parseParameters(bounds, text); ok {
			t.Errorf("%q is read", text)
		}
	}
	if p, ok := parseParameters(bounds, "claims=%7B%0D%0A%09%7D"); !ok || p.get("claims") != "{\r\n\t}" {
		t.Error("claims set in lines are not read")
	}
	p, ok := parseParameters(bounds, "state=a;b&&state2=x&nonce=a%20b+c&=x&scope")
	if !ok || p.get("state") != "a;b" || p.get("nonce") != "a b c" || p.get("scope") != "" {
		t.Errorf("read as %v", p)
	}
}

// A control character never reaches the database, of which one kind would fail.
func TestA07_ControlCharactersAreABadRequest(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	for _, target := range []string{
		pathAuthorize + "?client_id=a%00b",
		pathAuthorize + "?" + authorizeQuery("console").Encode() + "&login_hint=%00",
		pathAuthorize + "?" + authorizeQuery("console", "nonce", "\x00", "prompt", "none").Encode(),
		pathEndSession + "?client_id=a%00b",
		pathEndSession + "?logout_hint=%1f",
	} {
		if n := f.statements(func() { f.wantPage(target, b.get(target), http.StatusBadRequest, "error") }); n != 0 {
			t.Errorf("%s: %d statements", target, n)
		}
	}
	form := authorizeQuery("console", "nonce", "\x00")
	f.wantPage("posted", b.do(http.MethodPost, pathAuthorize, form), http.StatusBadRequest, "error")
}

func FuzzAuthorizeParams(f *testing.F) {
	f.Add(query(), "")
	f.Add(query("prompt", "none", "max_age", "0", "acr_values", "a b"), "claims=%7B%7D")
	f.Add("state=a;b&state=c", "client_id=web")
	f.Fuzz(func(t *testing.T, inQuery, inBody string) {
		p, ok := parseParameters(bounds, inQuery, inBody)
		if !ok {
			return
		}
		for name, value := range p.values {
			if _, known := bounds[name]; !known || !utf8.ValidString(value) {
				t.Fatalf("%q = %q was kept", name, value)
			}
		}
		to := p.target("https://rp.example/cb")
		if !slices.Contains(responseModes, to.Mode) || len(to.State) > maxState {
			t.Fatalf("target %+v", to)
		}
		q, err := parseRequest(p, webClient(), to, promptValues)
		if err != nil {
			if code(err) == "" {
				t.Fatalf("%v is no protocol error", err)
			}
			return
		}
		switch {
		case len(p.repeated) > 0, p.get("response_type") != "code", p.get("request") != "", p.get("request_uri") != "":
			t.Fatalf("taken: %v", p)
		case len(q.Challenge) < 43 || len(q.Challenge) > 128:
			t.Fatalf("challenge %q", q.Challenge)
		case len(q.Scope) == 0 || slices.ContainsFunc(q.Scope, func(s string) bool { return !webClient().IsScopeAllowed(s) }):
			t.Fatalf("scope %q", q.Scope)
		case q.Silent && (q.Consent || q.Select || q.ask.login):
			t.Fatalf("prompt %q", p.get("prompt"))
		}
	})
}
