package factor

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// Period is how long one step of a TOTP code lasts (RFC 6238, section 5.2).
const Period = 30 * time.Second

// keySize is the length of a TOTP key in bytes, as long as the hash that it is
// used with (RFC 4226, section 4, requirement 6).
const keySize = 20

// NewKey returns a random key of 160 bits for an authenticator app.
func NewKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	return key
}

// KeyText returns the key as apps take it: base 32, upper case, no padding.
func KeyText(key []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(key)
}

func groups(s string) []string {
	var parts []string
	for ; len(s) > 4; s = s[4:] {
		parts = append(parts, s[:4])
	}
	return append(parts, s)
}

// Match tells whether a normalised code is the key's at this time, one step
// before or one after, and of which step it is: the latest, if of several. All
// three are computed and compared whatever the others say. The step has to be
// spent: a code is right once.
func Match(key []byte, code string, now time.Time) (step int64, ok bool) {
	current := Step(now)
	if len(key) < keySize || len(code) != digits || current < 1 {
		return 0, false
	}
	secret := KeyText(key)
	found := 0
	for _, candidate := range []int64{current - 1, current, current + 1} {
		equal := subtle.ConstantTimeCompare([]byte(codeAt(secret, candidate)), []byte(code))
		found |= equal
		step = int64(subtle.ConstantTimeSelect(equal, int(candidate), int(step)))
	}
	return step, found == 1
}

// Step returns the number of the step that a time is in.
func Step(t time.Time) int64 {
	seconds, period := t.Unix(), int64(Period/time.Second)
	if seconds < 0 {
		return (seconds+1)/period - 1
	}
	return seconds / period
}

// codeAt returns the code of one step. The secret is ours, in base 32, so that
// the library can't fail; if it did, no code would match.
func codeAt(secret string, step int64) string {
	start := time.Unix(step*int64(Period/time.Second), 0)
	code, err := totp.GenerateCodeCustom(secret, start, totp.ValidateOpts{Period: uint(Period / time.Second), Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		return ""
	}
	return code
}
