package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/securecookie"

	"stile/seal"
)

// The cookies, by the names that they have on http://localhost. On https all
// but the language carry the prefix __Host-, so that no other host can set them.
const (
	CookieSession = "stile-session" // [seal.KindBrowser]: names the browser, until it closes
	CookieLogin   = "stile-login"   // [seal.KindBinding]: binds sign-ins under way to the browser
	CookieKnown   = "stile-known"   // signed: users who completed a sign-in here; grants nothing
	CookieTrusted = "stile-trusted" // signed: for each user a token of a trusted browser
	CookieLang    = "stile_lang"    // a language tag that the user chose
	CookieReturn  = "stile-return"  // sealed: the request of a sign-in that waits for a new password
	CookieAdmin   = "stile-admin"   // signed: which session the Admin Center was told about
)

// How long cookies live. Zero is until the browser closes.
const (
	SessionAge = 0
	loginAge   = 60 * time.Minute
	KnownAge   = 180 * 24 * time.Hour
	langAge    = 365 * 24 * time.Hour
)

// maxCookie bounds what is read of a cookie, as browsers bound what they keep.
const maxCookie = 4096

func (k *Kit) cookieName(name string) string {
	if k.https && name != CookieLang {
		return "__Host-" + name
	}
	return name
}

// Cookie returns the value of a cookie, or "". Two cookies of one name mean
// that somebody else set one of them, so neither is taken.
func (k *Kit) Cookie(r *http.Request, name string) string {
	found := r.CookiesNamed(k.cookieName(name))
	if len(found) != 1 || len(found[0].Value) > maxCookie {
		return ""
	}
	return found[0].Value
}

// SetCookie sets a cookie. An age of zero keeps it until the browser closes.
func (k *Kit) SetCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: k.cookieName(name), Value: value, MaxAge: int(age / time.Second),
		Path: "/", Secure: k.https, HttpOnly: name != CookieLang, SameSite: http.SameSiteLaxMode,
	})
}

// ClearCookie makes the browser forget a cookie.
func (k *Kit) ClearCookie(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{
		Name: k.cookieName(name), MaxAge: -1,
		Path: "/", Secure: k.https, HttpOnly: name != CookieLang, SameSite: http.SameSiteLaxMode,
	})
}

// WithCookie returns a request as the browser will make the next one: with
// another value of a cookie.
func (k *Kit) WithCookie(r *http.Request, name, value string) *http.Request {
	next := r.Clone(r.Context())
	next.Header.Del("Cookie")
	for _, c := range r.Cookies() {
		if c.Name != k.cookieName(name) {
			next.AddCookie(c)
		}
	}
	next.AddCookie(&http.Cookie{Name: k.cookieName(name), Value: value})
	return next
}

// CookiesBeginning returns the names of the cookies of a request that begin like
// this, each once, as [Kit.Cookie] takes them.
func (k *Kit) CookiesBeginning(r *http.Request, prefix string) []string {
	var names []string
	for _, c := range r.Cookies() {
		rest, ok := strings.CutPrefix(c.Name, k.cookieName(prefix))
		if ok && !slices.Contains(names, prefix+rest) {
			names = append(names, prefix+rest)
		}
	}
	return names
}

// newCodec signs cookies that hold more than a random id. Their age is part of
// the value, under our own clock.
func newCodec(h *seal.Hasher) *securecookie.SecureCookie {
	return securecookie.New(h.Key(seal.HashCookie), nil).
		SetSerializer(securecookie.JSONEncoder{}).MaxAge(0).MaxLength(maxCookie)
}

// SetSigned sets a cookie that the browser can read but not change; v becomes JSON.
func (k *Kit) SetSigned(w http.ResponseWriter, name string, v any, age time.Duration) error {
	value, err := k.signed.Encode(name, v)
	if err != nil {
		return err
	}
	k.SetCookie(w, name, value, age)
	return nil
}

// Signed reads a cookie of [Kit.SetSigned] into v and tells whether it was
// there, once, and ours.
func (k *Kit) Signed(r *http.Request, name string, v any) bool {
	value := k.Cookie(r, name)
	return value != "" && k.signed.Decode(name, value, v) == nil
}
