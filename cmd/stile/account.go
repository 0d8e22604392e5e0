package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stile/config"
	"stile/locale"
	"stile/storage"
)

// pageSize is how many records one listing asks the database for at a time.
const pageSize = 500

// all reads a listing to its end.
func all[T any](page func(after string) ([]T, error), key func(T) string) ([]T, error) {
	list := []T{} // an empty listing is [] in JSON
	for after := ""; ; {
		next, err := page(after)
		list = append(list, next...)
		if err != nil || len(next) < pageSize {
			return list, err
		}
		after = key(next[len(next)-1])
	}
}

// work runs a command on the open database.
func (p *program) work(do func(ctx context.Context, db *storage.DB, cfg *config.Config, args []string) error) func(context.Context, []string) error {
	return func(ctx context.Context, args []string) error {
		db, cfg, err := p.database(ctx)
		if err != nil {
			return err
		}
		defer db.Close() //nolint:errcheck // every change is committed by then
		if p.dryRun {
			ctx = storage.Rehearsal(ctx)
		}
		return do(ctx, db, cfg, args)
	}
}

type accountRecord struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Language    string     `json:"language"`
	TimeZone    string     `json:"time_zone"`
	SuspendedAt *time.Time `json:"suspended_at"`
	CreatedAt   time.Time  `json:"created_at"`
}

func accountOf(a storage.Account) accountRecord {
	return accountRecord{a.ID, a.Name, a.Language, a.TimeZone, a.SuspendedAt, a.CreatedAt}
}

func (p *program) account() *cobra.Command {
	return p.noun("account", "Accounts: the organisations whose people sign in",
		"  stile account create \"Example Support\" --language en\n  stile account list --json",
		p.accountCreate(), p.accountList(), p.accountShow(), p.accountUpdate(), p.accountDelete())
}

func (p *program) accountCreate() *cobra.Command {
	var a storage.Account
	c := p.verb("create NAME", "Make an account", "  stile account create \"Example Support\" --language de --time-zone Europe/Berlin",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			a.Name = args[0]
			made, err := db.CreateAccount(ctx, a, by())
			if err != nil {
				return err
			}
			return p.changed(storage.Difference(made.Name, nil, &made), accountOf(made), "account %q made, id %s", made.Name, made.ID)
		}))
	placeFlags(c, &a.Language, &a.TimeZone)
	p.dryRunFlag(c)
	return c
}

// placeFlags are where somebody is.
func placeFlags(c *cobra.Command, language, zone *string) {
	c.Flags().Var((*languageFlag)(language), "language", "language of pages and mails: en, fr, it, de, es, pt or nl")
	c.Flags().StringVar(zone, "time-zone", "", "time zone in mails, such as Europe/Berlin")
}

// languageFlag takes a language that pages and mails exist in.
type languageFlag string

func (l *languageFlag) String() string { return string(*l) }
func (l *languageFlag) Type() string   { return "string" }

func (l *languageFlag) Set(tag string) error {
	*l = languageFlag(tag)
	return checkLanguage(tag)
}

func checkLanguage(tag string) error {
	if _, ok := locale.Parse(tag); !ok && tag != "" {
		return fmt.Errorf("language %q: use en, fr, it, de, es, pt or nl", tag)
	}
	return nil
}

func (p *program) accountList() *cobra.Command {
	return p.verb("list", "List accounts", "  stile account list\n  stile account list --json | jq -r '.[].name'",
		cobra.NoArgs, p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, _ []string) error {
			list, err := all(func(after string) ([]storage.Account, error) { return db.Accounts(ctx, after, pageSize) },
				func(a storage.Account) string { return a.Name })
			if err != nil {
				return err
			}
			t := table{head: []string{"NAME", "ID", "SUSPENDED"}}
			records := make([]accountRecord, len(list))
			for i, a := range list {
				records[i] = accountOf(a)
				t.row(a.Name, a.ID, when(a.SuspendedAt))
			}
			return p.print(records, t)
		}))
}

type productRecord struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func productOf(p storage.Product) productRecord { return productRecord{p.ID, p.Name} }

type groupRecord struct {
	Name    string `json:"name"`
	Version string `json:"client_version"`
	Build   int    `json:"client_build"`
}

func (p *program) accountShow() *cobra.Command {
	return p.verb("show ACCOUNT", "Show an account with its products and device groups", "  stile account show \"Example Support\"",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			s, err := db.AccountState(ctx, args[0])
			if err != nil {
				return err
			}
			record := struct {
				accountRecord
				Products []productRecord `json:"products"`
				Groups   []groupRecord   `json:"device_groups"`
				TwoStep  string          `json:"two_step"`
			}{accountOf(s.Account), []productRecord{}, []groupRecord{}, twoStep(s.Policy)}
			t := table{rows: [][]string{
				{"name", s.Account.Name},
				{"id", s.Account.ID},
				{"language", orDash(s.Account.Language)},
				{"time zone", orDash(s.Account.TimeZone)},
				{"suspended", when(s.Account.SuspendedAt)},
				{"two-step", record.TwoStep},
			}}
			for _, product := range s.Products {
				record.Products = append(record.Products, productOf(product))
				t.row("product", product.Name)
			}
			for _, g := range s.Groups {
				record.Groups = append(record.Groups, groupRecord{g.Name, g.Has.Text(), g.Has.Build})
				t.row("device group", fmt.Sprintf("%s: %s", g.Name, g.Has))
			}
			return p.print(record, t)
		}))
}

func (p *program) accountUpdate() *cobra.Command {
	var to storage.Account
	var suspend, resume bool
	var c *cobra.Command
	c = p.verb("update ACCOUNT", "Change an account",
		"  stile account update \"Example Support\" --name \"Example Help\"\n  stile account update \"Example Support\" --suspend",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			a, err := db.Account(ctx, args[0])
			if err != nil {
				return err
			}
			now := p.now().UTC()
			var was storage.Account
			changed, err := db.UpdateAccount(ctx, a.ID, func(a *storage.Account) error {
				was = *a
				set(c, "name", &a.Name, to.Name)
				set(c, "language", &a.Language, to.Language)
				set(c, "time-zone", &a.TimeZone, to.TimeZone)
				switch {
				case suspend && a.SuspendedAt == nil:
					a.SuspendedAt = &now
				case resume:
					a.SuspendedAt = nil
				}
				return nil
			}, by())
			if err != nil {
				return err
			}
			return p.changed(storage.Difference(was.Name, &was, &changed), accountOf(changed), "account %q updated", changed.Name)
		}))
	c.Flags().StringVar(&to.Name, "name", "", "another name")
	placeFlags(c, &to.Language, &to.TimeZone)
	c.Flags().BoolVar(&suspend, "suspend", false, "nobody of the account can sign in any more")
	c.Flags().BoolVar(&resume, "resume", false, "take a suspension back")
	c.MarkFlagsMutuallyExclusive("suspend", "resume")
	p.dryRunFlag(c)
	return c
}

// set takes a flag's value over if the flag was given.
func set[T any](c *cobra.Command, flag string, to *T, value T) {
	if c.Flags().Changed(flag) {
		*to = value
	}
}

func (p *program) accountDelete() *cobra.Command {
	var yes bool
	c := p.verb("delete ACCOUNT", "Delete an account with everything in it", "  stile account delete \"Example Support\" --yes",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			a, err := db.Account(ctx, args[0])
			if err != nil {
				return err
			}
			if err := p.sure(yes, a.Name, fmt.Sprintf("account %q is deleted with its users, products, device groups and clients", a.Name)); err != nil {
				return err
			}
			if err := db.DeleteAccount(ctx, a.ID, by()); err != nil {
				return err
			}
			return p.changed(storage.Difference(a.Name, &a, nil), accountOf(a), "account %q deleted", a.Name)
		}))
	yesFlag(c, &yes)
	p.dryRunFlag(c)
	return c
}

func yesFlag(c *cobra.Command, yes *bool) {
	c.Flags().BoolVar(yes, "yes", false, "do it without being asked")
}
