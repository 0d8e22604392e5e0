package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stile/audit"
	"stile/storage"
)

type seatRecord struct {
	User      string `json:"user"` // address
	UserID    string `json:"user_id"`
	Product   string `json:"product"`
	ProductID string `json:"product_id"`
}

func (p *program) seat() *cobra.Command {
	return p.noun("seat", "Seats: which users hold which products of their account",
		"  stile seat give ann@example.com --product Console --account \"Example Support\"\n  stile seat list --account \"Example Support\" --product Console",
		p.seatGive(), p.seatTake(), p.seatList())
}

func (p *program) seatGive() *cobra.Command {
	return p.seatVerb("give", "Give a user a seat of a product", "created", "%s holds a seat of %q",
		func(db *storage.DB) func(context.Context, string, string, audit.Actor) error { return db.GiveSeat })
}

func (p *program) seatTake() *cobra.Command {
	return p.seatVerb("take", "Take a seat of a product away from a user", "deleted", "%s holds no seat of %q any more",
		func(db *storage.DB) func(context.Context, string, string, audit.Actor) error { return db.TakeSeat })
}

// seatVerb gives or takes one seat. A seat that is there already, or was never
// there, stays as it is: what was asked for is so.
func (p *program) seatVerb(verb, short, action, result string, method func(*storage.DB) func(ctx context.Context, userID, productID string, by audit.Actor) error) *cobra.Command {
	var name string
	c := p.ofAccount(verb+" USER", short, "  stile seat "+verb+" ann@example.com --product Console --account \"Example Support\"",
		cobra.ExactArgs(1), func(ctx context.Context, db *storage.DB, s storage.AccountState, args []string) error {
			found, err := member(ctx, db, s, args[0])
			if err != nil {
				return err
			}
			product, err := findProduct(s.Products, name)
			if err != nil {
				return err
			}
			var changes []storage.Change
			if held := slices.Contains(found.Subject.Seats, product.ID); held != (action == "created") {
				changes = []storage.Change{{Kind: storage.KindSeat, Name: s.Account.Name + " / " + found.User.Email + " / " + product.Name, Action: action}}
				err = method(db)(ctx, found.User.ID, product.ID, by())
			}
			if err != nil && (action == "created" || !errors.Is(err, storage.ErrNotFound)) { // else somebody was quicker
				return err
			}
			return p.changed(changes, seatRecord{found.User.Email, found.User.ID, product.Name, product.ID}, result, found.User.Email, product.Name)
		})
	c.Flags().StringVar(&name, "product", "", "name or id of the product")
	required(c, "product")
	p.dryRunFlag(c)
	return c
}

func (p *program) seatList() *cobra.Command {
	var name string
	c := p.ofAccount("list", "List the seats of an account's users", "  stile seat list --account \"Example Support\" --product Console",
		cobra.NoArgs, func(ctx context.Context, db *storage.DB, s storage.AccountState, _ []string) error {
			products := s.Products
			f := storage.UserFilter{AccountID: s.Account.ID, Policy: s.Policy, Limit: pageSize}
			if name != "" {
				product, err := findProduct(s.Products, name)
				if err != nil {
					return err
				}
				products, f.ProductID = []storage.Product{product}, product.ID
			}
			t := table{head: []string{"USER", "PRODUCT"}}
			records := []seatRecord{}
			if err := members(ctx, db, f, func(r storage.UserRow) error {
				for _, product := range products {
					if slices.Contains(r.Products, product.ID) {
						records = append(records, seatRecord{r.User.Email, r.User.ID, product.Name, product.ID})
						t.row(r.User.Email, product.Name)
					}
				}
				return nil
			}); err != nil {
				return err
			}
			return p.print(records, t)
		})
	c.Flags().StringVar(&name, "product", "", "only of this product, by name or id")
	return c
}

// member finds a user of one account. Those of others are not there.
func member(ctx context.Context, db *storage.DB, s storage.AccountState, emailOrID string) (storage.Person, error) {
	found, err := person(ctx, db, emailOrID)
	if err == nil && found.Account.ID != s.Account.ID {
		name := emailOrID
		if strings.Contains(name, "@") {
			name = found.User.Email
		}
		return storage.Person{}, fmt.Errorf("user %q: %w", name, storage.ErrNotFound)
	}
	return found, err
}
