package factor

import (
	"context"
	"errors"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// ErrBusy says that more hashing waits than can be done in the time of the
// queue: answer 503 with Retry-After and show the form again.
var ErrBusy = errors.New("factor: too many passwords are being checked: try again in two seconds")

// pool bounds how much hashing goes on at once, so that memory is bounded, and
// how much may wait for it. First come is first served.
type pool struct {
	slots   *semaphore.Weighted
	workers int
	queue   time.Duration    // most work that may wait ahead of a newcomer
	now     func() time.Time // nil: cost stays as estimated

	mu    sync.Mutex
	units int           // hashes under way and waiting
	cost  time.Duration // of one hash, a moving average of what was measured
}

// newPool returns a pool of so many workers. cost is the first estimate.
func newPool(workers int, queue, cost time.Duration, now func() time.Time) *pool {
	return &pool{slots: semaphore.NewWeighted(int64(workers)), workers: workers, queue: queue, cost: cost, now: now}
}

// workersFor returns how many hashes of so much memory may run at once: one a
// processor, in at most a quarter of the memory that the process may use.
func workersFor(memoryKiB uint32) int {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return runtime.GOMAXPROCS(0)
	}
	return max(1, min(runtime.GOMAXPROCS(0), int(limit/4/1024/int64(memoryKiB))))
}

// do runs work of so many hashes when a worker is free. It fails with [ErrBusy]
// at once if too much waits already, and with the context's error if that ends
// before the work has begun.
func (p *pool) do(ctx context.Context, units int, work func()) error {
	if err := p.enter(units); err != nil {
		return err
	}
	defer p.leave(units)
	if err := p.slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer p.slots.Release(1)
	p.measure(units, work)
	return nil
}

func (p *pool) enter(units int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	ahead := max(0, p.units-p.workers+1) // hashes to be done before a worker is free for this one
	if time.Duration(ahead)*p.cost/time.Duration(p.workers) > p.queue {
		return ErrBusy
	}
	p.units += units
	return nil
}

func (p *pool) leave(units int) {
	p.mu.Lock()
	p.units -= units
	p.mu.Unlock()
}

// measure runs the work and learns from it what a hash costs. A clock that is
// set meanwhile can't mislead it by much.
func (p *pool) measure(units int, work func()) {
	if p.now == nil {
		work()
		return
	}
	began := p.now()
	work()
	took := min(p.now().Sub(began)/time.Duration(units), p.queue)
	if took <= 0 {
		return
	}
	p.mu.Lock()
	p.cost += (took - p.cost) / 8
	p.mu.Unlock()
}
