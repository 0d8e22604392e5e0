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

// How the audit log is sealed: every few seconds what has been written in the
// last minutes, and now and then what came late or was left when all replicas
// were down. The lease ends soon after its holder does.
const (
	sealEvery  = 2 * time.Second
	sealLease  = 3 * time.Second
	sealBack   = 2 * time.Minute
	sweepEvery = 10 * time.Minute
	sweepBack  = 25 * time.Hour
	wholeEvery = 24 * time.Hour
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
	group.Go(func() error { return s.every(ctx, announceEvery, "announce policies", s.announce) })
	group.Go(func() error { return s.every(ctx, remindEvery, "tell of waits", s.remind) })
	group.Go(func() error { return s.every(ctx, clearEvery, "clear out", s.clearOut) })
	group.Go(func() error { return s.every(ctx, sealEvery, "seal the audit log", (&sealer{server: s}).seal) })
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

// announceBatch is how many users are gone through at a time, and how often.
const (
	announceBatch = 200
	announceEvery = 10 * time.Second
)

// remindEvery is how often waits are looked for that are to be told of.
const remindEvery = time.Minute

// announce tells those whom a policy newly covers, a batch at a time.
func (s *Server) announce(ctx context.Context) error {
	for {
		done, err := s.db.AnnounceNext(ctx, announceBatch, s.manage.Announcement)
		if done || err != nil || ctx.Err() != nil {
			return err
		}
		s.outbox.Wake()
	}
}

// remind tells once a day of the waits that let another device in.
func (s *Server) remind(ctx context.Context) error {
	if err := s.signIns.RemindOfWaits(ctx); err != nil {
		return err
	}
	s.outbox.Wake()
	return nil
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

// sealer seals the audit log. Replicas take turns, though two at once would do
// no harm.
type sealer struct {
	server       *Server
	swept, whole time.Time // when it last looked back further
}

func (j *sealer) seal(ctx context.Context) error {
	db, now := j.server.db, j.server.now()
	since := now.Add(-sealBack)
	whole := now.Sub(j.whole) >= wholeEvery
	sweep := whole || now.Sub(j.swept) >= sweepEvery
	switch {
	case whole:
		since = time.Time{}
	case sweep:
		since = now.Add(-sweepBack)
	default: // most of the time there is nothing, and then nothing is written
		if waits, err := db.AuditWaits(ctx, since); err != nil || !waits {
			return err
		}
	}
	mine, err := db.Lease(ctx, "audit", j.server.watch.holder, sealLease)
	if err == nil && mine {
		_, err = db.SealAudit(ctx, since)
	}
	if err == nil && sweep {
		if j.swept = now; whole {
			j.whole = now
		}
	}
	return err
}
