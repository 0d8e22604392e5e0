package storage

import (
	"context"
	"database/sql"
	"time"

	"stile/audit"
	"stile/limit"
)

// FirstPasskey is a passkey that is made within a sign-in, as the user's first
// second factor.
type FirstPasskey struct {
	// SignIn as read, with the progress and the recovery codes to be stored.
	SignIn    SignIn
	Passkey   Passkey // its times are set
	Challenge Challenge
	Recovery  RecoverySet
	// Cooldown is for how long sensitive acts stay closed, if an admin or the
	// operator has reset what was there before.
	Cooldown time.Duration
	Mails    []Mail
	Refund   []limit.Back
	Event    audit.Event
}

// ActivatePasskey makes a passkey the user's second factor, with recovery codes,
// in one transaction. The user's epoch rises, which voids all other sign-ins
// under way. It fails with ErrConflict if the user has a second factor by now, or
// the sign-in is not as it was read, ErrSpent if the challenge was answered
// before, and ErrExists if the credential is registered already.
func (db *DB) ActivatePasskey(ctx context.Context, a FirstPasskey) (SignIn, error) {
	mails, err := db.enqueueAll(a.Mails)
	if err != nil {
		return SignIn{}, err
	}
	s, now := a.SignIn, db.now()
	err = db.write(ctx, func(tx *sql.Tx) error {
		// The user's row first: whatever depends on the epoch waits for it.
		if err := mustChange(run(ctx, tx, `UPDATE users SET epoch = epoch + 1, updated_at = $2,
			cooldown_until = CASE WHEN `+takesPlace+` THEN COALESCE($1, cooldown_until) ELSE cooldown_until END, check_at = $6
			WHERE id = $3 AND account_id = $4 AND epoch = $5 AND disabled_at IS NULL
			AND NOT EXISTS (SELECT 1 FROM authenticators x WHERE x.user_id = users.id AND x.kind IN `+secondFactors+`
				AND x.state IN ('`+stateActive+`', '`+stateSuspended+`'))`,
			nullMicros(cooled(now, a.Cooldown)), micros(now), s.UserID, s.AccountID, s.Epoch, micros(now.Add(firstCheckUp)))); err != nil {
			return err
		}
		k := a.Passkey
		k.Since = now
		if err := db.putPasskey(ctx, tx, s, k, a.Challenge); err != nil {
			return err
		}
		if err := putRecovery(ctx, tx, s, a.Recovery, micros(now)); err != nil {
			return err
		}
		if err := db.alongIn(ctx, tx, s); err != nil {
			return err
		}
		return writeAll(ctx, tx, append(db.refunds(a.Refund), append(mails, ride(db.event(a.Event)))...)...)
	})
	if err != nil {
		return SignIn{}, about("passkey", err)
	}
	s.Version++
	s.Epoch++
	return s, nil
}
