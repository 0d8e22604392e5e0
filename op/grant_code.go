package op

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
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

// CodeExchange gives tokens for an authorization code (RFC 6749 section 4.1.3,
// OpenID Connect Core section 3.1.3). Whatever is wrong with the request, the
// code is spent by it; a second use ends all that the first one gave.
func (s *server) CodeExchange(ctx context.Context, r *zop.ClientRequest[oidc.AccessTokenRequest]) (*zop.Response, error) {
	if !seal.KindCode.Is(r.Data.Code) {
		return nil, errCode()
	}
	c, call, access := ofClient(r), callOf(ctx), seal.NewToken(seal.KindAccess)
	var scope []string
	var until time.Time
	view, err := s.p.DB.RedeemCode(ctx, seal.HashToken(r.Data.Code), func(v storage.GrantView) (storage.Redemption, error) {
		now := s.p.Now()
		if err := checkCode(v, c, r.Data, now); err != nil {
			return storage.Redemption{Event: call.refusal(c, v, err)}, err
		}
		required, err := standing(v, now)
		if err != nil {
			return storage.Redemption{Event: call.refusal(c, v, err)}, err
		}
		scope = openNow(v.Grant.Scope, v)
		idle, absolute := lifetime(v, required, now)
		until = earlier(now.Add(token.AccessLife), absolute)
		out := storage.Redemption{
			AccessHash: seal.HashToken(access.Reveal()), AccessScope: strings.Join(scope, " "), AccessUntil: until,
			Refresh: c.may(oidc.GrantTypeRefreshToken), IdleAt: idle, ExpiresAt: absolute,
			Event: call.event(audit.GrantRedeemed, c, v),
		}
		return out, nil
	})
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrSpent), errors.Is(err, storage.ErrExpired):
		return nil, errCode()
	case errors.Is(err, storage.ErrEnded):
		return nil, errSessionEnded()
	case err != nil:
		return nil, failure(ctx, err)
	}
	return s.give(ctx, c, view, given{access: access, scope: scope, until: until, generation: view.Grant.Generation, nonce: view.Grant.Nonce})
}

// checkCode tells whether a code is for this client and this request.
func checkCode(v storage.GrantView, c *client, q *oidc.AccessTokenRequest, now time.Time) error {
	code := v.Grant.Code
	switch {
	case v.Grant.ClientID != c.ID, !now.Before(code.ExpiresAt):
		return errCode()
	case q.RedirectURI == omitted && code.Challenge != "":
		// OAuth 2.1 leaves it out, since PKCE binds the code already.
	case q.RedirectURI != code.RedirectURI:
		return errCodeRedirect()
	}
	if err := checkVerifier(code.Challenge, q.CodeVerifier, requiresPKCE(c)); err != nil {
		return err
	}
	if !v.SessionLive {
		return errSessionEnded() // though the grant may be for longer: it was not begun
	}
	return nil
}

// checkVerifier is the server's part of PKCE (RFC 7636 section 4.6), with S256
// alone. Nobody can talk it out of a challenge that was sent, nor into one that
// was not (RFC 9700 section 2.1.1).
func checkVerifier(challenge, verifier string, required bool) error {
	switch {
	case challenge == "" && verifier != "":
		return errCodeUnasked()
	case challenge == "" && !required:
		return nil
	case challenge == "" || verifier == "":
		return errCodeVerifier()
	case len(verifier) < 43 || len(verifier) > 128 || strings.ContainsFunc(verifier, notUnreserved):
		return errVerifierForm()
	}
	sum := sha256.Sum256([]byte(verifier))
	if subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) != 1 {
		return errCodeVerifier()
	}
	return nil
}

func notUnreserved(r rune) bool { return notBase64url(r) && r != '.' && r != '~' }
