package op

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	zop "github.com/zitadel/oidc/v3/pkg/op"

	"stile/token"
)

// ClientCredentialsExchange gives a service an access token of its own (RFC 6749
// section 4.4). There is no user in it and nothing to revoke, so it is signed
// (RFC 9068) and written nowhere.
func (s *server) ClientCredentialsExchange(ctx context.Context, r *zop.ClientRequest[oidc.ClientCredentialsRequest]) (*zop.Response, error) {
	c := ofClient(r)
	scope, ok := serviceScopes(r.Form.Get("scope"), c)
	if !ok {
		return nil, errScopeService()
	}
	access, err := s.p.Tokens.AccessJWT(ctx, token.AccessClaims{
		Subject: c.ID, ClientID: c.ID, ID: uuid.NewString(), Scope: strings.Join(scope, " "), AccountID: c.AccountID,
	})
	if err != nil {
		return nil, failure(ctx, err)
	}
	return &zop.Response{Header: http.Header{}, Data: newTokens(access, scope, token.AccessLife)}, nil
}

// serviceScopes returns the scopes that a service asks for, or without any all
// that it registered; false if it asks for others. Scopes that speak of a user
// are left out: there is none.
func serviceScopes(asked string, c *client) ([]string, bool) {
	wanted := strings.Fields(asked)
	if asked == "" {
		wanted = c.scopes
	}
	var kept []string
	for _, s := range wanted {
		switch {
		case slices.ContainsFunc(scopes, func(known scope) bool { return known.name == s }):
		case !c.IsScopeAllowed(s):
			return nil, false
		case !slices.Contains(kept, s):
			kept = append(kept, s)
		}
	}
	return kept, true
}
