package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"stile/config"
	"stile/web"
)

// newLog returns the log as configured, and the writer behind it. Lines carry
// the reference of the request that they belong to.
func newLog(c config.Log, to io.Writer) (*slog.Logger, *logWriter) {
	if to == nil {
		to = os.Stderr
	}
	w := newLogWriter(to)
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // validated with the configuration
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(w, options)
	if c.Format == "text" {
		h = slog.NewTextHandler(w, options)
	}
	return slog.New(withRequest{h}), w
}

// withRequest adds the reference of a request to lines that lack it.
type withRequest struct{ slog.Handler }

func (h withRequest) Handle(ctx context.Context, r slog.Record) error {
	id := web.RequestID(ctx)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "request_id" {
			id = ""
		}
		return id != ""
	})
	if id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h withRequest) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withRequest{h.Handler.WithAttrs(attrs)}
}

func (h withRequest) WithGroup(name string) slog.Handler {
	return withRequest{h.Handler.WithGroup(name)}
}

// maxLines is how many lines of the log may wait to be written.
const maxLines = 4096

// logWriter writes lines behind the back of whoever logs, so that a full disk
// or a reader that stands still holds up no request. Lines that find no room are
// dropped, and counted.
type logWriter struct {
	to      io.Writer
	lines   chan []byte
	stop    chan struct{}
	stopped chan struct{}
	once    sync.Once
	dropped atomic.Int64
}

func newLogWriter(to io.Writer) *logWriter {
	w := &logWriter{to: to, lines: make(chan []byte, maxLines), stop: make(chan struct{}), stopped: make(chan struct{})}
	go w.run()
	return w
}

// Write takes one line. It never fails and never blocks.
func (w *logWriter) Write(line []byte) (int, error) {
	select {
	case w.lines <- append([]byte(nil), line...):
	default:
		w.dropped.Add(1)
	}
	return len(line), nil
}

func (w *logWriter) run() {
	defer close(w.stopped)
	for {
		select {
		case line := <-w.lines:
			w.put(line)
		case <-w.stop:
			for {
				select {
				case line := <-w.lines:
					w.put(line)
				default:
					return
				}
			}
		}
	}
}

func (w *logWriter) put(line []byte) {
	_, _ = w.to.Write(line)
	if n := w.dropped.Swap(0); n > 0 {
		_, _ = fmt.Fprintf(w.to, `{"level":"WARN","msg":"lines of the log were dropped: it can't be written fast enough","lines":%d}`+"\n", n)
	}
}

// Close writes what waits, for up to a second. Later lines are lost.
func (w *logWriter) Close() error {
	w.once.Do(func() { close(w.stop) })
	select {
	case <-w.stopped:
	case <-time.After(time.Second):
	}
	return nil
}
