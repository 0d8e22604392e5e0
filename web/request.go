package web

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"strings"

	"stile/audit"
)

// about is what the chain knows of a request. One value travels in the context
// of each request and is filled by the middleware, so that nothing is worked out twice.
type about struct {
	id      string     // reference: on error pages, in the log, in audit events
	network netip.Addr // who asked; invalid if that can't be told
	binding string     // login cookie that this very answer sets
	flow    bool       // forms hold on to the browser, not to its session
}

type aboutKey struct{}

// aboutOf returns what the chain found out. A request that never passed the
// chain, as in tests of single handlers, knows nothing of itself.
func aboutOf(r *http.Request) *about {
	if a, ok := r.Context().Value(aboutKey{}).(*about); ok {
		return a
	}
	return &about{}
}

func withAbout(r *http.Request, a *about) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), aboutKey{}, a))
}

// newRequestID returns 60 random bits that people can read out on the phone.
func newRequestID() string { return rand.Text()[:12] }

// RequestID returns the reference of a request, or "" outside the chain.
func RequestID(ctx context.Context) string {
	if a, ok := ctx.Value(aboutKey{}).(*about); ok {
		return a.id
	}
	return ""
}

// Network returns the address of whoever asks; invalid if that can't be told.
func Network(r *http.Request) netip.Addr { return aboutOf(r).network }

// maxUserAgent bounds what is kept of a header that anyone can fill.
const maxUserAgent = 256

// Actor returns who asks as far as the connection tells: address, browser and
// reference. Kind and ID are for whoever has identified somebody.
func Actor(r *http.Request) audit.Actor {
	a := aboutOf(r)
	actor := audit.Actor{UserAgent: printable(r.UserAgent(), maxUserAgent), RequestID: a.id}
	if a.network.IsValid() {
		actor.Network = a.network.String()
	}
	return actor
}

// printable returns at most n bytes of s without control characters and broken UTF-8.
func printable(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == '\uFFFD' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
}

// peer returns the address at the other end of the connection.
func peer(r *http.Request) netip.Addr {
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// clientAddress returns the address of whoever asks. Only what a trusted proxy
// wrote is believed: from the right end of X-Forwarded-For, the first address
// that is not itself a trusted proxy. Whatever stands left of it is the
// client's own invention. Where an entry makes no sense, the proxy that passed
// it on is the last thing known for sure.
func clientAddress(peer netip.Addr, forwarded []string, trusted []netip.Prefix) netip.Addr {
	known := peer
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(hops) - 1; i >= 0 && within(known, trusted); i-- {
		hop, ok := parseHop(hops[i])
		if !ok {
			return known
		}
		known = hop
	}
	return known
}

// parseHop reads an entry of X-Forwarded-For; some proxies append the port.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		s = strings.TrimSuffix(inner, "]")
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return a.Unmap().WithZone(""), true
}

func within(a netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// forwardingHeaders are what proxies say about the client. Only the first is
// ever read, and all of them only matter for the warning of [Kit.Chain].
var forwardingHeaders = []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded"}

// unlistedProxy tells whether somebody on the inside forwards requests without
// being listed: every visitor would then share one address, and one limit.
func unlistedProxy(r *http.Request, peer netip.Addr, trusted []netip.Prefix) bool {
	if !peer.IsPrivate() && !peer.IsLoopback() || within(peer, trusted) {
		return false
	}
	for _, h := range forwardingHeaders {
		if r.Header.Get(h) != "" {
			return true
		}
	}
	return false
}
