package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// announce lets a change of policy be told to those whom it newly covers, in the
// transaction of the change. A policy that is switched off has nothing to tell;
// one that changes otherwise goes on where its notice is.
func announce(ctx context.Context, tx *sql.Tx, accountID string, old, p Policy, now time.Time) error {
	var err error
	switch {
	case !p.TwoStep:
		_, err = run(ctx, tx, `DELETE FROM announcements WHERE account_id = $1`, accountID)
	case !old.TwoStep, p.widens(old), !p.From.Equal(old.From) && !old.At(now).TwoStep:
		var from any
		if !p.From.IsZero() {
			from = micros(p.From)
		}
		err = insert{
			table: "announcements", columns: "account_id, policy_version, from_at, last_id, created_at, done_at",
			values: []any{accountID, p.Version, from, "", micros(now), nil},
			suffix: `ON CONFLICT (account_id) DO UPDATE SET policy_version = excluded.policy_version, from_at = excluded.from_at,
				last_id = excluded.last_id, created_at = excluded.created_at, done_at = excluded.done_at`,
		}.add(ctx, tx)
	default:
		_, err = run(ctx, tx, `UPDATE announcements SET policy_version = $2 WHERE account_id = $1 AND done_at IS NULL`, accountID, p.Version)
	}
	if err != nil {
		return fmt.Errorf("announcement: %w", err)
	}
	return nil
}

// widens tells whether the policy may cover somebody whom the old one did not.
func (p Policy) widens(old Policy) bool {
	if len(old.Products) == 0 {
		return false
	}
	return len(p.Products) == 0 || slices.ContainsFunc(p.Products, func(id string) bool { return !slices.Contains(old.Products, id) })
}

// announcement is how far the notice of a policy has come.
type announcement struct {
	accountID string
	version   int64
	lastID    string
}

// AnnounceNext goes through the next n users of an account whose policy was
// switched on, for now or for later, or covers more users than before. A message
// that mail makes is queued for each of them who is covered and has no
// second factor. mail gets the policy with its From; it may run more than
// once. Nobody is told twice of one change: many may call it at once, and it
// goes on where the last call was broken off. done says that there is nothing
// left to tell. An account that is suspended waits.
func (db *DB) AnnounceNext(ctx context.Context, n int, mail func(UserRow, Account, Policy) Mail) (done bool, err error) {
	done, err = writing(ctx, db, func(tx *sql.Tx) (bool, error) {
		a, err := one(ctx, tx, func(r row) (a announcement, err error) { return a, r.Scan(&a.accountID, &a.version, &a.lastID) },
			`SELECT n.account_id, n.policy_version, n.last_id FROM announcements n JOIN accounts a ON a.id = n.account_id
			WHERE n.done_at IS NULL AND a.suspended_at IS NULL ORDER BY n.created_at, n.account_id LIMIT 1`)
		if errors.Is(err, ErrNotFound) {
			return true, nil
		}
		if err == nil {
			err = db.announceTo(ctx, tx, a, n, mail)
		}
		return false, err
	})
	if err != nil {
		return false, fmt.Errorf("announcement: %w", err)
	}
	return done, nil
}

// announceTo does one batch. It holds the row before it reads anything else: of
// several who chose the same batch all but one find that it is done.
func (db *DB) announceTo(ctx context.Context, tx *sql.Tx, a announcement, n int, mail func(UserRow, Account, Policy) Mail) error {
	held, err := run(ctx, tx, `UPDATE announcements SET last_id = last_id
		WHERE account_id = $1 AND policy_version = $2 AND last_id = $3 AND done_at IS NULL`, a.accountID, a.version, a.lastID)
	if err != nil || held == 0 {
		return err
	}
	account, err := db.account(ctx, tx, a.accountID)
	var state AccountState
	if err == nil {
		state, err = db.state(ctx, tx, account)
	}
	if err != nil {
		return err
	}
	p := state.Policy
	if p.Version != a.version || !p.TwoStep { // written by a program that knows nothing of announcements
		_, err := run(ctx, tx, `DELETE FROM announcements WHERE account_id = $1`, a.accountID)
		return err
	}
	users, err := many(ctx, tx, p.scanUserRow, `SELECT `+userRowColumns+` FROM users u `+userRowJoins+`
		WHERE u.account_id = $1 AND u.disabled_at IS NULL AND u.id > $2 ORDER BY u.id LIMIT $3`, a.accountID, a.lastID, max(1, n))
	if err != nil {
		return err
	}
	var mails []Mail
	for _, u := range users {
		if u.ToEnrol() {
			mails = append(mails, mail(u, account, p))
		}
		a.lastID = u.User.ID
	}
	var doneAt any
	if len(users) < max(1, n) {
		doneAt = micros(db.now())
	}
	if _, err := run(ctx, tx, `UPDATE announcements SET last_id = $2, done_at = $3 WHERE account_id = $1`, a.accountID, a.lastID, doneAt); err != nil {
		return err
	}
	riders, err := db.enqueueAll(mails)
	if err != nil {
		return err
	}
	return writeAll(ctx, tx, riders...)
}
