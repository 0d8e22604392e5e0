package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/limit"
)

// Every change of a password voids the sign-ins under way, and the links that
// were sent before; what somebody else knew of the old one is no matter any more.

// putPassword gives a user who is locked another password, a PHC string. reset is
// when it was last set by other means than the user's own proofs.
func (db *DB) putPassword(ctx context.Context, tx *sql.Tx, u User, phc string, reset *time.Time) error {
	if phc == "" {
		return errors.New("password: nothing to store")
	}
	_, err := run(ctx, tx, `UPDATE users SET password = $2, password_version = password_version + 1, epoch = epoch + 1,
		password_reset_at = $3, password_exposed_at = NULL, updated_at = $4 WHERE id = $1`, u.ID, phc, nullMicros(reset), micros(db.now()))
	return err
}

// SetPassword replaces a user's password, a PHC string. Sign-ins under way are
// void, and all sessions and grants end.
func (db *DB) SetPassword(ctx context.Context, userID, phc string, by audit.Actor, mails ...Mail) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.lockUser(ctx, tx, userID)
		if err != nil {
			return err
		}
		// Who sets it for somebody else gives it out of his hands: what it
		// opens alone is bounded for a while, as after a reset by e-mail.
		reset, now := u.PasswordResetAt, db.now()
		if by.Kind != "user" || by.ID != userID {
			reset = &now
		}
		if err := db.putPassword(ctx, tx, u, phc, reset); err != nil {
			return err
		}
		return db.endAndTell(ctx, tx, userEvent(audit.PasswordChanged, u, updated, "", by), "password_changed", mails)
	})
}

// PasswordReset is a new password that a link from a message allows.
type PasswordReset struct {
	LinkHash string
	Password string // PHC string
	// Again returns the count of an authenticator that was suspended, and how
	// many tries in a row it is to hold.
	Again func(userID, authenticatorID string) (limit.Booking, int)
	Mails []Mail
	By    audit.Actor
}

// ResetPassword spends a [ResetLink] and sets its user's password. All sessions
// and grants end. An authenticator that was suspended takes a few codes again, once
// until one is right.
// Nobody is signed in. It fails as [DB.LinkOwner] does.
func (db *DB) ResetPassword(ctx context.Context, p PasswordReset) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.spendAddressLink(ctx, tx, ResetLink, p.LinkHash)
		if err != nil {
			return err
		}
		now := db.now()
		if err := db.putPassword(ctx, tx, u, p.Password, &now); err != nil {
			return err
		}
		p.By = u.Acting(p.By)
		event := userEvent(audit.PasswordChanged, u, "reset", "", p.By)
		again, err := db.resumeTOTP(ctx, tx, u, p.Again)
		if err != nil {
			return err
		}
		if again {
			event.Detail = map[string]string{"authenticator": "resumed"}
		}
		return db.endAndTell(ctx, tx, event, "password_reset", p.Mails)
	})
}

// resumeTOTP makes an authenticator that was suspended after wrong codes take codes
// again, with a count that leaves few of them. One that its owner never wanted has
// no key any more. Until one of those codes was right it is the last time: whoever
// has the mailbox alone could go on guessing with one new password after another.
func (db *DB) resumeTOTP(ctx context.Context, tx *sql.Tx, u User, count func(userID, authenticatorID string) (limit.Booking, int)) (bool, error) {
	id, err := one(ctx, tx, scanText, `UPDATE authenticators SET state = '`+stateActive+`', resumed_at = $2 WHERE id = (
			SELECT x.id FROM authenticators x WHERE x.user_id = $1 AND x.kind = '`+kindTOTP+`' AND x.state = '`+stateSuspended+`' AND x.data <> ''
				AND (x.resumed_at IS NULL OR x.used_at > x.resumed_at)
			ORDER BY x.created_at DESC, x.id DESC LIMIT 1)
		AND NOT EXISTS (SELECT 1 FROM authenticators y WHERE y.user_id = $1 AND y.kind = '`+kindTOTP+`' AND y.state = '`+stateActive+`')
		RETURNING id`, u.ID, micros(db.now()))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	b, inARow := count(u.ID, id)
	return true, insert{
		table: "limits", columns: limitColumns,
		values: []any{
			b.Key, 0, b.Allowed, b.Per.Microseconds(), b.Pause.Microseconds(), b.PauseMax.Microseconds(),
			0, inARow, 0, 0, true, micros(db.now().Add(b.Memory())),
		},
		suffix: `ON CONFLICT (key) DO UPDATE SET count = 0, strikes = 0, consecutive = excluded.consecutive,
			window_at = 0, blocked_until = 0, expires_at = excluded.expires_at`,
	}.add(ctx, tx)
}

// PasswordChange is a new password that its user chooses in a session.
type PasswordChange struct {
	UserID   string
	Version  int64  // of the password that it takes the place of
	Password string // PHC string
	// SessionID and OldBrowser are the session, which goes on under NewBrowser.
	SessionID, OldBrowser, NewBrowser string
	KeepGrants                        bool // those of the session
	Event                             audit.Event
	Mails                             []Mail
}

// ChangePassword sets a password. The session in which it is done goes on, under
// a new cookie; what the old password has proven there counts for the new one.
// All other sessions of the user end, and the grants. It fails with [ErrConflict]
// if the password or the session is not as it was read.
func (db *DB) ChangePassword(ctx context.Context, p PasswordChange) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.lockUser(ctx, tx, p.UserID)
		if err == nil {
			err = u.stillHas(p.Version)
		}
		if err != nil {
			return err
		}
		now := micros(db.now())
		evidence, err := one(ctx, tx, func(r row) (e authn.Evidence, err error) { return e, r.Scan(fromJSON(&e)) },
			`SELECT evidence FROM sessions WHERE id = $1 AND browser = $2 AND user_id = $3 AND ended_at IS NULL AND expires_at > $4`,
			p.SessionID, p.OldBrowser, u.ID, now)
		if errors.Is(err, ErrNotFound) {
			err = fmt.Errorf("session: %w", ErrConflict)
		}
		if err == nil {
			err = db.putPassword(ctx, tx, u, p.Password, u.PasswordResetAt)
		}
		if err == nil {
			err = moveBrowser(ctx, tx, p.OldBrowser, p.NewBrowser)
		}
		if err == nil {
			_, err = run(ctx, tx, `UPDATE sessions SET evidence = $1 WHERE id = $2`, asJSON(evidence.Renewed(p.Version, p.Version+1)), p.SessionID)
		}
		if err != nil {
			return err
		}
		kept := ""
		if p.KeepGrants {
			kept, err = p.SessionID, renewGrants(ctx, tx, p)
		}
		if err != nil {
			return err
		}
		ended, err := endUserBut(ctx, tx, u.ID, p.NewBrowser, kept, "password_changed", now)
		if err != nil {
			return err
		}
		return db.tell(ctx, tx, ended.in(p.Event), p.Mails)
	})
}

// renewGrants lets what the old password has proven for the session's grants
// count for the new one.
func renewGrants(ctx context.Context, tx *sql.Tx, p PasswordChange) error {
	grants, err := many(ctx, tx, func(r row) (g Grant, err error) { return g, r.Scan(&g.ID, fromJSON(&g.Evidence)) },
		`SELECT id, evidence FROM grants WHERE session_id = $1 AND user_id = $2 AND ended_at IS NULL ORDER BY id`, p.SessionID, p.UserID)
	for _, g := range grants {
		if err == nil {
			_, err = run(ctx, tx, `UPDATE grants SET evidence = $1 WHERE id = $2`, asJSON(g.Evidence.Renewed(p.Version, p.Version+1)), g.ID)
		}
	}
	return err
}

// PasswordRenewal is a new password that a sign-in asks for.
type PasswordRenewal struct {
	SignIn   SignIn // as read, with the progress that the new password leads to
	Version  int64  // of the password that it takes the place of
	Password string // PHC string
	Event    audit.Event
	Mails    []Mail
}

// RenewPassword sets a password within a sign-in, which goes on; all sessions and
// grants end. It fails with [ErrConflict] if the password or the sign-in is not
// as it was read.
func (db *DB) RenewPassword(ctx context.Context, p PasswordRenewal) (SignIn, error) {
	n := p.SignIn
	err := db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.lockUser(ctx, tx, n.UserID)
		if err == nil {
			err = u.stillHas(p.Version)
		}
		if err == nil { // while the epoch is the one that it was read with
			err = db.advanceIn(ctx, tx, n)
		}
		if err == nil {
			err = db.putPassword(ctx, tx, u, p.Password, u.PasswordResetAt)
		}
		if err == nil {
			_, err = run(ctx, tx, `UPDATE sign_ins SET epoch = $1 WHERE id = $2 AND binding = $3`, u.Epoch+1, n.Key.ID, n.Key.Binding)
		}
		if err != nil {
			return err
		}
		ended, err := endUser(ctx, tx, u.ID, "", "password_changed", micros(db.now()))
		if err != nil {
			return err
		}
		return db.tell(ctx, tx, ended.in(p.Event), p.Mails)
	})
	n.Epoch++
	return n.advanced(true, err)
}

// stillHas fails unless the user's password is of this version.
func (u User) stillHas(version int64) error {
	if u.PasswordVersion != version || u.DisabledAt != nil {
		return fmt.Errorf("password: %w", ErrConflict)
	}
	return nil
}

// ExposePassword notes that somebody has this version of a user's password who
// lacks the second factor. It does nothing if there is another by now.
func (db *DB) ExposePassword(ctx context.Context, userID string, version int64, e audit.Event, mails ...Mail) error {
	riders, err := db.enqueueAll(mails)
	if err != nil {
		return err
	}
	_, err = db.guard(ctx, guarded{
		text:   `UPDATE users SET password_exposed_at = $1 WHERE id = $2 AND password_version = $3`,
		args:   []any{micros(db.now()), userID, version},
		riders: append(riders, ride(db.event(e))),
	})
	return about("password", err)
}
