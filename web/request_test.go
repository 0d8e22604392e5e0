package web

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"
)

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func TestP02_AddressOfTheClient(t *testing.T) {
	for _, c := range []struct {
		name      string
		peer      string
		forwarded []string
		want      string
	}{
		{"stranger forwards", "203.0.113.9", []string{"198.51.100.1"}, "203.0.113.9"},
		{"private peer, not listed", "192.168.1.1", []string{"198.51.100.1"}, "192.168.1.1"},
		{"one proxy", "10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"spoofed left part", "10.0.0.1", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		{"chain of proxies", "10.0.0.1", []string{"1.1.1.1, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"two lines", "10.0.0.1", []string{"1.1.1.1", "198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"client claims to be a proxy", "10.0.0.1", []string{"10.9.9.9, 198.51.100.1"}, "198.51.100.1"},
		{"only proxies", "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"no header", "10.0.0.1", nil, "10.0.0.1"},
		{"empty header", "10.0.0.1", []string{""}, "10.0.0.1"},
		{"garbage", "10.0.0.1", []string{"1.1.1.1, unknown"}, "10.0.0.1"},
		{"garbage behind a proxy", "10.0.0.1", []string{"1.1.1.1, <script>, 10.0.0.2"}, "10.0.0.2"},
		{"port", "10.0.0.1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"IPv6 with port", "10.0.0.1", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"IPv6 in brackets", "10.0.0.1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv4 mapped", "::ffff:10.0.0.1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"zone", "10.0.0.1", []string{"fe80::1%eth0"}, "fe80::1"},
	} {
		peer := netip.MustParseAddr(c.peer).Unmap()
		if got := clientAddress(peer, c.forwarded, proxies); got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestP02_UnlistedProxyIsWarnedAboutOnce(t *testing.T) {
	s := newSite(t, "https://id.example.com", "10.0.0.0/8")
	for _, peer := range []string{"10.0.0.1:1", "192.168.7.7:1", "192.168.7.7:1"} {
		r := get("/")
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", "198.51.100.1")
		s.ask(r)
	}
	if n := strings.Count(s.log.String(), "not in trusted_proxies"); n != 1 {
		t.Errorf("%d warnings", n)
	}
}

func TestActorIsInert(t *testing.T) {
	s := newSite(t, "https://id.example.com")
	var agent, network, id string
	s.router.Handle("/", s.Handle(func(_ http.ResponseWriter, r *http.Request) error {
		a := Actor(r)
		agent, network, id = a.UserAgent, a.Network, a.RequestID
		return nil
	}))
	r := get("/")
	r.RemoteAddr = "[2001:db8::7]:443"
	r.Header.Set("User-Agent", "Evil\x1b[31m\xff"+strings.Repeat("x", 1000))
	s.ask(r)
	if strings.Contains(agent, "\x1b") || !utf8.ValidString(agent) || len(agent) > maxUserAgent || network != "2001:db8::7" || len(id) != 12 {
		t.Errorf("actor: %q %q %q", agent, network, id)
	}
}

// A proxy that is not trusted, and what stands left of the first address that
// no trusted proxy has, never decide who asks.
func FuzzForwardedHeaders(f *testing.F) {
	f.Add("10.0.0.1:80", "1.1.1.1, 198.51.100.1, 10.0.0.2")
	f.Add("203.0.113.9:80", "1.1.1.1")
	f.Add("[::ffff:10.0.0.1]:80", "[2001:db8::1]:1, ,garbage,%")
	f.Fuzz(func(t *testing.T, remote, forwarded string) {
		r := get("/")
		r.RemoteAddr = remote
		from := peer(r)
		got := clientAddress(from, []string{forwarded}, proxies)
		if !within(from, proxies) && got != from {
			t.Fatalf("%q was believed about itself: %s", remote, got)
		}
		if again := clientAddress(from, []string{"9.9.9.9, " + forwarded}, proxies); got != from && !within(got, proxies) && again != got {
			t.Fatalf("what the client wrote to the left of %q changed %s to %s", forwarded, got, again)
		}
		if got.Is4In6() || got.Zone() != "" {
			t.Fatalf("%s has two forms", got)
		}
	})
}
