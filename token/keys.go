package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"stile/audit"
	"stile/seal"
	"stile/storage"
)

// algorithms are what ID tokens can be signed with. There is one key in use for
// each.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}

// The life of a key. It is published a day before it signs, longer than
// clients may keep the key set, and stays published until what it signed last
// has expired; id_token_hint is checked against it even longer, for as long as
// a session may live.
const (
	publishBefore = 24 * time.Hour
	signFor       = 90 * 24 * time.Hour
	keepFor       = 31 * 24 * time.Hour // after the last signature
	rsaBits       = 2048
)

// cacheFor is how long keys are taken from memory; retryAfter how soon they may
// be read again for a key id that nobody knows, or after a failure.
const (
	cacheFor   = 60 * time.Second
	retryAfter = 5 * time.Second
)

// The values of typ (RFC 7519, section 5.1; RFC 9068, section 2.1).
const (
	typeID     = "JWT"
	typeAccess = "at+jwt"
)

// key is one signing key, ready for use.
type key struct {
	id                          string // RFC 7638 thumbprint, so that no two keys ever share one
	slot                        int    // place in the row of keys of its algorithm
	alg                         jose.SignatureAlgorithm
	public                      jose.JSONWebKey
	activates, retires, removes time.Time

	idSigner, accessSigner jose.Signer
}

// keySet is all keys as read at one moment.
type keySet struct {
	keys []*key
	jwks []byte
	etag string
	read time.Time
}

// signingKey returns the key that signs with alg now.
func (i *Issuer) signingKey(ctx context.Context, alg jose.SignatureAlgorithm) (*key, error) {
	s, err := i.set(ctx)
	if err != nil {
		return nil, err
	}
	if k := s.active(alg, i.now()); k != nil {
		return k, nil
	}
	if err := i.Rotate(ctx); err != nil {
		return nil, err
	}
	if k := i.keys.Load().active(alg, i.now()); k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("token: no key for algorithm %q", alg)
}

// keyByID returns the key of a kid, or nil. For an id that is not known the keys
// are read once more, since another replica may have made one.
func (i *Issuer) keyByID(ctx context.Context, id string) (*key, error) {
	s, err := i.set(ctx)
	if err != nil {
		return nil, err
	}
	k := s.find(id)
	if k == nil && i.now().Sub(s.read) >= retryAfter {
		if s, err = i.load(ctx); err != nil {
			return nil, err
		}
		k = s.find(id)
	}
	return k, nil
}

// set returns the keys, at most a minute old. If they can't be read again,
// those in memory go on: they are still right, and clients need them.
func (i *Issuer) set(ctx context.Context) (*keySet, error) {
	s := i.keys.Load()
	if s == nil {
		i.loading.Lock()
		defer i.loading.Unlock()
		if s = i.keys.Load(); s == nil {
			return i.load(ctx)
		}
		return s, nil
	}
	if i.now().Sub(s.read) >= cacheFor && i.loading.TryLock() {
		defer i.loading.Unlock()
		fresh, err := i.load(ctx)
		if err == nil {
			return fresh, nil
		}
		again := *s
		again.read = i.now().Add(retryAfter - cacheFor)
		i.keys.CompareAndSwap(s, &again)
	}
	return s, nil
}

// load reads the keys.
func (i *Issuer) load(ctx context.Context) (*keySet, error) {
	rows, err := i.db.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	s := &keySet{read: i.now()}
	for _, row := range rows {
		k, err := openKey(row)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", row.ID, err)
		}
		if i.now().Before(k.removes) {
			s.keys = append(s.keys, k)
		}
	}
	if err := s.publish(); err != nil {
		return nil, err
	}
	i.keys.Store(s)
	return s, nil
}

// active returns the key of an algorithm that signs at this time: the newest one
// that is in force. One that should have been followed long ago goes on as long
// as what it signs can be checked.
func (s *keySet) active(alg jose.SignatureAlgorithm, now time.Time) *key {
	var active *key
	for _, k := range s.keys {
		if k.alg == alg && !now.Before(k.activates) && now.Add(publishBefore).Before(k.removes) &&
			(active == nil || k.activates.After(active.activates)) {
			active = k
		}
	}
	return active
}

// newest returns the key of an algorithm that was made last, or nil.
func (s *keySet) newest(alg jose.SignatureAlgorithm) *key {
	var newest *key
	for _, k := range s.keys {
		if k.alg == alg && (newest == nil || k.slot > newest.slot) {
			newest = k
		}
	}
	return newest
}

func (s *keySet) find(id string) *key {
	for _, k := range s.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// Rotate makes the keys that are missing, and the successors of those that
// retire within a day or two. It changes nothing where nothing is due, and
// any number of replicas may call it at once: one of them makes the key.
func (i *Issuer) Rotate(ctx context.Context) error {
	return i.renew(ctx, false, audit.System)
}

// Replace makes a successor of every key, on somebody's wish. It signs as soon
// as clients have had a day to learn of it.
func (i *Issuer) Replace(ctx context.Context, by audit.Actor) error {
	return i.renew(ctx, true, by)
}

func (i *Issuer) renew(ctx context.Context, all bool, by audit.Actor) error {
	i.loading.Lock()
	defer i.loading.Unlock()
	s, err := i.load(ctx)
	if err != nil {
		return err
	}
	changed := false
	for _, alg := range algorithms {
		now := i.now()
		newest, slot, from := s.newest(alg), 1, now
		if newest != nil {
			slot = newest.slot + 1
		}
		if s.active(alg, now) != nil {
			waiting := newest.activates.After(now)
			due := !now.Before(newest.retires.Add(-2 * publishBefore))
			if waiting || !due && !all {
				continue
			}
			from = now.Add(publishBefore)
		}
		if err := i.makeKey(ctx, alg, slot, from, by); err != nil {
			return err
		}
		changed = true
	}
	if changed {
		_, err = i.load(ctx)
	}
	return err
}

// makeKey stores a new key. Its row is named by algorithm and place, so that of
// two replicas that make the same one the second finds it made.
func (i *Issuer) makeKey(ctx context.Context, alg jose.SignatureAlgorithm, slot int, from time.Time, by audit.Actor) error {
	private, err := generate(alg)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	row := storage.SigningKey{
		ID: fmt.Sprintf("%s-%d", alg, slot), Alg: string(alg),
		Private:     seal.Secret(base64.StdEncoding.EncodeToString(der)),
		CreatedAt:   i.now(),
		ActivatesAt: from, RetiresAt: from.Add(signFor), RemovesAt: from.Add(signFor + keepFor),
	}
	k, err := openKey(row)
	if err != nil {
		return err
	}
	public, err := k.public.MarshalJSON()
	if err != nil {
		return err
	}
	row.Public = string(public)
	err = i.db.InsertSigningKey(ctx, row, by)
	if errors.Is(err, storage.ErrExists) {
		return nil
	}
	return err
}

func generate(alg jose.SignatureAlgorithm) (crypto.Signer, error) {
	switch alg {
	case jose.RS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case jose.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	default:
		return nil, fmt.Errorf("token: algorithm %q is not offered", alg)
	}
}

// openKey makes a stored key ready for use.
func openKey(row storage.SigningKey) (*key, error) {
	signer, err := parsePrivate(row)
	if err != nil {
		return nil, err
	}
	k := &key{alg: jose.SignatureAlgorithm(row.Alg), activates: row.ActivatesAt, retires: row.RetiresAt, removes: row.RemovesAt}
	if _, err := fmt.Sscanf(row.ID, row.Alg+"-%d", &k.slot); err != nil {
		return nil, errors.New("the key's name is not its algorithm and a number")
	}
	k.public = jose.JSONWebKey{Key: signer.Public(), Algorithm: row.Alg, Use: "sig"}
	thumbprint, err := k.public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, err
	}
	k.id = base64.RawURLEncoding.EncodeToString(thumbprint)
	k.public.KeyID = k.id
	if k.idSigner, err = newSigner(k, signer, typeID); err != nil {
		return nil, err
	}
	k.accessSigner, err = newSigner(k, signer, typeAccess)
	return k, err
}

func newSigner(k *key, private any, typ jose.ContentType) (jose.Signer, error) {
	return jose.NewSigner(
		jose.SigningKey{Algorithm: k.alg, Key: jose.JSONWebKey{Key: private, KeyID: k.id}},
		(&jose.SignerOptions{}).WithType(typ))
}

func parsePrivate(row storage.SigningKey) (crypto.Signer, error) {
	der, err := base64.StdEncoding.DecodeString(row.Private.Reveal())
	if err != nil {
		return nil, errDamaged
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errDamaged // its text could quote the key
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, errDamaged
	}
	return signer, nil
}

var errDamaged = errors.New("the stored key is damaged")
