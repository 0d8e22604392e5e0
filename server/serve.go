package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
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
	maxStreams    = 100 // of one HTTP/2 connection
	drainTime     = 20 * time.Second
	// profileTimeout lets an operator take a profile of half a minute.
	profileTimeout = 2 * time.Minute
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
	public := s.newHTTP(s.handler)
	serve := public.Serve
	if s.cfg.TLS.Cert != "" {
		c, err := newCertificate(s.cfg.Path(s.cfg.TLS.Cert), s.cfg.Path(s.cfg.TLS.Key), s.now, s.log)
		if err != nil {
			return err
		}
		public.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
		serve = func(l net.Listener) error { return public.ServeTLS(l, "", "") }
	}
	group, running := errgroup.WithContext(context.WithoutCancel(ctx))
	running, stop := context.WithCancel(running)
	defer stop()
	if s.cfg.Metrics != "" {
		ml, err := listen(ctx, "metrics", s.cfg.Metrics)
		if err != nil {
			return err
		}
		operators := s.newHTTP(s.operatorHandler())
		operators.WriteTimeout = profileTimeout
		group.Go(func() error { return ended(operators.Serve(ml)) })
		group.Go(func() error {
			<-running.Done() // to the last, so that somebody sees the end
			return operators.Close()
		})
	}
	group.Go(func() error { return ended(serve(newDoorkeeper(l, s.cfg.TrustedProxies))) })
	s.startJobs(running, group)
	s.warn(ctx)
	debug.FreeOSMemory() // what was only needed to begin: a password's hash alone takes 19 MiB
	s.log.Info("serving", "issuer", s.cfg.Issuer, "listen", l.Addr().String())
	group.Go(func() error {
		defer stop()
		select {
		case <-ctx.Done():
			s.drain(context.WithoutCancel(ctx), public)
		case <-running.Done(): // one of the others failed
			_ = public.Close()
		}
		return nil
	})
	return group.Wait()
}

// drain ends a server without breaking off what it is asked.
func (s *Server) drain(ctx context.Context, public *http.Server) {
	s.log.Info("shutting down: requests under way may end")
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	s.health.drain()
	if err := public.Shutdown(ctx); err != nil {
		s.log.Warn("requests were broken off: they took too long", "error", err)
		_ = public.Close()
	}
}

// ended turns the wanted end of a server into none.
func ended(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) newHTTP(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what strangers get wrong
	}
}

// warn logs what an operator may have overlooked.
func (s *Server) warn(ctx context.Context) {
	for _, name := range s.cfg.Limits.Loosened(limitDefaults) {
		s.log.Warn("a limit is looser than the default", "limit", name)
	}
	switch protected, err := s.db.AuditProtected(ctx); {
	case err != nil:
		s.log.Error("whether the database protects the audit log is not known", "error", err)
	case protected && s.cfg.DatabaseOwner == "":
		s.log.Info("the database protects the audit log, from this program too: run 'stile audit prune' with database_owner now and then")
	case !protected && !s.db.Embedded():
		s.log.Warn("the audit log is not protected by the database: set database_owner to another role than that of database")
	case !protected:
		s.log.Info("the audit log is not protected by the database, which has no roles: 'stile audit verify' shows changes")
	}
}
