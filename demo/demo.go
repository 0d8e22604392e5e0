// Package demo runs a complete system on embedded parts, to try and to test
// against: the provider with demo accounts, a sample web console that signs in
// with it, and a mailbox that receives all of its mail.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"stile/config"
	"stile/server"
)

// Options say where the demo listens. A port of 0 takes a free one.
type Options struct {
	Listen, Console, Mailbox string // host:port
	Data                     string // folder that is kept; empty for one that is removed at the end
	Now                      func() time.Time
	Logs                     io.Writer
	// Ready is called once, when everything is ready to serve.
	Ready func(Description) error
}

// listeners are the doors of the demo.
type listeners struct{ provider, console, mailbox, smtp net.Listener }

// Run runs the demo until ctx ends.
func Run(ctx context.Context, o Options) error {
	dir, remove, err := folder(o.Data)
	if err != nil {
		return err
	}
	defer remove()
	doors, err := listen(ctx, o)
	if err != nil {
		return err
	}
	defer doors.close()
	cfg, err := configure(dir, doors)
	if err != nil {
		return err
	}
	provider, err := server.New(ctx, cfg, server.Seams{Now: o.Now, Logs: o.Logs})
	if err != nil {
		return err
	}
	defer provider.Close() //nolint:errcheck // the process ends with it
	d, err := seed(ctx, cfg, provider, doors, o.Now)
	if err != nil {
		return err
	}
	box := NewMailbox(o.Now)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return provider.Serve(ctx, doors.provider) })
	group.Go(func() error { return box.ServeSMTP(doors.smtp) })
	group.Go(func() error { return serve(ctx, doors.mailbox, box.Handler()) })
	group.Go(func() error {
		<-ctx.Done()
		return doors.smtp.Close()
	})
	payments, err := NewPayments(ctx, d.Issuer, apiID, d.secret(apiID), o.Now)
	if err != nil {
		return errors.Join(err, ctx.Err())
	}
	console, err := NewConsole(ctx, d.Issuer, consoleID, d.secret(consoleID), d.Console, payments, o.Now)
	if err != nil {
		return errors.Join(err, ctx.Err())
	}
	group.Go(func() error { return serve(ctx, doors.console, console.Handler()) })
	group.Go(func() error { return o.Ready(d) })
	return group.Wait()
}

// folder returns the folder of the demo's data, and what to do with it at the end.
func folder(data string) (dir string, remove func(), err error) {
	if data == "" {
		dir, err = os.MkdirTemp("", "stile-demo-")
		return dir, func() { _ = os.RemoveAll(dir) }, err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", nil, fmt.Errorf("--data: %w: choose a folder that can be written", err)
	}
	probe, err := os.CreateTemp(data, ".probe-")
	if err != nil {
		return "", nil, fmt.Errorf("--data: %w: choose a folder that can be written", err)
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	dir, err = filepath.Abs(data)
	return dir, func() {}, err
}

func listen(ctx context.Context, o Options) (l listeners, err error) {
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	for _, door := range []struct {
		flag, address string
		to            *net.Listener
	}{
		{"--listen", o.Listen, &l.provider},
		{"--console", o.Console, &l.console},
		{"--mailbox", o.Mailbox, &l.mailbox},
		{"mail server of the mailbox", "127.0.0.1:0", &l.smtp},
	} {
		*door.to, err = new(net.ListenConfig).Listen(ctx, "tcp", door.address)
		if err != nil {
			return l, fmt.Errorf("%s: %s can not be used: %w: stop what uses it, or choose another address (port 0 takes a free one)", door.flag, door.address, err)
		}
	}
	return l, nil
}

func (l listeners) close() {
	for _, door := range []net.Listener{l.provider, l.console, l.mailbox, l.smtp} {
		if door != nil {
			_ = door.Close()
		}
	}
}

// localhost is the URL of a listener on this machine.
func localhost(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "http://localhost:" + port
}

// mark begins the configuration of every demo, so that no other one is ever
// written over.
const mark = "# The running demo."

// configure writes the configuration of the demo, so that every other command
// works on it, and reads it back. What an earlier run has added is kept, but for
// the addresses.
func configure(dir string, l listeners) (*config.Config, error) {
	path := filepath.Join(dir, config.DefaultPath)
	if old, err := os.ReadFile(path); err == nil && !strings.HasPrefix(string(old), mark) {
		return nil, fmt.Errorf("--data: %s is not of a demo: choose another folder", path)
	}
	text := fmt.Sprintf(mark+` Every command takes it: stile user list --config %s
issuer: %s
listen: %s
database: sqlite:stile.db
mail:
  smtp: smtp://%s
  from: Stile <no-reply@localhost>
# All of a demo comes from one network: bounds by network would only be in the way.
limits:
  network: 3000 in 10m
  network_hour: 10000 in 1h
  email_sent_network: 2000 in 1h
  authorize: 60000 in 1m
  long_requests: 6000 in 1m
log:
  level: error
  format: text
`, path, localhost(l.provider), l.provider.Addr(), l.smtp.Addr())
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("the configuration of the demo can not be written: %w", err)
	}
	cfg, _, err := config.Load(path, nil)
	return cfg, err
}

// serve serves pages of the demo itself until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- srv.Shutdown(end)
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return <-stopped
}
