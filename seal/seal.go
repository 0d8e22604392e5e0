// Package seal makes bytes unreadable and unforgeable for one purpose.
//
// A [Ring] encrypts with AES-256-GCM under a key that is derived from a named
// master key and the purpose. What is sealed for one purpose, or bound to one
// record, does not open for another. A [Hasher] makes keyed hashes of what is
// too short to be stored under a plain one (six-digit codes, addresses), and
// [NewToken] makes the random strings that machines keep.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Purpose names what a sealed value is for. Numbers are written into no
// record but into every key derivation, so they are never reused.
type Purpose int

// The purposes. Add at the end; never renumber.
const (
	PurposeRoot       Purpose = 1 // root of the keyed hashes, see NewHasher
	PurposeTOTPKey    Purpose = 2 // shared key of a TOTP authenticator
	PurposeSigningKey Purpose = 3 // private key that signs tokens
	PurposeRequest    Purpose = 4 // sign-in request that travels with the browser
	PurposeSignIn     Purpose = 5 // secrets of one sign-in under way
	PurposeOutbox     Purpose = 6 // message that waits to be sent
	PurposeAnswer     Purpose = 7 // answer to a request that may be repeated
	PurposeNote       Purpose = 8 // what one page tells the next by way of the browser
)

// KeySize is the length of a master key in bytes.
const KeySize = 32

// version leads every sealed value, so that the form can change one day.
const version = "1"

// ErrOpen says that a value was not sealed by this ring for this purpose and
// record: it was changed, moved, or is somebody else's.
var ErrOpen = errors.New("seal: value does not open")

// UnknownKeyError says that a value was sealed under a master key that the
// ring does not hold.
type UnknownKeyError struct{ ID string }

func (e UnknownKeyError) Error() string {
	return fmt.Sprintf("seal: no master key %q: add it to master_key after the first one", e.ID)
}

// Key is a named master key.
type Key struct {
	ID     string
	Secret [KeySize]byte
}

// Ring holds the master keys: the first one seals, all open.
type Ring struct {
	first string
	aeads map[string]map[Purpose]cipher.AEAD
}

var keyID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// NewRing returns a ring of at least one key. It refuses ids that are not 1 to
// 32 letters, digits, - or _, ids given twice, and secrets of one repeated byte.
func NewRing(keys ...Key) (*Ring, error) {
	if len(keys) == 0 {
		return nil, errors.New("seal: no master key")
	}
	r := &Ring{first: keys[0].ID, aeads: map[string]map[Purpose]cipher.AEAD{}}
	for _, k := range keys {
		if !keyID.MatchString(k.ID) {
			return nil, fmt.Errorf("seal: master key name %q: use 1 to 32 letters, digits, - or _", k.ID)
		}
		if _, twice := r.aeads[k.ID]; twice {
			return nil, fmt.Errorf("seal: master key %q is given twice", k.ID)
		}
		if strings.Count(string(k.Secret[:]), string(k.Secret[:1])) == KeySize {
			return nil, fmt.Errorf("seal: master key %q is one byte repeated: use 32 random bytes", k.ID)
		}
		byPurpose := map[Purpose]cipher.AEAD{}
		for p := PurposeRoot; p <= PurposeNote; p++ {
			a, err := newAEAD(k.Secret[:], p)
			if err != nil {
				return nil, err
			}
			byPurpose[p] = a
		}
		r.aeads[k.ID] = byPurpose
	}
	return r, nil
}

func newAEAD(secret []byte, p Purpose) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, fmt.Sprintf("stile seal %d", p), KeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal encrypts plain for a purpose and binds it to a record (table, row,
// account: whatever must not be exchanged). The result is ASCII without spaces:
// version, key id, and nonce with ciphertext in base64url, separated by dots.
func (r *Ring) Seal(p Purpose, bind string, plain []byte) string {
	sealed := r.aeads[r.first][p].Seal(nil, nil, plain, additional(p, bind))
	return version + "." + r.first + "." + base64.RawURLEncoding.EncodeToString(sealed)
}

// Open returns what was sealed for the same purpose and record. It fails with
// [ErrOpen] or [UnknownKeyError], and never says more.
func (r *Ring) Open(p Purpose, bind, sealed string) ([]byte, error) {
	v, rest, _ := strings.Cut(sealed, ".")
	id, body, ok := strings.Cut(rest, ".")
	if v != version || !ok || !keyID.MatchString(id) {
		return nil, ErrOpen
	}
	byPurpose, known := r.aeads[id]
	if !known {
		return nil, UnknownKeyError{id}
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, ErrOpen
	}
	plain, err := byPurpose[p].Open(nil, nil, raw, additional(p, bind))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

func additional(p Purpose, bind string) []byte {
	return fmt.Appendf(nil, "%d|%s", p, bind)
}

// SealJSON seals a value as JSON, see [Ring.Seal].
func SealJSON[T any](r *Ring, p Purpose, bind string, v T) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return r.Seal(p, bind, plain), nil
}

// OpenJSON opens what [SealJSON] sealed.
func OpenJSON[T any](r *Ring, p Purpose, bind, sealed string) (v T, err error) {
	plain, err := r.Open(p, bind, sealed)
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(plain, &v)
}
