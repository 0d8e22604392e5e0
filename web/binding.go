package web

import (
	"encoding/base64"
	"net/http"
	"strings"

	"stile/seal"
)

// A binding is the value of the login cookie: 256 bits in two halves. The first
// names the browser, and the forms of sign-ins hold on to it. What has been
// proven in a sign-in is found by both halves, and the second one is changed by
// the first proof, to one that only whoever proved it in this browser gets. So a
// cookie that somebody planted beforehand leads to nothing that was proven
// afterwards, while all windows of one browser still find their way.

const bindingSize, bindingHalf = 32, 16

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
	if b := k.Cookie(r, CookieLogin); seal.KindBinding.Is(b) {
		return b
	}
	return ""
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
	k.SetCookie(w, CookieLogin, binding, LoginAge)
}

// ProvenBinding returns the binding of the same browser for what this user
// proves in it.
func ProvenBinding(h *seal.Hasher, binding, userID string) string {
	name := browserHalf(binding)
	if name == "" { // whoever has none proves in a browser of his own
		name = browserHalf(seal.NewToken(seal.KindBinding).Reveal())
	}
	proven := append([]byte(name), h.Sum(seal.HashCookie, "binding", name, userID)...)
	return string(seal.KindBinding) + base64.RawURLEncoding.EncodeToString(proven[:bindingSize])
}

// browserHalf returns the half that names the browser, or "" of what is no binding.
func browserHalf(binding string) string {
	rest, ok := strings.CutPrefix(binding, string(seal.KindBinding))
	raw, err := base64.RawURLEncoding.DecodeString(rest)
	if !ok || err != nil || len(raw) != bindingSize {
		return ""
	}
	return string(raw[:bindingHalf])
}
