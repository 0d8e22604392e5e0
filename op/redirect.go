package op

import (
	"slices"
	"strings"
)

// redirectURI is a redirect URI of a request that is the client's: registered,
// or on a registered loopback address. Only matchRedirect makes one, so nothing
// is sent to an address that was not matched.
type redirectURI string

// matchRedirect finds the redirect URI that was sent among the registered ones.
// It compares bytes (RFC 9700, section 2.1): nothing is decoded, folded or
// cleaned, so no two parsers can differ about what was compared. The one
// exception is the port of a loopback address (RFC 8252, section 7.3), which
// native apps learn only when they run.
func matchRedirect(registered []string, sent string) (redirectURI, bool) {
	if sent == "" {
		return "", false
	}
	if slices.Contains(registered, sent) {
		return redirectURI(sent), true
	}
	host, rest, ok := cutLoopback(sent)
	if !ok {
		return "", false
	}
	for _, r := range registered {
		if h, q, ok := cutLoopback(r); ok && h == host && q == rest {
			return redirectURI(sent), true
		}
	}
	return "", false
}

// loopback are the hosts whose port may differ. A name is as good as registered:
// localhost for a client that registered 127.0.0.1 is another host.
var loopback = []string{"http://127.0.0.1", "http://[::1]", "http://localhost"}

// cutLoopback takes the port out of a loopback URI. Whatever follows the host
// must be the port, the path or the query, so that http://127.0.0.1.evil and
// http://localhost@evil are no loopback addresses.
func cutLoopback(uri string) (host, rest string, ok bool) {
	for _, host := range loopback {
		rest, ok := strings.CutPrefix(uri, host)
		if !ok {
			continue
		}
		if port, isPort := strings.CutPrefix(rest, ":"); isPort {
			if rest, ok = cutPort(port); !ok {
				return "", "", false
			}
		}
		if rest != "" && rest[0] != '/' && rest[0] != '?' || strings.Contains(rest, "#") {
			return "", "", false
		}
		return host, rest, true
	}
	return "", "", false
}

// cutPort takes 1 to 65535, in decimal without leading zeros, off s.
func cutPort(s string) (rest string, ok bool) {
	n, i := 0, 0
	for i < len(s) && i < 5 && '0' <= s[i] && s[i] <= '9' {
		n = 10*n + int(s[i]-'0')
		i++
	}
	return s[i:], i > 0 && s[0] != '0' && n <= 65535
}
