package op

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	zop "github.com/zitadel/oidc/v3/pkg/op"

	"stile/seal"
	"stile/storage"
	"stile/token"
)

// reasonRevoked is why a grant ended that its client gave back.
const reasonRevoked = "revoked"

// Revocation ends the grant of an access or refresh token (RFC 7009), and so all
// of its tokens. What nobody knows, and what belongs to another client, is
// answered in the same way and left alone.
func (s *server) Revocation(ctx context.Context, r *zop.ClientRequest[oidc.RevocationRequest]) (*zop.Response, error) {
	c := ofClient(r)
	done := &zop.Response{Header: http.Header{}}
	grant, err := s.grantOf(ctx, c, r.Data.Token)
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, token.ErrInvalid):
		return done, nil
	case err != nil:
		return nil, failure(ctx, err)
	case grant.ClientID != c.ID:
		return done, nil
	}
	if err := s.p.DB.EndGrant(ctx, grant.ID, reasonRevoked, callOf(ctx).by(c)); err != nil {
		return nil, failure(ctx, err)
	}
	return done, nil
}

// grantOf returns the grant that a token is of.
func (s *server) grantOf(ctx context.Context, c *client, text string) (storage.Grant, error) {
	switch {
	case seal.KindAccess.Is(text):
		view, err := s.p.DB.GrantByAccess(ctx, seal.HashToken(text))
		return view.Grant, err
	case strings.HasPrefix(text, string(seal.KindRefresh)):
		id, _, ok := s.p.Tokens.ParseRefresh(text)
		if !ok {
			return storage.Grant{}, storage.ErrNotFound
		}
		view, err := s.p.DB.Grant(ctx, id)
		return view.Grant, err
	}
	claims, err := s.p.Tokens.VerifyAccess(ctx, text)
	if err == nil && claims.ClientID == c.ID {
		return storage.Grant{}, errUnrevocable()
	}
	return storage.Grant{}, storage.ErrNotFound
}
