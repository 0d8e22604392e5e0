package e2e

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"stile/config"
	"stile/demo"
	"stile/server"
)

// clock is a clock that tests put forward.
type clock struct{ ahead atomic.Int64 }

// Now is the time it shows.
func (c *clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Move puts it forward.
func (c *clock) Move(d time.Duration) { c.ahead.Add(int64(d)) }

// startWithClock serves within the test what `stile serve` serves, with a clock
// that can be put forward. Commands work on it too, in the present.
func startWithClock(t testing.TB, more string) *system {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	c := &clock{}
	s := &system{Issuer: "http://localhost:" + port, Dir: t.TempDir(), box: demo.NewMailbox(c.Now), clock: c}
	s.configure(t, fmt.Sprintf("issuer: %s\ndatabase: sqlite:stile.db\nmail:\n  smtp: smtp://%s\nlog:\n  level: warn\n  format: text\n%s%s", s.Issuer, receive(t, s.box), loose, more))
	cfg, _, err := config.Load(s.Config(), nil)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := server.New(context.Background(), cfg, server.Seams{Now: c.Now, Logs: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	s.db = provider.DB()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- provider.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := provider.Close(); err != nil {
			t.Error(err)
		}
	})
	s.ready(t)
	return s
}
