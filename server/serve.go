package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"stile/config"
)

// Bounds of every connection.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 75 * time.Second
	maxHeader     = 32 << 10
	drainTime     = 20 * time.Second
)

func listen(ctx context.Context, key, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %s can not be used: %w: stop what uses it, or choose another address", key, address, err)
	}
	return l, nil
}

// Run builds a server from its configuration and serves until ctx ends. The
// address comes first: whether it is taken shows before anything is touched.
func Run(ctx context.Context, cfg *config.Config, seams Seams) error {
	l, err := listen(ctx, "listen", cfg.Listen)
	if err != nil {
		return err
	}
	s, err := New(ctx, cfg, seams)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return errors.Join(s.Serve(ctx, l), s.Close())
}

// Serve serves on l, and on the listener for operators if there is one, until
// ctx ends. Then it says that it is not ready, lets requests under way end for
// up to 20 seconds, and returns nil. It owns l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer l.Close() //nolint:errcheck // closed by the server already, unless it never began
	if s.cfg.TLS.Cert != "" {
		c, err := newCertificate(s.cfg.Path(s.cfg.TLS.Cert), s.cfg.Path(s.cfg.TLS.Key), s.now)
		if err != nil {
			return err
		}
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: c.get})
	}
	group, ctx := errgroup.WithContext(ctx)
	if s.cfg.Metrics != "" {
		ml, err := listen(ctx, "metrics", s.cfg.Metrics)
		if err != nil {
			return err
		}
		group.Go(func() error { return s.serve(ctx, ml, s.operatorHandler()) })
	}
	group.Go(func() error { return s.serve(ctx, l, s.handler) })
	s.startJobs(ctx, group)
	s.warn()
	s.log.Info("serving", "issuer", s.cfg.Issuer, "listen", l.Addr().String())
	return group.Wait()
}

// serve runs one HTTP server until ctx ends, and lets its requests end.
func (s *Server) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		s.draining.Store(true)
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		stopped <- srv.Shutdown(drain)
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// warn logs what an operator may have overlooked.
func (s *Server) warn() {
	for _, name := range s.cfg.Limits.Loosened(limitDefaults) {
		s.log.Warn("a limit is looser than the default", "limit", name)
	}
}
