package server

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"stile/storage"
)

const (
	readyTimeout = 2 * time.Second
	// maxSkew is how far this machine's clock may be from the database's:
	// codes live for 30 seconds.
	maxSkew = 2 * time.Second
)

// health answers whether this instance is alive, and whether it should get
// requests.
type health struct {
	db       *storage.DB
	draining *atomic.Bool
}

func (h *health) alive(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") }

// ready tells only yes or no: the public may ask.
func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	if h.unready(r.Context()) != "" {
		w.Header().Set("Retry-After", "2")
		answer(w, http.StatusServiceUnavailable, "not ready")
		return
	}
	answer(w, http.StatusOK, "ready")
}

// readyDetail also tells why not: for operators.
func (h *health) readyDetail(w http.ResponseWriter, r *http.Request) {
	if why := h.unready(r.Context()); why != "" {
		answer(w, http.StatusServiceUnavailable, "not ready: "+why)
		return
	}
	answer(w, http.StatusOK, "ready")
}

// unready says why no requests should come here, or "".
func (h *health) unready(ctx context.Context) string {
	if h.draining.Load() {
		return "shutting down"
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	skew, err := h.db.Skew(ctx)
	if err != nil {
		return "the database does not answer"
	}
	if skew.Abs() > maxSkew {
		return "the clock is " + skew.Round(time.Millisecond).String() + " off the database's"
	}
	have, want, err := h.db.Status(ctx)
	if err != nil {
		return "the database does not answer"
	}
	if have < want {
		return "the database is not migrated"
	}
	return ""
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
