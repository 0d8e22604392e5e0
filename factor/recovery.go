package factor

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/argon2"
)

// RecoveryCodes is how many codes a set has.
const RecoveryCodes = 10

const (
	recoveryLength = 16 // characters of five bits
	// Crockford's base 32: no i, l, o, u.
	recoveryLetters = "0123456789abcdefghjkmnpqrstvwxyz"
	maxRecoveryText = 128 // bytes that the field takes

	// A code has 80 random bits, so less work is enough than for a password.
	recoveryMemory uint32 = 7168 // KiB
	recoveryTime   uint32 = 5

	saltSize = 16
)

type recoveryWork struct{ memory, time uint32 }

// RecoverySet is what is stored of a set of codes: one salt, so that a code that
// is tried is hashed once, and the hash of each.
type RecoverySet struct {
	Salt   string
	Hashes []string
}

// NewRecoveryCodes returns a set of ten codes as people see them,
// "xxxx-xxxx-xxxx-xxxx", and what to store of them. It fails with [ErrBusy] or
// the context's error.
func (p *Passwords) NewRecoveryCodes(ctx context.Context) (codes []string, set RecoverySet, err error) {
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // never fails, see crypto/rand
	set.Salt = base64.RawURLEncoding.EncodeToString(salt[:])
	plain := make([]string, RecoveryCodes)
	for i := range plain {
		plain[i] = newRecoveryCode()
		codes = append(codes, strings.Join(groups(plain[i]), "-"))
	}
	set.Hashes = make([]string, RecoveryCodes)
	err = p.pool.do(ctx, RecoveryCodes, func() {
		for i, code := range plain {
			set.Hashes[i] = p.recovery.hash(salt[:], code)
		}
	})
	if err != nil {
		return nil, RecoverySet{}, err
	}
	return codes, set, nil
}

// HashRecovery returns the hash under which a normalised code is stored in the
// set of this salt. A user without a set has no salt: the same work is done, and
// what it returns is in no set. It fails with [ErrBusy], the context's error,
// or [ErrDamaged] if the salt is none.
func (p *Passwords) HashRecovery(ctx context.Context, salt, code string) (hash string, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(salt)
	damaged := err != nil || len(raw) != saltSize
	if damaged {
		raw = make([]byte, saltSize)
	}
	if err := p.pool.do(ctx, 1, func() { hash = p.recovery.hash(raw, code) }); err != nil {
		return "", err
	}
	switch {
	case salt == "":
		return "", nil
	case damaged:
		return "", ErrDamaged
	}
	return hash, nil
}

func (w recoveryWork) hash(salt []byte, code string) string {
	return base64.RawURLEncoding.EncodeToString(argon2.IDKey([]byte(code), salt, w.time, w.memory, 1, 32))
}

// NormaliseRecovery returns the sixteen characters of a recovery code that was
// typed or pasted. Case, spaces, dashes and invisible characters don't matter;
// o is 0, and i and l are 1. It fails with [ErrNoCode] or [ErrCodeForm].
func NormaliseRecovery(input string) (code string, err error) {
	code, err = squeeze(input, maxRecoveryText)
	if err != nil {
		return "", err
	}
	code = strings.NewReplacer("o", "0", "i", "1", "l", "1").Replace(strings.ToLower(code))
	if len(code) != recoveryLength || strings.ContainsFunc(code, func(r rune) bool { return !strings.ContainsRune(recoveryLetters, r) }) {
		return "", ErrCodeForm
	}
	return code, nil
}

func newRecoveryCode() string {
	var b [recoveryLength]byte
	_, _ = rand.Read(b[:])
	for i := range b {
		b[i] = recoveryLetters[b[i]%32] // 32 divides 256: no letter is likelier
	}
	return string(b[:])
}
