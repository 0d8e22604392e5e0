package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"stile/config"
	"stile/storage"
	"stile/token"
)

type keyRecord struct {
	ID          string    `json:"id"`
	Algorithm   string    `json:"alg"`
	State       string    `json:"state"` // waiting, signing or published
	CreatedAt   time.Time `json:"created_at"`
	ActivatesAt time.Time `json:"activates_at"`
	RetiresAt   time.Time `json:"retires_at"`
	RemovesAt   time.Time `json:"removes_at"`
}

func (p *program) key() *cobra.Command {
	return p.noun("key", "Keys that sign tokens", "  stile key list\n  stile key rotate", p.keyList(), p.keyRotate())
}

func (p *program) keyList() *cobra.Command {
	return p.verb("list", "List the keys that clients can see", "  stile key list --json", cobra.NoArgs,
		p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, _ []string) error {
			return p.printKeys(ctx, db)
		}))
}

func (p *program) printKeys(ctx context.Context, db *storage.DB) error {
	keys, err := db.SigningKeys(ctx)
	if err != nil {
		return err
	}
	now := p.now()
	t := table{head: []string{"ID", "ALG", "STATE", "SIGNS FROM", "UNTIL"}}
	records := []keyRecord{}
	for _, k := range keys {
		state := "published"
		switch {
		case now.Before(k.ActivatesAt):
			state = "waiting"
		case now.Before(k.RetiresAt):
			state = "signing"
		}
		records = append(records, keyRecord{k.ID, k.Alg, state, k.CreatedAt, k.ActivatesAt, k.RetiresAt, k.RemovesAt})
		t.row(k.ID, k.Alg, state, when(&k.ActivatesAt), when(&k.RetiresAt))
	}
	return p.print(records, t)
}

func (p *program) keyRotate() *cobra.Command {
	return p.verb("rotate", "Make a successor of every key; it signs once clients have had time to learn of it", "  stile key rotate",
		cobra.NoArgs, p.work(func(ctx context.Context, db *storage.DB, cfg *config.Config, _ []string) error {
			if err := token.New(db, cfg.Issuer, p.now).Replace(ctx, by()); err != nil {
				return err
			}
			return p.printKeys(ctx, db)
		}))
}
