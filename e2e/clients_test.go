package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"stile/stiletest"
)

const acrMFA = "urn:stile:acr:mfa"

func TestClients(t *testing.T) {
	t.Parallel()
	each(t, startServe(t, ""), map[string]func(*testing.T, *system){
		"one sign-in for all clients":               oneSignIn,
		"third parties ask for consent":             consent,
		"L06 levels that are asked for":             levels,
		"max_age and prompt":                        freshness,
		"B05 form_post, fragment, odd states":       responseModes,
		"form_post in Chromium":                     formPost,
		"id_token_hint and login_hint":              hints,
		"clients of one account are for it alone":   ownClients,
		"F01 signing out":                           signingOut,
		"F03 what ends with the session":            endsWithSession,
		"a standard library walks the whole way":    zitadelClient,
		"E09 introspection and revocation":          introspection,
		"a service gets tokens of its own":          service,
		"H08 CORS for clients in browsers":          cors,
		"userinfo says what the scopes allow":       userinfo,
		"E01 refresh tokens rotate, reuse is theft": rotation,
	})
}

// answered fails unless a page is the answer to a request with this error.
func answered(t testing.TB, rp *stiletest.RP, a stiletest.Attempt, page *stiletest.Page, want string) {
	t.Helper()
	if q := rp.Answer(a, page.URL); q.Get("error") != want || q.Has("code") {
		t.Errorf("answer %v, want %s", q, want)
	}
}

func oneSignIn(t *testing.T, s *system) {
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	first := w.tokens(s.console(t))
	wantMFA(t, first.Claims)

	callback := stiletest.CallbackServer(t)
	tool := s.registered(t, s.stile(t, "", "client", "create", "--json", "--name", "Tool", "--type", "web", "--redirect-uri", callback, "--third-party"))
	rp := s.rp(t, tool, callback)
	attempt := rp.Begin()
	w.Open(attempt.URL)
	w.want("consent") // and nothing else: no password, no code
	w.Press("Allow")
	second := rp.Redeem(attempt, w.Page().URL)
	if second.Claims.AuthTime != first.Claims.AuthTime || second.Claims.Subject != first.Claims.Subject || second.Claims.ACR != first.Claims.ACR {
		t.Errorf("by single sign-on %+v, at first %+v", second.Claims, first.Claims)
	}
	if second.Claims.SID == "" || second.Claims.SID == first.Claims.SID {
		t.Errorf("sid %q and %q: want one for each client", first.Claims.SID, second.Claims.SID)
	}
	sent := len(w.Visited)
	w.tokens(s.console(t))
	for _, a := range w.Visited[sent:] {
		if a.Method == http.MethodPost {
			t.Errorf("a third client needed a form at %s", a.URL)
		}
	}
}

func consent(t *testing.T, s *system) {
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "optional")))
	callback := stiletest.CallbackServer(t)
	rp := s.rp(t, s.newClient(t, map[string]any{
		"client_name": "Grapher", "redirect_uris": []string{callback}, "client_uri": "https://grapher.example/",
		"grant_types": []string{"authorization_code", "refresh_token"}, "scope": "openid profile email offline_access",
	}, "--third-party"), callback, "openid", "email")
	w.tokens(s.console(t))

	silent := rp.Begin("prompt", "none")
	answered(t, rp, silent, w.Open(silent.URL), "consent_required")

	attempt := rp.Begin()
	w.Open(attempt.URL)
	w.want("consent")
	for _, part := range []string{"Grapher", "grapher.example", w.who.Email, "see your e-mail address"} {
		if !strings.Contains(w.Page().Text(), part) {
			t.Errorf("the consent page does not say %q: %s", part, w.Page())
		}
	}
	if strings.Contains(w.Page().Text(), "openid") {
		t.Errorf("the consent page shows the names of scopes: %s", w.Page())
	}
	answered(t, rp, attempt, w.Press("Don't allow"), "access_denied")

	attempt = rp.Begin()
	w.Open(attempt.URL)
	w.want("consent") // a refusal is not remembered
	w.Submit(nil)     // Allow is the first button
	if got := rp.Email(rp.Redeem(attempt, w.Page().URL)); got != w.who.Email {
		t.Errorf("userinfo for %q, want %q", got, w.who.Email)
	}
	s.mails(t, w.who.Email, "An app may use your account", 1)

	attempt = rp.Begin()
	rp.Redeem(attempt, w.Open(attempt.URL).URL) // consent is remembered

	attempt = rp.Begin("scope", "openid email profile offline_access")
	w.Open(attempt.URL)
	w.want("consent")
	if text := w.Page().Text(); strings.Contains(text, "e-mail address") || !strings.Contains(text, "stay signed in while you are away") {
		t.Errorf("want only what is new: %s", w.Page())
	}
	w.Press("Allow")
	if tokens := rp.Redeem(attempt, w.Page().URL); tokens.RefreshToken == "" {
		t.Error("no refresh token with offline_access")
	}

	attempt = rp.Begin("prompt", "consent")
	w.Open(attempt.URL)
	w.want("consent")
	w.Press("Allow")
	rp.Redeem(attempt, w.Page().URL)
}

func levels(t *testing.T, s *system) {
	rp := s.console(t)
	essential := func(value string) []string {
		return []string{"claims", `{"id_token":{"acr":{"essential":true,"value":"` + value + `"}}}`}
	}
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "optional")))
	wantPassword(t, w.tokens(rp).Claims)

	unmet := rp.Begin(essential("phr")...)
	answered(t, rp, unmet, w.Open(unmet.URL), "unmet_authentication_requirements")
	silent := rp.Begin(append(essential(acrMFA), "prompt", "none")...)
	answered(t, rp, silent, w.Open(silent.URL), "interaction_required")
	wantPassword(t, w.tokens(rp, "acr_values", "phr nonsense").Claims) // voluntary: said truthfully
	wantPassword(t, w.tokens(rp, "acr_values", "urn:stile:acr:password "+acrMFA).Claims)

	// Stepping up asks for what is missing: no password again, but an enrolment.
	attempt := rp.Begin(essential(acrMFA)...)
	w.Open(attempt.URL)
	w.want("two-step-introduction")
	if !strings.Contains(w.Page().Text(), "Acme Console asks for two-step verification.") {
		t.Errorf("the page doesn't say who asks: %s", w.Page())
	}
	w.goOn()
	wantMFA(t, rp.Redeem(attempt, w.Page().URL).Claims)
	if got := w.tokens(rp, "acr_values", "https://refeds.org/profile/mfa").Claims.ACR; got != "https://refeds.org/profile/mfa" {
		t.Errorf("acr %q for a client that speaks another dialect", got)
	}
	if got := w.tokens(rp, "acr_values", "urn:stile:acr:password").Claims; got.ACR != "urn:stile:acr:password" || !slices.Contains(got.AMR, "otp") {
		t.Errorf("%+v for a client that asks for a level below", got)
	}

	// Elsewhere a password is enough, until somebody asks for more.
	w = w.elsewhere()
	wantPassword(t, w.tokens(rp).Claims)
	attempt = rp.Begin("acr_values", acrMFA)
	w.Open(attempt.URL)
	w.want("enter-code")
	w.code()
	wantMFA(t, rp.Redeem(attempt, w.Page().URL).Claims)
}

func freshness(t *testing.T, s *system) {
	rp := s.console(t)
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "optional")))
	none := rp.Begin("prompt", "none")
	answered(t, rp, none, w.Open(none.URL), "login_required")
	first := w.tokens(rp)

	again := w.tokens(rp, "max_age", "3600")
	if again.Claims.AuthTime != first.Claims.AuthTime {
		t.Errorf("auth_time moved from %d to %d without a proof", first.Claims.AuthTime, again.Claims.AuthTime)
	}
	silent := rp.Begin("prompt", "none")
	if got := rp.Redeem(silent, w.Open(silent.URL).URL).Claims.AuthTime; got != first.Claims.AuthTime {
		t.Errorf("auth_time %d by prompt=none, want %d", got, first.Claims.AuthTime)
	}
	stale := rp.Begin("prompt", "none", "max_age", "0")
	answered(t, rp, stale, w.Open(stale.URL), "login_required")

	for _, params := range [][]string{{"max_age", "0"}, {"prompt", "login"}} {
		attempt := rp.Begin(params...)
		w.Open(attempt.URL)
		w.want("sign-in")
		if w.Page().Field("email") != w.who.Email || !strings.Contains(w.Page().Text(), "Sign in again to continue") {
			t.Errorf("%v: %s with %q", params, w.Page(), w.Page().Field("email"))
		}
		w.password()
		if got := rp.Redeem(attempt, w.Page().URL).Claims.AuthTime; got < first.Claims.AuthTime {
			t.Errorf("%v: auth_time %d, before %d", params, got, first.Claims.AuthTime)
		}
	}
	bad := rp.Begin("max_age", "-1")
	answered(t, rp, bad, w.Open(bad.URL), "invalid_request")
	create := rp.Begin("prompt", "create")
	answered(t, rp, create, w.Open(create.URL), "invalid_request")
	both := rp.Begin("prompt", "none login")
	answered(t, rp, both, w.Open(both.URL), "invalid_request")
}

// oddStates hold what must come back as it was sent.
var oddStates = []string{
	`a b+c&d=e?f#g%41/\`, "\u00fc\u4e2d \U0001f510", `"><script>alert(1)</script>`, strings.Repeat("s", 1500),
}

func responseModes(t *testing.T, s *system) {
	rp := s.console(t)
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "optional")))
	w.tokens(rp)
	for _, state := range oddStates {
		attempt := rp.Begin("state", state)
		rp.Redeem(attempt, w.Open(attempt.URL).URL)

		attempt = rp.Begin("state", state, "response_mode", "fragment")
		at := w.Open(attempt.URL).URL
		q, err := url.ParseQuery(at.EscapedFragment())
		if err != nil || at.RawQuery != "" {
			t.Fatalf("fragment: %v in %s", err, at)
		}
		rp.RedeemFields(attempt, q)

		attempt = rp.Begin("state", state, "response_mode", "form_post")
		page := w.Open(attempt.URL)
		w.want("form-post")
		if strings.Contains(page.Body, "<script>alert") || page.Action() != rp.URL {
			t.Errorf("form to %s:\n%s", page.Action(), page.Body)
		}
		rp.RedeemFields(attempt, page.Fields())
	}
	bad := rp.Begin("response_mode", "postcard")
	answered(t, rp, bad, w.Open(bad.URL), "invalid_request")
}

func formPost(t *testing.T, s *system) {
	rp := s.console(t)
	c := startChrome(t, desktop)
	c.open(rp.Begin().URL)
	c.password(s.newPerson(t, s.newAccount(t, "optional")))
	c.screen("client")
	take := func(attempt stiletest.Attempt) {
		t.Helper()
		c.screen("client")
		q, err := url.ParseQuery(c.text("#posted"))
		if err != nil {
			t.Fatal(err)
		}
		rp.RedeemFields(attempt, q)
	}
	blocked := c.blocked()
	attempt := rp.Begin("response_mode", "form_post", "state", oddStates[2])
	c.open(attempt.URL) // the page sends itself
	take(attempt)

	c.withoutScripts()
	attempt = rp.Begin("response_mode", "form_post", "state", oddStates[0])
	c.open(attempt.URL)
	c.screen("form-post")
	c.submit()
	take(attempt)
	if b := blocked(); len(b) > 0 {
		t.Errorf("the browser was kept from something: %q", b)
	}
}

func hints(t *testing.T, s *system) {
	account := s.newAccount(t, "optional")
	rp := s.console(t)
	one, two := newWalker(t, s, s.newPerson(t, account)), newWalker(t, s, s.newPerson(t, account))
	first := one.tokens(rp)
	second := two.tokens(rp)

	own := rp.Begin("prompt", "none", "id_token_hint", first.IDToken)
	rp.Redeem(own, one.Open(own.URL).URL)
	other := rp.Begin("prompt", "none", "id_token_hint", second.IDToken)
	answered(t, rp, other, one.Open(other.URL), "login_required")

	attempt := rp.Begin("id_token_hint", second.IDToken)
	one.Open(attempt.URL)
	one.want("sign-in")
	switched := newWalker(t, s, two.who)
	switched.Browser = one.Browser
	switched.goOn()
	if got := rp.Redeem(attempt, switched.Page().URL).Claims.Subject; got != second.Claims.Subject {
		t.Errorf("signed in as %s, want the user of the hint %s", got, second.Claims.Subject)
	}

	w := newWalker(t, s, person{})
	for _, hint := range []string{one.who.Email, "nobody@example.com"} {
		if p := w.Open(rp.Begin("login_hint", hint).URL); p.Field("email") != hint {
			t.Errorf("login_hint %s gives %q", hint, p.Field("email"))
		}
	}
}

func ownClients(t *testing.T, s *system) {
	account := s.newAccount(t, "optional")
	callback := stiletest.CallbackServer(t)
	rp := s.rp(t, s.newClient(t, map[string]any{"client_name": "Intranet", "redirect_uris": []string{callback}, "scope": "openid email"}, "--account", account), callback)
	w := newWalker(t, s, s.newPerson(t, account))
	w.tokens(rp)
	stranger := newWalker(t, s, s.newPerson(t, s.newAccount(t, "optional")))
	attempt := rp.Begin()
	stranger.Open(attempt.URL)
	stranger.password()
	answered(t, rp, attempt, stranger.Page(), "access_denied")
}

// The console of the demo asks for a second factor before it shows payments:
// members of an account that does not ask for one enrol there and then.
func TestStepUpFromTheConsole(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	who := s.demoUser(t, member)
	c := startChrome(t, desktop)
	c.open(s.Console)
	c.press("Sign in")
	c.password(who)
	wantPassword(t, c.session(s))
	c.open(s.Console + "/payments")
	if got := c.text("h1"); got != "Payments need a second factor" {
		t.Errorf("payments with a password only: %s", got)
	}
	c.press("Step up")
	app := c.enrol(s, who, func(string) {})
	c.screen("enter-code")
	c.fill("code", app.Code())
	c.submit()
	if got := c.text("h1"); got != "Payments" {
		t.Errorf("after the step-up: %s", got)
	}
	c.look("payments")
	wantMFA(t, c.session(s))
	c.open(s.Console)
	c.press("Sign out")
	if got := do(c, "wait for the console", chromedp.Text(chromedp.CSS("h1"))); got != "Welcome" {
		t.Errorf("after signing out: %s", got)
	}
	c.press("Sign in")
	c.screen("sign-in")
}
