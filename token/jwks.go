package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	jose "github.com/go-jose/go-jose/v4"
)

// JWKS returns the key set (RFC 7517): the keys that signed, sign and will
// sign, as bytes that are made once per change, and their ETag. Clients may
// keep it for an hour.
func (i *Issuer) JWKS(ctx context.Context) (body []byte, etag string, err error) {
	s, err := i.set(ctx)
	if err != nil {
		return nil, "", err
	}
	if len(s.keys) == 0 {
		if err := i.Rotate(ctx); err != nil {
			return nil, "", err
		}
		s = i.keys.Load()
	}
	return s.jwks, s.etag, nil
}

// publish writes the document of a set of keys.
func (s *keySet) publish() error {
	public := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, len(s.keys))}
	for i, k := range s.keys {
		public.Keys[i] = k.public
	}
	text, err := json.Marshal(public)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	s.jwks, s.etag = text, `"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`
	return nil
}
