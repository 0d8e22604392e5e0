// Package token mints and reads the tokens of the provider and keeps the keys
// that sign them.
//
// An [Issuer] signs ID tokens ([Issuer.ID]) and the access tokens of services
// ([Issuer.AccessJWT]), publishes its keys ([Issuer.JWKS]), reads back what it
// signed ([Issuer.VerifyIDTokenHint], [Issuer.VerifyAccess]), and makes the
// text of refresh tokens ([Issuer.Refresh]) and the sid of a session for one
// client ([Issuer.SID]). It decides nothing about people: whoever calls it has
// asked the core what may be said.
//
// Keys are made when they are missing and renewed by [Issuer.Rotate], which is
// safe to call on any number of replicas at once.
package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/crypto"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"stile/seal"
	"stile/storage"
)

// Lifetimes of what is signed here.
const (
	IDLife     = 10 * time.Minute // ID token
	AccessLife = 5 * time.Minute  // access token, signed or not
)

// ErrInvalid says that a token was not made by this issuer, or not for this
// use. It never says more: whoever sends a token learns nothing about it.
var ErrInvalid = errors.New("token: not a token of this issuer for this use")

// Issuer mints and reads tokens. It is safe for concurrent use.
type Issuer struct {
	db     *storage.DB
	hasher *seal.Hasher
	issuer string
	now    func() time.Time

	keys    atomic.Pointer[keySet]
	loading sync.Mutex
}

// New returns an issuer with this URL, whose keys are in db. It reads nothing
// yet; the first use, or [Issuer.Rotate], loads or makes the keys.
func New(db *storage.DB, issuer string, now func() time.Time) *Issuer {
	return &Issuer{db: db, hasher: db.Hasher(), issuer: issuer, now: now}
}

// Algorithms lists the algorithms that ID tokens can be signed with (RFC 7518,
// RFC 8037); the first one is the default of OpenID Connect.
func Algorithms() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = string(a)
	}
	return names
}

// ID signs an ID token (OpenID Connect Core, section 2) with the algorithm that
// the client registered; empty means RS256. It sets iss, iat, exp and at_hash.
func (i *Issuer) ID(ctx context.Context, alg string, c IDClaims) (string, error) {
	if alg == "" {
		alg = string(jose.RS256)
	}
	k, err := i.signingKey(ctx, jose.SignatureAlgorithm(alg))
	if err != nil {
		return "", err
	}
	now := i.now()
	c.Issuer, c.IssuedAt, c.Expires = i.issuer, now.Unix(), now.Add(IDLife).Unix()
	if c.AccessToken != "" {
		if c.AccessTokenHash, err = oidc.ClaimHash(c.AccessToken.Reveal(), k.alg); err != nil {
			return "", err
		}
	}
	return sign(k.id, k.idSigner, c)
}

// AccessJWT signs the access token of a service (RFC 9068) with ES256. It sets
// iss, iat, exp and, where there is none, the audience: the issuer itself.
func (i *Issuer) AccessJWT(ctx context.Context, c AccessClaims) (string, error) {
	k, err := i.signingKey(ctx, jose.ES256)
	if err != nil {
		return "", err
	}
	now := i.now()
	c.Issuer, c.IssuedAt, c.Expires = i.issuer, now.Unix(), now.Add(AccessLife).Unix()
	if len(c.Audience) == 0 {
		c.Audience = Audience{i.issuer}
	}
	return sign(k.id, k.accessSigner, c)
}

func sign(kid string, s jose.Signer, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text, err := crypto.SignPayload(payload, s)
	if err != nil {
		return "", fmt.Errorf("token: signing with key %s: %w", kid, err)
	}
	return text, nil
}
