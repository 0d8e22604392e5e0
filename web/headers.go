package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// The content security policies: one per kind of answer, none with "unsafe-".
const (
	policyData = "default-src 'none'; frame-ancestors 'none'"
	policyPage = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"connect-src 'self'; manifest-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)

// secure sets what every answer carries. It starts from the strictest form,
// that of data; pages and public documents loosen what they need.
func (k *Kit) secure(h http.Header) {
	h.Set("Content-Security-Policy", policyData)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	// Not "no-referrer": browsers then send "Origin: null" with our own forms.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "clipboard-write=(self), camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	if k.https {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}

// FormTargets returns what the forms of a page must be allowed to lead to, when
// a post can end at this redirect URI: its origin, its private scheme, or its
// loopback address. Chrome and Safari hold form-action against the whole chain
// of redirects, and clients redirect on; so an https target brings "https:"
// with it, unless the client asks to be strict.
func FormTargets(redirectURI string, strict bool) []string {
	u, err := url.Parse(redirectURI)
	if err != nil || u.Scheme == "" {
		return nil
	}
	switch u.Scheme {
	case "https":
		if strict {
			return []string{"https://" + u.Host}
		}
		return []string{"https://" + u.Host, "https:"}
	case "http":
		if strings.HasPrefix(u.Host, "[") {
			return []string{"http:"} // no policy can name an IPv6 address
		}
		return []string{"http://" + u.Host}
	default:
		return []string{u.Scheme + ":"}
	}
}

// formTarget is a scheme, or an origin, that can stand in a policy: nothing in
// it ends the directive or the header.
var formTarget = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:(//[A-Za-z0-9._-]+(:[0-9]{1,5})?)?$`)

// pagePolicy returns the policy of a page whose forms may also lead to these targets.
func pagePolicy(formTargets []string) string {
	var b strings.Builder
	b.WriteString(policyPage)
	for _, t := range formTargets {
		if formTarget.MatchString(t) {
			b.WriteString(" " + t)
		}
	}
	return b.String()
}
