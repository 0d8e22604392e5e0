package op

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestB01_RedirectURIIsComparedByteByByte(t *testing.T) {
	registered := []string{"https://rp.example/cb", "https://rp.example/cb2?a=%2f&b=c%20d", "com.example.app:/cb", "https://rp.example/a+b"}
	for _, good := range registered {
		if got, ok := matchRedirect(registered, good); !ok || string(got) != good {
			t.Errorf("%s is registered and was refused", good)
		}
	}
	for _, bad := range []string{
		"", "https://rp.example", "https://rp.example/", "https://rp.example/CB", "HTTPS://rp.example/cb", "https://RP.example/cb",
		"https://rp.example/cb/", "https://rp.example//cb", "https://rp.example/x/../cb", "https://rp.example/%2e%2e/cb", "https://rp.example/./cb",
		"https://rp.example/cb;x", "https://rp.example/cb?x=1", "https://rp.example/cb?", "https://rp.example/cb#f", "https://rp.example/cb#",
		"https://rp.example@evil.example/cb", "https://evil.example@rp.example/cb", "https://rp.example:80@evil.example/cb", "https://rp.example:443/cb",
		`https://rp.example\cb`, `https:\\rp.example\cb`, "https://rp.example/\tcb", "https://rp.example/cb\n", " https://rp.example/cb", "https://rp.example/cb ",
		"https://rр.example/cb", "https://rp.example./cb", "https://rp.example/%63b", "https://rp.example/cb%00",
		"https%3A%2F%2Frp.example%2Fcb", "https://rp.example/cb2?a=%2F&b=c%20d", "https://rp.example/cb2?a=/&b=c d", "https://rp.example/a%20b", "https://rp.example/a%2Bb",
		"http://rp.example/cb", "https://rp.example/c", "https://rp.example/cb2", "com.example.app:/cb/x", "com.example.app:/", "//rp.example/cb", "/cb",
	} {
		if got, ok := matchRedirect(registered, bad); ok {
			t.Errorf("%q passes as %q", bad, got)
		}
	}
}

func TestB03_OnlyThePortOfALoopbackAddressMayDiffer(t *testing.T) {
	registered := []string{"http://127.0.0.1/callback", "http://[::1]:8000/cb?x=1", "https://localhost/cb", "http://127.0.0.1:9000"}
	for _, good := range []string{
		"http://127.0.0.1/callback", "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback", "http://127.0.0.1:80/callback",
		"http://[::1]:8001/cb?x=1", "http://[::1]/cb?x=1", "https://localhost/cb", "http://127.0.0.1:4711",
	} {
		if _, ok := matchRedirect(registered, good); !ok {
			t.Errorf("%s was refused", good)
		}
	}
	for _, bad := range []string{
		"http://localhost:5000/callback", // another host than the registered address
		"http://127.0.0.2:5000/callback", "http://127.1:5000/callback", "http://0x7f.0.0.1:5000/callback", "http://2130706433/callback",
		"http://127.0.0.1:5000/Callback", "http://127.0.0.1:5000/callback/", "http://127.0.0.1:5000/callback?x=1", "http://127.0.0.1:5000/callback#f",
		"http://127.0.0.1:/callback", "http://127.0.0.1:0/callback", "http://127.0.0.1:08/callback", "http://127.0.0.1:65536/callback", "http://127.0.0.1:123456/callback",
		"http://127.0.0.1:-1/callback", "http://127.0.0.1: 80/callback", "http://127.0.0.1:80:80/callback", "http://127.0.0.1:5000\\callback",
		"http://127.0.0.1@evil.example/callback", "http://127.0.0.1:80@evil.example/callback", "http://127.0.0.1.evil.example/callback", "http://127.0.0.1evil/callback",
		"http://user@127.0.0.1:5000/callback", "https://127.0.0.1:5000/callback", "HTTP://127.0.0.1:5000/callback",
		"https://localhost:1/cb", "http://localhost/cb", "http://[::1]:8001/cb", "http://[::1%25lo]:8001/cb?x=1", "http://[0:0:0:0:0:0:0:1]:8001/cb?x=1",
	} {
		if _, ok := matchRedirect(registered, bad); ok {
			t.Errorf("%q passes", bad)
		}
	}
	for _, port := range []string{"8000", "18000", "53211"} { // as command-line tools register
		if _, ok := matchRedirect([]string{"http://localhost:8000"}, "http://localhost:"+port); !ok {
			t.Errorf("localhost, registered as such, is refused with port %s", port)
		}
	}
}

func TestB03_LoopbackHostEndsWhereItEnds(t *testing.T) {
	for _, uri := range []string{"http://127.0.0.1.evil.example/", "http://localhost@evil.example/", "http://localhostess/", "http://[::1]x/", `http://127.0.0.1\`} {
		if host, _, ok := cutLoopback(uri); ok {
			t.Errorf("%s is taken for %s", uri, host)
		}
	}
}

func TestZitadel13_RedirectURIIsNotUnescapedBeforeItIsCompared(t *testing.T) {
	registered := []string{"https://rp/cb?x=a%20b", "https://rp/cb/a+b", "http://127.0.0.1/cb"}
	for uri, want := range map[string]bool{
		"https://rp/cb?x=a%20b": true, "https://rp/cb/a+b": true,
		"https%3A%2F%2Frp%2Fcb": false, "https://localhost:1/cb": false, "https://127.0.0.1/cb": false,
	} {
		if _, ok := matchRedirect(registered, uri); ok != want {
			t.Errorf("%s: %v, want %v", uri, ok, want)
		}
	}
}

// FuzzRedirectURI: what is accepted is registered to the byte, or differs in the
// port of a loopback address only, and a browser sees the same host in it.
func FuzzRedirectURI(f *testing.F) {
	registered := []string{"https://rp.example/cb?a=b", "http://127.0.0.1/cb", "http://localhost:8000/cb?x=%20", "http://[::1]", "com.example.app:/cb"}
	for _, r := range registered {
		f.Add(r)
		f.Add(strings.Replace(r, "/cb", ":4711/cb", 1))
	}
	f.Add("http://127.0.0.1:80@evil/cb")
	f.Add("http://localhost:8000\\@evil/cb?x=%20")
	f.Fuzz(func(t *testing.T, sent string) {
		got, ok := matchRedirect(registered, sent)
		if !ok {
			return
		}
		if string(got) != sent {
			t.Fatalf("%q became %q", sent, got)
		}
		if slices.Contains(registered, sent) {
			return
		}
		u, err := url.Parse(sent)
		if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" {
			t.Fatalf("%q is no plain loopback address", sent)
		}
		port := u.Port()
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
		for _, r := range registered {
			v, _ := url.Parse(r)
			v.Host = strings.TrimSuffix(v.Host, ":"+v.Port())
			if v.String() == u.String() {
				return
			}
		}
		t.Fatalf("%q is the same as none of the registered but for the port", sent)
	})
}
