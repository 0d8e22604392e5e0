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
		Version: p.Required.Text(), Build: p.Required.Build, WaiveFirst: p.WaiveFirst, Reenrolment: string(p.Reenrolment), Revision: p.Version,
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

func (r policyRecord) table() table {
	covers := "everyone"
	if len(r.Products) > 0 {
		covers = "holders of " + strings.Join(r.Products, ", ")
	}
	t := table{rows: [][]string{
		{"account", r.Account},
		{"two-step", r.TwoStep},
		{"covers", covers},
		{"required client", fmt.Sprintf("%s build %d", r.Version, r.Build)},
		{"users to enrol", fmt.Sprint(r.ToEnrol)},
		{"re-enrolment", r.Reenrolment},
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
		p.policyShow(), p.policyUpdate())
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

func (p *program) policyUpdate() *cobra.Command {
	var to string
	var products []string
	var client clientFlag
	var waive bool
	var c *cobra.Command
	c = p.verb("update ACCOUNT", "Change an account's policy",
		"  stile policy update \"Example Support\" --two-step required\n  stile policy update \"Example Support\" --two-step required --products Console,Reports",
		func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("two-step") && to != "required" && to != "optional" {
				return fmt.Errorf("--two-step %q: use required or optional", to)
			}
			return cobra.ExactArgs(1)(c, args)
		},
		p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			s, err := db.AccountState(ctx, args[0])
			if err != nil {
				return err
			}
			var was storage.AccountState
			changed, err := db.UpdatePolicy(ctx, s.Account.ID, func(s storage.AccountState) (storage.Policy, error) {
				was = s
				next := s.Policy
				set(c, "two-step", &next.TwoStep, to == "required")
				set(c, "waive-first", &next.WaiveFirst, waive)
				if c.Flags().Changed("products") {
					ids, err := productIDs(s.Products, products)
					if err != nil {
						return next, err
					}
					next.Products = ids
				}
				next.Required, err = client.over(c, next.Required)
				return next, err
			}, by())
			if err != nil {
				return fmt.Errorf("account %q: %w", s.Account.Name, err)
			}
			if p.dryRun {
				return p.printChanges(was.Difference(changed), true)
			}
			record, err := policyOf(ctx, db, s, changed)
			if err != nil {
				return err
			}
			return p.print(record, record.table())
		}))
	c.Flags().StringVar(&to, "two-step", "", "two-step verification: required or optional")
	c.Flags().StringSliceVar(&products, "products", nil, "cover only who has a seat of these products, by name or id; \"\" covers everyone")
	client.register(c, "every device group must have")
	c.Flags().BoolVar(&waive, "waive-first", false, "ask for no code right after enrolment")
	c.MarkFlagsOneRequired("two-step", "products", "client-version", "client-build", "waive-first")
	p.dryRunFlag(c)
	return c
}

// productIDs finds products by name or id.
func productIDs(have []storage.Product, names []string) ([]string, error) {
	ids := []string{}
	for _, name := range names {
		if name == "" {
			continue
		}
		product, err := findProduct(have, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, product.ID)
	}
	return ids, nil
}
