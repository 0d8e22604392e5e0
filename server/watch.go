package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"stile/api"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

const (
	// lookEvery and lookTimeout bound how late an outage is noticed: well within
	// the three seconds in which a request has to be answered.
	lookEvery   = time.Second
	lookTimeout = 1500 * time.Millisecond
	// maxSkew is how far this machine's clock may be from the database's:
	// codes live for 30 seconds.
	maxSkew = 2 * time.Second
	// outageRetry is when people are asked to try again.
	outageRetry = 5 * time.Second
	// documentTimeout bounds what is served from memory: it may want to look
	// whether there is something newer.
	documentTimeout = 2 * time.Second
)

// watch knows whether the database answers. While it doesn't, requests that
// need it are answered at once instead of hanging, and those under way are
// broken off.
type watch struct {
	db     *storage.DB
	kit    *web.Kit
	log    *slog.Logger
	holder string // of the lease that a trial writes

	mu    sync.Mutex // one look at a time
	state atomic.Pointer[state]
}

// state holds until the next change. Requests that begin in it end with it if
// it becomes an outage.
type state struct {
	ctx  context.Context //nolint:containedctx // it is the life of the state
	end  context.CancelFunc
	why  string // what is wrong, for operators; "" if nothing is
	down bool   // the database does not answer
}

func newWatch(db *storage.DB, kit *web.Kit, log *slog.Logger, holder string) *watch {
	w := &watch{db: db, kit: kit, log: log, holder: holder}
	w.enter("", false)
	return w
}

func (w *watch) enter(why string, down bool) {
	ctx, end := context.WithCancel(context.Background())
	old := w.state.Swap(&state{ctx: ctx, end: end, why: why, down: down})
	if old != nil && down {
		old.end()
	}
}

// run looks until ctx ends.
func (w *watch) run(ctx context.Context) error {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// look asks the database for its time, or after an outage to take a write: one
// that can only be read is still away.
func (w *watch) look(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.state.Load()
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	skew, err := w.db.Skew(looking)
	if err == nil && now.down {
		_, err = w.db.Lease(looking, "trial", w.holder, time.Second)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		w.fell(now, err)
	case skew.Abs() > maxSkew:
		if now.why == "" || now.down {
			w.log.Error("this machine's clock is off the database's: no requests are wanted here until it is right", "ahead", skew)
		}
		w.enter("the clock is "+skew.Round(time.Millisecond).String()+" ahead of the database's", false)
	case now.why != "":
		w.log.Info("the database answers, and the clocks agree")
		w.enter("", false)
	}
}

func (w *watch) fell(now *state, err error) {
	if now.down {
		return
	}
	w.log.Error("the database does not answer: requests are refused until it does", "error", err)
	w.enter("the database does not answer", true)
}

// failed is called when a request failed for a reason of ours, and tells
// whether that was the database.
func (w *watch) failed(ctx context.Context) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.state.Load()
	if now.down {
		return true
	}
	trying, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	if _, err := w.db.Lease(trying, "trial", w.holder, time.Second); err != nil {
		w.fell(now, err)
		return true
	}
	return false
}

// fromMemory are the routes that need no database, or can do without for a
// while; programs are those that answer an outage themselves, as protocols want.
var (
	fromMemory = map[string]bool{
		"healthz": true, "readyz": true, "static": true, "jwks": true,
		".well-known/openid-configuration": true, ".well-known/oauth-authorization-server": true,
	}
	programs = map[string]bool{"token": true, "userinfo": true, "introspect": true, "revoke": true, strings.Trim(api.Prefix, "/"): true}
)

// guard is middleware of the router.
func (w *watch) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		route := routeName(r)
		if fromMemory[route] {
			ctx, cancel := context.WithTimeout(r.Context(), documentTimeout)
			defer cancel()
			next.ServeHTTP(rw, r.WithContext(ctx))
			return
		}
		s := w.state.Load()
		if s.down && !programs[route] {
			w.kit.Fail(rw, r, web.UserError{Kind: templates.ErrorUnavailable, RetryAfter: outageRetry, Err: errors.New(s.why)})
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)() //nolint:contextcheck // it ends with the request or the outage, whichever is first
		next.ServeHTTP(&outageWriter{ResponseWriter: rw, watch: w, request: r}, r.WithContext(ctx))
	})
}

// outageWriter makes 503 of a 500 that the database's absence is the cause of.
type outageWriter struct {
	http.ResponseWriter
	watch   *watch
	request *http.Request
}

func (o *outageWriter) WriteHeader(status int) {
	if status == http.StatusInternalServerError && o.watch.failed(o.request.Context()) {
		status = http.StatusServiceUnavailable
		o.Header().Set("Retry-After", strings.TrimSuffix(outageRetry.String(), "s"))
	}
	o.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the real writer.
func (o *outageWriter) Unwrap() http.ResponseWriter { return o.ResponseWriter }
