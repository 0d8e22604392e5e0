package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stile/config"
	"stile/storage"
)

func (p *program) product() *cobra.Command {
	return p.noun("product", "Products: what an account has bought, and gives seats of",
		"  stile product create Console --account \"Example Support\"\n  stile product list --account \"Example Support\" --json",
		p.productCreate(), p.productList(), p.productShow(), p.productUpdate(), p.productDelete())
}

// ofAccount makes a verb about something in one account, which --account names.
func (p *program) ofAccount(use, short, example string, args cobra.PositionalArgs,
	do func(ctx context.Context, db *storage.DB, s storage.AccountState, args []string) error,
) *cobra.Command {
	var account string
	c := p.verb(use, short, example, args, p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
		s, err := db.AccountState(ctx, account)
		if err != nil {
			return err
		}
		if err := do(ctx, db, s, args); err != nil {
			return fmt.Errorf("account %q: %w", s.Account.Name, err)
		}
		return nil
	}))
	c.Flags().StringVar(&account, "account", "", "name or id of the account")
	required(c, "account")
	return c
}

// findProduct finds a product by name or id.
func findProduct(have []storage.Product, nameOrID string) (storage.Product, error) {
	for _, by := range []func(storage.Product) string{
		func(p storage.Product) string { return p.ID },
		func(p storage.Product) string { return p.Name },
	} {
		if i := slices.IndexFunc(have, func(p storage.Product) bool { return by(p) == nameOrID }); i >= 0 {
			return have[i], nil
		}
	}
	names := make([]string, len(have))
	for i, p := range have {
		names[i] = fmt.Sprintf("%q", p.Name)
	}
	return storage.Product{}, fmt.Errorf("product %q: %w: %s", nameOrID, storage.ErrNotFound, oneOf(names))
}

// oneOf says what there is instead of what was not found.
func oneOf(names []string) string {
	const most = 10
	switch {
	case len(names) == 0:
		return "there is none"
	case len(names) > most:
		return fmt.Sprintf("there are %s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return "there is " + strings.Join(names, ", ")
}

func (p *program) productCreate() *cobra.Command {
	c := p.ofAccount("create NAME", "Give an account a product", "  stile product create Console --account \"Example Support\"",
		cobra.ExactArgs(1), func(ctx context.Context, db *storage.DB, s storage.AccountState, args []string) error {
			made, err := db.CreateProduct(ctx, storage.Product{AccountID: s.Account.ID, Name: args[0]}, by())
			if err != nil {
				return err
			}
			return p.changed(storage.Difference(s.Account.Name, nil, &made), productOf(made), "product %q made, id %s", made.Name, made.ID)
		})
	p.dryRunFlag(c)
	return c
}

func (p *program) productList() *cobra.Command {
	return p.ofAccount("list", "List an account's products", "  stile product list --account \"Example Support\"",
		cobra.NoArgs, func(_ context.Context, _ *storage.DB, s storage.AccountState, _ []string) error {
			t := table{head: []string{"NAME", "ID"}}
			records := make([]productRecord, len(s.Products))
			for i, product := range s.Products {
				records[i] = productOf(product)
				t.row(product.Name, product.ID)
			}
			return p.print(records, t)
		})
}

func (p *program) productShow() *cobra.Command {
	return p.ofAccount("show PRODUCT", "Show a product, by name or id", "  stile product show Console --account \"Example Support\"",
		cobra.ExactArgs(1), func(_ context.Context, _ *storage.DB, s storage.AccountState, args []string) error {
			product, err := findProduct(s.Products, args[0])
			if err != nil {
				return err
			}
			record := struct {
				productRecord
				InPolicy bool `json:"in_policy"` // the policy covers its holders
			}{productOf(product), slices.Contains(s.Policy.Products, product.ID)}
			return p.print(record, table{rows: [][]string{
				{"name", product.Name},
				{"id", product.ID},
				{"account", s.Account.Name},
				{"policy covers its holders", yesNo(record.InPolicy)},
			}})
		})
}

func (p *program) productUpdate() *cobra.Command {
	var name string
	c := p.ofAccount("update PRODUCT", "Rename a product", "  stile product update Console --account \"Example Support\" --name \"Web console\"",
		cobra.ExactArgs(1), func(ctx context.Context, db *storage.DB, s storage.AccountState, args []string) error {
			was, err := findProduct(s.Products, args[0])
			if err != nil {
				return err
			}
			is, err := db.UpdateProduct(ctx, s.Account.ID, was.ID, func(p *storage.Product) error { p.Name = name; return nil }, by())
			if err != nil {
				return err
			}
			return p.changed(storage.Difference(s.Account.Name, &was, &is), productOf(is), "product %q is %q now", was.Name, is.Name)
		})
	c.Flags().StringVar(&name, "name", "", "another name")
	required(c, "name")
	p.dryRunFlag(c)
	return c
}

func (p *program) productDelete() *cobra.Command {
	var yes bool
	c := p.ofAccount("delete PRODUCT", "Take a product, with all seats of it, from an account", "  stile product delete Console --account \"Example Support\" --yes",
		cobra.ExactArgs(1), func(ctx context.Context, db *storage.DB, s storage.AccountState, args []string) error {
			product, err := findProduct(s.Products, args[0])
			if err != nil {
				return err
			}
			if err := p.sure(yes, product.Name, fmt.Sprintf("product %q is deleted with all seats of it", product.Name)); err != nil {
				return err
			}
			if err := db.DeleteProduct(ctx, s.Account.ID, product.ID, nil, by()); err != nil {
				return fmt.Errorf("product %q: %w", product.Name, err)
			}
			return p.changed(storage.Difference(s.Account.Name, &product, nil), productOf(product), "product %q deleted", product.Name)
		})
	yesFlag(c, &yes)
	p.dryRunFlag(c)
	return c
}
