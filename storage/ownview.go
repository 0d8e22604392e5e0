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

// Own is somebody who does something about himself, as he was let in: what it is
// happens only while that is still so.
type Own struct {
	UserID, SessionID string
	Epoch             int64 // as read
}

// lockOwn is lockUser for the user himself. It fails with ErrConflict if the
// session has ended meanwhile, or what protects the sign-in has changed.
func (db *DB) lockOwn(ctx context.Context, tx *sql.Tx, own Own) (User, error) {
	u, err := db.lockUser(ctx, tx, own.UserID)
	if err != nil {
		return User{}, err
	}
	live, err := one(ctx, tx, scanInt, `SELECT count(*) FROM sessions WHERE id = $1 AND user_id = $2 AND ended_at IS NULL AND expires_at > $3`,
		own.SessionID, own.UserID, micros(db.now()))
	if err == nil && (live == 0 || u.Epoch != own.Epoch || u.DisabledAt != nil) {
		err = ErrConflict
	}
	return u, err
}

// ReplaceRecovery makes a set of recovery codes the user's only one, in place of
// the one before. It fails with ErrConflict for somebody who is not as he was
// let in, or has no authenticator app or passkey that they stand in for.
func (db *DB) ReplaceRecovery(ctx context.Context, own Own, set RecoverySet, e audit.Event, mails ...Mail) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.lockOwn(ctx, tx, own)
		if err != nil {
			return err
		}
		apps, err := one(ctx, tx, scanInt, `SELECT count(*) FROM authenticators WHERE user_id = $1 AND kind IN `+secondFactors+` AND state = '`+stateActive+`'`, u.ID)
		if err == nil && apps == 0 {
			err = ErrConflict
		}
		if err != nil {
			return err
		}
		if err := putRecovery(ctx, tx, SignIn{UserID: u.ID, AccountID: u.AccountID}, set, micros(db.now())); err != nil {
			return err
		}
		return db.tell(ctx, tx, e, mails)
	})
}
