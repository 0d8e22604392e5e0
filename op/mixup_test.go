package op

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"stile/authn"
	"stile/seal"
	"stile/storage"
)

// otherVerifier is one of another flow than exampleVerifier (RFC 7636, section 4.1).
const otherVerifier = "abcdefghijklmnopqrstuvwxyz0123456789-._~ABC"

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestB07_ASharedRedirectURIGivesTheCodeToNobodyElse(t *testing.T) {
	f := newFront(t)
	for id, thirdParty := range map[string]bool{"rival": false, "stranger": true} {
		f.register(storage.Client{ID: id, ThirdParty: thirdParty, Metadata: storage.Metadata{
			ApplicationType: "native", TokenEndpointAuthMethod: storage.AuthNone, Scope: "openid",
			RedirectURIs: []string{"com.example.app:/cb", "http://127.0.0.1/callback"},
		}})
	}
	b := f.browser()
	b.signIn(f.user, authn.Password)
	for own, uri := range map[string]string{"app": "com.example.app:/cb", "desktop": "http://127.0.0.1:4711/callback"} {
		for _, rival := range []string{"rival", "stranger"} {
			code := f.wantCode(own, b.authorize(own), own)
			a := f.post(rival, pathToken, "grant_type", "authorization_code", "code", code, "redirect_uri", uri, "code_verifier", exampleVerifier)
			f.want(rival+" with the code of "+own, a, http.StatusBadRequest, "invalid_grant")
		}
		// The operating system gave the code to another app, which lacks the verifier.
		code := f.wantCode(own, b.authorize(own), own)
		a := f.post(own, pathToken, "grant_type", "authorization_code", "code", code, "redirect_uri", uri)
		f.want("without the verifier", a, http.StatusBadRequest, "invalid_grant")
		b.consentPage(b.authorize("stranger", "redirect_uri", uri)) // a third party gets none unasked
	}
}

func TestC06_ACodeIsGoodInTheFlowItWasMadeForOnly(t *testing.T) {
	f := newFront(t)
	victim, attacker := f.browser(), f.browser()
	victim.signIn(f.user, authn.Password)
	attacker.signIn(f.admin, authn.Password)
	stolen := f.answered(attacker.authorize("console", "nonce", "of-the-attacker", "code_challenge", challengeOf(otherVerifier)), "console")
	own := f.answered(victim.authorize("console", "nonce", "of-the-victim", "state", "own"), "console")
	if own.Get("state") != "own" || own.Get("iss") != backIssuer || stolen.Get("iss") != backIssuer {
		t.Errorf("answers %v and %v", own, stolen)
	}
	f.want("the attacker's code in the victim's flow", f.exchange("console", stolen.Get("code")), http.StatusBadRequest, "invalid_grant")
	if claims := f.claims(f.exchange("console", own.Get("code")).text("id_token"), "RS256"); claims["nonce"] != "of-the-victim" || claims["sub"] != f.user.ID {
		t.Errorf("claims %v", claims)
	}
	// Where a client sends no challenge, its nonce tells the flows apart.
	f.register(storage.Client{ID: "old", Metadata: storage.Metadata{RedirectURIs: []string{redirects["console"]}, Scope: "openid", RequirePKCE: new(false)}})
	q := []string{"redirect_uri", redirects["console"], "code_challenge", "-", "code_challenge_method", "-", "nonce", "of-the-attacker"}
	code := f.answered(attacker.authorize("old", q...), "console").Get("code")
	a := f.post("old", pathToken, "grant_type", "authorization_code", "code", code, "redirect_uri", redirects["console"])
	if claims := f.claims(a.text("id_token"), "RS256"); claims["nonce"] != "of-the-attacker" {
		t.Errorf("claims %v", claims)
	}
}

func TestH07_EveryAnswerNamesTheIssuer(t *testing.T) {
	f := newFront(t)
	b, stranger := f.browser(), f.browser()
	b.signIn(f.user, authn.Password)
	for _, mode := range []string{"query", "fragment", "form_post"} {
		mode := []string{"response_mode", mode}
		f.wantCode("code", b.authorize("console", mode...), "console") // wants iss too
		f.wantError("nobody", stranger.authorize("console", append(mode, "prompt", "none")...), "console", "login_required")
		f.wantError("request", b.authorize("console", append(mode, "max_age", "x")...), "console", "invalid_request")
		f.wantError("refusal", b.press(b.consentPage(b.authorize("grafana", mode...)), "deny"), "grafana", "access_denied")
	}
	f.wantError("response type", b.authorize("console", "response_type", "token"), "console", "unsupported_response_type")
	for _, path := range []string{pathDiscovery, pathMetadata} {
		var document struct {
			Issuer string `json:"issuer"`
			ISS    bool   `json:"authorization_response_iss_parameter_supported"`
		}
		f.must(json.Unmarshal([]byte(b.get(path).Text), &document))
		if document.Issuer != backIssuer || !document.ISS {
			t.Errorf("%s: %+v", path, document)
		}
	}
}

func TestH08_PagesAreForNoOtherOrigin(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	consent := b.authorize("grafana").Header.Get("Location")
	signOut := b.get(pathEndSession).Header.Get("Location")
	for _, origin := range []string{"https://rp.test", "https://evil.example", "null", "*"} { // the first is a client's
		for _, target := range []string{
			pathAuthorize + "?" + authorizeQuery("console").Encode(), consent, pathEndSession, signOut, pathSignedOut, "/nothing",
		} {
			for _, method := range []string{http.MethodGet, http.MethodOptions} {
				a := b.do(method, target, nil, "Origin", origin, "Access-Control-Request-Method", "POST")
				for name := range a.Header {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s %s for %s: %s", method, target, origin, name)
					}
				}
			}
		}
		for _, path := range []string{pathToken, pathUserInfo, pathRevocation, pathKeys, pathDiscovery} {
			a := b.do(http.MethodOptions, path, nil, "Origin", origin, "Access-Control-Request-Method", "POST")
			if a.Header.Get("Access-Control-Allow-Credentials") != "" || origin != "https://rp.test" && a.Header.Get("Access-Control-Allow-Origin") == origin {
				t.Errorf("%s for %s: %v", path, origin, a.Header)
			}
		}
	}
}

func TestG03_CookiesThatAreNoneAreNobodys(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	b.authorize("console") // the client is read
	own := b.cookies["__Host-stile-session"]
	var want reply
	for i, id := range []string{
		seal.NewToken(seal.KindBrowser).Reveal(), seal.NewToken(seal.KindBrowser).Reveal(), own[:len(own)-1], own + "A",
		strings.ToUpper(own), strings.ToLower(own), "' OR '1'='1", seal.HashToken(own), seal.NewToken(seal.KindRefresh).Reveal(),
		strings.Repeat("A", 8<<10), "%00", "=",
	} {
		guess := f.browser()
		guess.cookies["__Host-stile-session"] = id
		var a reply
		if n := f.statements(func() { a = guess.authorize("console", "prompt", "none") }); n > 1 {
			t.Errorf("%.40q: %d statements", id, n)
		}
		f.wantError(id[:min(len(id), 40)], a, "console", "login_required")
		if i == 0 {
			want = a
		}
		if a.Status != want.Status || a.Header.Get("Location") != want.Header.Get("Location") || a.Text != want.Text {
			t.Errorf("%.40q is answered otherwise: %s", id, a.Header.Get("Location"))
		}
	}
	if !b.live() {
		t.Error("the session of the guesses has ended")
	}
}
