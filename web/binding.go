package web

import (
	"encoding/base64"
	"net/http"
	"strings"

	"stile/seal"
)

// A binding is the value of the login cookie: a name of the browser, to which
// the forms of sign-ins hold on, and some keys. Each is 128 random bits. What has
// been proven in a sign-in is found by the name and one key together, see
// [RowBindings], and each password that is right makes another key, which only
// the browser that proved it is given. So whoever planted or noted an earlier
// cookie finds nothing that is proven afterwards, even with the same password,
// while all windows of one browser, also of several users, still find their way
// by the keys that were there before.

// bindingPart is the size of the name and of a key; maxKeys bounds the keys of a
// cookie: the oldest goes.
const bindingPart, maxKeys = 16, 8

// Binding returns the login cookie of this browser, and sets one where there
// is none. It is set anew by each answer, so that it outlives the newest screen.
func (k *Kit) Binding(w http.ResponseWriter, r *http.Request) string {
	a := aboutOf(r)
	if a.binding == "" {
		b := k.SentBinding(r)
		if b == "" {
			b = seal.NewToken(seal.KindBinding).Reveal()
		}
		k.SetBinding(w, r, b)
	}
	return a.binding
}

// SentBinding returns the login cookie that came with a request, or "".
func (k *Kit) SentBinding(r *http.Request) string {
	b := k.Cookie(r, CookieLogin)
	if name, _ := bindingParts(b); name == "" {
		return ""
	}
	return b
}

// SetBinding sets the login cookie, in place of one that this answer was about to set.
func (k *Kit) SetBinding(w http.ResponseWriter, r *http.Request, binding string) {
	aboutOf(r).binding = binding
	name := k.cookieName(CookieLogin)
	var kept []string
	for _, line := range w.Header().Values("Set-Cookie") {
		if !strings.HasPrefix(line, name+"=") {
			kept = append(kept, line)
		}
	}
	w.Header()["Set-Cookie"] = kept
	k.SetCookie(w, CookieLogin, binding, loginAge)
}

// RowBindings returns what sign-ins in the browser of a binding are found by,
// one for each key, the newest first; none without a binding.
func RowBindings(binding string) []string {
	name, keys := bindingParts(binding)
	var rows []string
	for _, key := range keys {
		rows = append(rows, formatBinding(name, key))
	}
	return rows
}

// ProvenBinding returns the binding of the same browser with a new key for what
// is proven now.
func ProvenBinding(binding string) string {
	_, fresh := bindingParts(seal.NewToken(seal.KindBinding).Reveal())
	return withKey(binding, fresh[0])
}

// SessionBinding returns the binding of the same browser with the key for what
// stands on one of its sessions, by the hash of the session cookie. It is the
// same each time, so that whoever presses twice begins one sign-in, and nobody
// makes it without that cookie.
func SessionBinding(h *seal.Hasher, binding, session, userID string) string {
	name, _ := bindingParts(binding)
	return withKey(binding, string(h.Sum(seal.HashCookie, "binding", name, session, userID)[:bindingPart]))
}

// withKey puts a key before all others.
func withKey(binding, key string) string {
	name, old := bindingParts(binding)
	if name == "" { // whoever has none proves in a browser of his own
		name, _ = bindingParts(seal.NewToken(seal.KindBinding).Reveal())
	}
	keys := []string{key}
	for _, k := range old {
		if k != key && len(keys) < maxKeys {
			keys = append(keys, k)
		}
	}
	return formatBinding(name, keys...)
}

func formatBinding(name string, keys ...string) string {
	return string(seal.KindBinding) + base64.RawURLEncoding.EncodeToString([]byte(name+strings.Join(keys, "")))
}

// bindingParts returns the name of the browser and the keys, or "" of what is
// no binding.
func bindingParts(binding string) (name string, keys []string) {
	rest, ok := strings.CutPrefix(binding, string(seal.KindBinding))
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	parts := len(raw) / bindingPart
	if !ok || err != nil || len(raw)%bindingPart != 0 || parts < 2 || parts > 1+maxKeys {
		return "", nil
	}
	for at := bindingPart; at < len(raw); at += bindingPart {
		keys = append(keys, string(raw[at:at+bindingPart]))
	}
	return string(raw[:bindingPart]), keys
}
