package web

import (
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"stile/templates"
)

// maxThrottled bounds the memory of a throttle. Networks beyond it pass
// uncounted until the window is over: whoever can come from so many would
// otherwise shut everybody else out.
const maxThrottled = 100_000

// Throttle counts by network (IPv4 address, IPv6 /64) in memory, so that
// counting costs no database. It protects this process; what protects people is
// in package limit.
type Throttle struct {
	allowed int
	per     time.Duration
	now     func() time.Time

	mu     sync.Mutex
	began  time.Time
	counts map[netip.Prefix]int
}

// NewThrottle returns a throttle that lets each network through so many times
// in a window.
func (k *Kit) NewThrottle(allowed int, per time.Duration) *Throttle {
	return &Throttle{allowed: allowed, per: per, now: k.now}
}

// Throttle answers 429 to the requests that a throttle holds back.
func (k *Kit) Throttle(allowed int, per time.Duration, next http.Handler) http.Handler {
	t := k.NewThrottle(allowed, per)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := t.Hold(r); err != nil {
			k.Fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Hold counts a request. It returns a [UserError] if its network has to wait.
func (t *Throttle) Hold(r *http.Request) error {
	if wait := t.Wait(aboutOf(r).network); wait > 0 {
		return UserError{Kind: templates.ErrorTooMany, RetryAfter: wait, Err: errors.New("too many requests of one network")}
	}
	return nil
}

// Wait counts once for a network and returns how long it has to wait, zero if
// not at all. Addresses that can't be told share one count.
func (t *Throttle) Wait(network netip.Addr) time.Duration {
	now := t.now()
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
	count, known := t.counts[of]
	switch {
	case count >= t.allowed:
		return t.began.Add(t.per).Sub(now)
	case known || len(t.counts) < maxThrottled:
		t.counts[of]++
	}
	return 0
}
