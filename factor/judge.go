package factor

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn/frequency"
	"golang.org/x/text/unicode/norm"
)

// Least lengths of a new password, in characters.
const (
	MinPasswordWithSecondFactor = 8
	MinPasswordAlone            = 15
)

// Keys of the messages of a [Rejection], with their arguments.
const (
	PasswordTooShort = "password.too_short" // min
	PasswordTooLong  = "password.too_long"  // max
	PasswordNoText   = "password.no_text"
	PasswordCommon   = "password.common"
	PasswordPersonal = "password.personal"
)

// Rejection says why a password can't be used, as the key of a message. It
// never holds the password.
type Rejection struct {
	Key  string
	Args map[string]any
}

func (r *Rejection) Error() string {
	switch r.Key {
	case PasswordTooShort:
		return fmt.Sprintf("the password is too short: use at least %v characters; a few words are good", r.Args["min"])
	case PasswordTooLong:
		return fmt.Sprintf("the password is too long: use at most %v characters", r.Args["max"])
	case PasswordNoText:
		return "the password holds something that is no character: type it anew"
	case PasswordCommon:
		return "the password is too easy to guess: it is on lists of common passwords"
	default:
		return "the password is too easy to guess: it is made of the user's, account's or product's name"
	}
}

// Judge tells whether a new password may be chosen; if not, it fails with a
// *[Rejection]. least is the length asked for, in characters. words are what the
// password must not be: address, name, account and product names.
//
// There are no rules about kinds of characters. The password as a whole is
// compared with the list of common ones that zxcvbn ships and with the
// operator's own, and so is what it repeats ("passwordpassword").
func (p *Passwords) Judge(password string, least int, words ...string) error {
	if err := tooLong(password); err != nil {
		return err
	}
	if err := noText(password); err != nil {
		return err
	}
	if utf8.RuneCountInString(norm.NFKC.String(password)) < least {
		return &Rejection{PasswordTooShort, map[string]any{"min": least}}
	}
	folded := fold(password)
	unit := repeated(folded)
	if p.listed(folded) || p.listed(unit) || inStep(folded) || utf8.RuneCountInString(unit) < 4 {
		return &Rejection{Key: PasswordCommon}
	}
	if names(words)[core(unit)] {
		return &Rejection{Key: PasswordPersonal}
	}
	return nil
}

func tooLong(password string) error {
	if len(password) > MaxPasswordBytes || utf8.RuneCountInString(password) > MaxPasswordRunes {
		return &Rejection{PasswordTooLong, map[string]any{"max": MaxPasswordRunes}}
	}
	return nil
}

func noText(password string) error {
	if !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl) {
		return &Rejection{Key: PasswordNoText}
	}
	return nil
}

// listed looks a folded password up. The list stays as it is in the program: a
// new password is rare, and an index of it would take megabytes all the time.
func (p *Passwords) listed(folded string) bool {
	return p.common[folded] || slices.Contains(frequency.FrequencyLists["passwords"], folded)
}

// repeated returns the shortest text that s repeats, or s.
func repeated(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n == 0 && strings.Repeat(s[:n], len(s)/n) == s {
			return s[:n]
		}
	}
	return s
}

// inStep tells whether each character follows the one before it at the same
// distance, as in "aaaa", "abcdefgh" or "9876".
func inStep(s string) bool {
	runes := []rune(s)
	for i := 2; i < len(runes); i++ {
		if runes[i]-runes[i-1] != runes[1]-runes[0] {
			return false
		}
	}
	return true
}

// names returns the words, the two sides of an address, and their parts of four
// letters or more, as core leaves them.
func names(words []string) map[string]bool {
	all := map[string]bool{}
	for _, word := range words {
		word = fold(word)
		parts := strings.FieldsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for _, part := range append(parts, strings.Split(word, "@")...) {
			if utf8.RuneCountInString(part) >= 4 {
				all[core(part)] = true
			}
		}
		all[core(word)] = true
	}
	delete(all, "")
	return all
}

// core returns the letters and digits of a folded text, without digits at its
// end: "Acme-Support 2026" is "acmesupport".
func core(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
	return strings.TrimRightFunc(s, unicode.IsDigit)
}
