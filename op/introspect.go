package op

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	zop "github.com/zitadel/oidc/v3/pkg/op"

	"stile/authn"
	"stile/seal"
	"stile/storage"
	"stile/token"
)

// introspection is what is told about a token (RFC 7662 section 2.2, RFC 9470
// section 6.2). The zero value says that there is nothing to tell.
type introspection struct {
	Active    bool           `json:"active"`
	Scope     string         `json:"scope,omitempty"`
	ClientID  string         `json:"client_id,omitempty"`
	TokenType string         `json:"token_type,omitempty"`
	Expires   int64          `json:"exp,omitempty"`
	IssuedAt  int64          `json:"iat,omitempty"`
	Subject   string         `json:"sub,omitempty"`
	Audience  token.Audience `json:"aud,omitempty"`
	Issuer    string         `json:"iss,omitempty"`
	ID        string         `json:"jti,omitempty"`
	ACR       string         `json:"acr,omitempty"`
	AMR       []string       `json:"amr,omitempty"`
	AuthTime  int64          `json:"auth_time,omitempty"`
	AccountID string         `json:"account_id,omitempty"`
}

// Introspect tells a client about a token that is meant for it: its own ones,
// and every client's access tokens if it is registered as an API that takes them
// (introspect_all). Everything else is inactive, without a reason.
//
// The evidence is judged by today's policy, so an API that asks here hears of a
// switch at once.
func (s *server) Introspect(ctx context.Context, r *zop.Request[zop.IntrospectionRequest]) (*zop.Response, error) {
	c, err := s.p.authenticate(ctx, callOf(ctx))
	if err != nil {
		return nil, err
	}
	var found introspection
	switch text := r.Data.Token; {
	case seal.KindAccess.Is(text):
		found, err = s.introspectAccess(ctx, c, text)
	case strings.HasPrefix(text, string(seal.KindRefresh)):
		found, err = s.introspectRefresh(ctx, c, text)
	default:
		found, err = s.introspectService(ctx, c, text)
	}
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, token.ErrInvalid):
		found = introspection{}
	case err != nil:
		return nil, failure(ctx, err)
	}
	return &zop.Response{Header: http.Header{}, Data: found}, nil
}

// hears tells whether a client may know of the tokens of another.
func (c *client) hears(clientID, accountID string) bool {
	return clientID == c.ID || c.Metadata.IntrospectAll && (c.AccountID == "" || c.AccountID == accountID)
}

func (s *server) introspectAccess(ctx context.Context, c *client, text string) (introspection, error) {
	view, err := s.p.DB.GrantByAccess(ctx, seal.HashToken(text))
	if err != nil || !c.hears(view.Grant.ClientID, view.Grant.AccountID) {
		return introspection{}, err
	}
	found, _ := s.ofGrant(view.GrantView)
	if found.Active {
		found.Expires = view.ExpiresAt.Unix()
		found.Scope, found.TokenType, found.IssuedAt = strings.Join(openNow(view.Scope, view.GrantView), " "), oidc.BearerToken, view.IssuedAt.Unix()
		found.Audience = token.Audience{s.p.Issuer}
	}
	return found, nil
}

// introspectRefresh tells a client about its own refresh token only: to an API
// it must not look like something that opens it.
func (s *server) introspectRefresh(ctx context.Context, c *client, text string) (introspection, error) {
	id, generation, ok := s.p.Tokens.ParseRefresh(text)
	if !ok {
		return introspection{}, nil
	}
	view, err := s.p.DB.Grant(ctx, id)
	if err != nil || view.Grant.ClientID != c.ID || view.Grant.Generation != generation {
		return introspection{}, err
	}
	found, required := s.ofGrant(view)
	if found.Active {
		expires := refreshableUntil(view, required)
		if !s.p.Now().Before(expires) {
			return introspection{}, nil
		}
		found.Expires = expires.Unix()
		found.Scope, found.IssuedAt = strings.Join(openNow(view.Grant.Scope, view), " "), view.Grant.RotatedAt.Unix()
	}
	return found, nil
}

// introspectService reads the signed token of a service.
func (s *server) introspectService(ctx context.Context, c *client, text string) (introspection, error) {
	claims, err := s.p.Tokens.VerifyAccess(ctx, text)
	if err != nil || !c.hears(claims.ClientID, claims.AccountID) {
		return introspection{}, err
	}
	if _, err := s.p.client(ctx, claims.ClientID); err != nil {
		return introspection{}, err // gone, disabled or of a suspended account since
	}
	return introspection{
		Active: true, Scope: claims.Scope, ClientID: claims.ClientID, TokenType: oidc.BearerToken,
		Expires: claims.Expires, IssuedAt: claims.IssuedAt, Subject: claims.Subject, Audience: claims.Audience,
		Issuer: claims.Issuer, ID: claims.ID, AccountID: claims.AccountID,
	}, nil
}

// ofGrant says what every token of a grant has in common, if it works now, and
// what is required of the grant.
func (s *server) ofGrant(v storage.GrantView) (introspection, authn.Requirement) {
	required, err := standing(v, s.p.Now())
	if err != nil {
		return introspection{}, required
	}
	return introspection{
		Active: true, ClientID: v.Grant.ClientID, Subject: v.Grant.UserID, Issuer: s.p.Issuer,
		ACR: v.Grant.ACR, AMR: v.Grant.Evidence.AMR(), AuthTime: v.Grant.Evidence.AuthTime().Unix(), AccountID: v.Grant.AccountID,
	}, required
}
