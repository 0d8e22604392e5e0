package op

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/client/rs"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"stile/authn"
)

// wire brings the requests of a client library to the provider, as the network
// would.
type wire struct{ to http.Handler }

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "192.0.2.1:1234"
	in.Host = r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	w.to.ServeHTTP(rec, in)
	res := rec.Result()
	res.Request = r
	return res, nil
}

// atNoon runs a test in a bubble whose clock shows what the provider's does:
// client libraries look at the system's.
func atNoon(t *testing.T, run func(f *front, ctx context.Context, c *http.Client)) {
	seeded() // outside, since it is for all tests
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(noon))
		f := newFront(t)
		c := &http.Client{Transport: wire{f.handler}}
		run(f, context.WithValue(context.Background(), oauth2.HTTPClient, c), c)
		f.must(f.db.Close())
	})
}

// follow takes an authorization URL through a signed-in browser and returns the code.
func (b *browser) follow(address string) string {
	b.f.t.Helper()
	a := b.get(address)
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil || u.Query().Get("code") == "" || u.Query().Get("iss") != backIssuer {
		b.f.t.Fatalf("no code: %d %s %.200s", a.Status, a.Header.Get("Location"), a.Text)
	}
	return u.Query().Get("code")
}

func TestGoOIDCAndOAuth2WorkUnmodified(t *testing.T) {
	atNoon(t, func(f *front, ctx context.Context, _ *http.Client) {
		b := f.browser()
		b.signIn(f.user, authn.Password, authn.TOTP)
		provider, err := gooidc.NewProvider(ctx, backIssuer)
		f.must(err)
		for _, c := range []struct{ id, redirect string }{
			{"console", "https://rp.test/cb"},              // client_secret_basic
			{"poster", "https://post.test/cb"},             // client_secret_post
			{"desktop", "http://127.0.0.1:40123/callback"}, // none, on any port
			{"desktop", "http://127.0.0.1:52345/callback"}, // and another
		} {
			config := oauth2.Config{
				ClientID: c.id, ClientSecret: f.secrets[c.id].Reveal(), Endpoint: provider.Endpoint(),
				RedirectURL: c.redirect, Scopes: []string{"openid", "profile", "offline_access"},
			}
			verifier := oauth2.GenerateVerifier()
			code := b.follow(config.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier), gooidc.Nonce("nonce")))
			tokens, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatalf("%s: %v", c.id, err)
			}
			raw, _ := tokens.Extra("id_token").(string)
			id, err := provider.VerifierContext(ctx, &gooidc.Config{ClientID: c.id}).Verify(ctx, raw)
			f.must(err)
			f.must(id.VerifyAccessToken(tokens.AccessToken))
			var claims struct {
				ACR      string   `json:"acr"`
				AMR      []string `json:"amr"`
				AuthTime int64    `json:"auth_time"`
			}
			f.must(id.Claims(&claims))
			if id.Nonce != "nonce" || id.Subject != f.user.ID || claims.ACR != "urn:stile:acr:mfa" || !slices.Equal(claims.AMR, []string{"mfa", "otp", "pwd"}) ||
				claims.AuthTime != noon.Unix() {
				t.Errorf("%s: %+v %+v", c.id, id, claims)
			}
			info, err := provider.UserInfo(ctx, config.TokenSource(ctx, tokens))
			if err != nil || info.Subject != f.user.ID {
				t.Errorf("%s: UserInfo %+v, %v", c.id, info, err)
			}
			old := *tokens
			old.Expiry = time.Now().Add(-time.Minute)
			fresh, err := config.TokenSource(ctx, &old).Token()
			if err != nil || fresh.AccessToken == tokens.AccessToken || fresh.RefreshToken == tokens.RefreshToken {
				t.Errorf("%s: refresh: %v", c.id, err)
			}
		}
		service := clientcredentials.Config{ClientID: "service", ClientSecret: f.secrets["service"].Reveal(), TokenURL: provider.Endpoint().TokenURL, Scopes: []string{"reports:read"}}
		if token, err := service.Token(ctx); err != nil || token.AccessToken == "" {
			t.Errorf("client_credentials: %v", err)
		}
	})
}

func TestZitadelClientsWorkUnmodified(t *testing.T) {
	atNoon(t, func(f *front, ctx context.Context, c *http.Client) {
		b := f.browser()
		b.signIn(f.user, authn.Password, authn.TOTP)
		// It repeats its scopes at each refresh, those that were never granted too.
		scopes := []string{"openid", "profile", "email", "phone", "offline_access"}
		party, err := rp.NewRelyingPartyOIDC(ctx, backIssuer, "console", f.secrets["console"].Reveal(), "https://rp.test/cb", scopes,
			rp.WithHTTPClient(c), rp.WithAuthStyle(oauth2.AuthStyleInHeader), rp.WithSigningAlgsFromDiscovery())
		f.must(err)
		verifier := oauth2.GenerateVerifier()
		code := b.follow(rp.AuthURL("state", party, rp.WithCodeChallenge(oidc.NewSHACodeChallenge(verifier))))
		tokens, err := rp.CodeExchange[*oidc.IDTokenClaims](ctx, code, party, rp.WithCodeVerifier(verifier))
		f.must(err)
		if tokens.IDTokenClaims.AuthenticationContextClassReference != "urn:stile:acr:mfa" || tokens.IDTokenClaims.Subject != f.user.ID {
			t.Errorf("ID token %+v", tokens.IDTokenClaims)
		}
		info, err := rp.Userinfo[*oidc.UserInfo](ctx, tokens.AccessToken, tokens.TokenType, f.user.ID, party)
		if err != nil || info.Email != "ada@example.com" || bool(info.EmailVerified) {
			t.Errorf("UserInfo %+v, %v", info, err)
		}
		fresh, err := rp.RefreshTokens[*oidc.IDTokenClaims](ctx, party, tokens.RefreshToken, "", "")
		if err != nil || fresh.IDTokenClaims == nil || fresh.IDTokenClaims.AuthTime != tokens.IDTokenClaims.AuthTime {
			t.Fatalf("refresh: %+v, %v", fresh, err)
		}
		api, err := rs.NewResourceServerClientCredentials(ctx, backIssuer, "api", f.secrets["api"].Reveal(), rs.WithClient(c))
		f.must(err)
		told, err := rs.Introspect[*oidc.IntrospectionResponse](ctx, api, fresh.AccessToken)
		if err != nil || !told.Active || told.Claims["acr"] != "urn:stile:acr:mfa" || !slices.Contains(told.AuthenticationMethodsReferences, "otp") {
			t.Errorf("introspection %+v, %v", told, err)
		}
		f.must(rp.RevokeToken(ctx, party, fresh.RefreshToken, "refresh_token"))
		told, err = rs.Introspect[*oidc.IntrospectionResponse](ctx, api, fresh.AccessToken)
		if err != nil || told.Active {
			t.Errorf("after revocation: %+v, %v", told, err)
		}
	})
}
