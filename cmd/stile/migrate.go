package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"stile/config"
	"stile/server"
	"stile/storage"
)

// database opens the configured database for a command. Commands work on what
// is there: making a database and its keys is for migrate and serve.
func (p *program) database(ctx context.Context) (*storage.DB, *config.Config, error) {
	cfg, _, err := p.load()
	if err != nil {
		return nil, nil, err
	}
	db, _, err := server.OpenDatabase(ctx, cfg, p.now, p.log())
	if err != nil {
		return nil, nil, err
	}
	have, want, err := db.Status(ctx)
	if err == nil && have < want {
		err = fmt.Errorf("the database is at version %d, this program needs %d: run 'stile migrate'", have, want)
	}
	if err == nil && have > want {
		err = fmt.Errorf("the database is at version %d, this program knows %d: use the newer program", have, want)
	}
	if err == nil && db.Hasher() == nil {
		err = errors.New("the database was not set up to its end: run 'stile migrate'")
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, cfg, nil
}

// log is where the packages below write what concerns an operator.
func (p *program) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (p *program) migrate() *cobra.Command {
	var status bool
	c := p.verb("migrate [--status]", "Bring the database to this version",
		"  stile migrate --config config.yaml\n  stile migrate --status || stile migrate",
		cobra.NoArgs, func(ctx context.Context, _ []string) error {
			cfg, _, err := p.load()
			if err != nil {
				return err
			}
			before, want, err := server.DatabaseStatus(ctx, cfg, p.now, p.log())
			if err != nil {
				return err
			}
			have := before
			if !status {
				db, _, err := server.PrepareDatabase(ctx, cfg, p.now, p.log())
				if err != nil {
					return err
				}
				defer db.Close() //nolint:errcheck // nothing is left to be written
				if err := db.Migrate(ctx); err != nil {
					return err
				}
				have = want
			}
			result := struct {
				Before int64 `json:"before"`
				Have   int64 `json:"have"`
				Want   int64 `json:"want"`
			}{before, have, want}
			if err := p.done(result, "schema version %d, this program wants %d", have, want); err != nil {
				return err
			}
			if have != want {
				return errors.New("the database is not migrated: run 'stile migrate'")
			}
			return nil
		})
	c.Flags().BoolVar(&status, "status", false, "change nothing; exit 1 if there is something to do")
	return c
}
