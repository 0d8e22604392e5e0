package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stile/config"
	"stile/roster"
	"stile/storage"
)

// memberRecord is a user as the account's directory shows one.
type memberRecord struct {
	userRecord
	Seats         []string `json:"seats"`         // names of products
	State         string   `json:"state"`         // disabled, enrolled, to-enrol or not-covered
	Covered       bool     `json:"covered"`       // by the policy, if it is on
	Authenticator bool     `json:"authenticator"` // has an app that takes codes
	RecoveryLeft  int      `json:"recovery_codes_left"`
}

func memberOf(r storage.UserRow, products []storage.Product) memberRecord {
	m := memberRecord{userOf(r.User), []string{}, string(storage.StateNotCovered), r.Covered, r.TOTP, r.RecoveryLeft}
	for _, p := range products {
		if slices.Contains(r.Products, p.ID) {
			m.Seats = append(m.Seats, p.Name)
		}
	}
	switch {
	case r.User.DisabledAt != nil:
		m.State = string(storage.StateDisabled)
	case r.ToEnrol():
		m.State = string(storage.StateToEnrol)
	case r.Covered:
		m.State = string(storage.StateEnrolled)
	}
	return m
}

// userFilter chooses users of an account.
type userFilter struct{ search, state, role, product string }

func (f *userFilter) register(c *cobra.Command) {
	c.Flags().StringVar(&f.search, "search", "", "only whose name or address has words that begin so")
	c.Flags().StringVar(&f.state, "state", "", "only who is covered, enrolled, to-enrol, not-covered or disabled; as if the policy were on")
	c.Flags().StringVar(&f.role, "role", "", "only who is member, admin, helpdesk or auditor")
	c.Flags().StringVar(&f.product, "product", "", "only who holds a seat of this product, by name or id")
}

// filter refuses what chooses nobody.
func (f *userFilter) filter(s storage.AccountState) (storage.UserFilter, error) {
	of := storage.UserFilter{AccountID: s.Account.ID, Text: f.search, State: storage.UserState(f.state), Role: f.role, Policy: s.Policy, Limit: pageSize}
	if f.product != "" {
		product, err := findProduct(s.Products, f.product)
		if err != nil {
			return of, err
		}
		of.ProductID = product.ID
	}
	return of, nil
}

// check refuses flags that choose nobody.
func (f *userFilter) check() error {
	if states := storage.UserStates(); f.state != "" && !slices.Contains(states, storage.UserState(f.state)) {
		return fmt.Errorf("--state %q: use one of %v", f.state, states)
	}
	if roles := storage.Roles(); f.role != "" && !slices.Contains(roles, f.role) {
		return fmt.Errorf("--role %q: use one of %v", f.role, roles)
	}
	return nil
}

// chosen checks the arguments of a verb with filters.
func (f *userFilter) chosen(c *cobra.Command, args []string) error {
	if err := cobra.NoArgs(c, args); err != nil {
		return err
	}
	return f.check()
}

// members visits the users of an account that are chosen, by address.
func members(ctx context.Context, db *storage.DB, f storage.UserFilter, visit func(storage.UserRow) error) error {
	for {
		page, err := db.Directory(ctx, f)
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := visit(r); err != nil {
				return err
			}
		}
		if len(page) < f.Limit {
			return nil
		}
		f.After = page[len(page)-1].User.Email
	}
}

func (p *program) userList() *cobra.Command {
	var account string
	var f userFilter
	c := p.verb("list", "List users",
		"  stile user list --account \"Example Support\" --state to-enrol\n  stile user list --account \"Example Support\" --search ann --role member\n  stile user list --json",
		f.chosen, p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, _ []string) error {
			if account == "" {
				if f != (userFilter{}) {
					return wrongUsage("--search, --state, --role and --product choose users of one account: name it with --account")
				}
				return p.listEverybody(ctx, db)
			}
			s, err := db.AccountState(ctx, account)
			if err != nil {
				return err
			}
			of, err := f.filter(s)
			if err != nil {
				return fmt.Errorf("account %q: %w", s.Account.Name, err)
			}
			t := table{head: []string{"EMAIL", "NAME", "ROLES", "STATE", "SIGNED IN"}}
			records := []memberRecord{}
			if err := members(ctx, db, of, func(r storage.UserRow) error {
				m := memberOf(r, s.Products)
				records = append(records, m)
				t.row(m.Email, m.Name, strings.Join(m.Roles, ","), m.State, when(m.SignedInAt))
				return nil
			}); err != nil {
				return err
			}
			return p.print(records, t)
		}))
	c.Flags().StringVar(&account, "account", "", "only of this account, by name or id")
	f.register(c)
	return c
}

// listEverybody lists the users of all accounts.
func (p *program) listEverybody(ctx context.Context, db *storage.DB) error {
	list, err := all(func(after string) ([]storage.User, error) { return db.Users(ctx, "", after, pageSize) },
		func(u storage.User) string { return u.Email })
	if err != nil {
		return err
	}
	t := table{head: []string{"EMAIL", "NAME", "ROLES", "SIGNED IN", "DISABLED"}}
	records := make([]userRecord, len(list))
	for i, u := range list {
		records[i] = userOf(u)
		t.row(u.Email, u.Name, strings.Join(u.Roles, ","), when(u.SignedInAt), when(u.DisabledAt))
	}
	return p.print(records, t)
}

func (p *program) userExport() *cobra.Command {
	var f userFilter
	c := p.ofAccount("export", "Write an account's users as CSV, or with --json as JSON",
		"  stile user export --account \"Example Support\" > users.csv\n  stile user export --account \"Example Support\" --state to-enrol --json",
		f.chosen, func(ctx context.Context, db *storage.DB, s storage.AccountState, _ []string) error {
			of, err := f.filter(s)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(p.out)
			if p.json {
				err = exportJSON(ctx, db, of, s, out)
			} else {
				err = exportCSV(ctx, db, of, s, out)
			}
			if err != nil {
				return err
			}
			return out.Flush()
		})
	c.Long = "Writes a list that 'stile user import' takes again. Cells that a spreadsheet would\n" +
		"calculate have an apostrophe in front, which import takes off. The JSON says more."
	f.register(c)
	return c
}

func exportCSV(ctx context.Context, db *storage.DB, f storage.UserFilter, s storage.AccountState, out *bufio.Writer) error {
	w := roster.NewWriter(out)
	if err := members(ctx, db, f, func(r storage.UserRow) error {
		m := memberOf(r, s.Products)
		row := roster.Row{Email: m.Email, Name: m.Name, Roles: m.Roles, Products: m.Seats, Language: m.Language, TimeZone: m.TimeZone}
		if len(row.Products) == 0 {
			row.Products = nil // says nothing, rather than that all seats be taken
		}
		return w.Write(row)
	}); err != nil {
		return err
	}
	return w.Flush()
}

// exportJSON writes the list as it is read, so that its length doesn't matter.
func exportJSON(ctx context.Context, db *storage.DB, f storage.UserFilter, s storage.AccountState, out *bufio.Writer) error {
	before := "["
	if err := members(ctx, db, f, func(r storage.UserRow) error {
		text, err := json.MarshalIndent(memberOf(r, s.Products), "  ", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n  %s", before, text)
		before = ","
		return err
	}); err != nil {
		return err
	}
	end := "\n]\n"
	if before == "[" {
		end = "[]\n"
	}
	_, err := out.WriteString(end)
	return err
}
