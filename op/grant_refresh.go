package op

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	zop "github.com/zitadel/oidc/v3/pkg/op"

	"stile/audit"
	"stile/seal"
	"stile/storage"
	"stile/token"
)

// RefreshToken gives new tokens for a refresh token (RFC 6749 section 6), which
// is spent by that (RFC 9700 section 4.14). If what the user proved is not
// enough any more, nothing is spent and nothing given: the user signs in anew.
func (s *server) RefreshToken(ctx context.Context, r *zop.ClientRequest[oidc.RefreshTokenRequest]) (*zop.Response, error) {
	grantID, generation, ok := s.p.Tokens.ParseRefresh(r.Data.RefreshToken)
	if !ok {
		return nil, errRefresh()
	}
	c, call, access := ofClient(r), callOf(ctx), seal.NewToken(seal.KindAccess)
	var scope []string
	var until time.Time
	var judged storage.GrantView
	view, successor, err := s.p.DB.RotateRefresh(ctx, grantID, generation, func(v storage.GrantView) (storage.Rotation, error) {
		now := s.p.Now()
		judged = v
		if v.Grant.ClientID != c.ID {
			return storage.Rotation{}, errRefresh()
		}
		required, err := standing(v, now)
		if err != nil {
			return storage.Rotation{}, err
		}
		if !now.Before(refreshableUntil(v, required)) {
			return storage.Rotation{}, errRefresh()
		}
		idle, absolute := lifetime(v, required, now)
		until = earlier(now.Add(token.AccessLife), earlier(absolute, v.Grant.ExpiresAt))
		asked, err := wantedOf(v.Grant.Claims)
		if err != nil {
			return storage.Rotation{}, err
		}
		granted, known := strings.Fields(v.Grant.Scope), false
		scope, known = narrow(openNow(v.Grant.Scope, v), append(granted, asked.LeftOut...), r.Form.Get("scope"))
		if !known {
			return storage.Rotation{}, errScopeNotGranted()
		}
		return storage.Rotation{
			AccessHash: seal.HashToken(access.Reveal()), AccessScope: strings.Join(scope, " "), AccessUntil: until,
			IdleAt: idle, Event: call.event(audit.GrantRefreshed, c, v),
		}, nil
	})
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrSpent), errors.Is(err, storage.ErrExpired), errors.Is(err, storage.ErrEnded):
		return nil, errRefresh()
	case isProtocol(err): // the user's affair: it is in the audit log
		if err := s.p.DB.Record(ctx, call.refusal(c, judged, err)); err != nil {
			return nil, failure(ctx, err)
		}
		return nil, err
	case err != nil:
		return nil, failure(ctx, err)
	}
	return s.give(ctx, c, view, given{access: access, scope: scope, until: until, generation: successor})
}
