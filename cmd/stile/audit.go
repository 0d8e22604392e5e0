package main

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"stile/audit"
	"stile/config"
	"stile/manage"
	"stile/storage"
)

func (p *program) audit() *cobra.Command {
	return p.noun("audit", "The audit log: what happened, and who did it",
		"  stile audit list --user ann@example.com\n  stile audit list --kind policy.changed --since 24h --json\n  stile audit verify",
		p.auditList(), p.auditExport(), p.auditVerify(), p.auditSeal(), p.auditPrune())
}

// eventFlags choose events.
type eventFlags struct {
	account, user, kind, outcome, client string
	since                                time.Duration
}

func (e *eventFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&e.account, "account", "", "only of this account, by name or id")
	c.Flags().StringVar(&e.user, "user", "", "only about this user, by address or id")
	c.Flags().StringVar(&e.client, "client", "", "only of this client_id")
	c.Flags().StringVar(&e.kind, "kind", "", "only of this kind, such as sign_in.failed")
	c.Flags().StringVar(&e.outcome, "outcome", "", "only with this outcome: ok or refused")
	c.Flags().DurationVar(&e.since, "since", 0, "only of the last time, such as 24h")
}

func (e *eventFlags) filter(ctx context.Context, p *program, db *storage.DB) (storage.EventFilter, error) {
	f := storage.EventFilter{Kind: audit.Kind(e.kind), Outcome: e.outcome, ClientID: e.client}
	if e.account != "" {
		a, err := db.Account(ctx, e.account)
		if err != nil {
			return f, err
		}
		f.AccountID = a.ID
	}
	if e.user != "" {
		found, err := person(ctx, db, e.user)
		if err != nil {
			return f, err
		}
		f.SubjectID = found.User.ID
	}
	if e.since > 0 {
		f.Since = p.now().Add(-e.since)
	}
	return f, nil
}

func (p *program) auditList() *cobra.Command {
	var choice eventFlags
	var after string
	var limit int
	var follow bool
	c := p.verb("list", "List events, newest first",
		"  stile audit list --user ann@example.com\n  stile audit list --account \"Example Support\" --kind policy.changed --json",
		cobra.NoArgs, p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, _ []string) error {
			f, err := choice.filter(ctx, p, db)
			if err != nil {
				return err
			}
			f.After, f.Limit = after, limit
			if follow {
				if after != "" {
					return wrongUsage("--follow goes on with newer events, --after with older ones: use one of them")
				}
				return p.follow(ctx, db, f)
			}
			list, err := db.Events(ctx, f)
			if err != nil {
				return err
			}
			t := table{head: []string{"TIME", "KIND", "OUTCOME", "REASON", "BY"}}
			records := make([]manage.EventRecord, len(list))
			record := manage.RecordOf(db)
			for i, e := range list {
				records[i] = record(e)
				t.row(when(&e.At), string(e.Kind), e.Outcome, orDash(e.Reason), cmp.Or(e.Actor.Kind, "-"))
			}
			return p.print(records, t)
		}))
	choice.flags(c)
	c.Flags().StringVar(&after, "after", "", "only older ones than the event of this id, for the next page")
	c.Flags().IntVar(&limit, "limit", 100, "at most so many")
	c.Flags().BoolVar(&follow, "follow", false, "oldest first, and go on with what comes in until interrupted; with --json one object a line")
	return c
}
