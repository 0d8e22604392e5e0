package resource

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// verifySigned reads a signed access token (RFC 9068 section 4).
func (v *Verifier) verifySigned(ctx context.Context, text string) (Token, error) {
	alg, kid, ok := v.headerOf(text)
	if !ok {
		return Token{}, errToken
	}
	key, err := v.key(ctx, kid)
	if err != nil {
		return Token{}, err
	}
	if key == nil || key.Algorithm != "" && key.Algorithm != string(alg) {
		return Token{}, errToken
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{alg})
	if err != nil {
		return Token{}, errToken
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return Token{}, errToken
	}
	var c claims
	if json.Unmarshal(payload, &c) != nil || c.Issuer != v.o.Issuer || !slices.Contains(c.Audience, v.o.Audience) {
		return Token{}, errToken
	}
	return c.token(v.o.Now())
}

// headerOf returns algorithm and key id of a token if its header is that of an
// access token and holds nothing else: what would lead to other keys or other
// ways to read it (jwk, jku, x5u, crit, zip) is not for us.
func (v *Verifier) headerOf(text string) (alg jose.SignatureAlgorithm, kid string, ok bool) {
	head, _, _ := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(head)
	if err != nil {
		return "", "", false
	}
	var members map[string]string
	if json.Unmarshal(raw, &members) != nil || len(members) != 3 {
		return "", "", false
	}
	alg = jose.SignatureAlgorithm(members["alg"])
	typ := strings.TrimPrefix(strings.ToLower(members["typ"]), "application/")
	return alg, members["kid"], typ == "at+jwt" && members["kid"] != "" && slices.Contains(v.algorithms, alg)
}

const (
	keysAge   = time.Hour        // how old the known keys may be
	keysPause = 10 * time.Second // between two readings, whatever kids strangers make up
	maxKeys   = 64
)

// keyCache holds the keys of the issuer.
type keyCache struct {
	uri   string
	turn  chan struct{} // held by whoever reads or looks at the rest
	keys  map[string]*jose.JSONWebKey
	read  time.Time // when keys were read
	tried time.Time // when they were last to be read
}

func (k *keyCache) init() { k.turn = make(chan struct{}, 1) }

// key returns the key with an id, nil if the issuer has none. The keys are read
// again when they are old, and once more for an id that is not known, but not
// in short succession. While they are too old and can't be read there is an
// error: a key may have been withdrawn.
func (v *Verifier) key(ctx context.Context, kid string) (*jose.JSONWebKey, error) {
	k := &v.keys
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	now := v.o.Now()
	old := k.read.IsZero() || now.Sub(k.read) >= keysAge
	if !old && k.keys[kid] != nil {
		return k.keys[kid], nil
	}
	pause := keysPause
	if old { // nothing can be verified meanwhile
		pause = time.Second
	}
	if k.tried.IsZero() || now.Sub(k.tried) >= pause {
		k.tried = now
		keys, err := v.readKeys(context.WithoutCancel(ctx)) // others wait for it, too
		if err != nil {
			return nil, err
		}
		k.keys, k.read, old = keys, now, false
	}
	if old {
		return nil, fmt.Errorf("resource: the keys at %s could not be read", k.uri)
	}
	return k.keys[kid], nil
}

func (v *Verifier) readKeys(ctx context.Context) (map[string]*jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := v.getJSON(ctx, v.keys.uri, &set); err != nil {
		return nil, fmt.Errorf("resource: keys: %w", err)
	}
	keys := map[string]*jose.JSONWebKey{}
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil || !key.Valid() || !key.IsPublic() || key.KeyID == "" || key.Use != "" && key.Use != "sig" {
			continue // of a kind that is not known here
		}
		keys[key.KeyID] = &key
	}
	return keys, nil
}
