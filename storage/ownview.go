package storage

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"stile/audit"
)

// Kinds of authenticators, as their owner sees them.
const (
	AuthenticatorTOTP     = kindTOTP
	AuthenticatorRecovery = kindRecovery
)

// Authenticator is something registered that proves a user, as its owner sees
// it. What is secret about it is not among it.
type Authenticator struct {
	ID        string
	Kind      string
	Suspended bool // takes no codes after too many wrong ones
	Since     time.Time
	Used      *time.Time // when it proved something last; nil: never since it is there
}

// Authenticators lists what a user has registered, the newest first.
func (db *DB) Authenticators(ctx context.Context, userID string) ([]Authenticator, error) {
	list, err := many(ctx, db.reader, func(r row) (a Authenticator, err error) {
		return a, r.Scan(&a.ID, &a.Kind, &a.Suspended, atTime(&a.Since), atNullTime(&a.Used))
	}, `SELECT id, kind, state = '`+stateSuspended+`', created_at, used_at FROM authenticators
		WHERE user_id = $1 AND state IN ('`+stateActive+`', '`+stateSuspended+`') ORDER BY created_at DESC, id`, userID)
	if err != nil {
		return nil, fmt.Errorf("authenticators: %w", err)
	}
	return list, nil
}

// ReplaceRecovery makes a set of recovery codes the user's only one, in place of
// the one before.
func (db *DB) ReplaceRecovery(ctx context.Context, userID string, set RecoverySet, e audit.Event, mails ...Mail) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.lockUser(ctx, tx, userID)
		if err != nil {
			return err
		}
		if err := putRecovery(ctx, tx, SignIn{UserID: u.ID, AccountID: u.AccountID}, set, micros(db.now())); err != nil {
			return err
		}
		return db.tell(ctx, tx, e, mails)
	})
}
