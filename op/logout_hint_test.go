package op

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
)

// signOutPage follows a wish to sign out to the page that asks.
func (b *browser) signOutPage(pairs ...string) reply {
	b.f.t.Helper()
	page := b.get(b.get(leaveURL(pairs...)).Header.Get("Location"))
	b.f.wantPage("asked", page, http.StatusOK, "sign-out")
	return page
}

// shown returns whom a sign-out page names, and whom it would sign out everywhere.
func shown(page reply) (first string) {
	_, note, _ := strings.Cut(page.Text, `id="everywhere-note"`)
	note, _, _ = strings.Cut(note, "</p>")
	for _, name := range []string{"ada@example.com", "bea@example.com"} {
		if strings.Contains(note, name) {
			return name
		}
	}
	return ""
}

func TestLogoutHintChoosesAmongThePeopleOfTheBrowser(t *testing.T) {
	f := newFront(t)
	b, tokens := f.signedIn("console")
	sid, _ := f.claims(tokens.text("id_token"), "RS256")["sid"].(string)
	b.signIn(f.admin, authn.Password) // now the present one
	without := shown(b.signOutPage())
	if without != "bea@example.com" {
		t.Fatalf("without a hint the page is about %q", without)
	}
	for what, pairs := range map[string][]string{
		"address":           {"logout_hint", "ADA@example.com"},
		"sub":               {"logout_hint", f.user.ID},
		"sid":               {"logout_hint", sid, "client_id", "console"},
		"ID token":          {"id_token_hint", tokens.text("id_token")},
		"an unknown client": {"logout_hint", "ada@example.com", "client_id", "nobody"},
	} {
		if got := shown(b.signOutPage(pairs...)); got != "ada@example.com" {
			t.Errorf("%s: the page is about %q", what, got)
		}
	}
	// Nobody learns whether an address is somebody's: the page is as without it.
	for what, hint := range map[string]string{
		"somebody who isn't here": f.elsewhere.Email, "nobody": "nobody@example.com", "markup": `"><b>`, "sid of another client": sid,
	} {
		page := b.signOutPage("logout_hint", hint)
		if shown(page) != without || strings.Contains(page.Text, hint) {
			t.Errorf("%s: the page is about %q", what, shown(page))
		}
	}
	for _, email := range []string{f.elsewhere.Email, "nobody@example.com"} {
		a := f.browser().get(leaveURL("logout_hint", email))
		f.wantPage("nobody is signed in", f.browser().get(a.Header.Get("Location")), http.StatusOK, "signed-out")
		if strings.Contains(a.Header.Get("Location"), "example") {
			t.Errorf("S02: the address is in %s", a.Header.Get("Location"))
		}
	}
}

func TestSigningOutEverywhereEndsAllOfTheUsersSessionsAndGrants(t *testing.T) {
	f := newFront(t)
	b, here := f.signedIn("console", "scope", "openid offline_access")
	elsewhere, there := f.signedIn("console", "scope", "openid")
	second := f.browser()
	second.signIn(f.admin, authn.Password)
	others := f.exchange("console", f.wantCode("other user", second.authorize("console", "scope", "openid offline_access"), "console"))

	page := b.signOutPage("client_id", "console")
	action, fields := formOf(t, page)
	fields.Set("do", "everywhere")
	f.wantPage("a form of another site", b.do(http.MethodPost, action, fields, "Sec-Fetch-Site", "cross-site"), http.StatusForbidden, "error")
	if !b.live() || !elsewhere.live() {
		t.Fatal("somebody else's form signs out")
	}
	done := b.do(http.MethodPost, action, fields, "Sec-Fetch-Site", "same-origin")
	f.wantPage("done", b.get(done.Header.Get("Location")), http.StatusOK, "signed-out")
	if b.live() || elsewhere.live() {
		t.Error("a session goes on")
	}
	f.want("offline grant", f.refresh("console", here.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
	f.want("grant of another browser", f.refresh("console", there.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
	if !second.live() || f.refresh("console", others.text("refresh_token")).Status != http.StatusOK {
		t.Error("another user was signed out")
	}
	everywhere := 0
	for _, e := range f.events(audit.SessionEnded) {
		if e.Reason == "signed_out_everywhere" && e.SubjectID == f.user.ID && e.Actor.ID == f.user.ID {
			everywhere++
		}
	}
	if everywhere != 1 || b.cookies["__Host-stile-session"] != "" {
		t.Errorf("%d lines in the audit log, cookies %v", everywhere, b.cookies)
	}
}

func TestEverywhereIsOfferedToLiveSessionsOnly(t *testing.T) {
	f := newFront(t)
	b, tokens := f.signedIn("console", "scope", "openid offline_access")
	action, fields := formOf(t, b.signOutPage("client_id", "console"))
	fields.Set("do", "everywhere")
	f.at = f.at.Add(9 * time.Hour) // over its idle limit
	if page := b.signOutPage("client_id", "console"); strings.Contains(page.Text, "everywhere") {
		t.Error("whoever sits there now may sign somebody out everywhere")
	}
	a := b.do(http.MethodPost, action, fields, "Sec-Fetch-Site", "same-origin")
	if to := a.Header.Get("Location"); a.Status == http.StatusSeeOther && !strings.HasPrefix(to, pathSignOut+"?r=") {
		t.Errorf("what was not done is told to be done: %s", to)
	}
	if a := f.refresh("console", tokens.text("refresh_token")); a.Status != http.StatusOK {
		t.Errorf("the grant has ended: %d", a.Status)
	}
}
