package stiletest

import (
	"context"
	"crypto/rand"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// RP is a relying party on an ordinary client library. It checks whatever the
// library checks, and state, nonce, iss and PKCE beside.
type RP struct {
	t        testing.TB
	ctx      context.Context // carries the HTTP client to the libraries
	issuer   string
	provider *oidc.Provider
	OAuth    oauth2.Config
	// URL is where the relying party answers; empty for apps with a redirect of their own.
	URL string
}

// Tokens is what the relying party holds after a sign-in.
type Tokens struct {
	*oauth2.Token
	IDToken string
	Claims  Claims
}

// Claims is what tests look at in an ID token.
type Claims struct {
	Subject  string   `json:"sub"`
	Nonce    string   `json:"nonce"`
	ACR      string   `json:"acr"`
	AMR      []string `json:"amr"`
	AuthTime int64    `json:"auth_time"`
	SID      string   `json:"sid"`
	Issuer   string   `json:"iss"`
}

// Attempt is one authorization request and what is needed to check its answer.
type Attempt struct {
	URL, State      string
	nonce, verifier string
}

// CallbackServer returns the URL of a page that stands for a relying party's
// redirect URI, so that a browser can end there. The page shows what was posted
// to it, as a query.
func CallbackServer(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><title>client</title><body data-screen=client><main>back at the client<p id=posted>%s</p></main>", html.EscapeString(r.PostForm.Encode()))
	}))
	t.Cleanup(s.Close)
	return s.URL + "/callback"
}

// NewRP discovers the provider and returns a relying party. All it asks the
// provider goes through the HTTP client.
func NewRP(t testing.TB, http *http.Client, issuer, clientID, secret, redirectURI string, scopes ...string) *RP {
	t.Helper()
	ctx := oidc.ClientContext(context.Background(), http)
	p, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		t.Fatal(err)
	}
	if len(scopes) == 0 {
		scopes = []string{oidc.ScopeOpenID, "email"}
	}
	return &RP{t: t, ctx: ctx, issuer: issuer, provider: p, URL: redirectURI, OAuth: oauth2.Config{
		ClientID: clientID, ClientSecret: secret, RedirectURL: redirectURI, Endpoint: p.Endpoint(), Scopes: scopes,
	}}
}

// In returns the same relying party for a subtest.
func (rp *RP) In(t testing.TB) *RP {
	in := *rp
	in.t = t
	return &in
}

// Begin returns a new authorization request; params are name, value, name, value.
func (rp *RP) Begin(params ...string) Attempt {
	a := Attempt{State: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	opts := []oauth2.AuthCodeOption{oidc.Nonce(a.nonce), oauth2.S256ChallengeOption(a.verifier)}
	for i := 0; i+1 < len(params); i += 2 {
		if params[i] == "state" {
			a.State = params[i+1]
		}
		opts = append(opts, oauth2.SetAuthURLParam(params[i], params[i+1]))
	}
	a.URL = rp.OAuth.AuthCodeURL(a.State, opts...)
	return a
}

// Answer checks state and iss of the URL where a browser ended and returns its
// parameters.
func (rp *RP) Answer(a Attempt, at *url.URL) url.Values {
	rp.t.Helper()
	return rp.check(a, at.Query())
}

func (rp *RP) check(a Attempt, q url.Values) url.Values {
	rp.t.Helper()
	for name, want := range map[string]string{"state": a.State, "iss": rp.issuer} {
		if got := q[name]; len(got) != 1 || got[0] != want {
			rp.t.Fatalf("%s %q in %q, want %q", name, got, q, want)
		}
	}
	return q
}

// Redeem exchanges the code of an answer and verifies the ID token.
func (rp *RP) Redeem(a Attempt, at *url.URL) Tokens {
	rp.t.Helper()
	return rp.RedeemFields(a, at.Query())
}

// RedeemFields is [RP.Redeem] of an answer that came in another way.
func (rp *RP) RedeemFields(a Attempt, q url.Values) Tokens {
	rp.t.Helper()
	if rp.check(a, q); q.Get("code") == "" {
		rp.t.Fatalf("no code in %q", q)
	}
	token, err := rp.Exchange(a, q.Get("code"))
	if err != nil {
		rp.t.Fatal(err)
	}
	tokens := rp.verify(token)
	if tokens.Claims.Nonce != a.nonce {
		rp.t.Fatalf("nonce %q, want %q", tokens.Claims.Nonce, a.nonce)
	}
	return tokens
}

// Exchange exchanges a code without judging the result.
func (rp *RP) Exchange(a Attempt, code string) (*oauth2.Token, error) {
	return rp.OAuth.Exchange(rp.ctx, code, oauth2.VerifierOption(a.verifier))
}

// Refresh uses a refresh token without judging the result.
func (rp *RP) Refresh(refreshToken string) (Tokens, error) {
	rp.t.Helper()
	token, err := rp.OAuth.TokenSource(rp.ctx, &oauth2.Token{RefreshToken: refreshToken}).Token()
	if err != nil {
		return Tokens{}, err
	}
	return rp.verify(token), nil
}

func (rp *RP) verify(token *oauth2.Token) Tokens {
	rp.t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := rp.provider.Verifier(&oidc.Config{ClientID: rp.OAuth.ClientID}).Verify(rp.ctx, raw)
	if err != nil {
		rp.t.Fatalf("ID token: %v", err)
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			rp.t.Fatalf("at_hash: %v", err)
		}
	}
	tokens := Tokens{Token: token, IDToken: raw}
	if err := id.Claims(&tokens.Claims); err != nil {
		rp.t.Fatal(err)
	}
	return tokens
}

// UserInfo asks the userinfo endpoint with the library.
func (rp *RP) UserInfo(token *oauth2.Token) (*oidc.UserInfo, error) {
	return rp.provider.UserInfo(rp.ctx, oauth2.StaticTokenSource(token))
}

// Email asks the userinfo endpoint for the address of the user.
func (rp *RP) Email(tokens Tokens) string {
	rp.t.Helper()
	info, err := rp.UserInfo(tokens.Token)
	if err != nil {
		rp.t.Fatal(err)
	}
	if info.Subject != tokens.Claims.Subject {
		rp.t.Fatalf("userinfo of %s for a token of %s", info.Subject, tokens.Claims.Subject)
	}
	return info.Email
}

// Verifier returns the code_verifier of the request, for clients that redeem
// the code by themselves.
func (a Attempt) Verifier() string { return a.verifier }
