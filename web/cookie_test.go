package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stile/seal"
)

func TestCookiesKeepToTheirHost(t *testing.T) {
	for issuer, names := range map[string]map[string]string{
		"https://id.example.com": {CookieSession: "__Host-stile-session", CookieLogin: "__Host-stile-login", CookieKnown: "__Host-stile-known", CookieLang: "stile_lang"},
		"http://localhost:8080":  {CookieSession: "stile-session", CookieLogin: "stile-login", CookieKnown: "stile-known", CookieLang: "stile_lang"},
	} {
		k := newSite(t, issuer)
		for name, want := range names {
			w := httptest.NewRecorder()
			k.SetCookie(w, name, "v", KnownAge)
			c := w.Result().Cookies()[0]
			if c.Name != want || c.Secure != strings.HasPrefix(issuer, "https:") || c.Path != "/" || c.Domain != "" ||
				c.SameSite != http.SameSiteLaxMode || c.HttpOnly != (name != CookieLang) {
				t.Errorf("%s: %s", issuer, c)
			}
		}
	}
}

func TestG02_TwoCookiesOfOneNameAreNone(t *testing.T) {
	k := newSite(t, "https://id.example.com")
	token := seal.NewToken(seal.KindBinding).Reveal()
	for header, want := range map[string]string{
		"__Host-stile-login=" + token:                                token,
		"__Host-stile-login=" + token + "; __Host-stile-login=other": "",
		"__Host-stile-login=a; x=y; __Host-stile-login=" + token:     "",
		"stile-login=" + token:                                       "", // could be set by a subdomain
		"__Host-stile-login=" + strings.Repeat("a", maxCookie+1):     "",
		"__Host-stile-login=stb_" + token[4:]:                        "",
		"__Host-stile-login=" + token[:40]:                           "",
		"__Host-stile-login=" + strings.ToUpper(token):               "",
	} {
		r := get("/")
		r.Header.Set("Cookie", header)
		if got := k.SentBinding(r); got != want {
			t.Errorf("%.60s: %q", header, got)
		}
	}
}

func TestG02_SignedCookiesAreOursOnly(t *testing.T) {
	k := newSite(t, "https://id.example.com")
	w := httptest.NewRecorder()
	if err := k.SetSigned(w, CookieKnown, map[string]int{"a": 1}, KnownAge); err != nil {
		t.Fatal(err)
	}
	value := w.Result().Cookies()[0].Value
	read := func(name, value string) bool {
		r := get("/")
		r.Header.Set("Cookie", name+"="+value)
		var v map[string]int
		return k.Signed(r, CookieKnown, &v) && v["a"] == 1
	}
	if !read("__Host-stile-known", value) {
		t.Error("own cookie refused")
	}
	changed := []byte(value)
	changed[10] ^= 1
	if read("__Host-stile-known", string(changed)) || read("stile-known", value) {
		t.Error("a changed cookie was taken")
	}
}

// The half of a binding that names the browser stays, the other one is the
// prover's.
func TestG01_ProvenBindings(t *testing.T) {
	k := newSite(t, "https://id.example.com")
	var first, proven string
	k.router.Handle("/", k.HandleFlow(func(w http.ResponseWriter, r *http.Request) error {
		first = k.Binding(w, r)
		if again := k.Binding(w, r); again != first {
			t.Errorf("%s became %s within one answer", first, again)
		}
		proven = ProvenBinding(k.hasher, first, "user 1")
		k.SetBinding(w, r, proven)
		return nil
	}))
	cookies := k.ask(get("/")).Cookies()
	if len(cookies) != 1 || cookies[0].Value != proven || proven == first || !seal.KindBinding.Is(proven) {
		t.Fatalf("cookies %v after %s, %s", cookies, first, proven)
	}
	if browserHalf(first) != browserHalf(proven) || browserHalf(first) == "" {
		t.Error("forms in other tabs were let down")
	}
	if ProvenBinding(k.hasher, proven, "user 1") != proven {
		t.Error("another proof of the same user lets another tab down")
	}
	if ProvenBinding(k.hasher, proven, "user 2") == proven {
		t.Error("two users share a binding")
	}
	if browserHalf("stl_short") != "" || browserHalf(proven[4:]) != "" {
		t.Error("a broken binding names a browser")
	}
}

// Whatever a browser sends, no cookie is taken that we could not have set.
func FuzzCookies(f *testing.F) {
	f.Add("__Host-stile-login=stl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("__Host-stile-known=x; __Host-stile-known=y; stile_lang=fr")
	f.Add("=;;;\x00,\"")
	k := newSite(f, "https://id.example.com")
	f.Fuzz(func(t *testing.T, header string) {
		r := get("/")
		r.Header.Set("Cookie", header)
		if b := k.SentBinding(r); b != "" && (!seal.KindBinding.Is(b) || browserHalf(b) == "") {
			t.Fatalf("binding %q", b)
		}
		var known map[string]any
		if k.Signed(r, CookieKnown, &known) {
			t.Fatal("a cookie that nobody signed was taken")
		}
		if n := strings.Count(header, "__Host-stile-session="); n > 1 && len(r.CookiesNamed("__Host-stile-session")) > 1 && k.Cookie(r, CookieSession) != "" {
			t.Fatal("one of several cookies was taken")
		}
	})
}
