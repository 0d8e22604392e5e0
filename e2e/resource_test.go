package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stile/resource"
)

// ask calls an API with an access token.
func ask(t testing.TB, address, token string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// An app calls the sample API after a password, hears what is missing, has its
// user prove it, and gets in (RFC 9470). When the account turns two-step
// verification on, tokens of a password alone open nothing any more.
func TestL04_StepUpForAnAPI(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	rp := s.rp(t, client{ID: "desktop"}, "http://127.0.0.1/callback")
	w := newWalker(t, s, s.demoUser(t, member))
	w.Apps = []string{"http://127.0.0.1/callback"}
	payments := s.Console + "/api/payments"

	simple := w.tokens(rp)
	wantPassword(t, simple.Claims)
	resp, body := ask(t, payments, simple.AccessToken)
	challenge, ok := resource.ChallengeOf(resp)
	if resp.StatusCode != http.StatusUnauthorized || !ok || !challenge.StepUp() || strings.Join(challenge.ACRValues, " ") != acrMFA || strings.Contains(body, "payee") {
		t.Fatalf("with a password only: %s, %+v, %s", resp.Status, challenge, body)
	}
	proven := w.tokens(rp, "acr_values", strings.Join(challenge.ACRValues, " "))
	wantMFA(t, proven.Claims)
	if resp, body := ask(t, payments, proven.AccessToken); resp.StatusCode != http.StatusOK || !strings.Contains(body, "payee") {
		t.Errorf("after the step-up: %s, %s", resp.Status, body)
	}
	if resp, _ := ask(t, payments, simple.AccessToken); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the token of before: %s", resp.Status)
	}

	// An API that is content with a password, and the switch.
	api := s.demoClient(t, "api")
	verifier, err := resource.New(t.Context(), resource.Options{Issuer: s.Issuer, ClientID: api.ID, ClientSecret: api.Secret})
	if err != nil {
		t.Fatal(err)
	}
	open := httptest.NewServer(verifier.Require(resource.Demand{Scopes: []string{"email"}})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, resource.From(r.Context()).Subject)
	})))
	defer open.Close()
	want := func(when, token string, status int) {
		t.Helper()
		if resp, body := ask(t, open.URL, token); resp.StatusCode != status || (body == proven.Claims.Subject) != (status == http.StatusOK) {
			t.Errorf("%s: %s, %s", when, resp.Status, body)
		}
	}
	want("before the switch", simple.AccessToken, http.StatusOK)
	if r := s.apply(t, accountWithGroup("Example Sales", "4.3", 1575)); r.Code != 0 {
		t.Fatal(r.Err)
	}
	s.stile(t, "", "policy", "update", "Example Sales", "--two-step", "required")
	want("a password after the switch", simple.AccessToken, http.StatusUnauthorized)
	want("a code after the switch", proven.AccessToken, http.StatusOK)
}

// The console shows what the API gives, and goes on where its access token has
// ended.
func TestConsoleAsksItsAPI(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	w := newWalker(t, s, s.demoUser(t, member))
	w.Open(s.Console)
	w.Press("Sign in")
	w.goOn()
	wantPassword(t, w.console())
	if p := w.Open(s.Console + "/payments"); p.Status != http.StatusForbidden || !strings.Contains(p.Text(), "Payments need a second factor") {
		t.Errorf("with a password only: %s", p)
	}
	w.Press("Step up")
	if p := w.goOn(); p.URL.Path != "/payments" || p.Status != http.StatusOK || !strings.Contains(p.Text(), "City Power") {
		t.Errorf("after the step-up: %s", p)
	}
	wantMFA(t, w.console())
	// Whoever is signed out everywhere has to sign in before payments are shown.
	s.stile(t, "", "user", "sign-out", member)
	if p := w.Open(s.Console + "/payments"); p.Screen() != "sign-in" {
		t.Errorf("after the end of the session: %s", p)
	}
	w.goOn()
	if w.Page().URL.Path != "/payments" {
		t.Errorf("signing in again ends at %s", w.Page())
	}
}
