package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"stile/config"
	"stile/device"
	"stile/seal"
	"stile/storage"
)

// OpenDatabase opens the configured database as it is, with the configured
// master key. It makes neither.
func OpenDatabase(ctx context.Context, cfg *config.Config, now func() time.Time, log *slog.Logger) (*storage.DB, *seal.Ring, error) {
	ring, err := cfg.Ring()
	if err != nil {
		return nil, nil, err
	}
	options, err := options(cfg, now, log)
	if err != nil {
		return nil, nil, err
	}
	options.Ring = ring
	db, err := storage.Open(ctx, cfg.DatabaseURL(), options)
	return db, ring, err
}

// PrepareDatabase is [OpenDatabase] for a database that may be new: a missing
// master key is made if the database is empty. What the database holds already
// was sealed by another key, and a new one would not open it.
func PrepareDatabase(ctx context.Context, cfg *config.Config, now func() time.Time, log *slog.Logger) (*storage.DB, *seal.Ring, error) {
	_, err := cfg.Ring()
	if errors.Is(err, config.ErrNoMasterKey) {
		if err := makeKey(ctx, cfg, now, log); err != nil {
			return nil, nil, err
		}
	}
	return OpenDatabase(ctx, cfg, now, log)
}

func makeKey(ctx context.Context, cfg *config.Config, now func() time.Time, log *slog.Logger) error {
	return withoutKey(ctx, cfg, now, log, func(db *storage.DB) error {
		if !db.Empty(ctx) {
			return fmt.Errorf("%w for a database that is in use: set master_key, or put %s back beside config.yaml", config.ErrNoMasterKey, config.MasterKeyFile)
		}
		_, err := cfg.MakeMasterKey()
		return err
	})
}

// DatabaseStatus returns the version that the schema has, and the one that this
// program wants. It needs no master key.
func DatabaseStatus(ctx context.Context, cfg *config.Config, now func() time.Time, log *slog.Logger) (have, want int64, err error) {
	err = withoutKey(ctx, cfg, now, log, func(db *storage.DB) error {
		have, want, err = db.Status(ctx)
		return err
	})
	return have, want, err
}

// withoutKey looks at the database's schema, which needs no master key.
func withoutKey(ctx context.Context, cfg *config.Config, now func() time.Time, log *slog.Logger, do func(*storage.DB) error) error {
	options, err := options(cfg, now, log)
	if err != nil {
		return err
	}
	db, err := storage.Open(ctx, cfg.DatabaseURL(), options)
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

func options(cfg *config.Config, now func() time.Time, log *slog.Logger) (storage.Options, error) {
	defaults, err := policy(cfg.Policy)
	return storage.Options{
		Now: now, Logger: log, Defaults: defaults, AuditFor: cfg.Audit.Keep, Owner: cfg.DatabaseOwner.Reveal(),
		Limits: cfg.Limits,
	}, err
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
	if have < want {
		return fmt.Errorf("database: the schema has version %d, this program needs %d: run 'stile migrate', or set migrate to auto", have, want)
	}
	return db.Migrate(ctx) // refuses a newer schema, and has nothing else to do
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
	p.Reenrolment = storage.Reenrolment(c.Reenrolment)
	p.SetTrustDays(c.TrustedDays)
	if p.Lifetimes.Cooldown = c.Cooldown; c.Cooldown == 0 {
		p.Lifetimes.Cooldown = -1 // zero would be "as the default"
	}
	return p, nil
}

// clock is the one clock of the program: UTC, as precise as the database.
func clock(now func() time.Time) func() time.Time {
	if now == nil {
		now = time.Now //nolint:forbidigo // the one place where the clock comes from
	}
	return func() time.Time { return now().UTC().Truncate(time.Microsecond) }
}
