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

// The name of the browser stays, and each proof has a key that no earlier
// binding leads to; what was found by the earlier ones still is.
func TestG01_ProvenBindings(t *testing.T) {
	k := newSite(t, "https://id.example.com")
	var first, proven string
	k.router.Handle("/", k.HandleFlow(func(w http.ResponseWriter, r *http.Request) error {
		first = k.Binding(w, r)
		if again := k.Binding(w, r); again != first {
			t.Errorf("%s became %s within one answer", first, again)
		}
		proven = ProvenBinding(first)
		k.SetBinding(w, r, proven)
		return nil
	}))
	cookies := k.ask(get("/")).Cookies()
	if len(cookies) != 1 || cookies[0].Value != proven || proven == first {
		t.Fatalf("cookies %v after %s, %s", cookies, first, proven)
	}
	nameOf := func(b string) string { name, _ := bindingParts(b); return name }
	if nameOf(first) != nameOf(proven) || nameOf(first) == "" {
		t.Error("forms in other tabs were let down")
	}
	if rows := RowBindings(proven); len(rows) != 2 || rows[1] != first {
		t.Errorf("rows %v after %s", rows, first)
	}
	for _, noted := range []string{first, proven} {
		one, other := ProvenBinding(noted), ProvenBinding(noted)
		if RowBindings(one)[0] == RowBindings(other)[0] {
			t.Error("who noted an earlier binding comes to the same one")
		}
	}
	many := first
	for range 3 * maxKeys {
		many = ProvenBinding(many)
	}
	if rows := RowBindings(many); len(rows) != maxKeys {
		t.Errorf("%d keys in one cookie", len(rows))
	}
	ofSession := func(session, user string) string {
		return RowBindings(SessionBinding(k.hasher, first, session, user))[0]
	}
	if one := ofSession("s1", "u1"); one != ofSession("s1", "u1") || one == ofSession("s2", "u1") || one == ofSession("s1", "u2") {
		t.Error("the key of a session isn't the session's own")
	}
	if again := SessionBinding(k.hasher, SessionBinding(k.hasher, first, "s1", "u1"), "s1", "u1"); len(RowBindings(again)) != 2 {
		t.Error("the key of a session is kept twice")
	}
	for _, broken := range []string{"", "stl_", "stl_short", proven[4:], proven + "A", many + first[4:]} {
		if nameOf(broken) != "" || RowBindings(broken) != nil {
			t.Errorf("%q names a browser", broken)
		}
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
		if b := k.SentBinding(r); b != "" && len(RowBindings(b)) == 0 {
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
