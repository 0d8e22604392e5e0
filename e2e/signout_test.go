package e2e

import (
	"net/url"
	"strings"
	"testing"
)

// The tests of this file belong to TestClients, too: the end of sessions.

func signingOut(t *testing.T, s *system) {
	party := s.console(t)
	home := strings.TrimSuffix(party.URL, "/callback") + "/"
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "optional")))
	end := func(params ...string) string {
		q := url.Values{}
		for i := 0; i+1 < len(params); i += 2 {
			q.Set(params[i], params[i+1])
		}
		return s.Issuer + "/end_session?" + q.Encode()
	}
	signedIn := func() bool {
		attempt := party.Begin("prompt", "none")
		return party.Answer(attempt, w.Open(attempt.URL).URL).Has("code")
	}

	tokens := w.tokens(party)
	w.Open(end()) // without a hint somebody may have been tricked here
	w.want("sign-out")
	if !strings.Contains(w.Page().Text(), "Acme Console") {
		t.Errorf("the page doesn't list the apps: %s", w.Page())
	}
	w.Press("Stay signed in")
	if !signedIn() {
		t.Error("signed out, though the answer was no")
	}
	w.Open(end("id_token_hint", tokens.IDToken+"x", "post_logout_redirect_uri", home))
	w.want("sign-out")
	w.Submit(nil)
	w.want("signed-out")
	if strings.Contains(w.Page().Body, home) {
		t.Error("a bad hint leads back to the client")
	}
	if signedIn() {
		t.Error("still signed in")
	}

	tokens = w.tokens(party)
	w.Open(end("id_token_hint", tokens.IDToken, "post_logout_redirect_uri", home, "state", "a&b"))
	if p := w.Page(); p.Screen() != "client" || p.URL.String() != home+"?state=a%26b" {
		t.Errorf("signed out to %s", p)
	}
	if signedIn() {
		t.Error("still signed in after a sign-out with a good hint")
	}

	tokens = w.tokens(party)
	w.Open(end("id_token_hint", tokens.IDToken, "post_logout_redirect_uri", home+"evil")) // F02
	if p := w.Page(); p.Screen() == "client" || strings.Contains(p.Body, home+"evil") {
		t.Errorf("an unregistered URI is honoured: %s", p)
	}
}

func endsWithSession(t *testing.T, s *system) {
	party, api := s.console(t), s.api(t)
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	online := w.tokens(party)
	attempt := party.Begin("scope", "openid email offline_access")
	offline := party.Redeem(attempt, w.Open(attempt.URL).URL)
	old := w.Cookies(s.Issuer)

	w.Open(s.Issuer + "/end_session?id_token_hint=" + online.IDToken)
	w.want("signed-out")
	if _, err := party.Refresh(online.RefreshToken); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("refresh after sign-out: %v, want invalid_grant", err)
	}
	if got := s.active(t, api, online.AccessToken); got["active"] != false {
		t.Error("an access token outlives the session")
	}
	if _, err := party.Refresh(offline.RefreshToken); err != nil {
		t.Errorf("refresh with offline_access after sign-out: %v", err)
	}
	thief := newWalker(t, s, w.who) // with the cookies of before
	for _, cookie := range old {
		thief.Header.Add("Cookie", cookie.String())
	}
	attempt = party.Begin("prompt", "none")
	answered(t, party, attempt, thief.Open(attempt.URL), "login_required")
}
