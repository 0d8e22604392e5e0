package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"stile/config"
	"stile/device"
	"stile/seal"
	"stile/storage"
)

// OpenDatabase opens the configured database with the configured master key.
// On an empty database a missing master key is made.
func OpenDatabase(ctx context.Context, cfg *config.Config, now func() time.Time, log *slog.Logger) (*storage.DB, *seal.Ring, error) {
	defaults, err := policy(cfg.Policy)
	if err != nil {
		return nil, nil, err
	}
	options := storage.Options{Now: now, Logger: log, Defaults: defaults, AuditFor: cfg.Audit.Keep}
	ring, err := cfg.Ring()
	if errors.Is(err, config.ErrNoMasterKey) {
		ring, err = firstKey(ctx, cfg, options)
	}
	if err != nil {
		return nil, nil, err
	}
	options.Ring = ring
	db, err := storage.Open(ctx, cfg.DatabaseURL(), options)
	if err != nil {
		return nil, nil, err
	}
	return db, ring, nil
}

// firstKey makes the master key of a new installation. A database that holds
// anything was sealed by another key, and a new one would not open it.
func firstKey(ctx context.Context, cfg *config.Config, options storage.Options) (*seal.Ring, error) {
	db, err := storage.Open(ctx, cfg.DatabaseURL(), options)
	if err != nil {
		return nil, err
	}
	empty := db.Empty(ctx)
	if err := db.Close(); err != nil {
		return nil, err
	}
	if !empty {
		return nil, fmt.Errorf("%w for a database that is in use: set master_key, or put %s back beside config.yaml", config.ErrNoMasterKey, config.MasterKeyFile)
	}
	return cfg.MakeMasterKey()
}

// migrated brings the database to this version, or wants it there already.
func migrated(ctx context.Context, cfg *config.Config, db *storage.DB) error {
	if cfg.Migrate != "manual" {
		return db.Migrate(ctx)
	}
	have, want, err := db.Status(ctx)
	if err != nil {
		return err
	}
	if have != want {
		return fmt.Errorf("the database is at version %d, this program needs %d: run 'stile migrate'", have, want)
	}
	return nil
}

// policy makes the storage's defaults from the configured ones.
func policy(c config.Policy) (storage.Policy, error) {
	required, err := device.Parse(c.ClientVersion, c.ClientBuild)
	if err != nil {
		return storage.Policy{}, fmt.Errorf("policy.client_version: %w", err)
	}
	p := storage.DefaultPolicy()
	p.Required = required
	p.Lifetimes.PasswordIdle, p.Lifetimes.PasswordAbsolute = c.Session.Idle, c.Session.Absolute
	p.Lifetimes.TwoStepIdle, p.Lifetimes.TwoStepAbsolute = c.Session.TwoStepIdle, c.Session.TwoStepAbsolute
	p.Lifetimes.GrantIdle, p.Lifetimes.GrantAbsolute = c.Refresh.Idle, c.Refresh.Absolute
	p.Lifetimes.TwoStepGrantAbsolute = c.Refresh.TwoStepAbsolute
	return p, nil
}

// clock is the one clock of the program: UTC, as precise as the database.
func clock(now func() time.Time) func() time.Time {
	if now == nil {
		now = time.Now //nolint:forbidigo // the one place where the clock comes from
	}
	return func() time.Time { return now().UTC().Truncate(time.Microsecond) }
}

func logger(c config.Log, to io.Writer) *slog.Logger {
	if to == nil {
		to = os.Stderr
	}
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // validated with the configuration
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(to, options))
	}
	return slog.New(slog.NewJSONHandler(to, options))
}
