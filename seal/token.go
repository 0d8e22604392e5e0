package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
)

// Kind is the prefix that tells what a token is, so that one kind can never be
// offered as another.
type Kind string

// The kinds of tokens.
const (
	KindCode         Kind = "stc_" // authorization code
	KindAccess       Kind = "sta_" // access token that only the provider reads
	KindRefresh      Kind = "str_" // refresh token
	KindBrowser      Kind = "stb_" // session cookie: names the browser
	KindBinding      Kind = "stl_" // cookie that binds a pending sign-in to its browser
	KindClientSecret Kind = "sts_" // client_secret
	KindLink         Kind = "stm_" // link of an e-mail message that works once
)

// NewToken returns 256 random bits in base64url behind the prefix of its kind.
func NewToken(k Kind) Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return Secret(string(k) + base64.RawURLEncoding.EncodeToString(b[:]))
}

// Is tells whether s has the form of a token of this kind: its prefix and 43
// characters of base64url.
func (k Kind) Is(s string) bool {
	rest, ok := strings.CutPrefix(s, string(k))
	if !ok || len(rest) != 43 {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	return err == nil
}

// HashToken returns what the database stores of a token. A plain hash is
// enough for 256 random bits.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Secret is a string that no log, error or JSON document shows.
type Secret string

const redacted = "[redacted]"

// String hides the value from fmt.
func (Secret) String() string { return redacted }

// GoString hides the value from %#v.
func (Secret) GoString() string { return redacted }

// LogValue hides the value from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the value from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Reveal returns the value, for the one place that hands it out or compares it.
func (s Secret) Reveal() string { return string(s) }

// HashPurpose names what a keyed hash is for; see [Purpose] for the rule.
type HashPurpose int

// The purposes of keyed hashes. Add at the end; never renumber.
const (
	HashPepper       HashPurpose = 1 // before Argon2id
	HashClientSecret HashPurpose = 2
	HashEmailCode    HashPurpose = 3
	HashAddress      HashPurpose = 4  // keys of limits
	HashForm         HashPurpose = 5  // hidden field of forms
	HashRefresh      HashPurpose = 6  // refresh tokens, by grant and generation
	HashSID          HashPurpose = 7  // sid of a session for one client
	HashCookie       HashPurpose = 8  // keys of signed cookies
	HashAuditEvent   HashPurpose = 9  // columns of an event of the audit log
	HashAuditSeal    HashPurpose = 10 // seals of the audit log
	HashAuditID      HashPurpose = 11 // ids of sessions and grants in what leaves the audit log
	HashPersonal     HashPurpose = 12 // what the audit log holds of a person, by the person's key
)

// Hasher makes keyed hashes under keys derived from one random root. The root
// is stored sealed, so that master keys can be changed without anyone's password.
type Hasher struct{ keys map[HashPurpose][]byte }

// NewHasher derives the keys from a root of [KeySize] bytes.
func NewHasher(root []byte) (*Hasher, error) {
	if len(root) != KeySize {
		return nil, fmt.Errorf("seal: root of %d bytes, want %d", len(root), KeySize)
	}
	h := &Hasher{keys: map[HashPurpose][]byte{}}
	for p := HashPepper; p <= HashPersonal; p++ {
		key, err := hkdf.Key(sha256.New, root, nil, fmt.Sprintf("stile hash %d", p), KeySize)
		if err != nil {
			return nil, err
		}
		h.keys[p] = key
	}
	return h, nil
}

// Sum returns the keyed hash of the parts. Their borders count: ("ab", "c")
// and ("a", "bc") differ.
func (h *Hasher) Sum(p HashPurpose, parts ...string) []byte {
	mac := hmac.New(sha256.New, h.keys[p])
	for _, part := range parts {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		mac.Write(size[:])
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

// Text is [Hasher.Sum] in base64url.
func (h *Hasher) Text(p HashPurpose, parts ...string) string {
	return base64.RawURLEncoding.EncodeToString(h.Sum(p, parts...))
}

// Equal compares a stored [Hasher.Text] with the one of the parts in constant time.
func (h *Hasher) Equal(p HashPurpose, stored string, parts ...string) bool {
	return hmac.Equal([]byte(stored), []byte(h.Text(p, parts...)))
}

// Key returns the key of a purpose, for a library that takes one.
func (h *Hasher) Key(p HashPurpose) []byte { return h.keys[p] }
