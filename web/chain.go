package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"stile/templates"
)

// Chain is everything that stands in front of the router. From the outside in:
// reference and address, access log, panics, headers, host, size.
func (k *Kit) Chain(next http.Handler) http.Handler {
	return k.identified(k.logged(k.recovered(k.guarded(next))))
}

func (k *Kit) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := peer(r)
		if unlistedProxy(r, from, k.trusted) {
			k.proxyWarning.Do(func() {
				k.log.Warn("forwarding headers from a peer that is not in trusted_proxies: all its visitors count as one", "peer", from)
			})
		}
		a := &about{id: newRequestID(), network: clientAddress(from, r.Header.Values("X-Forwarded-For"), k.trusted)}
		next.ServeHTTP(w, withAbout(r, a))
	})
}

// logged writes one line per request. The query stays out: it may carry a
// sealed request or a code.
func (k *Kit) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := k.now()
		rec := &recorder{ResponseWriter: w}
		next.ServeHTTP(rec, r)
		actor := Actor(r)
		k.log.LogAttrs(r.Context(), slog.LevelInfo, "request",
			slog.String("request_id", actor.RequestID), slog.String("network", actor.Network),
			slog.String("method", printable(r.Method, 16)), slog.String("path", printable(r.URL.Path, 256)),
			slog.Int("status", rec.status), slog.Int64("bytes", rec.bytes),
			slog.Duration("took", k.now().Sub(began).Round(time.Microsecond)))
	})
}

// recovered turns a panic into an error page, so that the process lives on.
func (k *Kit) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			// The value of a panic may quote what was being worked on; its type and place don't.
			k.log.Error("panic", "request_id", aboutOf(r).id, "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			if rec, ok := w.(*recorder); ok && rec.status != 0 {
				panic(http.ErrAbortHandler) // half an answer must not look like a whole one
			}
			k.Fail(w, r, fault(fmt.Errorf("panic of type %T", v)))
		}()
		next.ServeHTTP(w, r)
	})
}

// healthPaths are asked by address, not by name.
var healthPaths = map[string]bool{"/healthz": true, "/readyz": true}

func (k *Kit) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.secure(w.Header())
		switch {
		case len(r.RequestURI) > maxURL:
			k.Fail(w, r, UserError{Kind: templates.ErrorTooLarge, Status: http.StatusRequestURITooLong})
			return
		case !k.ownHost(r) && !healthPaths[r.URL.Path]:
			k.Fail(w, r, UserError{Kind: templates.ErrorHost, Err: fmt.Errorf("host is not %s", k.host)})
			return
		}
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, k.bodyLimit(r.URL.Path))
		}
		next.ServeHTTP(w, r)
	})
}

// ownHost tells whether a request is meant for the issuer's host. Forwarding
// headers have no say in it.
func (k *Kit) ownHost(r *http.Request) bool {
	return strings.EqualFold(withoutDefaultPort(r.Host, k.https), k.host)
}

func withoutDefaultPort(host string, https bool) string {
	if https {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
