package factor

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestI04_NeverMoreThanTheWorkersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(3, time.Hour, time.Second, nil)
		var running, most, done atomic.Int64
		for range 64 {
			go func() {
				err := p.do(t.Context(), 1, func() {
					n := running.Add(1)
					for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
					}
					time.Sleep(time.Second)
					running.Add(-1)
					done.Add(1)
				})
				if err != nil {
					t.Error(err)
				}
			}()
		}
		began := time.Now()
		for done.Load() < 64 {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if most.Load() != 3 {
			t.Errorf("%d at once, want 3", most.Load())
		}
		if took := time.Since(began); took != 22*time.Second {
			t.Errorf("64 hashes of a second by 3 workers took %v", took)
		}
		if p.units != 0 {
			t.Errorf("%d left in the pool", p.units)
		}
	})
}

func TestI04_QueueOfTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cost = 100 * time.Millisecond
		p := newPool(2, 2*time.Second, cost, nil)
		release := make(chan struct{})
		var busy, served atomic.Int64
		for range 200 {
			go func() {
				switch err := p.do(t.Context(), 1, func() { <-release }); {
				case err == nil:
					served.Add(1)
				case errors.Is(err, ErrBusy):
					busy.Add(1)
				default:
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		close(release)
		synctest.Wait()
		// 2 under way, and 2 s of work of 2 workers waiting.
		if served.Load() != 42 || busy.Load() != 158 {
			t.Errorf("%d served, %d refused", served.Load(), busy.Load())
		}
		if err := p.do(t.Context(), 1, func() {}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestPoolServesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(1, time.Hour, time.Second, nil)
		var order []int // one worker: no race
		for i := range 10 {
			go func() { _ = p.do(t.Context(), 1, func() { time.Sleep(time.Second); order = append(order, i) }) }()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if !slices.Equal(order, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			t.Errorf("served in the order %v", order)
		}
	})
}

func TestPoolForgetsWhoGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(1, time.Hour, time.Second, nil)
		release := make(chan struct{})
		go func() { _ = p.do(t.Context(), 1, func() { <-release }) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() { failed <- p.do(ctx, 1, func() { t.Error("ran all the same") }) }()
		synctest.Wait()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if p.units != 1 {
			t.Errorf("%d in the pool, want the one that runs", p.units)
		}
		close(release)
		synctest.Wait()
		if err := p.do(ctx, 1, func() {}); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that is over: %v", err)
		}
		if err := p.do(t.Context(), 1, func() {}); err != nil {
			t.Errorf("the place was not given back: %v", err)
		}
	})
}

func TestPoolLearnsWhatAHashCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(1, 2*time.Second, time.Second, time.Now)
		for range 60 {
			if err := p.do(t.Context(), 2, func() { time.Sleep(100 * time.Millisecond) }); err != nil {
				t.Fatal(err)
			}
		}
		if p.cost < 45*time.Millisecond || p.cost > 55*time.Millisecond {
			t.Errorf("two hashes in 100 ms cost %v each", p.cost)
		}
		now := time.Now()
		p.now = func() time.Time { now = now.Add(24 * time.Hour); return now } // a clock that is set
		_ = p.do(t.Context(), 1, func() {})
		if p.cost > 300*time.Millisecond {
			t.Errorf("a leap of the clock makes a hash cost %v", p.cost)
		}
		p.now = func() time.Time { now = now.Add(-24 * time.Hour); return now }
		before := p.cost
		_ = p.do(t.Context(), 1, func() {})
		if p.cost != before {
			t.Errorf("a clock set back makes a hash cost %v", p.cost)
		}
	})
}

func TestWorkersFitInAQuarterOfTheMemory(t *testing.T) {
	old := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(old)
	most := workersFor(1)
	for _, test := range []struct {
		limit int64
		want  int
	}{
		{8 << 30, most},
		{4 * 19456 << 10, 1},
		{1 << 20, 1},
	} {
		debug.SetMemoryLimit(test.limit)
		if got := workersFor(19456); got != test.want {
			t.Errorf("%d bytes: %d workers, want %d", test.limit, got, test.want)
		}
	}
}
