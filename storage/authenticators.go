package storage

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"stile/audit"
	"stile/limit"
	"stile/seal"
)

// Kinds and states of authenticators. One TOTP app and one set of recovery codes
// may be active or suspended per user; those that are over keep no key.
const (
	kindTOTP     = "totp"
	kindRecovery = "recovery"

	stateActive    = "active"
	stateSuspended = "suspended"
	stateReplaced  = "replaced"

	// secondFactors are the kinds that are a second factor, for IN.
	secondFactors = `('` + kindTOTP + `', '` + kindPasskey + `')`

	// takesPlace tells, of a row of users, whether a second factor that is
	// registered now takes the place of one: of any that is there, or of one that
	// an admin or the operator has reset, whichever kinds the two are. What was
	// removed by its owner has made room.
	takesPlace = `(SELECT t.state FROM authenticators t WHERE t.user_id = users.id AND t.kind IN ` + secondFactors + `
		ORDER BY t.ended_at IS NULL DESC, t.ended_at DESC LIMIT 1) IN ('` + stateActive + `', '` + stateSuspended + `', 'reset')`
)

// RecoverySet is a set of recovery codes as it is stored: hashes under one salt.
type RecoverySet struct {
	ID     string // filled in where it is empty
	Salt   []byte
	Hashes []string
}

// Activation makes the pending authenticator of a sign-in the user's own.
type Activation struct {
	// SignIn as read, with the progress and secrets to be stored: without the
	// pending key, and with the recovery codes that the last screen shows. The
	// key itself and its id are taken from the stored row.
	SignIn   SignIn
	Step     int64 // of the setup code, which is spent
	Recovery RecoverySet
	// Browser is the one whose sessions go on if this replaces an authenticator.
	Browser string
	// Unshown says that no second factor of before was shown for it. If this takes
	// the place of one, one that was reset among them, sensitive acts stay closed
	// for Cooldown, and nothing goes on elsewhere.
	Unshown  bool
	Cooldown time.Duration
	Mails    []Mail
	Refund   []limit.Back
	Event    audit.Event
}

// until is when the cool-down ends that this begins; nil for none.
func (a Activation) until(now time.Time) *time.Time {
	if !a.Unshown {
		return nil
	}
	return cooled(now, a.Cooldown)
}

// cooled is when a cool-down of this length ends; nil for none.
func cooled(now time.Time, wait time.Duration) *time.Time {
	if wait <= 0 {
		return nil
	}
	until := now.Add(wait)
	return &until
}

// ActivateTOTP makes the pending authenticator active, in one transaction: the
// one before it, if there is one, and the recovery codes are replaced, the
// user's epoch rises, which voids all other sign-ins under way, and after a
// replacement all grants and the sessions of other browsers end. Until then
// nothing has changed for the user.
//
// It fails with ErrConflict if the sign-in or the user is not as it was read
// (somebody else was faster: read again), with ErrExpired if the pending key is
// over, and with ErrNotFound if there is none.
func (db *DB) ActivateTOTP(ctx context.Context, a Activation) (SignIn, error) {
	mails, err := db.enqueueAll(a.Mails)
	if err != nil {
		return SignIn{}, err
	}
	now := micros(db.now())
	err = db.write(ctx, func(tx *sql.Tx) error {
		s := a.SignIn
		// The user's row first: whatever depends on the epoch waits for it.
		if err := mustChange(run(ctx, tx, `UPDATE users SET epoch = epoch + 1, updated_at = $2,
			cooldown_until = CASE WHEN `+takesPlace+` THEN COALESCE($1, cooldown_until) ELSE cooldown_until END, check_at = $6
			WHERE id = $3 AND account_id = $4 AND epoch = $5 AND disabled_at IS NULL`,
			nullMicros(a.until(db.now())), now, s.UserID, s.AccountID, s.Epoch, micros(db.now().Add(firstCheckUp)))); err != nil {
			return err
		}
		pending, err := db.pendingTOTP(ctx, tx, s)
		if err != nil {
			return err
		}
		replaced, err := endAuthenticators(ctx, tx, s.UserID, kindTOTP, now)
		if err != nil {
			return err
		}
		key := db.ring.Seal(seal.PurposeTOTPKey, bindTo("authenticators", pending.AuthenticatorID, s.AccountID), pending.TOTPKey)
		if err := newAuthenticator(pending.AuthenticatorID, kindTOTP, s, key, a.Step, now).add(ctx, tx); err != nil {
			return err
		}
		if err := putRecovery(ctx, tx, s, a.Recovery, now); err != nil {
			return err
		}
		if err := db.alongIn(ctx, tx, s); err != nil {
			return err
		}
		event := a.Event
		if replaced == 0 && a.Unshown { // a passkey, that was not shown, is as good as replaced
			if replaced, err = one(ctx, tx, scanInt, `SELECT count(*) FROM passkeys WHERE user_id = $1`, s.UserID); err != nil {
				return err
			}
		}
		if replaced > 0 {
			ended, err := endUser(ctx, tx, s.UserID, a.Browser, "authenticator_replaced", now)
			if err != nil {
				return err
			}
			event = ended.in(event)
		}
		return writeAll(ctx, tx, append(db.refunds(a.Refund), append(mails, ride(db.event(event)))...)...)
	})
	if err != nil {
		return SignIn{}, fmt.Errorf("authenticator: %w", err)
	}
	s := a.SignIn
	s.Version++
	s.Epoch++
	return s, nil
}

// alongIn lets a sign-in alone go along with the user's new epoch, and writes its
// step.
func (db *DB) alongIn(ctx context.Context, tx *sql.Tx, s SignIn) error {
	if err := mustChange(run(ctx, tx, `UPDATE sign_ins SET epoch = epoch + 1 WHERE id = $1 AND binding = $2 AND epoch = $3`,
		s.Key.ID, s.Key.Binding, s.Epoch)); err != nil {
		return err
	}
	return db.advanceIn(ctx, tx, s)
}

// pendingTOTP reads the key that waits in the sign-in for its first code.
func (db *DB) pendingTOTP(ctx context.Context, tx *sql.Tx, s SignIn) (SignInSecrets, error) {
	sealed, err := one(ctx, tx, scanText, `SELECT secrets FROM sign_ins WHERE id = $1 AND binding = $2 AND user_id = $3 AND version = $4`,
		s.Key.ID, s.Key.Binding, s.UserID, s.Version)
	if errors.Is(err, ErrNotFound) {
		return SignInSecrets{}, ErrConflict
	}
	if err != nil {
		return SignInSecrets{}, err
	}
	pending, err := db.openSecrets(s, sealed)
	switch {
	case err != nil:
		return SignInSecrets{}, err
	case len(pending.TOTPKey) == 0:
		return SignInSecrets{}, ErrNotFound
	case !pending.TOTPUntil.After(db.now()):
		return SignInSecrets{}, ErrExpired
	}
	return pending, nil
}

// endAuthenticators replaces what the user has of a kind, and forgets its keys.
func endAuthenticators(ctx context.Context, tx *sql.Tx, userID, kind string, now int64) (int64, error) {
	return run(ctx, tx, `UPDATE authenticators SET state = '`+stateReplaced+`', ended_at = $1, data = ''
		WHERE user_id = $2 AND kind = $3 AND state IN ('`+stateActive+`', '`+stateSuspended+`')`, now, userID, kind)
}

func newAuthenticator(id, kind string, s SignIn, data string, step, now int64) insert {
	return insert{
		table:   "authenticators",
		columns: "id, account_id, user_id, kind, state, data, last_step, created_at",
		values:  []any{id, s.AccountID, s.UserID, kind, stateActive, data, step, now},
	}
}

// putRecovery makes a set of recovery codes the user's only one. Their salt is
// no secret.
func putRecovery(ctx context.Context, tx *sql.Tx, s SignIn, set RecoverySet, now int64) error {
	if _, err := endAuthenticators(ctx, tx, s.UserID, kindRecovery, now); err != nil {
		return err
	}
	if len(set.Hashes) == 0 {
		return nil
	}
	id := cmp.Or(set.ID, randomID())
	if err := newAuthenticator(id, kindRecovery, s, base64.RawURLEncoding.EncodeToString(set.Salt), 0, now).add(ctx, tx); err != nil {
		return err
	}
	rows := make([]string, len(set.Hashes))
	args := []any{id}
	for i, hash := range set.Hashes {
		args = append(args, hash)
		rows[i] = fmt.Sprintf("($1, $%d)", i+2)
	}
	_, err := run(ctx, tx, `INSERT INTO recovery_codes (authenticator_id, hash) VALUES `+strings.Join(rows, ", "), args...)
	return err
}

// TOTPProof is a code of the user's authenticator app that was right.
type TOTPProof struct {
	SignIn          SignIn // as read, with the progress that the code leads to
	AuthenticatorID string
	Step            int64 // time step of the code (RFC 6238)
	Refund          []limit.Back
	Event           audit.Event
}

// ProveTOTP spends a time step of an active authenticator and stores what it
// proves. Steps are accepted in rising order, each once: it fails with ErrSpent
// if this step or a later one was accepted before, and with ErrConflict if the
// authenticator is no longer active or the sign-in not as it was read.
func (db *DB) ProveTOTP(ctx context.Context, p TOTPProof) (SignIn, error) {
	step, err := db.advance(p.SignIn)
	if err != nil {
		return SignIn{}, err
	}
	won, err := db.guard(ctx, guarded{
		text: `UPDATE authenticators SET last_step = $1, used_at = $2
			WHERE id = $3 AND user_id = $4 AND kind = '` + kindTOTP + `' AND state = '` + stateActive + `' AND last_step < $1`,
		args:   []any{p.Step, micros(db.now()), p.AuthenticatorID, p.SignIn.UserID},
		riders: append([]rider{step, ride(db.event(p.Event))}, db.refunds(p.Refund)...),
	})
	if err == nil && !won {
		err = db.why(ctx, ErrSpent, ErrConflict, `SELECT count(*) FROM authenticators WHERE id = $1 AND state = '`+stateActive+`' AND last_step >= $2`,
			p.AuthenticatorID, p.Step)
	}
	return p.SignIn.advanced(won, err)
}

// RecoverySalt returns the salt that a user's present recovery codes are hashed
// with. It fails with ErrNotFound if there is no set.
func (db *DB) RecoverySalt(ctx context.Context, userID string) ([]byte, error) {
	text, err := one(ctx, db.reader, scanText, `SELECT data FROM authenticators
		WHERE user_id = $1 AND kind = '`+kindRecovery+`' AND state = '`+stateActive+`'`, userID)
	if err != nil {
		return nil, fmt.Errorf("recovery codes: %w", err)
	}
	return base64.RawURLEncoding.DecodeString(text)
}

// RecoveryProof is a recovery code that a user has entered.
type RecoveryProof struct {
	SignIn SignIn // as read, with the progress that a right code leads to
	SetID  string // [Person.RecoveryID]
	Hash   string // of the code, see [DB.RecoverySalt]
	Mails  []Mail
	Refund []limit.Back
	Event  audit.Event
}

// ProveRecovery spends one code of the user's present set and stores what it
// proves. It fails with ErrWrong if there is no such code in it, ErrSpent if it
// was used before, and ErrConflict if the sign-in is not as it was read.
func (db *DB) ProveRecovery(ctx context.Context, p RecoveryProof) (SignIn, error) {
	step, err := db.advance(p.SignIn)
	if err != nil {
		return SignIn{}, err
	}
	mails, err := db.enqueueAll(p.Mails)
	if err != nil {
		return SignIn{}, err
	}
	const present = ` AND EXISTS (SELECT 1 FROM authenticators x WHERE x.id = recovery_codes.authenticator_id
		AND x.user_id = $3 AND x.kind = '` + kindRecovery + `' AND x.state = '` + stateActive + `')`
	won, err := db.guard(ctx, guarded{
		text:   `UPDATE recovery_codes SET used_at = $4 WHERE authenticator_id = $1 AND hash = $2 AND used_at IS NULL` + present,
		args:   []any{p.SetID, p.Hash, p.SignIn.UserID, micros(db.now())},
		riders: append(append([]rider{step, ride(db.event(p.Event))}, mails...), db.refunds(p.Refund)...),
	})
	if err == nil && !won {
		const code = `SELECT count(*) FROM recovery_codes WHERE authenticator_id = $1 AND hash = $2` + present
		if err = db.why(ctx, nil, ErrWrong, code, p.SetID, p.Hash, p.SignIn.UserID); err == nil {
			err = db.why(ctx, ErrSpent, ErrConflict, code+` AND used_at IS NOT NULL`, p.SetID, p.Hash, p.SignIn.UserID)
		}
	}
	return p.SignIn.advanced(won, err)
}

// SuspendTOTP makes an authenticator take no more codes, after too many wrong
// ones. What it proved before stays true; the user comes back another way. It
// does nothing if the authenticator isn't active.
func (db *DB) SuspendTOTP(ctx context.Context, userID, authenticatorID string, mails []Mail, e audit.Event) error {
	riders, err := db.enqueueAll(mails)
	if err != nil {
		return err
	}
	_, err = db.guard(ctx, guarded{
		text: `UPDATE authenticators SET state = '` + stateSuspended + `'
			WHERE id = $1 AND user_id = $2 AND kind = '` + kindTOTP + `' AND state = '` + stateActive + `'`,
		args:   []any{authenticatorID, userID},
		riders: append(riders, ride(db.event(e))),
	})
	if err != nil {
		return fmt.Errorf("authenticator: %w", err)
	}
	return nil
}

// why tells two reasons apart, by whether a count is above zero.
func (db *DB) why(ctx context.Context, yes, no error, count string, args ...any) error {
	n, err := one(ctx, db.writer, scanInt, count, args...)
	switch {
	case err != nil:
		return err
	case n > 0:
		return yes
	}
	return no
}
