package e2e

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	zrp "github.com/zitadel/oidc/v3/pkg/client/rp"
	zhttp "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"

	"stile/stiletest"
)

// The tests of this file follow what a grant was given for: who else proves
// what, where and when, changes nothing about it; only the account's policy and
// the end of its session do.

// invalidGrant fails unless the token endpoint refused a grant and said this.
func invalidGrant(t testing.TB, err error, says string) {
	t.Helper()
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" || refused.Response.StatusCode != http.StatusBadRequest || !strings.Contains(refused.ErrorDescription, says) {
		t.Errorf("want status 400 and invalid_grant with %q, have %v", says, err)
	}
}

// desktopApp returns a relying party that uses the demo's desktop client.
func (s *system) desktopApp(t testing.TB, scopes ...string) *stiletest.RP {
	t.Helper()
	return s.rp(t, s.demoClient(t, "desktop"), stiletest.CallbackServer(t), scopes...)
}

// The switch, in the accounts and with the clients of the demo.
func TestL01_SwitchInTheDemo(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	const sales = "Example Sales"
	rp := s.desktopApp(t, "openid", "offline_access")
	api := s.demoClient(t, "api")

	// Signed in by password alone: in the console, with a code that waits, and
	// in the desktop app of somebody who has an authenticator beside.
	w := newWalker(t, s, s.demoUser(t, member))
	w.Open(s.Console)
	w.Press("Sign in")
	w.password()
	first := w.console()
	wantPassword(t, first)
	held := w.tokens(rp)
	waiting := rp.Begin()
	code := rp.Answer(waiting, w.Open(waiting.URL).URL).Get("code")

	enrolled := newWalker(t, s, s.newPerson(t, sales))
	strong := enrolled.tokens(rp, "acr_values", acrMFA)
	wantMFA(t, strong.Claims)
	lax := enrolled.elsewhere()
	weak := lax.tokens(rp)
	wantPassword(t, weak.Claims)

	support := newWalker(t, s, s.demoUser(t, agent))
	undisturbed := support.tokens(rp)

	change := func(to string) result {
		return run(t, "", "stile", "policy", "update", sales, "--two-step", to, "--config", s.Config())
	}
	if r := change("required"); r.Code != 1 || !strings.Contains(r.Err, "Sales tablets has 4.2 build 1570") {
		t.Fatalf("before the tablets are raised: exit %d, %q", r.Code, r.Err)
	}
	if got := s.active(t, api, held.AccessToken); got["active"] != true {
		t.Errorf("a refused switch has touched a token: %v", got)
	}
	if r := s.apply(t, "accounts:\n  - name: "+sales+"\n    device_groups:\n      - {name: Sales tablets, client_version: \"4.3\", client_build: 1580}\n"); r.Code != 0 {
		t.Fatal(r.Err)
	}
	if r := change("required"); r.Code != 0 {
		t.Fatal(r.Err)
	}

	const more = "requires more than was proven"
	for range 2 { // a refusal spends nothing
		for _, token := range []string{held.RefreshToken, weak.RefreshToken} {
			_, err := rp.Refresh(token)
			invalidGrant(t, err, more)
		}
	}
	_, err := rp.Exchange(waiting, code)
	invalidGrant(t, err, more)
	for name, c := range map[string]struct {
		tokens stiletest.Tokens
		active bool
	}{
		"a password alone": {held, false}, "a password alone, with an authenticator": {weak, false},
		"a code before the switch": {strong, true}, "another account": {undisturbed, true},
	} {
		if got := s.active(t, api, c.tokens.AccessToken); got["active"] != c.active {
			t.Errorf("%s: introspected %v", name, got)
		}
	}
	for name, c := range map[string]struct {
		w      *walker
		tokens stiletest.Tokens
	}{"a code before the switch": {enrolled, strong}, "another account": {support, undisturbed}} {
		silent := rp.Begin("prompt", "none")
		for way, got := range map[string]stiletest.Tokens{
			"single sign-on": rp.Redeem(silent, c.w.Open(silent.URL).URL), "refresh": refreshed(t, rp, c.tokens),
		} {
			if got.Claims.AuthTime != c.tokens.Claims.AuthTime || got.Claims.ACR != acrMFA {
				t.Errorf("%s by %s: %+v, was %+v", name, way, got.Claims, c.tokens.Claims)
			}
		}
	}
	for _, c := range []struct {
		w    *walker
		asks string
	}{{w, "two-step-introduction"}, {lax, "enter-code"}} {
		silent := rp.Begin("prompt", "none")
		if got := rp.Answer(silent, c.w.Open(silent.URL).URL).Get("error"); got != "interaction_required" {
			t.Errorf("prompt=none for a password alone: %s", got)
		}
		c.w.Open(rp.Begin().URL)
		c.w.want(c.asks) // and not the password, which was proven
	}

	// Off again: what was given for a password is enough again, and no more than it was.
	if r := change("optional"); r.Code != 0 {
		t.Fatal(r.Err)
	}
	for _, was := range []stiletest.Tokens{held, weak} {
		got := refreshed(t, rp, was).Claims
		wantPassword(t, got)
		if got.AuthTime != was.Claims.AuthTime {
			t.Errorf("auth_time %d, was %d", got.AuthTime, was.Claims.AuthTime)
		}
	}
	_, err = rp.Exchange(waiting, code)
	invalidGrant(t, err, "used before")
	silent := rp.Begin("prompt", "none")
	if got := rp.Redeem(silent, w.Open(silent.URL).URL).Claims; got.AuthTime != first.AuthTime || got.ACR == acrMFA {
		t.Errorf("the session says %+v, said %+v", got, first)
	}
}

func refreshed(t testing.TB, rp *stiletest.RP, was stiletest.Tokens) stiletest.Tokens {
	t.Helper()
	got, err := rp.Refresh(was.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// From the console to the desktop app and to a tool of another vendor, each
// without another screen of the sign-in.
func TestOneSignInForTheDemo(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	w := newWalker(t, s, s.demoUser(t, agent))
	w.Open(s.Console)
	w.Press("Sign in")
	w.goOn()
	first := w.console()
	wantMFA(t, first)
	callback := stiletest.CallbackServer(t)
	tool := s.rp(t, s.registered(t, s.stile(t, "", "client", "create", "--json", "--name", "Other Tool", "--type", "web", "--redirect-uri", callback, "--third-party")), callback)
	for name, rp := range map[string]*stiletest.RP{"desktop": s.desktopApp(t), "tool": tool} {
		before, attempt := len(w.Visited), rp.Begin()
		if w.Open(attempt.URL).Screen() == "consent" {
			w.Press("Allow")
		}
		for _, a := range w.Visited[before:] {
			if strings.Contains(a.URL, "/login/") {
				t.Errorf("%s: the sign-in was shown again: %s", name, a.URL)
			}
		}
		got := rp.Redeem(attempt, w.Page().URL).Claims
		wantMFA(t, got)
		if got.Subject != first.Subject || got.AuthTime != first.AuthTime || got.SID == first.SID {
			t.Errorf("%s: %+v, the console has %+v", name, got, first)
		}
	}
}

// Proving more, and later, in this browser or another leaves earlier grants as
// they are.
func TestE05_EarlierGrantsStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "optional")))
	first := w.tokens(rp)
	wantPassword(t, first.Claims)
	s.clock.Move(2 * time.Second)
	other := w.elsewhere()
	elsewhere := other.tokens(rp, "acr_values", acrMFA)
	wantMFA(t, elsewhere.Claims)
	w.app = other.app
	s.clock.Move(2 * time.Second)
	stepped := w.tokens(rp, "acr_values", acrMFA)
	wantMFA(t, stepped.Claims)
	s.clock.Move(2 * time.Second)
	anew := w.tokens(rp, "prompt", "login", "acr_values", acrMFA)
	wantMFA(t, anew.Claims)
	if stepped.Claims.AuthTime != first.Claims.AuthTime || anew.Claims.AuthTime <= elsewhere.Claims.AuthTime {
		t.Errorf("auth_time %d by password, %d elsewhere, %d stepped up, %d anew: want that of the oldest proof that counts",
			first.Claims.AuthTime, elsewhere.Claims.AuthTime, stepped.Claims.AuthTime, anew.Claims.AuthTime)
	}
	for range 2 {
		for _, grant := range []*stiletest.Tokens{&first, &elsewhere, &stepped, &anew} {
			got := refreshed(t, rp, *grant)
			if got.Claims.AuthTime != grant.Claims.AuthTime || got.Claims.ACR != grant.Claims.ACR || !slices.Equal(got.Claims.AMR, grant.Claims.AMR) {
				t.Errorf("refreshed %+v, was %+v", got.Claims, grant.Claims)
			}
			*grant = got
		}
	}
}

// Proofs that are too old for the client that asks are given again, both.
func TestProofsTooOldForTheClient(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	last := w.tokens(rp)
	s.clock.Move(4 * time.Minute)
	if got := w.tokens(rp, "max_age", "300"); got.Claims.AuthTime != last.Claims.AuthTime {
		t.Errorf("auth_time %d of proofs that are fresh enough, was %d", got.Claims.AuthTime, last.Claims.AuthTime)
	}
	s.clock.Move(2 * time.Minute)
	silent := rp.Begin("max_age", "300", "prompt", "none")
	if got := rp.Answer(silent, w.Open(silent.URL).URL).Get("error"); got != "login_required" {
		t.Errorf("prompt=none with old proofs: %s", got)
	}
	for _, params := range [][]string{{"max_age", "300"}, {"max_age", "0"}, {"prompt", "login"}, {"prompt", "login", "id_token_hint", last.IDToken}} {
		s.clock.Move(time.Minute)
		since := s.clock.Now().Unix()
		if params[1] == "300" {
			since -= 60 // the proofs were too old already
		}
		attempt := rp.Begin(params...)
		w.Open(attempt.URL)
		w.password()
		w.code()
		got := rp.Redeem(attempt, w.Page().URL).Claims
		wantMFA(t, got)
		if got.AuthTime < since || got.AuthTime > s.clock.Now().Unix() {
			t.Errorf("%v: auth_time %d, want one since %d", params, got.AuthTime, since)
		}
	}
}

// A code that waits when its user signs out is worth nothing; what the user has
// in another browser goes on.
func TestC05_SignedOutBeforeTheExchange(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	rp := s.console(t)
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "optional")))
	other := w.elsewhere()
	here, there := w.tokens(rp), other.tokens(rp)
	waiting := rp.Begin()
	code := rp.Answer(waiting, w.Open(waiting.URL).URL).Get("code")
	offline := rp.Begin("scope", "openid offline_access")
	later := rp.Answer(offline, w.Open(offline.URL).URL).Get("code")

	w.Open(s.Issuer + "/end_session?" + url.Values{"id_token_hint": {here.IDToken}}.Encode())
	w.want("signed-out")
	_, err := rp.Exchange(waiting, code)
	invalidGrant(t, err, "sign in again")
	_, err = rp.Exchange(offline, later)
	invalidGrant(t, err, "sign in again")
	refreshed(t, rp, there)
	silent := rp.Begin("prompt", "none")
	rp.Redeem(silent, other.Open(silent.URL).URL)
}

// The ready-made handlers of a client library, with its own PKCE and cookies.
func TestHandlersOfALibrary(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	mux := http.NewServeMux()
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	c := s.newClient(t, map[string]any{
		"client_name": "Handlers", "redirect_uris": []string{site.URL + "/callback"},
		"grant_types": []string{"authorization_code", "refresh_token"}, "scope": "openid email offline_access",
	})
	cookies := zhttp.NewCookieHandler([]byte(strings.Repeat(rand.Text(), 3)[:64]), []byte(strings.Repeat(rand.Text(), 2)[:32]), zhttp.WithUnsecure())
	party, err := zrp.NewRelyingPartyOIDC(t.Context(), s.Issuer, c.ID, c.Secret, site.URL+"/callback", []string{"openid", "email", "offline_access"},
		zrp.WithPKCE(cookies), zrp.WithCookieHandler(cookies), zrp.WithAuthStyle(oauth2.AuthStyleInHeader), zrp.WithSigningAlgsFromDiscovery())
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan *oidc.Tokens[*oidc.IDTokenClaims], 1)
	const state = "a state/+&="
	mux.Handle("/login", zrp.AuthURLHandler(func() string { return state }, party, zrp.WithURLParam("acr_values", acrMFA)))
	mux.Handle("/callback", zrp.CodeExchangeHandler(zrp.UserinfoCallback(
		func(w http.ResponseWriter, _ *http.Request, tokens *oidc.Tokens[*oidc.IDTokenClaims], state string, _ zrp.RelyingParty, info *oidc.UserInfo) {
			got <- tokens
			fmt.Fprint(w, info.Email, " ", state)
		}), party))

	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "optional")))
	if page := w.signIn(site.URL + "/login"); page.Status != http.StatusOK || page.Body != w.who.Email+" "+state {
		t.Fatalf("the library did not get its tokens: %s", page)
	}
	tokens := <-got
	claims := tokens.IDTokenClaims
	if claims.AuthenticationContextClassReference != acrMFA || !slices.Equal(slices.Sorted(slices.Values(claims.AuthenticationMethodsReferences)), []string{"mfa", "otp", "pwd"}) {
		t.Errorf("claims %+v", claims)
	}
	renewed, err := zrp.RefreshTokens[*oidc.IDTokenClaims](t.Context(), party, tokens.RefreshToken, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if !renewed.IDTokenClaims.GetAuthTime().Equal(claims.GetAuthTime()) {
		t.Errorf("auth_time %v, was %v", renewed.IDTokenClaims.GetAuthTime(), claims.GetAuthTime())
	}
}
