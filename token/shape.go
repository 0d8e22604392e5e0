package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// Bounds of a JWT that somebody else sends.
const (
	maxJWT   = 64 << 10 // bytes
	maxDepth = 16       // levels of JSON
)

// header is what is read of a JOSE header (RFC 7515, section 4.1).
type header struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Type      string `json:"typ"`

	members int // how many there are, known or not
}

// registered are the claims of RFC 7519, section 4.1, with their types.
type registered struct {
	Issuer    *string   `json:"iss"`
	Subject   *string   `json:"sub"`
	Audience  *Audience `json:"aud"`
	Expires   *float64  `json:"exp"`
	NotBefore *float64  `json:"nbf"`
	IssuedAt  *float64  `json:"iat"`
	ID        *string   `json:"jti"`
}

// split returns header and payload of a token that may be given to a parser at
// all: three parts of base64url, at most [maxJWT] bytes, the first two JSON
// objects without repeated members, an alg that is a string and not none, and
// registered claims of the types of RFC 7519, section 4.1. It looks at no key
// and no time. The library's types assert instead of checking, so nothing that
// fails here reaches them.
func split(s string) (h header, payload []byte, err error) {
	if len(s) > maxJWT || strings.Count(s, ".") != 2 {
		return h, nil, ErrInvalid
	}
	parts := strings.Split(s, ".")
	var decoded [3][]byte
	for i, part := range parts {
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil || len(decoded[i]) == 0 {
			return h, nil, ErrInvalid
		}
	}
	if h.members, err = checkObject(decoded[0]); err != nil {
		return h, nil, ErrInvalid
	}
	if _, err := checkObject(decoded[1]); err != nil {
		return h, nil, ErrInvalid
	}
	if json.Unmarshal(decoded[0], &h) != nil || h.Algorithm == "" || strings.EqualFold(h.Algorithm, "none") {
		return h, nil, ErrInvalid
	}
	var claims registered
	if json.Unmarshal(decoded[1], &claims) != nil {
		return h, nil, ErrInvalid
	}
	return h, decoded[1], nil
}

var errShape = errors.New("token: not a plain JSON object")

// CheckObject accepts JSON text that is one object of bounded depth in which no
// object has a member twice, not even in another case: encoding/json would take
// either. It is for what strangers send.
func CheckObject(text []byte) error {
	_, err := checkObject(text)
	return err
}

// checkObject is [CheckObject], and returns the number of members at the top.
func checkObject(b []byte) (int, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	first, err := d.Token()
	if err != nil || first != json.Delim('{') {
		return 0, errShape
	}
	n, err := checkMembers(d, 1)
	if err != nil {
		return 0, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return 0, errShape
	}
	return n, nil
}

func checkMembers(d *json.Decoder, depth int) (int, error) {
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return 0, errShape
		}
		folded := strings.ToLower(name.(string)) // the decoder gives strings only, as names
		if seen[folded] {
			return 0, errShape
		}
		seen[folded] = true
		if err := checkValue(d, depth); err != nil {
			return 0, err
		}
	}
	if _, err := d.Token(); err != nil {
		return 0, errShape
	}
	return len(seen), nil
}

func checkValue(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil || depth >= maxDepth {
		return errShape
	}
	switch t {
	case json.Delim('{'):
		_, err = checkMembers(d, depth+1)
		return err
	case json.Delim('['):
		for d.More() {
			if err := checkValue(d, depth+1); err != nil {
				return err
			}
		}
		_, err = d.Token()
		return err
	}
	return nil
}
