package op

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/signin"
	"stile/storage"
	"stile/token"
)

func TestSessionThatSufficesGetsItsCodeAtOnce(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	s := b.signIn(f.user, authn.Password)
	b.authorize("console") // the client is in memory from here on
	var a reply
	n := f.statements(func() { a = b.authorize("console", "scope", "openid email", "claims", `{"userinfo":{"name":null}}`) })
	code := f.wantCode("first", a, "console")
	// One read, and one write: three statements in the embedded database's transaction.
	if n > 4 {
		t.Errorf("%d statements", n)
	}
	tokens := f.exchange("console", code)
	if tokens.Status != http.StatusOK {
		t.Fatalf("exchange: %s", tokens.Text)
	}
	claims := f.claims(tokens.text("id_token"), "RS256")
	for name, want := range map[string]any{
		"nonce": "n", "acr": acrPassword, "sub": f.user.ID, "sid": f.p.Tokens.SID(s.ID, "console"), "auth_time": float64(f.at.Unix()),
	} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	if v := f.answered(b.authorize("console"), "console"); v.Get("state") != "st" {
		t.Errorf("state is %q", v.Get("state"))
	}
}

func TestA04_TheRequirementThatWasSealedCounts(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	back := b.returned(b.authorize("console", "acr_values", acrMFA, "max_age", "60"))
	b.signIn(f.user, authn.Password)
	for what, target := range map[string]string{
		"as it was":            back,
		"with acr_values":      back + "&acr_values=" + url.QueryEscape(acrPassword),
		"with claims, max_age": back + "&claims=%7B%7D&max_age=99999&prompt=none",
	} {
		if a := b.get(target); b.returned(a) == "" || f.at.IsZero() {
			t.Errorf("%s: %v", what, a)
		}
	}
	changed := []byte(back)
	changed[len(changed)-9] ^= 1
	f.wantPage("one byte changed", b.get(string(changed)), http.StatusGone, "error") // A05
	b.signIn(f.user, authn.Password, authn.TOTP)
	code := f.wantCode("with the second factor", b.get(back), "console")
	if claims := f.claims(f.exchange("console", code).text("id_token"), "RS256"); claims["acr"] != acrMFA {
		t.Errorf("acr is %v", claims["acr"])
	}
}

func TestA05_SealedRequestGivesAnotherBrowserNothing(t *testing.T) {
	f := newFront(t)
	a, b := f.browser(), f.browser()
	back := a.returned(a.authorize("grafana"))
	a.signIn(f.user, authn.Password)
	b.returned(b.get(back)) // starts from the first screen
	f.at = f.at.Add(61 * time.Minute)
	over := a.get(back)
	f.wantPage("an hour later", over, http.StatusGone, "error")
	if !strings.Contains(over.Text, "Grafana") || !strings.Contains(over.Text, `href="https://grafana.test/home"`) {
		t.Errorf("the page does not lead back to the client: %s", over.Text)
	}
}

func TestA06_PromptNoneNeverShowsAPage(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	f.wantError("no session", b.authorize("console", "prompt", "none"), "console", "login_required")
	s := b.signIn(f.user, authn.Password)
	f.at = f.at.Add(5 * time.Minute)
	f.wantCode("session", b.authorize("console", "prompt", "none"), "console")
	v, err := f.db.Session(t.Context(), seal.HashToken(b.cookies["__Host-stile-session"]), "")
	f.must(err)
	if !v.Session.SeenAt.Equal(s.SeenAt) {
		t.Error("a silent request counts as the user's activity")
	}
	f.wantError("too old", b.authorize("console", "prompt", "none", "max_age", "60"), "console", "login_required")
	f.wantError("second factor missing", b.authorize("console", "prompt", "none", "acr_values", acrMFA), "console", "interaction_required")
	f.wantError("consent missing", b.authorize("grafana", "prompt", "none"), "grafana", "consent_required")
	f.requireTwoSteps()
	f.wantError("L01: policy raised", b.authorize("console", "prompt", "none"), "console", "interaction_required")
	b.signIn(f.elsewhere, authn.Password)
	f.wantError("user of another account", b.authorize("bound", "prompt", "none"), "bound", "account_selection_required")
	f.wantError("user of another account, aloud", b.authorize("bound"), "bound", "access_denied")
	alone := f.browser()
	alone.signIn(f.elsewhere, authn.Password)
	f.wantError("user of another account alone", alone.authorize("bound", "prompt", "none"), "bound", "access_denied")
	f.at = f.at.Add(time.Minute)
	b.authorize("console", "prompt", "none") // the client is in memory, the keys are due to be read again
	f.must(f.db.Close())
	f.wantError("no database for a hint", b.authorize("console", "prompt", "none", "id_token_hint",
		unsigned(`{"alg":"ES256","typ":"JWT","kid":"x"}`)), "console", "temporarily_unavailable")
	f.wantError("no database", b.authorize("console", "prompt", "none"), "console", "temporarily_unavailable")
}

func TestA07_ProofsAreAskedAnewOnceAndNotForEver(t *testing.T) {
	f := newFront(t)
	for _, params := range [][]string{{"max_age", "0"}, {"prompt", "login"}, {"max_age", "30"}} {
		b := f.browser()
		b.signIn(f.user, authn.Password)
		f.at = f.at.Add(time.Minute)
		back := b.returned(b.authorize("console", params...))
		f.at = f.at.Add(10 * time.Minute) // a slow user
		b.signIn(f.user, authn.Password)
		f.at = f.at.Add(time.Minute)
		code := f.wantCode(strings.Join(params, "="), b.get(back), "console")
		claims := f.claims(f.exchange("console", code).text("id_token"), "RS256")
		if claims["auth_time"] != float64(f.at.Add(-time.Minute).Unix()) {
			t.Errorf("%v: auth_time is not that of the new proof", params)
		}
	}
}

func TestWhoWantsToChooseIsNotTakenForThePresentUser(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	f.at = f.at.Add(time.Second)
	asked := f.sealed(b.returned(b.authorize("console", "prompt", "select_account", "login_hint", "m@example.com")))
	if !asked.Choose || asked.LoginHint != "m@example.com" || !asked.Ask.Since.IsZero() {
		t.Errorf("select_account asks for %+v", asked)
	}
	switched := f.sealed(b.returned(b.press(b.consentPage(b.authorize("grafana", "login_hint", "m@example.com")), "other-user")))
	if !switched.SomeoneElse || switched.LoginHint != "" || !switched.Ask.Since.Equal(f.at) {
		t.Errorf("Switch asks for %+v", switched)
	}
}

// sealed opens the sign-in request of a path of ours.
func (f *front) sealed(path string) signin.Request {
	f.t.Helper()
	u, err := url.Parse(path)
	f.must(err)
	req, err := f.p.SignIns.OpenRequest(f.t.Context(), u.Query().Get("r"))
	f.must(err)
	return req
}

// A client's registration is a floor: a request asks for more, and never for
// less, since whoever has the password can edit the address.
func TestL06_RegistrationHoldsWhateverTheRequestSays(t *testing.T) {
	f := newFront(t)
	age := 60
	f.register(storage.Client{ID: "strict", Metadata: storage.Metadata{RedirectURIs: []string{"https://strict.test/cb"}, Scope: "openid", DefaultMaxAge: &age, DefaultACRValues: []string{"phr", acrREFEDS}}})
	b := f.browser()
	b.signIn(f.user, authn.Password)
	acr := func(text string) []string { return []string{"claims", `{"id_token":{"acr":` + text + `}}`} }
	lower := map[string][]string{
		"nothing":            {},
		"acr_values":         {"acr_values", acrPassword},
		"unknown acr_values": {"acr_values", "nonsense"},
		"voluntary":          acr(`{"essential":false,"values":["nonsense"]}`),
		"voluntary, lower":   acr(`{"essential":false,"value":"` + acrPassword + `"}`),
		"essential, lower":   acr(`{"essential":true,"value":"` + acrPassword + `"}`),
	}
	for what, pairs := range lower {
		b.returned(b.authorize("strict", pairs...))
		f.wantError(what, b.authorize("strict", append(pairs, "prompt", "none")...), "strict", "interaction_required")
	}
	b.signIn(f.user, authn.Password, authn.TOTP)
	for what, pairs := range lower {
		f.wantCode(what, b.authorize("strict", pairs...), "strict")
	}
	f.at = f.at.Add(30 * time.Second)
	b.returned(b.authorize("strict", "max_age", "20"))
	f.at = f.at.Add(time.Minute)
	for _, longer := range []string{"-", "600", "2000000000"} {
		b.returned(b.authorize("strict", "max_age", longer))
	}
}

func TestRegistrationAnswersInItsDialect(t *testing.T) {
	f := newFront(t)
	f.register(storage.Client{ID: "strict", Metadata: storage.Metadata{RedirectURIs: []string{"https://strict.test/cb"}, Scope: "openid", DefaultACRValues: []string{acrREFEDS}}})
	b := f.browser()
	b.signIn(f.user, authn.Password, authn.TOTP)
	for values, want := range map[string]string{"-": acrREFEDS, "nonsense": acrREFEDS, acrMFA: acrMFA, acrPassword: acrPassword} {
		code := f.wantCode(values, b.authorize("strict", "acr_values", values), "strict")
		a := f.post("strict", pathToken, "grant_type", "authorization_code", "code", code, "redirect_uri", redirects["strict"], "code_verifier", exampleVerifier)
		if claims := f.claims(a.text("id_token"), "RS256"); claims["acr"] != want {
			t.Errorf("acr_values %s: acr %v, want %s", values, claims["acr"], want)
		}
	}
}

func TestA10_HintNamesWhoIsWantedAndNeverSignsIn(t *testing.T) {
	f := newFront(t)
	hint := func(sub, client string) string {
		text, err := f.p.Tokens.ID(t.Context(), "ES256", token.IDClaims{Subject: sub, Audience: client})
		f.must(err)
		return text
	}
	b := f.browser()
	b.returned(b.authorize("console", "id_token_hint", hint(f.user.ID, "console")))
	b.signIn(f.user, authn.Password)
	f.wantCode("own hint", b.authorize("console", "id_token_hint", hint(f.user.ID, "console"), "prompt", "none"), "console")
	for what, sub := range map[string]string{"another user": f.admin.ID, "a user that never was": "deleted"} {
		f.wantError(what, b.authorize("console", "id_token_hint", hint(sub, "console"), "prompt", "none"), "console", "login_required")
		f.wantError(what+" by claims", b.authorize("console", "prompt", "none", "claims", `{"id_token":{"sub":{"value":"`+sub+`"}}}`), "console", "login_required")
		back := b.returned(b.authorize("console", "id_token_hint", hint(sub, "console")))
		f.wantError(what+", but the same signs in", b.get(back), "console", "login_required")
	}
	f.wantError("hint for another client", b.authorize("console", "id_token_hint", hint(f.user.ID, "other")), "console", "invalid_request")
	f.wantError("hint and sub differ", b.authorize("console", "id_token_hint", hint(f.user.ID, "console"),
		"claims", `{"id_token":{"sub":{"value":"x"}}}`), "console", "invalid_request")
	access, err := f.p.Tokens.AccessJWT(t.Context(), token.AccessClaims{Subject: f.user.ID, ClientID: "console", Audience: token.Audience{"console"}})
	f.must(err)
	f.wantError("an access token", b.authorize("console", "id_token_hint", access), "console", "invalid_request")
}

func TestZitadel09_RequestGivesOneCode(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	back := b.returned(b.authorize("console"))
	b.signIn(f.user, authn.Password)
	codes := make([]reply, 8)
	var wg sync.WaitGroup
	for i := range codes {
		wg.Go(func() { // each with cookies of its own: a browser is not for several goroutines
			twin := f.browser()
			twin.cookies["__Host-stile-session"] = b.cookies["__Host-stile-session"]
			codes[i] = twin.get(back)
		})
	}
	wg.Wait()
	given := 0
	for _, a := range codes {
		if a.Status == http.StatusSeeOther {
			f.wantCode("winner", a, "console")
			given++
			continue
		}
		f.wantPage("others", a, http.StatusOK, "finished")
	}
	if given != 1 {
		t.Errorf("%d codes for one request", given)
	}
	f.wantPage("reload", b.get(back), http.StatusOK, "finished")
	b.cookies = map[string]string{}
	again := b.returned(b.get(back)) // signed out meanwhile
	b.signIn(f.user, authn.Password)
	f.wantPage("reload after another sign-in", b.get(again), http.StatusOK, "finished")
}

func TestPostFromAnotherSiteIsTakenOverIntoAGetOfOurOwn(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	cookie := b.cookies["__Host-stile-session"]
	a := b.do(http.MethodPost, pathAuthorize, authorizeQuery("console"), "Sec-Fetch-Site", "cross-site", "Origin", "https://rp.test")
	if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/authorize?r=") {
		t.Fatalf("answered %d %s", a.Status, a.Header.Get("Location"))
	}
	f.wantCode("then", b.get(a.Header.Get("Location")), "console")
	if b.cookies["__Host-stile-session"] != cookie {
		t.Error("the session cookie was changed")
	}
	split := authorizeQuery("console", "state", "-")
	a = b.do(http.MethodPost, pathAuthorize+"?state=st", split)
	f.wantCode("query and body together", b.get(a.Header.Get("Location")), "console")
	a = b.do(http.MethodPost, pathAuthorize+"?nonce=n", authorizeQuery("console")) // A01
	f.wantError("nonce in query and body", a, "console", "invalid_request")
	a = b.do(http.MethodPost, pathAuthorize, authorizeQuery("console"), "Content-Type", "text/plain")
	f.wantPage("another content type", a, http.StatusUnsupportedMediaType, "error")
}

func TestL06_ACRValuesNeverLowerWhatIsRequired(t *testing.T) {
	f := newFront(t)
	f.requireTwoSteps()
	b := f.browser()
	b.signIn(f.user, authn.Password)
	hundred := strings.Repeat("unknown ", 100)
	for _, values := range []string{acrPassword, "unknown", "0", hundred, acrPassword + " " + acrMFA, acrMFA + " " + acrPassword, "phr"} {
		b.returned(b.authorize("console", "acr_values", values))
		b.returned(b.authorize("console", "claims", `{"id_token":{"acr":{"essential":false,"values":["`+acrPassword+`"]}}}`))
		b.returned(b.authorize("console", "claims", `{"id_token":{"acr":{"essential":true,"values":["`+acrPassword+`"]}}}`))
	}
	b.signIn(f.user, authn.Password, authn.TOTP)
	for values, want := range map[string]string{
		acrPassword: acrPassword, "unknown": acrMFA, hundred: acrMFA, "phr " + acrREFEDS: acrREFEDS, acrMFA + " " + acrPassword: acrMFA,
	} {
		code := f.wantCode(values, b.authorize("console", "acr_values", values), "console")
		if claims := f.claims(f.exchange("console", code).text("id_token"), "RS256"); claims["acr"] != want {
			t.Errorf("acr_values %.40q: acr %v, want %s", values, claims["acr"], want)
		}
	}
	for _, essential := range []string{`{"essential":true,"value":"phr"}`, `{"value":"phr"}`, `{"essential":true,"values":["phr","phrh","x"]}`} {
		a := b.authorize("console", "claims", `{"id_token":{"acr":`+essential+`}}`)
		f.wantError(essential, a, "console", "unmet_authentication_requirements")
	}
	f.wantCode("one of the essential is met", b.authorize("console", "claims", `{"id_token":{"acr":{"essential":true,"values":["phr","`+acrMFA+`"]}}}`), "console")
}

func TestClientOfOneAccountIsForItsUsers(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.elsewhere, authn.Password)
	f.wantError("another account's user", b.authorize("bound"), "bound", "access_denied")
	f.at = f.at.Add(time.Minute)
	back := b.returned(b.authorize("bound", "prompt", "login"))
	f.at = f.at.Add(time.Minute)
	b.signIn(f.user, authn.Password)
	f.wantCode("its own user", b.get(back), "bound")
}

func TestClientThatWasChangedJustNowIsReadAgain(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	f.wantCode("before", b.authorize("console"), "console")
	change := func(do func(*storage.Client)) {
		_, err := f.db.UpdateClient(t.Context(), "console", func(c *storage.Client) error { do(c); return nil }, audit.System)
		f.must(err)
	}
	change(func(c *storage.Client) { c.Metadata.Name = "Renamed" })
	f.wantCode("renamed", b.authorize("console"), "console")
	change(func(c *storage.Client) { c.Metadata.RedirectURIs = []string{"https://moved.test/cb"} })
	f.wantPage("redirect URI withdrawn", b.authorize("console"), http.StatusBadRequest, "error")
	change(func(c *storage.Client) { c.Disabled = true })
	f.wantPage("disabled", b.authorize("console"), http.StatusBadRequest, "error")
}

func TestNativeAppsAreReachedWithoutAPageBetween(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	f.wantCode("private scheme", b.authorize("app"), "app")
	f.wantCode("loopback on another port", b.authorize("desktop"), "desktop") // B03
	f.wantPage("B03: localhost for 127.0.0.1", b.authorize("desktop", "redirect_uri", "http://localhost:4711/callback"), http.StatusBadRequest, "error")
	f.wantError("C03: without PKCE", b.authorize("app", "code_challenge", "-", "code_challenge_method", "-"), "app", "invalid_request")
}

func TestIssuedCodeSaysWhyNothingMoreWasAsked(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	b.authorize("console")
	f.at = f.at.Add(time.Minute)
	b.signIn(f.user, authn.Password, authn.TOTP)
	b.authorize("console", "acr_values", acrMFA)
	var reasons []string
	for _, e := range f.events(audit.GrantIssued) {
		reasons = append(reasons, e.Reason)
		if e.Actor.Kind != "user" || e.SubjectID != f.user.ID || e.ClientID != "console" || e.GrantID == "" || e.SessionID == "" {
			t.Errorf("event %+v", e)
		}
	}
	if strings.Join(reasons, " ") != "already_proven not_required" {
		t.Errorf("reasons, newest first: %v", reasons)
	}
}
