// Package address brings e-mail addresses into the one form under which they
// are stored, compared, counted and written to. It is pure.
//
// Whoever takes an address from outside passes it through [Canonical] first.
// Mail goes to the stored form only, never to what somebody typed in.
package address

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// The longest address, and the longest part before the @, that can be
// delivered to (RFC 5321, sections 4.5.3.1.1 and 4.5.3.1.3).
const (
	maxBytes      = 254
	maxLocalBytes = 64
)

// domains maps a domain to its lower-case ASCII form as a resolver would
// (RFC 5891, UTS 46), and refuses what can't be one.
var domains = idna.New(
	idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(true),
	idna.BidiRule(), idna.VerifyDNSLength(true),
)

// Domain returns the canonical form of what stands behind the @ of addresses.
func Domain(text string) (string, error) {
	canonical, err := Canonical("a@" + text)
	if err != nil || strings.ContainsAny(text, " \t\r\n@") {
		return "", fmt.Errorf("%q is not a domain: write it such as example.com", text)
	}
	return strings.TrimPrefix(canonical, "a@"), nil
}

// Canonical returns the canonical form of an address: lower case, the domain
// in ASCII (xn--…), spaces around it dropped. A tag behind a plus belongs to
// the address. It refuses, in words for a user, what is not a bare address:
// display names, comments, quoted parts and addresses of more than 254 bytes,
// and letters outside ASCII before the @, which many servers can't deliver to.
func Canonical(text string) (string, error) {
	text = strings.TrimSpace(text)
	// Nothing is parsed that is much too long to be one.
	if len(text) > 4*maxBytes {
		return "", fmt.Errorf("e-mail address: longer than %d bytes", maxBytes)
	}
	at := strings.LastIndexByte(text, '@')
	if at < 1 || !utf8.ValidString(text) {
		return "", errors.New("e-mail address: write it such as name@example.com")
	}
	local, domain := text[:at], text[at+1:]
	// Looked at before it is lower-cased: of İ and the Kelvin sign that makes
	// the i and k of somebody else's address.
	for i := range len(local) {
		if local[i] >= utf8.RuneSelf {
			return "", errors.New("e-mail address: letters such as é or ı can't stand before the @")
		}
	}
	local = strings.ToLower(local)
	if strings.HasSuffix(domain, ".") {
		return "", errors.New("e-mail address: it ends in a dot")
	}
	domain, err := domains.ToASCII(domain)
	if err != nil || domain == "" {
		return "", errors.New("e-mail address: what stands behind the @ is not a domain")
	}
	canonical := local + "@" + domain
	// What the parser takes apart must be what went in, or there was more in it
	// than an address.
	parsed, err := mail.ParseAddress(canonical)
	if err != nil || parsed.Name != "" || parsed.Address != canonical || strings.ContainsAny(local, "\"<>() \t") {
		return "", errors.New("e-mail address: write it such as name@example.com, without a name, comment or quotes")
	}
	if len(canonical) > maxBytes || len(local) > maxLocalBytes {
		return "", fmt.Errorf("e-mail address: longer than %d bytes, or than %d before the @", maxBytes, maxLocalBytes)
	}
	return canonical, nil
}
