package token

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// skew is how far ahead another replica's clock may be.
const skew = 60 * time.Second

// Hint is what a verified id_token_hint says.
type Hint struct {
	Subject  string
	ClientID string // the client that the ID token was issued to
	SID      string // session for that client, empty in tokens without one
	Expired  bool
}

// VerifyIDTokenHint reads an ID token that comes back as a hint (OpenID Connect
// Core, section 3.1.2.1; RP-Initiated Logout, section 2). Signature, typ, iss
// and aud must be right; that it has expired is no fault. clientID, where not
// empty, must be the client that it was issued to. The error is [ErrInvalid],
// or that of the store.
func (i *Issuer) VerifyIDTokenHint(ctx context.Context, hint, clientID string) (Hint, error) {
	payload, err := i.verify(ctx, hint, typeID)
	if err != nil {
		return Hint{}, err
	}
	var c struct {
		Issuer          string   `json:"iss"`
		Subject         string   `json:"sub"`
		Audience        Audience `json:"aud"`
		AuthorizedParty string   `json:"azp"`
		IssuedAt        int64    `json:"iat"`
		Expires         int64    `json:"exp"`
		SID             string   `json:"sid"`
	}
	if json.Unmarshal(payload, &c) != nil || c.Issuer != i.issuer || c.Subject == "" || len(c.Audience) != 1 {
		return Hint{}, ErrInvalid
	}
	client := c.Audience[0]
	if c.AuthorizedParty != "" && c.AuthorizedParty != client || clientID != "" && clientID != client {
		return Hint{}, ErrInvalid
	}
	now := i.now()
	if time.Unix(c.IssuedAt, 0).After(now.Add(skew)) {
		return Hint{}, ErrInvalid
	}
	return Hint{Subject: c.Subject, ClientID: client, SID: c.SID, Expired: !now.Before(time.Unix(c.Expires, 0))}, nil
}

// VerifyAccess reads an access token that [Issuer.AccessJWT] made for this
// provider or for others, while it lives. The error is [ErrInvalid], or that of
// the store.
func (i *Issuer) VerifyAccess(ctx context.Context, token string) (AccessClaims, error) {
	payload, err := i.verify(ctx, token, typeAccess)
	if err != nil {
		return AccessClaims{}, err
	}
	var c AccessClaims
	if json.Unmarshal(payload, &c) != nil || c.Issuer != i.issuer || c.ClientID == "" {
		return AccessClaims{}, ErrInvalid
	}
	now := i.now()
	if !now.Before(time.Unix(c.Expires, 0)) || time.Unix(c.IssuedAt, 0).After(now.Add(skew)) {
		return AccessClaims{}, ErrInvalid
	}
	return c, nil
}

// verify returns the payload of a token that one of our keys signed, with the
// typ that was asked for and no header but alg, kid and typ: what we never
// write (crit, jwk, jku, x5u, zip) is not ours.
func (i *Issuer) verify(ctx context.Context, s, typ string) ([]byte, error) {
	h, _, err := split(s)
	if err != nil {
		return nil, err
	}
	alg := jose.SignatureAlgorithm(h.Algorithm)
	if h.members != 3 || !strings.EqualFold(h.Type, typ) || h.KeyID == "" || !slices.Contains(algorithms, alg) {
		return nil, ErrInvalid
	}
	k, err := i.keyByID(ctx, h.KeyID)
	if err != nil {
		return nil, err
	}
	if k == nil || k.alg != alg {
		return nil, ErrInvalid
	}
	signed, err := jose.ParseSignedCompact(s, []jose.SignatureAlgorithm{alg})
	if err != nil {
		return nil, ErrInvalid
	}
	payload, err := signed.Verify(k.public)
	if err != nil {
		return nil, ErrInvalid
	}
	return payload, nil
}
