package main

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"stile/audit"
	"stile/config"
	"stile/storage"
)

type eventRecord struct {
	ID        string            `json:"id"`
	At        time.Time         `json:"at"`
	Kind      audit.Kind        `json:"kind"`
	Outcome   string            `json:"outcome"`
	Reason    string            `json:"reason,omitempty"`
	ActorKind string            `json:"actor_kind"`
	ActorID   string            `json:"actor_id,omitempty"`
	Network   string            `json:"network,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
	RequestID string            `json:"request_id,omitempty"`
	AccountID string            `json:"account_id,omitempty"`
	SubjectID string            `json:"subject_id,omitempty"`
	SessionID string            `json:"session_id,omitempty"`
	GrantID   string            `json:"grant_id,omitempty"`
	ClientID  string            `json:"client_id,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
}

func eventOf(e storage.StoredEvent) eventRecord {
	return eventRecord{
		e.ID, e.At, e.Kind, e.Outcome, e.Reason, e.Actor.Kind, e.Actor.ID, e.Actor.Network, e.Actor.UserAgent,
		e.Actor.RequestID, e.AccountID, e.SubjectID, e.SessionID, e.GrantID, e.ClientID, e.Detail,
	}
}

func (p *program) audit() *cobra.Command {
	return p.noun("audit", "The audit log: what happened, and who did it",
		"  stile audit list --user ann@example.com\n  stile audit list --kind policy.changed --since 24h --json", p.auditList())
}

func (p *program) auditList() *cobra.Command {
	var account, user, kind, outcome, client, after string
	var since time.Duration
	var limit int
	c := p.verb("list", "List events, newest first",
		"  stile audit list --user ann@example.com\n  stile audit list --account \"Example Support\" --kind policy.changed --json",
		cobra.NoArgs, p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, _ []string) error {
			f := storage.EventFilter{Kind: audit.Kind(kind), Outcome: outcome, ClientID: client, After: after, Limit: limit}
			if account != "" {
				a, err := db.Account(ctx, account)
				if err != nil {
					return err
				}
				f.AccountID = a.ID
			}
			if user != "" {
				found, err := person(ctx, db, user)
				if err != nil {
					return err
				}
				f.SubjectID = found.User.ID
			}
			if since > 0 {
				f.Since = p.now().Add(-since)
			}
			list, err := db.Events(ctx, f)
			if err != nil {
				return err
			}
			t := table{head: []string{"TIME", "KIND", "OUTCOME", "REASON", "BY"}}
			records := make([]eventRecord, len(list))
			for i, e := range list {
				records[i] = eventOf(e)
				t.row(when(&e.At), string(e.Kind), e.Outcome, orDash(e.Reason), cmp.Or(e.Actor.Kind, "-"))
			}
			return p.print(records, t)
		}))
	c.Flags().StringVar(&account, "account", "", "only of this account, by name or id")
	c.Flags().StringVar(&user, "user", "", "only about this user, by address or id")
	c.Flags().StringVar(&client, "client", "", "only of this client_id")
	c.Flags().StringVar(&kind, "kind", "", "only of this kind, such as sign_in.failed")
	c.Flags().StringVar(&outcome, "outcome", "", "only with this outcome: ok or refused")
	c.Flags().DurationVar(&since, "since", 0, "only of the last time, such as 24h")
	c.Flags().StringVar(&after, "after", "", "only older ones than the event of this id, for the next page")
	c.Flags().IntVar(&limit, "limit", 100, "at most so many")
	return c
}
