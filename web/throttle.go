package web

import (
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"stile/templates"
)

// maxThrottled bounds the memory of a throttle: further networks share a count.
const maxThrottled = 100_000

// throttle counts requests by network in memory, so that counting costs no
// database. It protects this process; what protects people is in package limit.
type throttle struct {
	allowed int
	per     time.Duration

	mu     sync.Mutex
	began  time.Time
	counts map[netip.Prefix]int
}

// Throttle lets each network (IPv4 address, IPv6 /64) through so many times in
// a window, and answers 429 to the rest.
func (k *Kit) Throttle(allowed int, per time.Duration, next http.Handler) http.Handler {
	t := &throttle{allowed: allowed, per: per}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait := t.count(aboutOf(r).network, k.now()); wait > 0 {
			k.Fail(w, r, UserError{Kind: templates.ErrorTooMany, RetryAfter: wait, Err: errors.New("too many requests of one network")})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// count books one request and returns how long to wait, zero if it may pass.
func (t *throttle) count(network netip.Addr, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil || now.Sub(t.began) >= t.per || now.Before(t.began) {
		t.began, t.counts = now, map[netip.Prefix]int{}
	}
	bits := 64
	if network.Is4() {
		bits = 32
	}
	of, _ := network.Prefix(bits) // the zero one for an address that can't be told
	if _, known := t.counts[of]; !known && len(t.counts) >= maxThrottled {
		of = netip.Prefix{}
	}
	if t.counts[of] >= t.allowed {
		return t.began.Add(t.per).Sub(now)
	}
	t.counts[of]++
	return 0
}
