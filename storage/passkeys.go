package storage

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/limit"
)

// kindPasskey is that of passkeys among the authenticators: a user may have several.
const kindPasskey = "passkey"

const stateRemoved = "removed"

// maxPasskeys bounds the passkeys of one user.
const maxPasskeys = 20

var (
	// ErrLastFactor says that two steps are required of the user, who would be
	// left without a second one.
	ErrLastFactor = errors.New("the last second factor of a user who needs one")
	// ErrTooMany says that the user has as many as there may be.
	ErrTooMany = errors.New("there may be no more of these")
)

// Passkey is a passkey of a user. Nothing in it is secret.
type Passkey struct {
	ID         string // of the authenticator
	Credential []byte // id of the credential, unique in the installation
	PublicKey  []byte // COSE
	Counter    uint32
	Transports []string
	Synced     bool // may be copied among its user's devices; never changes
	BackedUp   bool // is, as far as it said last
	Name       string
	Since      time.Time
	Used       *time.Time // nil: never since it was made
}

// method is what a proof by the passkey is worth.
func (p Passkey) method() authn.Method {
	if p.Synced {
		return authn.SyncedPasskey
	}
	return authn.Passkey
}

// Challenge is a challenge that was answered: its hash, and when it would have
// been over.
type Challenge struct {
	Hash    string
	Expires time.Time
}

func (c Challenge) spent() insert {
	return insert{table: "spent_challenges", columns: "hash, expires_at", values: []any{c.Hash, micros(c.Expires)}}
}

const passkeyColumns = `k.authenticator_id, k.credential, k.public_key, k.counter, k.transports, k.synced, k.backed_up, k.name, x.created_at, x.used_at`

// passkeyJoin brings the row x of the authenticator to the row k of its passkey.
const passkeyJoin = `JOIN authenticators x ON x.id = k.authenticator_id AND x.state = '` + stateActive + `'`

type passkeyRow struct {
	k               Passkey
	credential, key string
}

func (r *passkeyRow) dest() []any {
	return []any{
		&r.k.ID, &r.credential, &r.key, &r.k.Counter, fromJSON(&r.k.Transports), &r.k.Synced, &r.k.BackedUp, &r.k.Name, atTime(&r.k.Since), atNullTime(&r.k.Used),
	}
}

func (r *passkeyRow) passkey() (Passkey, error) {
	var err, wrong error
	r.k.Credential, err = base64.RawURLEncoding.DecodeString(r.credential)
	r.k.PublicKey, wrong = base64.RawURLEncoding.DecodeString(r.key)
	if err = errors.Join(err, wrong); err != nil {
		return r.k, fmt.Errorf("passkey %s: %w", r.k.ID, err)
	}
	return r.k, nil
}

// Passkeys lists the passkeys of a user, the newest first.
func (db *DB) Passkeys(ctx context.Context, userID string) ([]Passkey, error) {
	list, err := many(ctx, db.reader, func(r row) (Passkey, error) {
		var p passkeyRow
		if err := r.Scan(p.dest()...); err != nil {
			return p.k, err
		}
		return p.passkey()
	}, `SELECT `+passkeyColumns+` FROM passkeys k `+passkeyJoin+` WHERE k.user_id = $1 ORDER BY x.created_at DESC, x.id`, userID)
	return list, about("passkeys", err)
}

// PersonByPasskey finds a person by the id of a credential. It fails with
// ErrNotFound.
func (db *DB) PersonByPasskey(ctx context.Context, credential []byte) (Person, Passkey, error) {
	var k Passkey
	p, err := one(ctx, db.reader, func(r row) (Person, error) {
		var person personRow
		var key passkeyRow
		err := r.Scan(append(person.dest(), key.dest()...)...)
		if err == nil {
			k, err = key.passkey()
		}
		if err != nil {
			return Person{}, err
		}
		return person.person(db)
	}, `SELECT `+personColumns+`, `+passkeyColumns+` FROM passkeys k `+passkeyJoin+` JOIN users u ON u.id = k.user_id `+personJoins+`
		WHERE k.credential = $1`, base64.RawURLEncoding.EncodeToString(credential))
	return p, k, err
}

// PasskeyAddition is a passkey that was made for a user.
type PasskeyAddition struct {
	Own       Own
	Passkey   Passkey // its times are set; an empty ID too
	Challenge Challenge
	Event     audit.Event
	Mails     []Mail
}

// AddPasskey gives a user one more passkey, and voids the sign-ins and enrolments
// that are under way. It fails with ErrSpent if the challenge was answered
// before, ErrExists if the credential is registered already, with whomever,
// ErrTooMany, and ErrConflict for somebody who is not as he was let in.
func (db *DB) AddPasskey(ctx context.Context, a PasskeyAddition) (Passkey, error) {
	k := a.Passkey
	err := db.write(ctx, func(tx *sql.Tx) error {
		now := db.now()
		u, err := db.lockOwn(ctx, tx, a.Own)
		if err == nil {
			_, err = run(ctx, tx, `UPDATE users SET epoch = epoch + 1 WHERE id = $1`, u.ID)
		}
		if err != nil {
			return err
		}
		has, err := one(ctx, tx, scanInt, `SELECT count(*) FROM passkeys WHERE user_id = $1`, u.ID)
		if err == nil && has >= maxPasskeys {
			err = ErrTooMany
		}
		if err != nil {
			return err
		}
		k.ID, k.Since, k.Used = cmp.Or(k.ID, randomID()), now, nil
		if err := db.putPasskey(ctx, tx, SignIn{UserID: u.ID, AccountID: u.AccountID}, k, a.Challenge); err != nil {
			return err
		}
		return db.tell(ctx, tx, a.Event, a.Mails)
	})
	if err != nil {
		return Passkey{}, about("passkey", err)
	}
	return k, nil
}

// putPasskey writes a passkey, and spends the challenge that it was made with.
func (db *DB) putPasskey(ctx context.Context, tx *sql.Tx, owner SignIn, k Passkey, c Challenge) error {
	if err := c.spent().add(ctx, tx); err != nil {
		if db.dialect.exists(err) {
			err = ErrSpent
		}
		return err
	}
	if err := newAuthenticator(k.ID, kindPasskey, owner, "", 0, micros(k.Since)).add(ctx, tx); err != nil {
		return err
	}
	err := insert{
		table:   "passkeys",
		columns: "authenticator_id, account_id, user_id, credential, public_key, counter, transports, synced, backed_up, name",
		values: []any{
			k.ID, owner.AccountID, owner.UserID, base64.RawURLEncoding.EncodeToString(k.Credential), base64.RawURLEncoding.EncodeToString(k.PublicKey),
			int64(k.Counter), asJSON(k.Transports), k.Synced, k.BackedUp, k.Name,
		},
	}.add(ctx, tx)
	return db.unique(err, "passkey")
}

// RenamePasskey gives a passkey of a user another name. It fails with ErrNotFound.
func (db *DB) RenamePasskey(ctx context.Context, userID, id, name string, e audit.Event) error {
	won, err := db.guard(ctx, guarded{
		text: `UPDATE passkeys SET name = $1 WHERE authenticator_id = $2 AND user_id = $3`, args: []any{name, id, userID},
		riders: []rider{ride(db.event(e))},
	})
	if err == nil && !won {
		err = ErrNotFound
	}
	return about("passkey", err)
}

// PasskeyRemoval takes a passkey away from a user.
type PasskeyRemoval struct {
	Own Own
	ID  string
	// OldBrowser has the session, which goes on under NewBrowser.
	OldBrowser, NewBrowser string
	// Cooldown, where set, keeps sensitive acts closed until then: it was not
	// shown that the passkey is still in its owner's hands.
	Cooldown *time.Time
	Event    audit.Event
	Mails    []Mail
}

// RemovePasskey takes a passkey away: sign-ins under way, all grants and the
// sessions of other browsers end. It fails with ErrNotFound, with ErrLastFactor
// where the user needs a second factor and would have none, and with ErrConflict
// for somebody who is not as he was let in.
func (db *DB) RemovePasskey(ctx context.Context, r PasskeyRemoval) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.lockOwn(ctx, tx, r.Own)
		if err != nil {
			return err
		}
		p, err := db.person(ctx, tx, `u.id = $1`, u.ID)
		if err != nil {
			return err
		}
		if needsTwo := p.Policy.TwoStep && p.Policy.Covers(p.Subject) || p.Subject.Own; needsTwo && !otherFactor(p.Subject, r.ID) {
			return ErrLastFactor
		}
		now := micros(db.now())
		if err := mustChange(run(ctx, tx, `UPDATE authenticators SET state = '`+stateRemoved+`', ended_at = $1
			WHERE id = $2 AND user_id = $3 AND kind = '`+kindPasskey+`' AND state = '`+stateActive+`'`, now, r.ID, u.ID)); err != nil {
			if errors.Is(err, ErrConflict) {
				err = ErrNotFound
			}
			return err
		}
		if _, err := run(ctx, tx, `DELETE FROM passkeys WHERE authenticator_id = $1`, r.ID); err != nil {
			return err
		}
		// Recovery codes that stand in for nothing any more are no second factor.
		if _, err := run(ctx, tx, `UPDATE authenticators SET state = '`+stateRemoved+`', ended_at = $1, data = ''
			WHERE user_id = $2 AND kind = '`+kindRecovery+`' AND state = '`+stateActive+`' AND NOT EXISTS (SELECT 1 FROM authenticators x
				WHERE x.user_id = $2 AND x.kind IN ('`+kindTOTP+`', '`+kindPasskey+`') AND x.state IN ('`+stateActive+`', '`+stateSuspended+`'))`, now, u.ID); err != nil {
			return err
		}
		if _, err := run(ctx, tx, `UPDATE users SET epoch = epoch + 1, cooldown_until = COALESCE($2, cooldown_until), updated_at = $3 WHERE id = $1`,
			u.ID, nullMicros(r.Cooldown), now); err != nil {
			return err
		}
		if err := moveBrowser(ctx, tx, r.OldBrowser, r.NewBrowser); err != nil {
			return err
		}
		ended, err := endUser(ctx, tx, u.ID, r.NewBrowser, "authenticator_removed", now)
		if err != nil {
			return err
		}
		return db.tell(ctx, tx, ended.in(r.Event), r.Mails)
	})
	return about("passkey", err)
}

// otherFactor tells whether a user can be asked for a second factor besides the
// one of this id. Recovery codes are for a day, not for every day.
func otherFactor(s authn.Subject, id string) bool {
	return slices.ContainsFunc(s.Authenticators, func(a authn.Authenticator) bool {
		return a.ID != id && !a.Suspended && a.Method != authn.Password && a.Method != authn.Recovery
	})
}

// PasskeyProof is a passkey whose answer was right.
type PasskeyProof struct {
	// SignIn as it is to be stored. Version 0 begins it, see [PasswordProof].
	SignIn    SignIn
	PasskeyID string
	Counter   uint32 // that the answer was signed with
	BackedUp  bool
	Challenge Challenge
	Refund    []limit.Back
	Event     audit.Event
}

// ProvePasskey spends an answer and stores what it proves. Each challenge is
// answered once, and a counter rises, unless it is always zero: it fails with
// ErrSpent if the challenge was answered before, and with ErrConflict if the
// counter has passed by, the passkey is gone, or the user or the sign-in is not
// as it was read.
func (db *DB) ProvePasskey(ctx context.Context, p PasskeyProof) (SignIn, error) {
	now := micros(db.now())
	riders := []rider{
		ride(p.Challenge.spent()),
		mustRun(`UPDATE authenticators SET used_at = $1 WHERE id = $2 AND user_id = $3 AND kind = '`+kindPasskey+`' AND state = '`+stateActive+`' AND {guard}`,
			now, p.PasskeyID, p.SignIn.UserID),
		mustRun(`UPDATE passkeys SET counter = $1, backed_up = $2 WHERE authenticator_id = $3 AND user_id = $4
			AND (counter < $1 OR counter = 0 AND $1 = 0) AND {guard}`, int64(p.Counter), p.BackedUp, p.PasskeyID, p.SignIn.UserID),
		ride(db.event(p.Event)),
	}
	riders = append(riders, db.refunds(p.Refund)...)
	var s SignIn
	var err error
	if p.SignIn.Version == 0 {
		s, err = db.beginSignIn(ctx, p.SignIn, beginning{where: `TRUE`, over: `TRUE`}, riders)
	} else {
		var r rider
		if r, err = db.advance(p.SignIn); err != nil {
			return SignIn{}, err
		}
		var won bool
		won, err = db.guard(ctx, guarded{text: alone(r.text), args: r.args, riders: riders})
		s, err = p.SignIn.advanced(won, err)
	}
	switch {
	case err == nil:
		return s, nil
	case db.dialect.exists(err):
		err = ErrSpent
	case errors.Is(err, ErrConflict):
		err = db.why(ctx, ErrSpent, ErrConflict, `SELECT count(*) FROM spent_challenges WHERE hash = $1`, p.Challenge.Hash)
	}
	return SignIn{}, about("passkey", err)
}
