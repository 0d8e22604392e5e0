package op

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/storage"
)

// signedIn returns a browser with a session and the ID token of a client for it.
func (f *front) signedIn(client string, pairs ...string) (*browser, reply) {
	f.t.Helper()
	b := f.browser()
	b.signIn(f.user, authn.Password)
	code := f.wantCode("sign-in", b.authorize(client, pairs...), client)
	a := f.post(client, pathToken, "grant_type", "authorization_code", "code", code, "redirect_uri", redirects[client], "code_verifier", exampleVerifier)
	if a.Status != http.StatusOK {
		f.t.Fatalf("exchange: %s", a.Text)
	}
	return b, a
}

// live tells whether the browser is still signed in.
func (b *browser) live() bool {
	return b.f.answered(b.authorize("console", "prompt", "none"), "console").Has("code")
}

func leaveURL(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return pathEndSession + "?" + q.Encode()
}

func TestGoodHintOfThisSessionSignsOutAtOnce(t *testing.T) {
	f := newFront(t)
	for what, changes := range map[string][]string{
		"hint": {}, "hint and client": {"client_id", "odd"}, "with state": {"state", "a b&c"}, "post": {}, "an old hint": {},
	} {
		b, tokens := f.signedIn("odd")
		q := append([]string{"id_token_hint", tokens.text("id_token"), "post_logout_redirect_uri", "https://odd.test/out?z=1&a=%2f"}, changes...)
		if what == "an old hint" {
			f.at = f.at.Add(time.Hour)
		}
		cookie := b.cookies["__Host-stile-session"]
		var a reply
		if what == "post" {
			u, _ := url.Parse(leaveURL(q...))
			a = b.do(http.MethodPost, pathEndSession, u.Query(), "Sec-Fetch-Site", "cross-site")
			if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), pathEndSession+"?r=") || !b.live() {
				t.Errorf("a post from elsewhere: %d %s", a.Status, a.Header.Get("Location"))
			}
			a = b.get(a.Header.Get("Location"))
		} else {
			a = b.get(leaveURL(q...))
		}
		want := "https://odd.test/out?z=1&a=%2f"
		if what == "with state" {
			want += "&state=a%20b%26c"
		}
		if a.Status != http.StatusSeeOther || a.Header.Get("Location") != want {
			t.Errorf("%s: %d %s", what, a.Status, a.Header.Get("Location"))
		}
		b.cookies["__Host-stile-session"] = cookie
		if b.live() {
			t.Errorf("%s: F03: the old cookie still works", what)
		}
	}
	ended := f.events(audit.SessionEnded)
	if len(ended) != 5 || ended[0].SubjectID != f.user.ID || ended[0].Actor.ID != f.user.ID {
		t.Errorf("audit log: %+v", ended)
	}
}

func TestF01_WithoutAGoodHintAPageAsks(t *testing.T) {
	f := newFront(t)
	b, tokens := f.signedIn("console")
	other := f.browser()
	other.signIn(f.admin, authn.Password)
	foreign := func() string {
		code := f.wantCode("admin", other.authorize("console"), "console")
		return f.exchange("console", code).text("id_token")
	}()
	for what, target := range map[string]string{
		"nothing":                             pathEndSession,
		"client only":                         leaveURL("client_id", "console"),
		"Zitadel 25: client and redirect URI": leaveURL("client_id", "grafana", "post_logout_redirect_uri", "https://grafana.test/out"),
		"hint of another user":                leaveURL("id_token_hint", foreign),
		"hint and another client":             leaveURL("id_token_hint", tokens.text("id_token"), "client_id", "other"),
		"unsigned hint":                       leaveURL("id_token_hint", "eyJhbGciOiJub25lIn0.e30."),
		"misshapen hint":                      leaveURL("id_token_hint", "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOlsxXX0.AAAA"),
		"access token as hint":                leaveURL("id_token_hint", tokens.text("access_token")),
		"logout_hint":                         leaveURL("logout_hint", "ada@example.com"),
	} {
		a := b.get(target)
		to := a.Header.Get("Location")
		if a.Status != http.StatusSeeOther || !strings.HasPrefix(to, pathSignOut+"?r=") {
			t.Errorf("%s: %d %s", what, a.Status, to)
			continue
		}
		page := b.get(to)
		f.wantPage(what, page, http.StatusOK, "sign-out")
		if !strings.Contains(page.Text, "ada@example.com") || !strings.Contains(page.Text, "<li><bdi>console<") || !b.live() {
			t.Errorf("%s: the page does not say who, or the session ended", what)
		}
	}
	f.wantPage("a parameter given twice", b.get(pathEndSession+"?state=a&state=b"), http.StatusBadRequest, "error")
	f.wantPage("a parameter too long", b.get(leaveURL("state", strings.Repeat("s", 4096))), http.StatusBadRequest, "error")
}

func TestZitadel25_ClientAloneDoesNotSignOut(t *testing.T) {
	f := newFront(t)
	b, _ := f.signedIn("console")
	a := b.get(leaveURL("client_id", "grafana", "post_logout_redirect_uri", "https://grafana.test/out", "state", "s"))
	page := b.get(a.Header.Get("Location"))
	f.wantPage("asked", page, http.StatusOK, "sign-out")
	action, fields := formOf(t, page)

	fields.Set("do", "stay")
	f.wantPage("stay", b.do(http.MethodPost, action, fields, "Sec-Fetch-Site", "same-origin"), http.StatusOK, "finished")
	if !b.live() {
		t.Fatal("signed out though the user stays")
	}
	fields.Set("do", "sign-out")
	for what, a := range map[string]reply{ // H01
		"cross-site":      b.do(http.MethodPost, action, fields, "Sec-Fetch-Site", "cross-site"),
		"without a token": b.do(http.MethodPost, action, url.Values{"r": fields["r"], "do": {"sign-out"}}, "Sec-Fetch-Site", "same-origin"),
	} {
		f.wantPage(what, a, http.StatusForbidden, "error")
	}
	if !b.live() {
		t.Fatal("signed out by somebody else's form")
	}
	a = b.do(http.MethodPost, action, fields, "Sec-Fetch-Site", "same-origin")
	for range 2 { // reload of the done page stays done
		done := b.get(a.Header.Get("Location"))
		f.wantPage("done", done, http.StatusOK, "signed-out")
		if !strings.Contains(done.Text, `href="https://grafana.test/out?state=s"`) || !strings.Contains(done.Text, "Grafana") {
			t.Errorf("the way back to the client is missing: %s", done.Text)
		}
	}
	if b.live() {
		t.Error("still signed in")
	}
}

func TestF02_OnlyARegisteredAddressIsGoneBackTo(t *testing.T) {
	f := newFront(t)
	for _, to := range []string{
		"https://odd.test/out", "https://odd.test/out?z=1&a=%2F", "https://odd.test/out?z=1&a=%2f&x", "https://grafana.test/out", "https://evil.example", "//evil.example", "javascript:alert(1)", redirects["odd"],
	} {
		b, tokens := f.signedIn("odd")
		a := b.get(leaveURL("id_token_hint", tokens.text("id_token"), "post_logout_redirect_uri", to, "state", "s"))
		if !strings.HasPrefix(a.Header.Get("Location"), pathSignedOut+"?r=") {
			t.Fatalf("%s: leads to %s", to, a.Header.Get("Location"))
		}
		done := b.get(a.Header.Get("Location"))
		f.wantPage(to, done, http.StatusOK, "signed-out")
		if strings.Contains(done.Text, "evil") || strings.Contains(done.Text, "javascript:") || strings.Contains(done.Text, "state=s") {
			t.Errorf("%s: the page leads there", to)
		}
		if b.live() {
			t.Errorf("%s: still signed in", to)
		}
	}
}

func TestF03_AfterSigningOutNothingWorksButWhatIsOffline(t *testing.T) {
	f := newFront(t)
	b, tokens := f.signedIn("console", "scope", "openid email")
	kept := f.exchange("console", f.wantCode("offline", b.authorize("console", "scope", "openid offline_access"), "console"))
	waiting := f.wantCode("code not used yet", b.authorize("console"), "console")
	back := ""
	{ // a request that waits for a step-up
		back = b.returned(b.authorize("console", "acr_values", acrMFA))
	}
	b.get(leaveURL("id_token_hint", tokens.text("id_token")))
	f.want("refresh", f.refresh("console", tokens.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
	f.want("code", f.exchange("console", waiting), http.StatusBadRequest, "invalid_grant")
	if a := f.userInfo(tokens.text("access_token")); a.Status != http.StatusUnauthorized {
		t.Errorf("userinfo: %d", a.Status)
	}
	if a := f.refresh("console", kept.text("refresh_token")); a.Status != http.StatusOK {
		t.Errorf("refresh with offline_access: %d %s", a.Status, a.Text)
	}
	b.returned(b.get(back))
}

func TestF04_NothingCarriesOverToTheNextUser(t *testing.T) {
	f := newFront(t)
	b, tokens := f.signedIn("console")
	back := b.returned(b.authorize("console", "acr_values", acrMFA))
	b.cookies = map[string]string{} // the browser dropped them
	a := b.get(leaveURL("id_token_hint", tokens.text("id_token")))
	f.wantPage("sign-out without a cookie", b.get(a.Header.Get("Location")), http.StatusOK, "signed-out")
	b.signIn(f.admin, authn.Password, authn.TOTP)
	code := f.wantCode("next user", b.get(back), "console")
	if claims := f.claims(f.exchange("console", code).text("id_token"), "RS256"); claims["sub"] != f.admin.ID {
		t.Errorf("sub is %v", claims["sub"])
	}
	if a := b.get(leaveURL("id_token_hint", tokens.text("id_token"))); !strings.HasPrefix(a.Header.Get("Location"), pathSignOut) || !b.live() {
		t.Errorf("the hint of the user before signs the next one out: %s", a.Header.Get("Location"))
	}
}

func TestF03_SessionThatWasIdleTooLongTakesItsGrantsAlong(t *testing.T) {
	f := newFront(t)
	b, tokens := f.signedIn("console")
	f.at = f.at.Add(9 * time.Hour)
	if b.live() {
		t.Fatal("the session is alive")
	}
	b.get(leaveURL("id_token_hint", tokens.text("id_token")))
	f.want("refresh", f.refresh("console", tokens.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
}

// Who is told to be signed out is: also where the session had lapsed before, and
// the client shows no ID token.
func TestF03_SigningOutBehindALapsedSessionEndsWhatHangsOnIt(t *testing.T) {
	f := newFront(t)
	b, tokens := f.signedIn("console")
	f.at = f.at.Add(9 * time.Hour)
	page := b.get(b.get(leaveURL("client_id", "console")).Header.Get("Location"))
	f.wantPage("asked", page, http.StatusOK, "sign-out")
	action, fields := formOf(t, page)
	done := b.do(http.MethodPost, action, fields, "Sec-Fetch-Site", "same-origin")
	f.wantPage("done", b.get(done.Header.Get("Location")), http.StatusOK, "signed-out")
	f.want("refresh", f.refresh("console", tokens.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
	if len(b.cookies) > 1 || b.cookies["__Host-stile-session"] != "" {
		t.Errorf("cookies left: %v", b.cookies)
	}
	a := b.get(leaveURL("client_id", "console"))
	f.wantPage("nothing left to ask about", b.get(a.Header.Get("Location")), http.StatusOK, "signed-out")
}

func TestF01_NobodyIsSignedOutUnaskedBehindALapsedSession(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	other := b.signIn(f.admin, authn.Password)
	id := f.exchange("console", f.wantCode("admin", b.authorize("console"), "console")).text("id_token")
	b.signIn(f.user, authn.Password)
	f.at = f.at.Add(7 * time.Hour)
	f.must(f.db.TouchSession(t.Context(), other.ID))
	f.at = f.at.Add(2 * time.Hour) // only the present user's session is over its idle limit
	for _, target := range []string{pathEndSession, leaveURL("client_id", "console")} {
		a := b.get(target)
		page := b.get(a.Header.Get("Location"))
		f.wantPage(target, page, http.StatusOK, "sign-out")
		if strings.Contains(page.Text, "@example.com") {
			t.Error("the page names somebody who is not signed in")
		}
		action, fields := formOf(t, page)
		fields.Set("do", "stay")
		f.wantPage("stay", b.do(http.MethodPost, action, fields, "Sec-Fetch-Site", "same-origin"), http.StatusOK, "finished")
	}
	left, err := f.db.BrowserSessions(t.Context(), seal.HashToken(b.cookies["__Host-stile-session"]))
	f.must(err)
	if len(left) != 2 {
		t.Error("a session was ended")
	}
	b.get(leaveURL("id_token_hint", id))
	if left, _ = f.db.BrowserSessions(t.Context(), seal.HashToken(b.cookies["__Host-stile-session"])); len(left) != 0 {
		t.Error("the session of the hint goes on")
	}
}

func TestSignOutEndsEverybodyInTheBrowser(t *testing.T) {
	f := newFront(t)
	b, _ := f.signedIn("console")
	b.signIn(f.admin, authn.Password)
	code := f.wantCode("second user", b.authorize("console"), "console")
	b.get(leaveURL("id_token_hint", f.exchange("console", code).text("id_token")))
	sessions := f.events(audit.SessionEnded)
	if b.live() || len(sessions) != 2 {
		t.Errorf("%d sessions ended", len(sessions))
	}
}

func TestSignedOutPageNeedsNothing(t *testing.T) {
	f := newFront(t)
	f.wantPage("bare", f.browser().get(pathSignedOut), http.StatusOK, "signed-out")
	f.wantPage("sealed by somebody else", f.browser().get(pathSignedOut+"?r=1.test.AAAA"), http.StatusOK, "signed-out")
	b := f.browser()
	a := b.get(pathEndSession)
	f.wantPage("nobody signed in", b.get(a.Header.Get("Location")), http.StatusOK, "signed-out")
	a = b.get(leaveURL("client_id", "grafana", "post_logout_redirect_uri", "https://grafana.test/out"))
	f.wantPage("nobody signed in, and no hint", b.get(a.Header.Get("Location")), http.StatusOK, "signed-out")
	f.wantPage("question without a request", b.get(pathSignOut), http.StatusGone, "error")
	_, err := f.db.UpdateClient(t.Context(), "grafana", func(c *storage.Client) error { c.Disabled = true; return nil }, audit.System)
	f.must(err)
	f.at = f.at.Add(clientAge)
	a = b.get(leaveURL("client_id", "grafana", "post_logout_redirect_uri", "https://grafana.test/out"))
	if done := b.get(a.Header.Get("Location")); strings.Contains(done.Text, "grafana.test") {
		t.Error("leads to a client that is disabled")
	}
}
