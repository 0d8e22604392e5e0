package storage

import (
	"context"
	"database/sql"
	"slices"

	"stile/audit"
)

// UpdateMember is [DB.UpdateUser] for one user of an account, which also sets
// the seats that the user holds: products lists the ids of all of them, nil
// leaves them as they are. change sees the seats held before, and returns
// what people are told of it. All of it is done or nothing. It fails with
// ErrNotFound for a user or product of another account.
func (db *DB) UpdateMember(ctx context.Context, accountID, id string, change func(u *User, held []string) ([]Mail, error), products *[]string, by audit.Actor) (User, error) {
	return writing(ctx, db, func(tx *sql.Tx) (User, error) {
		var mails []Mail
		u, err := db.updateUser(ctx, tx, id, func(u *User) error {
			if u.AccountID != accountID {
				return ErrNotFound
			}
			held, err := heldSeats(ctx, tx, id)
			if err != nil {
				return err
			}
			mails, err = change(u, held)
			return err
		}, by)
		if err == nil && products != nil {
			err = db.setSeats(ctx, tx, id, *products, by)
		}
		if err == nil {
			err = db.send(ctx, tx, mails)
		}
		return u, err
	})
}

// heldSeats are the ids of the products that a user holds seats of.
func heldSeats(ctx context.Context, tx *sql.Tx, userID string) ([]string, error) {
	return many(ctx, tx, scanText, `SELECT product_id FROM seats WHERE user_id = $1`, userID)
}

// setSeats gives and takes seats until the user holds exactly these.
func (db *DB) setSeats(ctx context.Context, tx *sql.Tx, userID string, products []string, by audit.Actor) error {
	held, err := heldSeats(ctx, tx, userID)
	if err != nil {
		return err
	}
	for _, id := range held {
		if !slices.Contains(products, id) {
			if err := db.takeSeat(ctx, tx, userID, id, by); err != nil {
				return err
			}
		}
	}
	for _, id := range products {
		if !slices.Contains(held, id) {
			if err := db.giveSeat(ctx, tx, userID, id, by); err != nil {
				return err
			}
		}
	}
	return nil
}
