package mail

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"stile/storage"
)

// Outbox is where messages wait; *storage.DB is one.
type Outbox interface {
	// LeaseMail gives up to n messages that are due and not expired, to this
	// caller alone for so long.
	LeaseMail(ctx context.Context, n int, lease time.Duration) ([]storage.Mail, error)
	// MailSent removes a message.
	MailSent(ctx context.Context, id string) error
	// MailFailed makes a message due again at that time.
	MailFailed(ctx context.Context, id string, next time.Time) error
}

// The worker's figures. A batch that meets nothing but time-outs is over before
// its lease: batch / parallel * 2 * patience.
const (
	batch    = 20
	parallel = 4
	lease    = 3 * time.Minute
	// poll is how late a message may start that another process wrote.
	poll = 2 * time.Second
	// refusals is how often the mail server is asked that refuses a message for
	// good: some say so while they are being set up.
	refusals = 3
	// farewell bounds what is under way when the worker is stopped.
	farewell = 5 * time.Second
)

// Worker sends what waits in the outbox. Several may run at once.
type Worker struct {
	Outbox Outbox
	Sender Sender
	Now    func() time.Time
	Logger *slog.Logger

	once sync.Once
	wake chan struct{}
}

// Wake makes the worker look at once, instead of within two seconds. It never
// blocks.
func (w *Worker) Wake() {
	select {
	case w.bell() <- struct{}{}:
	default: // it is about to look anyway
	}
}

func (w *Worker) bell() chan struct{} {
	w.once.Do(func() { w.wake = make(chan struct{}, 1) })
	return w.wake
}

// Run sends messages until ctx ends. What is under way then has five seconds to
// end; what was not begun is given back.
func (w *Worker) Run(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := w.round(ctx)
		if err != nil && ctx.Err() == nil {
			w.Logger.Warn("outbox can't be read", "error", err)
		}
		if n == batch && err == nil {
			continue // there may be more
		}
		if r, ok := w.Sender.(interface{ Rest() }); ok && n == 0 {
			r.Rest()
		}
		select {
		case <-ctx.Done():
		case <-w.bell():
		case <-time.After(poll):
		}
	}
}

// round takes one batch and returns how many messages were in it.
func (w *Worker) round(ctx context.Context) (int, error) {
	messages, err := w.Outbox.LeaseMail(ctx, batch, lease)
	if err != nil {
		return 0, err
	}
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, m := range messages {
		g.Go(func() error { return w.one(ctx, m) })
	}
	return len(messages), g.Wait()
}

// one sends a message and writes down how it went, also while the program is
// being stopped: a message that left must not leave again.
func (w *Worker) one(ctx context.Context, m storage.Mail) error {
	if ctx.Err() != nil {
		return w.settle(ctx, func(ctx context.Context) error { return w.Outbox.MailFailed(ctx, m.ID, w.Now()) })
	}
	if m.To == "" { // stands for an unknown address, see storage.Mail
		return w.settle(ctx, func(ctx context.Context) error { return w.Outbox.MailSent(ctx, m.ID) })
	}
	sending, cancel := withFarewell(ctx)
	defer cancel()
	err := w.Sender.Send(sending, m)
	var refused RefusedError
	switch {
	case err == nil:
		w.Logger.Debug("mail sent", "mail", m.ID, "kind", m.Kind)
	case errors.As(err, &refused) && (refused.Code == 0 || m.Attempts >= refusals):
		w.Logger.Warn("mail given up", "mail", m.ID, "kind", m.Kind, "attempts", m.Attempts, "error", err)
	default:
		next := w.Now().Add(backoff(m.Attempts))
		w.Logger.Warn("mail not sent yet", "mail", m.ID, "kind", m.Kind, "attempts", m.Attempts, "next", next, "error", err)
		return w.settle(ctx, func(ctx context.Context) error { return w.Outbox.MailFailed(ctx, m.ID, next) })
	}
	return w.settle(ctx, func(ctx context.Context) error { return w.Outbox.MailSent(ctx, m.ID) })
}

// settle writes the outcome, whatever became of ctx.
func (w *Worker) settle(ctx context.Context, write func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	return write(ctx)
}

// withFarewell returns a context that ends a little after ctx does.
func withFarewell(ctx context.Context) (context.Context, context.CancelFunc) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(farewell, cancel) })
	return later, func() {
		stop()
		cancel()
	}
}

// backoff returns the wait after a number of attempts: 5 s, doubling to 15 min.
// Codes are over after ten minutes; the other messages have days.
func backoff(attempts int) time.Duration {
	wait := 5 * time.Second
	for i := 1; i < attempts && wait < 15*time.Minute; i++ {
		wait *= 2
	}
	return min(wait, 15*time.Minute)
}
