package op

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/storage"
)

// consentPage follows an answer to the consent page.
func (b *browser) consentPage(a reply) reply {
	b.f.t.Helper()
	to := a.Header.Get("Location")
	if a.Status != http.StatusSeeOther || !strings.HasPrefix(to, pathConsent+"?r=") {
		b.f.t.Fatalf("this does not lead to the consent page: %d %s", a.Status, to)
	}
	page := b.get(to)
	b.f.wantPage("consent", page, http.StatusOK, "consent")
	return page
}

// press answers the consent page, and follows to what comes next of ours.
func (b *browser) press(page reply, do string) reply {
	b.f.t.Helper()
	action, fields := formOf(b.f.t, page)
	fields.Set("do", do)
	a := b.do(http.MethodPost, action, fields, "Sec-Fetch-Site", "same-origin")
	if to := a.Header.Get("Location"); strings.HasPrefix(to, pathAuthorize+"?r=") {
		return b.get(to)
	}
	return a
}

func TestThirdPartyIsAllowedOnceAndAskedAgainForMore(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	page := b.consentPage(b.authorize("grafana"))
	for _, want := range []string{"Grafana", "grafana.test", "ada@example.com"} {
		if !strings.Contains(page.Text, want) {
			t.Errorf("the page does not name %q", want)
		}
	}
	if csp := page.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://grafana.test https:") {
		t.Errorf("policy %s", csp)
	}
	f.wantCode("allowed", b.press(page, "allow"), "grafana")
	f.wantCode("remembered", b.authorize("grafana"), "grafana")
	f.wantCode("remembered, silently", b.authorize("grafana", "prompt", "none"), "grafana")
	f.wantError("more", b.authorize("grafana", "scope", "openid email offline_access", "prompt", "none"), "grafana", "consent_required")
	page = b.consentPage(b.authorize("grafana", "scope", "openid email offline_access", "ui_locales", "de"))
	f.wantCode("more allowed", b.press(page, "allow"), "grafana")
	f.wantCode("offline_access without prompt=consent", b.authorize("grafana", "scope", "openid offline_access", "prompt", "none"), "grafana")
	f.wantCode("less", b.authorize("grafana", "scope", "email"), "grafana")
	given := f.events(audit.ConsentGiven)
	if len(given) != 2 || given[0].SubjectID != f.user.ID || given[0].ClientID != "grafana" {
		t.Errorf("audit log: %+v", given)
	}
	mails, err := f.db.LeaseMail(t.Context(), 10, 0)
	f.must(err)
	if len(mails) != 2 { // the first time, and for more
		t.Errorf("%d mails", len(mails))
	}
	for _, m := range mails {
		if m.Kind != "app-allowed" || m.To != "ada@example.com" || m.Data["client"] != "Grafana" {
			t.Errorf("mail: %+v", m)
		}
	}
	if langs := []string{mails[0].Lang, mails[1].Lang}; !slices.Contains(langs, "en") || !slices.Contains(langs, "de") {
		t.Errorf("told in %q, not in the languages of the pages", langs)
	}
	f.wantCode("the same again", b.press(b.consentPage(b.authorize("grafana", "prompt", "consent")), "allow"), "grafana")
	if n, err := f.db.OutboxLength(t.Context()); err != nil || n != 2 {
		t.Errorf("%d mails, %v: nothing more was allowed", n, err)
	}
}

// An app that reaches further is allowed anew, and what it had from before is
// not refreshed until then.
func TestAppThatReachesFurtherIsAllowedAnew(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	f.wantCode("allowed", b.press(b.consentPage(b.authorize("grafana")), "allow"), "grafana")
	grow := func(uri string) {
		_, err := f.db.UpdateClient(t.Context(), "grafana", func(c *storage.Client) error {
			c.Metadata.RedirectURIs = append(c.Metadata.RedirectURIs, uri)
			return nil
		}, audit.System)
		f.must(err)
	}
	shown := b.consentPage(b.authorize("grafana", "prompt", "consent"))
	grow("https://elsewhere.test/cb")
	// The page of before, within the seconds that the client is remembered.
	shown = b.consentPage(b.press(shown, "allow"))
	grow("https://further.test/cb")
	f.p.clients.forget("grafana")
	// And when it isn't.
	page := b.consentPage(b.press(shown, "allow"))
	f.wantCode("allowed anew", b.press(page, "allow"), "grafana")
	f.wantCode("remembered", b.authorize("grafana", "prompt", "none"), "grafana")
	if n := len(f.events(audit.ConsentGiven)); n != 2 {
		t.Errorf("%d consents in the audit log", n)
	}
}

func TestRefusalGoesToTheClientAndIsNotRemembered(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	for _, mode := range []string{"query", "form_post"} {
		page := b.consentPage(b.authorize("grafana", "response_mode", mode))
		f.wantError("refused in "+mode, b.press(page, "deny"), "grafana", "access_denied")
	}
	if n := len(f.events(audit.ConsentRefused)); n != 2 {
		t.Errorf("%d refusals in the audit log", n)
	}
	b.consentPage(b.authorize("grafana"))
}

func TestPromptConsentAsksEachTimeOnceEvenForOwnClients(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	for range 2 {
		for _, client := range []string{"grafana", "console"} {
			page := b.consentPage(b.authorize(client, "prompt", "consent"))
			f.wantCode(client, b.press(page, "allow"), client)
		}
	}
}

func TestConsentOfOneUserIsNotThatOfAnother(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	b.signIn(f.user, authn.Password)
	page := b.consentPage(b.authorize("grafana", "prompt", "consent"))
	action, fields := formOf(t, page)
	fields.Set("do", "allow")
	allowed := b.do(http.MethodPost, action, fields, "Sec-Fetch-Site", "same-origin").Header.Get("Location")
	b.signIn(f.admin, authn.Password)
	b.consentPage(b.get(allowed)) // the other user is asked

	again := b.press(b.consentPage(b.authorize("grafana")), "other-user")
	back := b.returned(again)
	f.at = f.at.Add(1e9)
	b.signIn(f.user, authn.Password)
	f.wantCode("after the switch", b.get(back), "grafana")
}

func TestH01_ConsentIsGivenOnOurOwnPageOnly(t *testing.T) {
	f := newFront(t)
	b, stranger := f.browser(), f.browser()
	b.signIn(f.user, authn.Password)
	stranger.signIn(f.admin, authn.Password)
	page := b.consentPage(b.authorize("grafana"))
	_, fields := formOf(t, page)
	fields.Set("do", "allow")
	without := url.Values{"r": fields["r"], "do": {"allow"}}
	for what, a := range map[string]reply{
		"cross-site":          b.do(http.MethodPost, pathConsent, fields, "Sec-Fetch-Site", "cross-site"),
		"same-site":           b.do(http.MethodPost, pathConsent, fields, "Sec-Fetch-Site", "same-site"),
		"Origin null":         b.do(http.MethodPost, pathConsent, fields, "Origin", "null"),
		"other origin":        b.do(http.MethodPost, pathConsent, fields, "Origin", "https://evil.example"),
		"without a token":     b.do(http.MethodPost, pathConsent, without, "Sec-Fetch-Site", "same-origin"),
		"of another session":  stranger.do(http.MethodPost, pathConsent, fields, "Sec-Fetch-Site", "same-origin"),
		"without any cookies": f.browser().do(http.MethodPost, pathConsent, fields, "Sec-Fetch-Site", "same-origin"),
	} {
		f.wantPage(what, a, http.StatusForbidden, "error")
	}
	if n := len(f.events(audit.ConsentGiven)); n != 0 {
		t.Errorf("%d consents were given", n)
	}
	f.wantPage("consent page without a request", b.get(pathConsent), http.StatusGone, "error")
}

// What one of the browser's users was asked is not answered for another.
func TestG05_ConsentIsOfWhomThePageAsked(t *testing.T) {
	for _, do := range []string{"allow", "deny"} {
		f := newFront(t)
		b := f.browser()
		bea := b.signIn(f.admin, authn.Password)
		b.signIn(f.user, authn.Password) // ada is the present one
		page := b.consentPage(b.authorize("grafana"))
		cookie, was := seal.NewToken(seal.KindBrowser), b.cookies["__Host-stile-session"]
		f.must(f.db.ChooseSession(t.Context(), seal.HashToken(was), seal.HashToken(cookie.Reveal()), bea.ID)) // in another window
		b.cookies["__Host-stile-session"] = cookie.Reveal()
		f.wantPage(do, b.press(page, do), http.StatusForbidden, "error")
		if n := len(f.events(audit.ConsentGiven)) + len(f.events(audit.ConsentRefused)); n != 0 {
			t.Errorf("%s: %d answers in the audit log", do, n)
		}
	}
}
