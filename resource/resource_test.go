package resource_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stile/resource"
	"stile/storage"
)

const evidence = `Bearer error="insufficient_user_authentication", error_description="The user has to prove more, or more freshly."`

// What a user's token is worth at demands of each kind, after a password, after
// a step-up, and later.
func TestDemandsOnTokensOfUsers(t *testing.T) {
	w := newWorld(t)
	v := w.verifier()
	b := w.browser()
	first := w.tokens(b)
	mfa := resource.Demand{ACR: []string{resource.MultiFactor}}

	for _, c := range []struct {
		name   string
		demand resource.Demand
		status int
		says   string
	}{
		{"nothing", resource.Demand{}, 200, ""},
		{"its scope", resource.Demand{Scopes: []string{"payments"}}, 200, ""},
		{"another scope", resource.Demand{Scopes: []string{"payments", "reports"}, ACR: mfa.ACR}, 403, `Bearer error="insufficient_scope", error_description="The access token is not for this scope.", scope="payments reports"`},
		{"its level", resource.Demand{ACR: []string{resource.Password}}, 200, ""},
		{"its level by another name", resource.Demand{ACR: []string{"https://refeds.org/profile/sfa"}}, 200, ""},
		{"a higher one", mfa, 401, evidence + `, acr_values="urn:stile:acr:mfa"`},
		{"one of two", resource.Demand{ACR: []string{resource.MultiFactor, resource.Password}}, 200, ""},
		{"two higher ones", resource.Demand{ACR: []string{resource.PhishingResistant, resource.MultiFactor}, MaxAge: time.Minute}, 401, evidence + `, acr_values="phr urn:stile:acr:mfa", max_age="60"`},
		{"a level of others", resource.Demand{ACR: []string{"gold"}}, 401, evidence + `, acr_values="gold"`},
		{"its age", resource.Demand{MaxAge: time.Minute}, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := call(v, c.demand, "Bearer "+first.AccessToken)
			if got.status != c.status || got.challenge() != c.says {
				t.Errorf("%d, %s\nwant %d, %s", got.status, got.challenge(), c.status, c.says)
			}
			if let := got.token.Subject == w.user.ID; let != (c.status == 200) {
				t.Errorf("the handler saw %+v", got.token)
			}
		})
	}
	w.later(2 * time.Minute)
	old := call(v, resource.Demand{MaxAge: 119 * time.Second}, "Bearer "+first.AccessToken)
	if old.status != 401 || old.challenge() != evidence+`, max_age="119"` {
		t.Errorf("too old: %d, %s", old.status, old.challenge())
	}

	// The client does as it is told and comes back.
	challenge, ok := resource.ChallengeOf(call(v, mfa, "Bearer "+first.AccessToken).Response)
	if !ok || !challenge.StepUp() {
		t.Fatalf("the challenge is %+v", challenge)
	}
	second := w.tokens(b, "acr_values", strings.Join(challenge.ACRValues, " "))
	got := call(v, mfa, "Bearer "+second.AccessToken)
	if got.status != 200 || got.token.ACR != resource.MultiFactor || got.token.AccountID != w.account.ID || got.token.ClientID != "console" || got.token.Service() {
		t.Errorf("after the step-up: %d, %+v", got.status, got.token)
	}
	if call(v, resource.Demand{ACR: []string{resource.Password}}, "Bearer "+second.AccessToken).status != 200 {
		t.Error("two steps are not taken for one")
	}
	if call(v, mfa, "Bearer "+first.AccessToken).status != 401 {
		t.Error("E05: the step-up made the old token better")
	}
	w.later(6 * time.Minute)
	if got := call(v, mfa, "Bearer "+second.AccessToken); got.status != 401 || !strings.Contains(got.challenge(), "invalid_token") {
		t.Errorf("a token that is over: %d, %s", got.status, got.challenge())
	}
}

// The account's switch, and the end of a user, count at the very next call.
func TestL04_SwitchCountsAtTheNextCall(t *testing.T) {
	w := newWorld(t)
	asking, remembering := w.verifier(), w.verifier(func(o *resource.Options) { o.Remember = 10 * time.Second })
	held := "Bearer " + w.tokens(w.browser()).AccessToken
	for _, v := range []*resource.Verifier{asking, remembering} {
		if got := call(v, resource.Demand{}, held); got.status != 200 {
			t.Fatalf("before: %d, %s", got.status, got.challenge())
		}
	}
	_, err := w.server.DB().UpdatePolicy(t.Context(), w.account.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.TwoStep = true
		return s.Policy, nil
	}, by)
	w.must(err)
	if got := call(asking, resource.Demand{}, held); got.status != 401 || !strings.Contains(got.challenge(), "invalid_token") {
		t.Errorf("after the switch: %d, %s", got.status, got.challenge())
	}
	if got := call(remembering, resource.Demand{}, held); got.status != 200 {
		t.Errorf("what may be remembered for ten seconds is asked about again: %d", got.status)
	}
	w.later(10 * time.Second)
	if got := call(remembering, resource.Demand{}, held); got.status != 401 {
		t.Errorf("ten seconds after the switch: %d", got.status)
	}
}

func TestTokensOfServices(t *testing.T) {
	w := newWorld(t)
	v := w.verifier()
	token := "Bearer " + w.service()
	got := call(v, resource.Demand{Scopes: []string{"payments"}}, token)
	if got.status != 200 || !got.token.Service() || got.token.Subject != "service" || got.token.AccountID != w.account.ID || got.token.ACR != "" {
		t.Errorf("%d, %s, %+v", got.status, got.challenge(), got.token)
	}
	for name, d := range map[string]resource.Demand{
		"a level": {ACR: []string{resource.Password}}, "an age": {MaxAge: time.Hour},
	} {
		if got := call(v, d, token); got.status != 401 {
			t.Errorf("a service meets the demand for %s", name)
		}
	}
	if got := call(v, resource.Demand{Scopes: []string{"reports"}}, token); got.status != 403 {
		t.Errorf("another scope: %d", got.status)
	}
	elsewhere := w.verifier(func(o *resource.Options) { o.Audience = "https://other.example" })
	if got := call(elsewhere, resource.Demand{}, token); got.status != 401 {
		t.Errorf("E07: a token for another audience: %d", got.status)
	}
	other := w.verifier(func(o *resource.Options) { o.Algorithms = []string{"PS256"} })
	if got := call(other, resource.Demand{}, token); got.status != 401 {
		t.Errorf("E06: an algorithm that is not on the list: %d", got.status)
	}
	w.later(5 * time.Minute)
	if got := call(v, resource.Demand{}, token); got.status != 401 {
		t.Errorf("a token that is over: %d", got.status)
	}
}

// E07, E12: what is no access token opens nothing, and is told no more than that.
func TestE07_OtherThingsThanAccessTokens(t *testing.T) {
	w := newWorld(t)
	v := w.verifier()
	signedOnly := w.verifier(func(o *resource.Options) { o.ClientID, o.ClientSecret = "", "" })
	mine := w.tokens(w.browser())
	parts := strings.Split(w.service(), ".")
	for _, c := range []struct {
		name   string
		header []string
		status int
		says   string
	}{
		{"none", nil, 401, "Bearer"},
		{"another scheme", []string{"Basic YTpi"}, 401, "Bearer"},
		{"two", []string{"Bearer " + mine.AccessToken, "Bearer " + mine.AccessToken}, 400, `Bearer error="invalid_request"`},
		{"empty", []string{"Bearer "}, 401, `Bearer error="invalid_token"`},
		{"unknown", []string{"Bearer sta_0000000000000000000000000000000000000000000"}, 401, `Bearer error="invalid_token"`},
		{"not the letters of a token", []string{"Bearer a\"b, c=d"}, 401, `Bearer error="invalid_token"`},
		{"endless", []string{"Bearer " + strings.Repeat("a", 1<<20)}, 401, `Bearer error="invalid_token"`},
		{"ID token", []string{"Bearer " + mine.IDToken}, 401, `Bearer error="invalid_token"`},
		{"refresh token", []string{"Bearer " + mine.RefreshToken}, 401, `Bearer error="invalid_token"`},
		{"signed by nobody", []string{"Bearer " + parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86)}, 401, `Bearer error="invalid_token"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := call(v, resource.Demand{}, c.header...)
			if got.status != c.status || !strings.HasPrefix(got.challenge(), c.says) || got.token.Subject != "" {
				t.Errorf("%d, %s", got.status, got.challenge())
			}
			if c.says == "Bearer" && got.challenge() != c.says {
				t.Errorf("who shows nothing is told %s", got.challenge())
			}
			if got.Header.Get("Cache-Control") != "no-store" {
				t.Error("the answer may be stored")
			}
		})
	}
	if got := call(signedOnly, resource.Demand{}, "Bearer "+mine.AccessToken); got.status != 401 {
		t.Errorf("without credentials a handle is answered %d", got.status)
	}
	form := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("access_token="+mine.AccessToken))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for where, r := range map[string]*http.Request{"URL": httptest.NewRequest(http.MethodGet, "/?access_token="+mine.AccessToken, nil), "form": form} {
		if got := send(v, resource.Demand{}, r); got.status != 401 || got.challenge() != "Bearer" {
			t.Errorf("E12: a token in the %s: %d, %s", where, got.status, got.challenge())
		}
	}
}

// L10, Q: without its issuer an API lets nobody in, and says that it will pass.
func TestL10_NoIssuerNoPass(t *testing.T) {
	w := newWorld(t)
	v := w.verifier()
	user, service := "Bearer "+w.tokens(w.browser()).AccessToken, "Bearer "+w.service()
	if got := call(v, resource.Demand{}, service); got.status != 200 {
		t.Fatalf("before: %d", got.status)
	}
	wrong := w.verifier(func(o *resource.Options) { o.ClientSecret = "sts_wrong" })
	if got := call(wrong, resource.Demand{}, user); got.status != 503 {
		t.Errorf("an API with a wrong secret: %d", got.status)
	}
	fresh := w.verifier()
	w.front.Close()
	for name, got := range map[string]seen{"a user": call(v, resource.Demand{}, user), "a service, before the keys are known": call(fresh, resource.Demand{}, service)} {
		if got.status != 503 || got.Header.Get("Retry-After") == "" || got.challenge() != "" || got.token.Subject != "" {
			t.Errorf("%s: %d, %v", name, got.status, got.Header)
		}
	}
	if got := call(v, resource.Demand{}, service); got.status != 200 {
		t.Errorf("a service while the keys are known: %d", got.status)
	}
	if _, err := resource.New(t.Context(), resource.Options{Issuer: w.issuer}); err == nil {
		t.Error("a verifier is made without the issuer")
	}
}
