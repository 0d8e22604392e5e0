package server

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"stile/limit"
)

// How often the jobs look for work.
const (
	rotateEvery = 10 * time.Minute
	clearEvery  = time.Minute
)

var limitDefaults = limit.Defaults()

// startJobs starts what runs beside the requests until ctx ends. A job that
// fails says so in the log and tries again at its next time.
func (s *Server) startJobs(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error {
		s.outbox.Run(ctx)
		return nil
	})
	group.Go(func() error { return s.watch.run(ctx) })
	group.Go(func() error { return s.every(ctx, rotateEvery, "rotate keys", s.tokens.Rotate) })
	group.Go(func() error { return s.every(ctx, clearEvery, "clear out", s.clearOut) })
}

// every runs a job at once and then again and again.
func (s *Server) every(ctx context.Context, interval time.Duration, name string, job func(context.Context) error) error {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		if err := job(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("a job failed and will be tried again", "job", name, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// clearOut removes what has expired. Of several replicas the one that holds the
// lease does it.
func (s *Server) clearOut(ctx context.Context) error {
	mine, err := s.db.Lease(ctx, "janitor", s.watch.holder, 2*clearEvery)
	if err != nil || !mine {
		return err
	}
	return s.db.RemoveExpired(ctx)
}
