package factor

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxCodeBytes is how much a code field takes.
const maxCodeBytes = 64

// digits is the length of every code.
const digits = 6

// Errors of what was typed into a code field. They are about its form, so they
// cost no attempt.
var (
	ErrNoCode   = errors.New("factor: no code was entered")
	ErrCodeForm = errors.New("factor: the code has another form")
)

// Normalise returns the six ASCII digits that were typed or pasted into a code
// field. White space of any kind, dashes, dots and invisible characters are
// dropped, and the digits of every script are read. Anything else is
// [ErrCodeForm], nothing at all [ErrNoCode].
func Normalise(input string) (code string, err error) {
	code, err = squeeze(input, maxCodeBytes)
	if err != nil {
		return "", err
	}
	if len(code) != digits || strings.ContainsFunc(code, func(r rune) bool { return r < '0' || r > '9' }) {
		return "", ErrCodeForm
	}
	return code, nil
}

// squeeze brings what was typed into its normal form (NFKC), drops what people
// put between characters, and turns all digits into ASCII ones.
func squeeze(input string, most int) (string, error) {
	if len(input) > most || !utf8.ValidString(input) {
		return "", ErrCodeForm
	}
	var b strings.Builder
	for _, r := range norm.NFKC.String(input) {
		switch {
		case r == '.' || unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Cf):
		case unicode.Is(unicode.Nd, r):
			b.WriteRune('0' + digit(r))
		default:
			b.WriteRune(r)
		}
	}
	if b.Len() == 0 {
		return "", ErrNoCode
	}
	return b.String(), nil
}

// digit returns the value of a decimal digit of any script. Unicode keeps the
// ten of each script together and in order, zero first, so that the place in
// the range of the table tells the value.
func digit(r rune) rune {
	for _, block := range unicode.Nd.R16 {
		if r >= rune(block.Lo) && r <= rune(block.Hi) {
			return (r - rune(block.Lo)) % 10
		}
	}
	for _, block := range unicode.Nd.R32 {
		if r >= rune(block.Lo) && r <= rune(block.Hi) {
			return (r - rune(block.Lo)) % 10
		}
	}
	return -1
}
