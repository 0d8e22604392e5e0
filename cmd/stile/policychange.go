package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stile/authn"
	"stile/config"
	"stile/device"
	"stile/storage"
)

// policyFlags say what a policy is to be.
type policyFlags struct {
	command  *cobra.Command
	twoStep  twoStepFlag
	from     timeFlag
	products []string
	client   clientFlag
	waive    bool
	trust    int
}

// twoStepFlag takes required or optional, timeFlag a time of RFC 3339.
type (
	twoStepFlag string
	timeFlag    struct{ time.Time }
)

func (t *twoStepFlag) String() string { return string(*t) }
func (t *twoStepFlag) Type() string   { return "string" }

func (t *twoStepFlag) Set(text string) error {
	if text != "required" && text != "optional" {
		return errors.New("use required or optional")
	}
	*t = twoStepFlag(text)
	return nil
}

func (t *timeFlag) Type() string { return "time" }

func (t *timeFlag) String() string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

func (t *timeFlag) Set(text string) (err error) {
	if t.Time, err = time.Parse(time.RFC3339, text); err != nil {
		return errors.New("use a date with time and zone, such as 2026-12-24T06:00:00Z")
	}
	return nil
}

func (f *policyFlags) register(c *cobra.Command) {
	f.command = c
	c.Flags().Var(&f.twoStep, "two-step", "two-step verification: required or optional")
	c.Flags().StringSliceVar(&f.products, "products", nil, "cover only who has a seat of these products, by name or id; \"\" covers everyone")
	f.client.register(c, "every device group must have")
}

// over returns the account's policy with what was given in its place.
func (f *policyFlags) over(s storage.AccountState, now time.Time) (storage.Policy, error) {
	c, next := f.command, s.Policy
	set(c, "waive-first", &next.WaiveFirst, f.waive)
	if c.Flags().Changed("trusted-browser-days") {
		if f.trust < 0 || f.trust > authn.MaxTrustDays {
			return next, fmt.Errorf("--trusted-browser-days %d: use 0 to %d", f.trust, authn.MaxTrustDays)
		}
		next.SetTrustDays(f.trust)
	}
	if c.Flags().Changed("two-step") {
		next.TwoStep, next.From = f.twoStep == "required", time.Time{}
	}
	if c.Flags().Changed("from") {
		switch {
		case s.Policy.At(now).TwoStep:
			return next, errors.New("--from: two-step verification is required already")
		case !f.from.After(now):
			return next, fmt.Errorf("--from %s: that is past; leave it out to begin at once", f.from.String())
		}
		next.From = f.from.Time
	}
	if c.Flags().Changed("products") {
		ids, err := productIDs(s.Products, f.products)
		if err != nil {
			return next, err
		}
		next.Products = ids
	}
	var err error
	next.Required, err = f.client.over(c, next.Required)
	return next, err
}

func (p *program) policyUpdate() *cobra.Command {
	var f policyFlags
	c := p.verb("update ACCOUNT", "Change an account's policy",
		"  stile policy update \"Example Support\" --two-step required\n"+
			"  stile policy update \"Example Support\" --two-step required --products Console,Reports\n"+
			"  stile policy update \"Example Support\" --two-step required --from 2026-12-24T06:00:00Z\n"+
			"  stile policy update \"Example Support\" --trusted-browser-days 14",
		cobra.ExactArgs(1),
		p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			s, err := db.AccountState(ctx, args[0])
			if err != nil {
				return err
			}
			var was storage.AccountState
			changed, err := db.UpdatePolicy(ctx, s.Account.ID, func(s storage.AccountState) (storage.Policy, error) {
				was = s
				return f.over(s, p.now())
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
	f.register(c)
	c.Flags().Var(&f.from, "from", "when it begins to be required; who is covered is told by mail before")
	c.Flags().BoolVar(&f.waive, "waive-first", false, "ask for no code right after enrolment")
	c.Flags().IntVar(&f.trust, "trusted-browser-days", 0, "for how many days a browser can be trusted from a code on; 0 is not at all")
	c.MarkFlagsOneRequired("two-step", "from", "products", "client-version", "client-build", "waive-first", "trusted-browser-days")
	p.dryRunFlag(c)
	return c
}

// reviewRecord is what switching a policy on would mean.
type reviewRecord struct {
	Account   string        `json:"account"`
	AccountID string        `json:"account_id"`
	TwoStep   string        `json:"two_step"`
	Products  []string      `json:"products"` // names; empty: everyone
	Version   string        `json:"client_version"`
	Build     int           `json:"client_build"`
	Users     int           `json:"users"`
	Covered   int           `json:"users_covered"`
	Enrolled  int           `json:"users_enrolled"`
	ToEnrol   int           `json:"users_to_enrol"`
	SignedIn  int           `json:"users_signed_in"`
	Below     []groupRecord `json:"device_groups_below"`
}

func (p *program) policyReview() *cobra.Command {
	var f policyFlags
	c := p.verb("review ACCOUNT", "Look before two-step verification is switched on: who is covered, who has to enrol, what stands in the way",
		"  stile policy review \"Example Support\" --two-step required\n  stile policy review \"Example Support\" --two-step required --products Console,Reports",
		func(c *cobra.Command, args []string) error {
			if f.twoStep != "required" {
				return errors.New("only --two-step required needs a review")
			}
			return cobra.ExactArgs(1)(c, args)
		},
		p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			s, err := db.AccountState(ctx, args[0])
			if err != nil {
				return err
			}
			next, err := f.over(s, p.now())
			if err != nil {
				return fmt.Errorf("account %q: %w", s.Account.Name, err)
			}
			return p.review(ctx, db, s, next)
		}))
	c.Long = "Prints how many users the policy covers, how many of them have to enrol, and the\n" +
		"device groups that are below the required client version. Nothing is changed.\n" +
		"The exit code is 1 if the policy would be refused."
	f.register(c)
	required(c, "two-step")
	return c
}

// review prints what a policy would mean, and fails if it would be refused.
func (p *program) review(ctx context.Context, db *storage.DB, s storage.AccountState, next storage.Policy) error {
	coverage, err := db.Coverage(ctx, s.Account.ID, next)
	if err != nil {
		return err
	}
	policy, err := policyOf(ctx, db, s, next)
	if err != nil {
		return err
	}
	record := reviewRecord{
		Account: s.Account.Name, AccountID: s.Account.ID, TwoStep: policy.TwoStep, Products: policy.Products,
		Version: policy.Version, Build: policy.Build, Users: coverage.Users, Covered: coverage.Covered,
		Enrolled: coverage.Enrolled, ToEnrol: coverage.ToEnrol, SignedIn: coverage.SignedIn, Below: []groupRecord{},
	}
	t := table{rows: [][]string{
		{"account", record.Account},
		{"covers", policy.covers()},
		{"users", fmt.Sprint(record.Users)},
		{"users covered", fmt.Sprint(record.Covered)},
		{"users enrolled", fmt.Sprint(record.Enrolled)},
		{"users to enrol", fmt.Sprint(record.ToEnrol)},
		{"users signed in", fmt.Sprint(record.SignedIn)},
		{"required client", next.Required.String()},
	}}
	var below device.BelowError
	refused := device.Check(next.Required, s.Groups)
	if errors.As(refused, &below) {
		for _, g := range below.Groups {
			record.Below = append(record.Below, groupRecord{g.Name, g.Has.Text(), g.Has.Build})
			t.row("below", fmt.Sprintf("%s: has %s, needs %s", g.Name, g.Has, below.Needs))
		}
	}
	if err := p.print(record, t); err != nil {
		return err
	}
	if refused == nil || s.Policy.At(p.now()).TwoStep { // once it is on, groups may fall below
		return nil
	}
	return fmt.Errorf("account %q: %w", s.Account.Name, refused)
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
