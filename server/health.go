package server

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// health answers whether this instance is alive, and whether it should get
// requests. Asking costs nothing: what there is to know is known.
type health struct {
	watch    *watch
	now      func() time.Time
	draining atomic.Bool
	yes      atomic.Int64 // how often the answer was that it is ready
	asked    atomic.Int64 // when somebody asked last, in microseconds
	told     chan struct{}
}

func newHealth(w *watch, now func() time.Time) *health {
	return &health{watch: w, now: now, told: make(chan struct{}, 1)}
}

func (h *health) alive(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") }

// ready tells only yes or no: the public may ask.
func (h *health) ready(w http.ResponseWriter, _ *http.Request) {
	if h.unready() != "" {
		w.Header().Set("Retry-After", "2")
		answer(w, http.StatusServiceUnavailable, "not ready")
		return
	}
	answer(w, http.StatusOK, "ready")
}

// readyDetail also tells why not: for operators.
func (h *health) readyDetail(w http.ResponseWriter, _ *http.Request) {
	if why := h.unready(); why != "" {
		answer(w, http.StatusServiceUnavailable, "not ready: "+why)
		return
	}
	answer(w, http.StatusOK, "ready")
}

// unready says why no requests should come here, or "".
func (h *health) unready() string {
	h.asked.Store(h.now().UnixMicro())
	if h.draining.Load() {
		select {
		case h.told <- struct{}{}:
		default:
		}
		return "shutting down"
	}
	why := h.watch.state.Load().why
	if why == "" {
		h.yes.Add(1)
	}
	return why
}

// farewell is how long whoever sends requests here may take to learn that no
// more are wanted. There is somebody to learn it if readiness was asked for in
// the last half minute, again after it had been told: a script that only waits
// for the start does not come back.
const (
	farewell = 5 * time.Second
	watchful = 30 * time.Second
)

// drain says that no more requests are wanted, and waits until somebody heard
// it, if somebody is listening.
func (h *health) drain() {
	asked := time.UnixMicro(h.asked.Load())
	h.draining.Store(true)
	if h.yes.Load() < 2 || h.now().Sub(asked) > watchful {
		return
	}
	select {
	case <-h.told:
	case <-time.After(farewell):
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
