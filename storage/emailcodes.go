package storage

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"stile/audit"
	"stile/limit"
)

// An e-mail code belongs to one sign-in of one user. Sending another one
// replaces the row, so that the newest is the only one. Its hash is keyed by
// purpose, user and sign-in, see [SignInKey.CodeParts].

// What an e-mail code is refused with, besides ErrSpent and ErrConflict.
var (
	// ErrWrong says that the code is not the one that counts.
	ErrWrong = errors.New("wrong code")
	// ErrExpired says that its time is over.
	ErrExpired = errors.New("expired")
	// ErrTries says that too many wrong codes were entered for it.
	ErrTries = errors.New("too many wrong codes for this one")
)

// CodePurpose is what an e-mail code is for. One is good for nothing else.
type CodePurpose string

// The purposes. Empty is CodeEnrolment.
const (
	CodeEnrolment CodePurpose = "enrolment" // shows who enrols
	CodeGuard     CodePurpose = "guard"     // shows who may try codes of the app, after too many wrong ones
)

// CodeParts are what the keyed hash of an e-mail code is made of, with
// [seal.HashEmailCode]: a code of another user or sign-in never equals it.
func (s SignIn) CodeParts(purpose CodePurpose, code string) []string {
	return []string{string(cmp.Or(purpose, CodeEnrolment)), s.UserID, s.Key.txn(), code}
}

// SendCode is an e-mail code to be sent.
type SendCode struct {
	SignIn  SignIn // as read, with the progress to be stored
	Purpose CodePurpose
	Hash    string // of the code, see [SignIn.CodeParts]
	Expires time.Time
	Mail    Mail
	Event   audit.Event
}

// SendEmailCode makes a code the only one of its sign-in, and queues the
// message. Earlier codes are void, their tries forgotten: limits by user are the
// caller's to book. It fails with ErrConflict like [DB.SaveProgress].
func (db *DB) SendEmailCode(ctx context.Context, c SendCode) (SignIn, error) {
	r, err := db.advance(c.SignIn)
	if err != nil {
		return SignIn{}, err
	}
	mail, err := db.enqueue(c.Mail)
	if err != nil {
		return SignIn{}, err
	}
	code := insert{
		table:   "email_codes",
		columns: "purpose, txn, user_id, hash, tries, sent_at, expires_at, used_at",
		values:  []any{cmp.Or(c.Purpose, CodeEnrolment), c.SignIn.Key.txn(), c.SignIn.UserID, c.Hash, 0, micros(db.now()), micros(c.Expires), nil},
		suffix: `ON CONFLICT (purpose, txn) DO UPDATE SET user_id = excluded.user_id, hash = excluded.hash, tries = 0,
			sent_at = excluded.sent_at, expires_at = excluded.expires_at, used_at = NULL`,
	}
	won, err := db.guard(ctx, guarded{text: alone(r.text), args: r.args, riders: []rider{ride(code), ride(mail), ride(db.event(c.Event))}})
	return c.SignIn.advanced(won, err)
}

// EmailProof is a code that a user has entered.
type EmailProof struct {
	SignIn  SignIn // as read, with the progress that a right code leads to
	Purpose CodePurpose
	Hash    string // of what was entered, see [SignIn.CodeParts]
	Tries   int    // how many wrong codes void the one that counts; zero for 5
	Refund  []limit.Back
	Event   audit.Event // of a right code; a refusal is the caller's to record
}

// ProveEmail spends the newest code of a sign-in if it is the one entered, and
// marks the user's address as verified; else it counts a try. Trying and
// spending are one conditional statement, so that a thousand tries at once are
// a thousand tries. It fails with ErrWrong, ErrTries (from the last wrong code
// on), ErrExpired, ErrSpent, ErrNotFound if no code was sent, or ErrConflict.
func (db *DB) ProveEmail(ctx context.Context, p EmailProof) (SignIn, error) {
	if p.Tries == 0 {
		p.Tries = 5
	}
	p.Purpose = cmp.Or(p.Purpose, CodeEnrolment)
	s, now := p.SignIn, micros(db.now())
	verdict, err := writing(ctx, db, func(tx *sql.Tx) (verdict error, err error) {
		// Two places to leave: an error rolls back, a verdict lets the try count.
		var tries int
		var right bool
		won, err := found(ctx, tx, []any{&tries, &right}, `UPDATE email_codes
			SET tries = tries + CASE WHEN hash = $1 THEN 0 ELSE 1 END, used_at = CASE WHEN hash = $1 THEN CAST($2 AS BIGINT) END
			WHERE purpose = $3 AND txn = $4 AND user_id = $5 AND used_at IS NULL AND expires_at > $2 AND tries < $6
			RETURNING tries, used_at IS NOT NULL`,
			p.Hash, now, p.Purpose, s.Key.txn(), s.UserID, p.Tries)
		switch {
		case err != nil:
			return nil, err
		case !won:
			return db.whyNoCode(ctx, tx, p), nil
		case !right && tries >= p.Tries:
			return ErrTries, nil
		case !right:
			return ErrWrong, nil
		}
		if err := db.advanceIn(ctx, tx, s); err != nil {
			return nil, err
		}
		if _, err := run(ctx, tx, `UPDATE users SET email_verified_at = $1, updated_at = $1 WHERE id = $2`, now, s.UserID); err != nil {
			return nil, err
		}
		return nil, writeAll(ctx, tx, append(db.refunds(p.Refund), ride(db.event(p.Event)))...)
	})
	if err == nil {
		err = verdict
	}
	if err != nil {
		return SignIn{}, fmt.Errorf("e-mail code: %w", err)
	}
	s.Version++
	return s, nil
}

// whyNoCode tells why there was no code to try.
func (db *DB) whyNoCode(ctx context.Context, tx *sql.Tx, p EmailProof) error {
	type state struct {
		tries   int
		expires time.Time
		used    *time.Time
	}
	c, err := one(ctx, tx, func(r row) (c state, err error) {
		return c, r.Scan(&c.tries, atTime(&c.expires), atNullTime(&c.used))
	}, `SELECT tries, expires_at, used_at FROM email_codes WHERE purpose = $1 AND txn = $2 AND user_id = $3`,
		p.Purpose, p.SignIn.Key.txn(), p.SignIn.UserID)
	switch {
	case err != nil:
		return err
	case c.used != nil:
		return ErrSpent
	case c.tries >= p.Tries:
		return ErrTries
	default:
		return ErrExpired
	}
}
