package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stile/config"
	"stile/storage"
)

type policyRecord struct {
	Account     string            `json:"account"`
	AccountID   string            `json:"account_id"`
	TwoStep     string            `json:"two_step"`       // required or optional
	From        *time.Time        `json:"from,omitempty"` // from when it is required; at once without one
	Products    []string          `json:"products"`       // names; empty: everyone
	Version     string            `json:"client_version"`
	Build       int               `json:"client_build"`
	WaiveFirst  bool              `json:"waive_first"`
	Reenrolment string            `json:"reenrolment"`
	TrustDays   int               `json:"trusted_browser_days"`
	Lifetimes   map[string]string `json:"lifetimes"`
	Revision    int64             `json:"version"`
	ToEnrol     int               `json:"users_to_enrol"` // under this policy
}

func twoStep(p storage.Policy) string {
	if p.TwoStep {
		return "required"
	}
	return "optional"
}

func policyOf(ctx context.Context, db *storage.DB, s storage.AccountState, p storage.Policy) (policyRecord, error) {
	l := p.Lifetimes
	record := policyRecord{
		Account: s.Account.Name, AccountID: s.Account.ID, TwoStep: twoStep(p), Products: []string{},
		Version: p.Required.Text(), Build: p.Required.Build, WaiveFirst: p.WaiveFirst, Reenrolment: string(p.Reenrolment), TrustDays: p.TrustDays(), Revision: p.Version,
		Lifetimes: map[string]string{
			"two_step_idle": l.TwoStepIdle.String(), "two_step_absolute": l.TwoStepAbsolute.String(),
			"password_idle": l.PasswordIdle.String(), "password_absolute": l.PasswordAbsolute.String(),
			"grant_idle": l.GrantIdle.String(), "grant_absolute": l.GrantAbsolute.String(), "two_step_grant_absolute": l.TwoStepGrantAbsolute.String(),
		},
	}
	if p.TwoStep && !p.From.IsZero() {
		record.From = &p.From
	}
	for _, product := range s.Products {
		if slices.Contains(p.Products, product.ID) {
			record.Products = append(record.Products, product.Name)
		}
	}
	if !p.TwoStep {
		return record, nil
	}
	coverage, err := db.Coverage(ctx, s.Account.ID, p)
	record.ToEnrol = coverage.ToEnrol
	return record, err
}

func (r policyRecord) covers() string {
	if len(r.Products) > 0 {
		return "holders of " + strings.Join(r.Products, ", ")
	}
	return "everyone"
}

func (r policyRecord) table() table {
	t := table{rows: [][]string{
		{"account", r.Account},
		{"two-step", r.TwoStep},
		{"covers", r.covers()},
		{"required client", fmt.Sprintf("%s build %d", r.Version, r.Build)},
		{"users to enrol", fmt.Sprint(r.ToEnrol)},
		{"re-enrolment", r.Reenrolment},
		{"trusted browser days", fmt.Sprint(r.TrustDays)},
		{"first code waived", yesNo(r.WaiveFirst)},
		{"version", fmt.Sprint(r.Revision)},
	}}
	if r.From != nil {
		t.row("required from", r.From.Format(time.RFC3339))
	}
	for _, name := range []string{"two_step_idle", "two_step_absolute", "password_idle", "password_absolute", "grant_idle", "grant_absolute", "two_step_grant_absolute"} {
		t.row(strings.ReplaceAll(name, "_", " "), r.Lifetimes[name])
	}
	return t
}

func (p *program) policy() *cobra.Command {
	return p.noun("policy", "An account's policy: two-step verification and whom it covers",
		"  stile policy show \"Example Support\"\n  stile policy update \"Example Support\" --two-step required",
		p.policyShow(), p.policyReview(), p.policyUpdate())
}

func (p *program) policyShow() *cobra.Command {
	return p.verb("show ACCOUNT", "Show an account's policy", "  stile policy show \"Example Support\" --json",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			s, err := db.AccountState(ctx, args[0])
			if err != nil {
				return err
			}
			record, err := policyOf(ctx, db, s, s.Policy)
			if err != nil {
				return err
			}
			return p.print(record, record.table())
		}))
}
