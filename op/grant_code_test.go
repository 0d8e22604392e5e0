package op

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/storage"
	"stile/token"
)

func TestCodeExchangeGivesWhatWasGranted(t *testing.T) {
	r := newRig(t)
	a := r.tokensOf("console", authn.Password, authn.TOTP)
	if a.text("token_type") != "Bearer" || a.Body["expires_in"] != 300.0 || a.text("scope") != "openid profile" ||
		!seal.KindAccess.Is(a.text("access_token")) || !strings.HasPrefix(a.text("refresh_token"), "str_") {
		t.Errorf("answer %s", a.Text)
	}
	c := r.claims(a.text("id_token"), "RS256")
	if c["iss"] != backIssuer || c["sub"] != r.user.ID || c["aud"] != "console" || c["nonce"] != "n-1" || c["acr"] != "urn:stile:acr:mfa" ||
		c["auth_time"] != float64(noon.Unix()) || c["sid"] == nil || c["at_hash"] == nil || c["exp"] != float64(noon.Add(token.IDLife).Unix()) {
		t.Errorf("ID token %v", c)
	}
	if amr, _ := c["amr"].([]any); !slices.Equal(amr, []any{"mfa", "otp", "pwd"}) {
		t.Errorf("amr %v", c["amr"])
	}
	if c["name"] != nil {
		t.Error("what a scope opens is for UserInfo")
	}
	got := r.events(audit.GrantRedeemed)
	if len(got) != 1 || got[0].Actor.Kind != "client" || got[0].Actor.ID != "console" || got[0].Actor.Network == "" || got[0].SubjectID != r.user.ID {
		t.Errorf("audit: %+v", got)
	}
}

func TestClaimsAskedForByNameComeInTheIDToken(t *testing.T) {
	r := newRig(t)
	s := r.signIn(authn.Password)
	a := r.exchange("console", r.code("console", s, func(g *storage.Grant) {
		g.Scope, g.Claims = "openid email profile", wanted{IDToken: []string{"email", "email_verified"}}.String()
	}))
	if c := r.claims(a.text("id_token"), "RS256"); c["email"] != "ada@example.com" || c["email_verified"] != false || c["name"] != nil {
		t.Errorf("ID token %v", c)
	}
}

func TestIDTokensAreSignedAsRegistered(t *testing.T) {
	r := newRig(t)
	for _, alg := range token.Algorithms() {
		r.at = r.at.Add(time.Minute)
		_, err := r.db.UpdateClient(t.Context(), "console", func(c *storage.Client) error { c.Metadata.IDTokenSignedResponse = alg; return nil }, audit.System)
		r.must(err)
		r.claims(r.tokensOf("console", authn.Password).text("id_token"), alg)
	}
}

// answered asks again while the answer is to come back in a moment, as it is
// where too many want the one file of the embedded database on a busy machine.
func answered(ask func() reply) reply {
	a := ask()
	for range 50 {
		if a.Status != http.StatusServiceUnavailable {
			break
		}
		a = ask()
	}
	return a
}

func TestC01_CodeWorksOnceOnTwoReplicas(t *testing.T) {
	r := newRig(t)
	replicas := []*rig{r, r.replica()}
	code := r.code("console", r.signIn(authn.Password))
	var mu sync.Mutex
	var wins []reply
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 64 {
		wg.Go(func() {
			<-start
			a := answered(func() reply { return replicas[i%2].exchange("console", code) })
			mu.Lock()
			defer mu.Unlock()
			switch {
			case a.Status == http.StatusOK:
				wins = append(wins, a)
			case a.Status != http.StatusBadRequest || a.text("error") != "invalid_grant":
				t.Errorf("%d %s", a.Status, a.Text)
			}
		})
	}
	close(start)
	wg.Wait()
	if len(wins) != 1 {
		t.Fatalf("%d of 64 got tokens", len(wins))
	}
}

// The library makes eight calls to its storage for an exchange and seven for a
// refresh. What is counted here is what goes over the wire.
func TestStatementsAreFew(t *testing.T) {
	r := newPostgresRig(t)
	s := r.signIn(authn.Password)
	r.exchange("console", r.code("console", s)) // clients are in memory from here on
	r.introspect("api", "x")
	code := r.code("console", s)
	var a reply
	count := func(what string, want int64, f func()) {
		t.Helper()
		if n := r.statements(f); n != want {
			t.Errorf("%s: %d statements, want %d", what, n, want)
		}
	}
	const looked = 1 // what the test itself reads, to know how the client authenticates
	count("exchange", 2+looked, func() { a = r.exchange("console", code) })
	r.want("exchange", a, 200, "")
	count("refresh", 2+looked, func() { a = r.refresh("console", a.text("refresh_token")) })
	r.want("refresh", a, 200, "")
	count("introspection", 1+looked, func() { r.introspect("api", a.text("access_token")) })
	count("UserInfo", 1, func() { r.want("UserInfo", r.userInfo(a.text("access_token")), 200, "") })
}

// The library deletes the code last, so the tokens of the first use live on
// when it comes a second time.
func TestZitadel02_03_C01_SecondUseEndsWhatTheFirstGave(t *testing.T) {
	r := newRig(t)
	code := r.code("console", r.signIn(authn.Password))
	first := r.exchange("console", code)
	if u := r.userInfo(first.text("access_token")); u.Status != http.StatusOK {
		t.Fatalf("UserInfo: %d %s", u.Status, u.Text)
	}
	r.want("second use", r.exchange("console", code), 400, "invalid_grant")
	r.want("access token", r.userInfo(first.text("access_token")), 401, "invalid_token")
	r.want("refresh token", r.refresh("console", first.text("refresh_token")), 400, "invalid_grant")
	if got := r.events(audit.GrantEnded); len(got) != 1 || got[0].Reason != "code_reused" {
		t.Errorf("audit: %+v", got)
	}
}

func TestC02_WrongUseSpendsTheCode(t *testing.T) {
	for name, wrong := range map[string]func(r *rig, code string) reply{
		"another client": func(r *rig, code string) reply {
			return r.exchange("other", code, "redirect_uri", "https://rp.test/cb")
		},
		"another redirect": func(r *rig, code string) reply {
			return r.exchange("console", code, "redirect_uri", "https://rp.test/cb/")
		},
		"escaped redirect": func(r *rig, code string) reply {
			return r.exchange("console", code, "redirect_uri", "https%3A%2F%2Frp.test%2Fcb")
		},
		"no verifier": func(r *rig, code string) reply { return r.exchange("console", code, "code_verifier", "") },
		"wrong verifier": func(r *rig, code string) reply {
			return r.exchange("console", code, "code_verifier", strings.Repeat("v", 43))
		},
		"short verifier": func(r *rig, code string) reply {
			return r.exchange("console", code, "code_verifier", exampleVerifier[:42])
		},
		"after sixty seconds": func(r *rig, code string) reply { r.at = r.at.Add(CodeLife); return r.exchange("console", code) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			code := r.code("console", r.signIn(authn.Password))
			r.want("wrong", wrong(r, code), 400, "invalid_grant")
			refused := r.events(audit.TokenRefused)
			if len(refused) != 1 || refused[0].Outcome != audit.Refused {
				t.Errorf("audit: %+v", refused)
			}
			r.want("right, but late", r.exchange("console", code), 400, "invalid_grant")
		})
	}
}

// The library's own server lets confidential clients leave the verifier out and
// public ones the challenge.
func TestZitadel04_C03_NoClientTypeGetsAroundPKCE(t *testing.T) {
	r := newRig(t)
	s := r.signIn(authn.Password)
	for _, id := range []string{"console", "poster", "desktop"} {
		r.want(id+" without verifier", r.exchange(id, r.code(id, s), "code_verifier", ""), 400, "invalid_grant")
		unasked := r.code(id, s, func(g *storage.Grant) { g.Code.Challenge = "" })
		r.want(id+" with a verifier that nobody asked for", r.exchange(id, unasked), 400, "invalid_grant")
	}
	bare := func(g *storage.Grant) { g.Code.Challenge = "" }
	r.want("public, no PKCE at all", r.exchange("desktop", r.code("desktop", s, bare), "code_verifier", ""), 400, "invalid_grant")
	r.want("registered without PKCE", r.exchange("poster", r.code("poster", s, bare), "code_verifier", ""), 200, "")
	plain := func(g *storage.Grant) { g.Code.Challenge = exampleVerifier }
	r.want("plain", r.exchange("console", r.code("console", s, plain)), 400, "invalid_grant")
}

func TestB04_RedirectURIMayBeLeftOutOnlyWherePKCEBinds(t *testing.T) {
	r := newRig(t)
	s := r.signIn(authn.Password)
	r.want("OAuth 2.1", r.exchange("console", r.code("console", s), "redirect_uri", ""), 200, "")
	bare := func(g *storage.Grant) { g.Code.Challenge = "" }
	r.want("without PKCE", r.exchange("poster", r.code("poster", s, bare), "redirect_uri", "", "code_verifier", ""), 400, "invalid_grant")
	r.want("the stand-in itself", r.exchange("poster", r.code("poster", s, bare), "redirect_uri", omitted, "code_verifier", ""), 400, "invalid_grant")
}

func TestC04_KindsOfTokensAreNotInterchangeable(t *testing.T) {
	r := newRig(t)
	s := r.signIn(authn.Password)
	a := r.exchange("console", r.code("console", s))
	code := r.code("console", s)
	for name, wrong := range map[string]string{
		"access token": a.text("access_token"), "refresh token": a.text("refresh_token"), "ID token": a.text("id_token"),
		"session cookie": seal.NewToken(seal.KindBrowser).Reveal(), "code without its prefix": code[4:], "code in another case": strings.ToUpper(code),
		"nonsense": "x", "a megabyte": strings.Repeat("x", 60_000),
	} {
		if n := r.statements(func() { r.want(name+" as code", r.exchange("console", wrong), 400, "invalid_grant") }) - 1; n != 0 {
			t.Errorf("%s as code: %d statements", name, n)
		}
	}
	for name, wrong := range map[string]string{"access token": a.text("access_token"), "code": code, "ID token": a.text("id_token"), "nonsense": "x"} {
		r.want(name+" as refresh token", r.refresh("console", wrong), 400, "invalid_grant")
	}
	for name, wrong := range map[string]string{"refresh token": a.text("refresh_token"), "code": code, "ID token": a.text("id_token"), "nonsense": "x"} {
		r.want(name+" as access token", r.userInfo(wrong), 401, "invalid_token")
	}
	r.want("and the code still works", r.exchange("console", code), 200, "")
}

func TestC05_WhatChangesBetweenCodeAndExchangeCounts(t *testing.T) {
	for name, change := range map[string]func(r *rig, s storage.Session){
		"signed out": func(r *rig, s storage.Session) {
			r.must(r.db.EndSession(t.Context(), s.ID, "signed_out", audit.System))
		},
		"signed out everywhere": func(r *rig, _ storage.Session) { r.must(r.db.SignOutUser(t.Context(), r.user.ID, audit.System)) },
		"user disabled": func(r *rig, _ storage.Session) {
			_, err := r.db.UpdateUser(t.Context(), r.user.ID, func(u *storage.User) error { u.DisabledAt = &noon; return nil }, audit.System)
			r.must(err)
		},
		"password changed": func(r *rig, _ storage.Session) {
			r.must(r.db.SetPassword(t.Context(), r.user.ID, "$argon2id$other", audit.System))
		},
		"policy tightened": func(r *rig, _ storage.Session) { r.requireTwoSteps() },
		"client disabled": func(r *rig, _ storage.Session) {
			_, err := r.db.UpdateClient(t.Context(), "console", func(c *storage.Client) error { c.Disabled = true; return nil }, audit.System)
			r.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.signIn(authn.Password)
			offline := func(g *storage.Grant) { g.Offline = true }
			code := r.code("console", s, offline)
			r.post("console", pathToken, "grant_type", "refresh_token", "refresh_token", "x") // now the client is in memory
			change(r, s)
			a := r.exchange("console", code)
			r.want("exchange", a, 400, "invalid_grant")
			if a.Body["access_token"] != nil || a.Body["id_token"] != nil {
				t.Error("tokens were given")
			}
		})
	}
}

// A second factor that was given satisfies a policy that came later.
func TestC05_EvidenceIsJudgedNotTheTime(t *testing.T) {
	r := newRig(t)
	code := r.code("console", r.signIn(authn.Password, authn.TOTP))
	r.requireTwoSteps()
	r.want("exchange", r.exchange("console", code), 200, "")
}

func TestZitadel23_NoIDTokenWithoutOpenID(t *testing.T) {
	r := newRig(t)
	a := r.exchange("console", r.code("console", r.signIn(authn.Password), func(g *storage.Grant) { g.Scope = "profile" }))
	if a.Status != 200 || a.Body["id_token"] != nil {
		t.Errorf("%d %s", a.Status, a.Text)
	}
	if b := r.refresh("console", a.text("refresh_token")); b.Status != 200 || b.Body["id_token"] != nil {
		t.Errorf("refresh: %d %s", b.Status, b.Text)
	}
	r.want("UserInfo", r.userInfo(a.text("access_token")), 403, "insufficient_scope")
}

func TestGrantTypesAreThoseOfTheClient(t *testing.T) {
	r := newRig(t)
	r.want("missing", r.post("console", pathToken), 400, "invalid_request")
	for _, unknown := range []string{"password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", `"\`, "authorization_code "} {
		r.want(unknown, r.post("console", pathToken, "grant_type", unknown, "assertion", jwtOf(plainHeader, `{"aud":[1]}`)), 400, "unsupported_grant_type")
	}
	r.want("service asks for a code's tokens", r.post("service", pathToken, "grant_type", "authorization_code", "code", "x"), 400, "unauthorized_client")
	r.want("console asks for its own", r.post("console", pathToken, "grant_type", "client_credentials"), 400, "unauthorized_client")
	r.want("public client asks for its own", r.post("desktop", pathToken, "grant_type", "client_credentials"), 400, "unauthorized_client")
	r.want("no code", r.post("console", pathToken, "grant_type", "authorization_code"), 400, "invalid_request")
	r.want("no refresh token", r.post("console", pathToken, "grant_type", "refresh_token"), 400, "invalid_request")
}

// The library takes the token endpoint's secrets from the URL, by any method.
func TestZitadel15_E12_NothingIsReadFromTheURL(t *testing.T) {
	r := newRig(t)
	good := url.Values{"grant_type": {"client_credentials"}, "client_id": {"service"}, "client_secret": {r.secrets["service"].Reveal()}}
	for _, path := range []string{pathToken, pathIntrospection, pathRevocation} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodPatch} {
			a := r.send(r.request(method, path+"?"+good.Encode(), nil))
			if a.Status != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "POST" {
				t.Errorf("%s %s: %d, Allow %q", method, path, a.Status, a.Header.Get("Allow"))
			}
		}
		r.want(path+" with a query", r.send(r.request(http.MethodPost, path+"?"+good.Encode(), good)), 400, "invalid_request")
		r.want(path+" with an empty value", r.send(r.request(http.MethodPost, path+"?x", good)), 400, "invalid_request")
	}
	access := r.tokensOf("console", authn.Password).text("access_token")
	r.want("UserInfo", r.send(r.request(http.MethodGet, pathUserInfo+"?access_token="+access, nil)), 400, "invalid_request")
	if a := r.send(r.request(http.MethodDelete, pathDiscovery, nil)); a.Status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE on discovery: %d", a.Status)
	}
	if strings.Contains(r.logged.String(), access) || strings.Contains(r.logged.String(), r.secrets["service"].Reveal()) {
		t.Error("a secret of a URL was logged")
	}
}
