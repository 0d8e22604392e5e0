package op

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	zop "github.com/zitadel/oidc/v3/pkg/op"

	"stile/seal"
	"stile/storage"
	"stile/token"
)

// userInfo is the answer of UserInfo (OpenID Connect Core, section 5.3.2).
type userInfo struct {
	Subject string `json:"sub"`
	token.Person
}

// UserInfo tells a client about the user of an access token: what those of the
// token's scopes open that the client may still have. Asking for claims by name
// adds nothing to that.
func (s *server) UserInfo(ctx context.Context, r *zop.Request[oidc.UserInfoRequest]) (*zop.Response, error) {
	c := callOf(ctx)
	view, err := s.p.DB.GrantByAccess(ctx, seal.HashToken(r.Data.AccessToken))
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, s.p.challenge(c, http.StatusUnauthorized, errBearer())
	case err != nil:
		return nil, failure(ctx, err)
	}
	switch required, err := standing(view.GrantView, s.p.Now()); {
	case errors.Is(err, errEvidenceIsPast()):
		// RFC 9470 section 3: what to ask for at the next sign-in.
		return nil, s.p.challenge(c, http.StatusUnauthorized, errBearerEvidence(), "acr_values", s.p.Levels.Name(required.Level))
	case err != nil:
		return nil, s.p.challenge(c, http.StatusUnauthorized, errBearer())
	}
	scope := openNow(view.Scope, view.GrantView)
	if !slices.Contains(scope, oidc.ScopeOpenID) {
		return nil, s.p.challenge(c, http.StatusForbidden, errBearerScope(), "scope", oidc.ScopeOpenID)
	}
	return &zop.Response{Header: http.Header{}, Data: userInfo{view.Grant.UserID, claimsOf(view.Person, scope)}}, nil
}

// challenge refuses an access token, with the reason where RFC 6750 section 3
// has it. extra are further names and values.
func (p *Provider) challenge(c *call, status int, e *oidc.Error, extra ...string) error {
	text := p.realm("Bearer") + fmt.Sprintf(`, error="%s", error_description="%s"`, e.ErrorType, e.Description)
	for i := 0; i+1 < len(extra); i += 2 {
		text += fmt.Sprintf(`, %s="%s"`, extra[i], extra[i+1])
	}
	c.header.Set("WWW-Authenticate", text)
	return refuse(status, e)
}
