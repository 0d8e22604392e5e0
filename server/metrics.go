package server

import (
	"context"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"stile/storage"
)

// metrics counts requests by the name of their route, so that no label holds
// anything that a visitor chose.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(db *storage.DB) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stile_http_requests_total", Help: "Requests by route, method and status.",
		}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "stile_http_request_seconds", Help: "Time to answer by route.", Buckets: prometheus.DefBuckets,
		}, []string{"route"}),
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "stile_outbox_messages", Help: "Messages that wait to be sent; -1 while the database does not answer.",
	}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
		defer cancel()
		n, err := db.OutboxLength(ctx)
		if err != nil {
			return -1
		}
		return float64(n)
	})
	m.registry.MustRegister(m.requests, m.seconds, waiting, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// methods are those that a label may hold.
var methods = map[string]bool{http.MethodGet: true, http.MethodHead: true, http.MethodPost: true, http.MethodOptions: true}

// count is middleware of the router, which knows the route.
func (m *metrics) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, method := routeName(r), r.Method
		if !methods[method] {
			method = "other"
		}
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusInternalServerError} // of a panic
		timer := prometheus.NewTimer(m.seconds.WithLabelValues(route))
		defer func() {
			timer.ObserveDuration()
			m.requests.WithLabelValues(route, method, strconv.Itoa(recorder.status)).Inc()
		}()
		next.ServeHTTP(recorder, r)
		if !recorder.wrote {
			recorder.status = http.StatusOK
		}
	})
}

// routeName returns the name of the route that a request was matched with.
func routeName(r *http.Request) string {
	if route := mux.CurrentRoute(r); route != nil && route.GetName() != "" {
		return route.GetName()
	}
	return "none"
}

// nameRoutes gives routes that have no name that of their path.
func nameRoutes(r *mux.Router) error {
	return r.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err == nil && route.GetName() == "" {
			route.Name(strings.Trim(path, "/"))
		}
		return nil
	})
}

// statusRecorder remembers the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (s *statusRecorder) WriteHeader(status int) {
	if !s.wrote {
		s.status, s.wrote = status, true
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusRecorder) Write(b []byte) (int, error) {
	if !s.wrote {
		s.status, s.wrote = http.StatusOK, true
	}
	return s.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the real writer.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// operatorHandler serves what is not for the public, on its own listener.
func (s *Server) operatorHandler() http.Handler {
	h := http.NewServeMux()
	h.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{Timeout: 10 * time.Second}))
	h.HandleFunc("GET /healthz", s.health.alive)
	h.HandleFunc("GET /readyz", s.health.readyDetail)
	h.HandleFunc("/debug/pprof/", pprof.Index)
	h.HandleFunc("/debug/pprof/cmdline", http.NotFound) // the command line is nobody's business
	h.HandleFunc("/debug/pprof/profile", pprof.Profile)
	h.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	h.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return h
}
