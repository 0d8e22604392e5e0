package web

import (
	"net/netip"
	"testing"
	"time"
)

func TestThrottleCountsEachNetworkByItself(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	limit := &Throttle{allowed: 2, per: time.Minute, now: func() time.Time { return now }}
	at := func(text string) time.Duration { return limit.Wait(netip.MustParseAddr(text)) }
	for range 2 {
		for _, network := range []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"} {
			if wait := at(network); wait != 0 {
				t.Fatalf("%s waits %v within its bound", network, wait)
			}
		}
	}
	now = now.Add(20 * time.Second)
	if wait := at("192.0.2.1"); wait != 40*time.Second {
		t.Errorf("waits %v, want until the window is over", wait)
	}
	if at("2001:db8::ffff") == 0 {
		t.Error("another address of the same /64 has a count of its own")
	}
	for try, within := range []bool{true, true, false} {
		if wait := limit.Wait(netip.Addr{}); (wait == 0) != within {
			t.Errorf("try %d from an address that can't be told waits %v", try+1, wait)
		}
	}
	now = now.Add(40 * time.Second)
	if wait := at("192.0.2.1"); wait != 0 {
		t.Errorf("waits %v in a new window", wait)
	}
}

// Whoever fills the memory with networks shuts nobody else out.
func TestQ13_ThrottleIsBoundedAndCanNotBeFilled(t *testing.T) {
	limit := &Throttle{allowed: 1, per: time.Minute, now: func() time.Time { return time.Unix(0, 0) }}
	for i := range maxThrottled + 1000 {
		if limit.Wait(netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})) != 0 {
			t.Fatalf("network %d has to wait for others", i)
		}
	}
	if len(limit.counts) > maxThrottled {
		t.Errorf("%d networks in memory", len(limit.counts))
	}
	if limit.Wait(netip.AddrFrom4([4]byte{})) == 0 {
		t.Error("a network that is counted is let through")
	}
}
