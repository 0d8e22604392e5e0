package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"stile/resource"
)

// pathPayments is where the sample API answers, beside the console's pages.
const pathPayments = "/api/payments"

// payment is one line of the sample API's answer.
type payment struct {
	Payee  string `json:"payee"`
	Amount string `json:"amount"`
}

var samplePayments = []payment{{"Paper & Pens Ltd", "48.20 EUR"}, {"City Power", "1,204.00 EUR"}, {"Night Couriers", "310.75 EUR"}}

// NewPayments returns a sample API: it gives payments to apps whose user has
// proven a second factor. It introspects access tokens as the client api.
func NewPayments(ctx context.Context, issuer, clientID, clientSecret string, now func() time.Time) (http.Handler, error) {
	verifier, err := resource.New(ctx, resource.Options{Issuer: issuer, ClientID: clientID, ClientSecret: clientSecret, Now: now})
	if err != nil {
		return nil, fmt.Errorf("payments API: %w", err)
	}
	mfa := verifier.Require(resource.Demand{ACR: []string{resource.MultiFactor}})
	return mfa(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(samplePayments)
	})), nil
}

// The answers of the API that the console knows what to do about.
type (
	stepUpError struct{ challenge resource.Challenge }
	signInError struct{}
)

func (stepUpError) Error() string { return "the API wants the user to prove more" }
func (signInError) Error() string { return "the access token has ended" }

// payments is the page that only a second factor opens: the API says so, and
// what it takes.
func (c *Console) payments(w http.ResponseWriter, r *http.Request) {
	s, ok := c.current(r)
	if !ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	list, err := c.askPayments(r, s)
	stepUp, again := stepUpError{}, signInError{}
	switch {
	case errors.As(err, &stepUp):
		show(w, http.StatusForbidden, "payments", map[string]any{"Token": s.token})
	case errors.As(err, &again): // the provider may have reasons to ask again; it knows the user
		c.signIn(w, r, "/payments")
	case err != nil:
		c.showHome(w, r, http.StatusBadGateway, "The payments can not be shown right now.")
	default:
		show(w, http.StatusOK, "payments", map[string]any{"Open": true, "Payments": list})
	}
}

// stepUp sends the user to prove what the API wants, and then to its page.
func (c *Console) stepUp(w http.ResponseWriter, r *http.Request) {
	s, ok := c.current(r)
	if !ok || !ownForm(r, s) {
		c.showHome(w, r, http.StatusForbidden, "Sign in first.")
		return
	}
	wanted := []string{acrMFA}
	var opts []rp.AuthURLOpt
	stepUp := stepUpError{}
	if _, err := c.askPayments(r, s); errors.As(err, &stepUp) {
		if len(stepUp.challenge.ACRValues) > 0 {
			wanted = stepUp.challenge.ACRValues
		}
		if age := stepUp.challenge.MaxAge; age >= 0 {
			opts = append(opts, rp.AuthURLOpt(rp.WithURLParam("max_age", fmt.Sprint(int(age.Seconds())))))
		}
	}
	// Essential: the provider answers with this level or with an error, never with less.
	values, err := json.Marshal(wanted)
	if err != nil {
		c.showHome(w, r, http.StatusBadGateway, "The payments can not be shown right now.")
		return
	}
	claims := fmt.Sprintf(`{"id_token":{"acr":{"essential":true,"values":%s}}}`, values)
	c.signIn(w, r, "/payments", append(opts, rp.AuthURLOpt(rp.WithURLParam("claims", claims)))...)
}

// askPayments calls the API for the user; with an access token that has ended,
// once more with a new one.
func (c *Console) askPayments(r *http.Request, s consoleSession) ([]payment, error) {
	list, err := c.callPayments(r.Context(), s.access)
	if !errors.As(err, &signInError{}) || s.refresh == "" {
		return list, err
	}
	// Two tabs that refresh at once get the same successor.
	tokens, err := rp.RefreshTokens[*oidc.IDTokenClaims](r.Context(), c.rp, s.refresh, "", "")
	if err != nil {
		return nil, signInError{}
	}
	s.access = tokens.AccessToken
	if tokens.RefreshToken != "" {
		s.refresh = tokens.RefreshToken
	}
	c.renew(r, s)
	return c.callPayments(r.Context(), s.access)
}

func (c *Console) callPayments(ctx context.Context, access string) ([]payment, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+pathPayments, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+access)
	resp, err := c.rp.HttpClient().Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	challenge, _ := resource.ChallengeOf(resp)
	switch {
	case challenge.StepUp():
		return nil, stepUpError{challenge}
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, signInError{}
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the API answered %s", resp.Status)
	}
	var list []payment
	return list, json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&list)
}
