package storage

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"stile/audit"
	"stile/limit"
	"stile/seal"
)

// A pending sign-in is one row, found by the id of its request and by a key in
// the cookie that binds it to a browser. Every step writes it once, on condition
// that it is as it was read (version), not over, and of the user's present
// epoch. So no two windows of a browser add up to more than one of them did, and
// nothing survives a change of the user's password or authenticators.

// maxPending bounds the pending sign-ins of one browser: the oldest goes.
const maxPending = 20

// PasswordProof is a password that was right, and the sign-in that it begins or
// goes on with.
type PasswordProof struct {
	// SignIn as it is to be stored. Epoch is the user's as it was read with the
	// password. Version is that of the row which goes on, or 0 to begin: what a
	// row with this key held before, perhaps of another user, is then gone.
	SignIn SignIn
	// Rehash replaces the stored password hash by a stronger one of the same
	// password; empty to leave it.
	Rehash string
	Refund []limit.Back
	Event  audit.Event
}

// OpenSignIn reads all that a sign-in screen needs: the pending sign-in of this
// request in this browser, under its binding or an older one (of several, the
// one begun last), the live session of the same user in the browser, and the
// person. Without a sign-in, the session is the browser's present one; without
// either, the view is empty. A session whose absolute limit has passed is left
// out; its idle limit is the policy's, and for the caller to apply.
//
// A sign-in of an older epoch is not returned: view.Outdated says that there was one.
//
// The person is in a trusted browser where trusted has the hash of one: one of the
// sign-in's user. Where nothing was proven in this sign-in yet, it is the session's.
func (db *DB) OpenSignIn(ctx context.Context, key SignInKey, browser string, trusted []string, older ...string) (SignInView, error) {
	now := db.now()
	args := []any{key.ID, browser, micros(now)}
	listed := func(values []string) string {
		first := len(args)
		for _, value := range values {
			args = append(args, value)
		}
		return `(` + marks(first, len(values)) + `)`
	}
	bound := listed(append([]string{key.Binding}, older...))
	pending := func(row string) string {
		return row + `.id = $1 AND ` + row + `.binding IN ` + bound + ` AND ` + row + `.completed_at IS NULL AND ` + row + `.expires_at > $3`
	}
	here := `b.id = s.trusted_id AND n.id IS NULL`
	if len(trusted) > 0 {
		here = `(` + here + ` OR b.hash IN ` + listed(trusted) + ` AND n.id IS NOT NULL)`
	}
	view, err := one(ctx, db.reader, func(r row) (v SignInView, err error) {
		var (
			n          SignIn
			s          Session
			sent, ends *time.Time
			purpose    CodePurpose
			used       *time.Time
			tries      int
			sealed     string
			p          personRow
			b          TrustedBrowser
		)
		dest := append(signInDest(&n, &sealed), &purpose, atNullTime(&sent), atNullTime(&ends), &tries, atNullTime(&used))
		dest = append(append(append(dest, sessionDest(&s)...), waitDest(&v.Wait)...), atNullTime(&v.Guarded))
		dest = append(dest, p.dest()...)
		if err := r.Scan(append(dest, b.dest()...)...); err != nil {
			return v, err
		}
		person, err := p.person(db)
		if err != nil {
			return v, err
		}
		b.in(&person)
		if s.ID != "" && s.ExpiresAt.After(now) {
			v.Session = &s
		}
		switch {
		case n.Key.ID == "":
		case n.Epoch != person.User.Epoch:
			v.Outdated = true
		default:
			if n.Secrets, err = db.openSecrets(n, sealed); err != nil {
				return v, err
			}
			if sent != nil {
				n.EmailCode = &EmailCodeState{Purpose: purpose, SentAt: *sent, ExpiresAt: *ends, Tries: tries, UsedAt: used}
			}
			v.SignIn = &n
		}
		if v.SignIn != nil || v.Session != nil {
			v.Person = &person
		}
		return v, nil
	}, `SELECT `+signInColumns+`, COALESCE(e.purpose, ''), e.sent_at, e.expires_at, COALESCE(e.tries, 0), e.used_at, `+sessionColumns+`, `+waitColumns+`,
		`+guardedColumn+`, `+personColumns+`, `+trustedColumns+`
	FROM users u `+personJoins+`
	LEFT JOIN sign_ins n ON n.user_id = u.id AND `+pending("n")+`
	LEFT JOIN email_codes e ON e.purpose IN ('`+string(CodeEnrolment)+`', '`+string(CodeGuard)+`') AND e.txn = n.id || '.' || n.binding AND e.user_id = n.user_id
	LEFT JOIN device_waits w ON w.user_id = u.id
	LEFT JOIN sessions s ON s.browser = $2 AND s.user_id = u.id AND s.ended_at IS NULL
	LEFT JOIN trusted_browsers b ON b.user_id = u.id AND b.ended_at IS NULL AND `+here+`
	WHERE u.id = COALESCE(
		(SELECT x.user_id FROM sign_ins x WHERE `+pending("x")+` ORDER BY x.started_at DESC, x.binding LIMIT 1),
		(`+presentSession("y.user_id", "$2")+`))
	ORDER BY n.epoch DESC, n.started_at DESC, n.binding, e.sent_at DESC, b.created_at DESC LIMIT 1`, args...)
	if err == ErrNotFound { //nolint:errorlint // exactly what one returns without a row
		return SignInView{}, nil
	}
	if err != nil {
		return SignInView{}, fmt.Errorf("sign-in: %w", err)
	}
	return view, nil
}

// guardedColumn is until when the count of all codes of the user u is full, as
// [limit.State.Book] knows it; none if it isn't. $3 is now.
const guardedColumn = `(SELECT CASE WHEN g.blocked_until > $3 THEN g.blocked_until
		WHEN g.count >= g.allowed AND g.window_at + g.per > $3 THEN g.window_at + g.per END
	FROM limits g WHERE g.key = '` + string(limit.TOTPMonth) + limit.Separator + `' || u.id)`

// ProvePassword stores the first proof of a sign-in, or another password proof
// in one under way. It fails with ErrConflict if the password, the user or the
// row changed since they were read: read again.
func (db *DB) ProvePassword(ctx context.Context, p PasswordProof) (SignIn, error) {
	riders := append(db.refunds(p.Refund), ride(db.event(p.Event)))
	if p.Rehash != "" {
		riders = append(riders, alsoRun(`UPDATE users SET password = $1, updated_at = $2 WHERE id = $3 AND epoch = $4 AND {guard}`,
			p.Rehash, micros(db.now()), p.SignIn.UserID, p.SignIn.Epoch))
	}
	if p.SignIn.Version == 0 {
		return db.beginSignIn(ctx, p.SignIn, beginning{where: `TRUE`, over: `TRUE`}, riders)
	}
	r, err := db.advance(p.SignIn)
	if err != nil {
		return SignIn{}, err
	}
	won, err := db.guard(ctx, guarded{text: alone(r.text), args: r.args, riders: riders})
	return p.SignIn.advanced(won, err)
}

// StartSignIn makes the row of a sign-in that stands on the proofs of a live
// session: the session's user goes on without the password. It fails with
// ErrConflict if the session is no longer the browser's or the user changed,
// and also if the user's sign-in is under way already: read again.
func (db *DB) StartSignIn(ctx context.Context, n SignIn, sessionID, browser string, e audit.Event) (SignIn, error) {
	return db.beginSignIn(ctx, n, beginning{
		where: `EXISTS (SELECT 1 FROM sessions s WHERE s.id = $1 AND s.browser = $2 AND s.user_id = u.id AND s.ended_at IS NULL AND s.expires_at > $3)`,
		args:  []any{sessionID, browser, micros(db.now())},
		over: `(sign_ins.completed_at IS NOT NULL OR sign_ins.expires_at <= $3
			OR sign_ins.user_id <> excluded.user_id OR sign_ins.epoch <> excluded.epoch)`,
	}, []rider{ride(db.event(e))})
}

// beginning says when a row may be made: where sees the user as u, over the row
// with the same key whose place it takes. Both share the arguments.
type beginning struct {
	where string
	args  []any
	over  string
}

// beginSignIn inserts the row, or takes the place of the one with the same key,
// if the user is as it was read.
func (db *DB) beginSignIn(ctx context.Context, n SignIn, b beginning, riders []rider) (SignIn, error) {
	if n.StartedAt.IsZero() {
		n.StartedAt = db.now()
	}
	sealed, err := db.sealSecrets(n)
	if err != nil {
		return SignIn{}, err
	}
	text := shift(`INSERT INTO sign_ins (id, binding, account_id, user_id, epoch, version, label, progress, secrets, started_at, expires_at)
	SELECT $1, $2, u.account_id, u.id, u.epoch, 1, $3, $4, $5, CAST($6 AS BIGINT), CAST($7 AS BIGINT)
	FROM users u JOIN accounts a ON a.id = u.account_id
	WHERE u.id = $8 AND u.account_id = $9 AND u.epoch = $10 AND u.disabled_at IS NULL AND a.suspended_at IS NULL`, len(b.args)) + ` AND ` + b.where + `
	ON CONFLICT (id, binding) DO UPDATE SET account_id = excluded.account_id, user_id = excluded.user_id, epoch = excluded.epoch,
		version = sign_ins.version + 1, label = excluded.label, progress = excluded.progress, secrets = excluded.secrets,
		started_at = excluded.started_at, expires_at = excluded.expires_at, completed_at = NULL
	WHERE ` + b.over
	args := append(b.args, n.Key.ID, n.Key.Binding, n.Label, asJSON(n.Progress), sealed, micros(n.StartedAt), micros(n.ExpiresAt),
		n.UserID, n.AccountID, n.Epoch)
	riders = append(riders, alsoRun(`DELETE FROM sign_ins WHERE binding = $1 AND id IN (SELECT x.id FROM sign_ins x
		WHERE x.binding = $1 AND x.id <> $2 ORDER BY x.started_at DESC, x.id DESC LIMIT 1000 OFFSET `+strconv.Itoa(maxPending-1)+`) AND {guard}`,
		n.Key.Binding, n.Key.ID))
	won, err := db.guard(ctx, guarded{text: text, args: args, returning: "version", into: []any{&n.Version}, riders: riders})
	if err == nil && !won {
		err = ErrConflict
	}
	if err != nil {
		return SignIn{}, about("sign-in", err)
	}
	return n, nil
}

// SaveProgress stores progress, secrets and time limit of a sign-in as they are
// in s, which was read at s.Version, and returns it with its new version. It
// fails with ErrConflict if the row or the user changed meanwhile, or it is over.
func (db *DB) SaveProgress(ctx context.Context, s SignIn) (SignIn, error) {
	r, err := db.advance(s)
	if err != nil {
		return SignIn{}, err
	}
	won, err := db.guard(ctx, guarded{text: alone(r.text), args: r.args})
	return s.advanced(won, err)
}

// advance is the write of one step: everything that steps store, and all that
// must still be so. As a rider it is one that must change its row.
func (db *DB) advance(s SignIn) (rider, error) {
	sealed, err := db.sealSecrets(s)
	if err != nil {
		return rider{}, err
	}
	return mustRun(`UPDATE sign_ins SET version = version + 1, progress = $1, secrets = $2, expires_at = $3
	WHERE id = $4 AND binding = $5 AND user_id = $6 AND version = $7 AND completed_at IS NULL AND expires_at > $8
	AND epoch = (SELECT u.epoch FROM users u JOIN accounts a ON a.id = u.account_id
		WHERE u.id = sign_ins.user_id AND u.disabled_at IS NULL AND a.suspended_at IS NULL) AND {guard}`,
		asJSON(s.Progress), sealed, micros(s.ExpiresAt), s.Key.ID, s.Key.Binding, s.UserID, s.Version, micros(db.now())), nil
}

// advanceIn is advance within a transaction.
func (db *DB) advanceIn(ctx context.Context, tx *sql.Tx, s SignIn) error {
	r, err := db.advance(s)
	if err != nil {
		return err
	}
	n, err := r.write(ctx, tx)
	if err == nil && n != 1 {
		err = ErrConflict
	}
	return err
}

// advanced is the sign-in after a step that was written, or why it was not.
func (s SignIn) advanced(won bool, err error) (SignIn, error) {
	if err == nil && !won {
		err = ErrConflict
	}
	if err != nil {
		return SignIn{}, fmt.Errorf("sign-in: %w", err)
	}
	s.Version++
	return s, nil
}

// txn names the sign-in where one column must.
func (k SignInKey) txn() string { return k.ID + "." + k.Binding }

func (db *DB) sealSecrets(s SignIn) (string, error) {
	x := s.Secrets
	if len(x.TOTPKey) == 0 && x.AuthenticatorID == "" && x.TOTPUntil.IsZero() && len(x.Recovery) == 0 {
		return "", nil
	}
	sealed, err := seal.SealJSON(db.ring, seal.PurposeSignIn, bindTo("sign_ins", s.Key.txn(), s.UserID), x)
	if err != nil {
		return "", fmt.Errorf("sign-in: %w", err)
	}
	return sealed, nil
}

func (db *DB) openSecrets(s SignIn, sealed string) (SignInSecrets, error) {
	if sealed == "" {
		return SignInSecrets{}, nil
	}
	x, err := seal.OpenJSON[SignInSecrets](db.ring, seal.PurposeSignIn, bindTo("sign_ins", s.Key.txn(), s.UserID), sealed)
	if err != nil {
		return x, fmt.Errorf("sign-in %s: %w", s.Key.ID, err)
	}
	return x, nil
}

const signInColumns = `COALESCE(n.id, ''), COALESCE(n.binding, ''), COALESCE(n.account_id, ''), COALESCE(n.user_id, ''),
	COALESCE(n.epoch, 0), COALESCE(n.version, 0), COALESCE(n.label, ''), n.progress, COALESCE(n.secrets, ''),
	COALESCE(n.started_at, 0), COALESCE(n.expires_at, 0), n.completed_at`

func signInDest(n *SignIn, sealed *string) []any {
	return []any{
		&n.Key.ID, &n.Key.Binding, &n.AccountID, &n.UserID, &n.Epoch, &n.Version, &n.Label, fromJSON(&n.Progress), sealed,
		atTime(&n.StartedAt), atTime(&n.ExpiresAt), atNullTime(&n.CompletedAt),
	}
}

// enqueueAll makes riders of messages.
func (db *DB) enqueueAll(mails []Mail) ([]rider, error) {
	var all []rider
	for _, m := range mails {
		for _, c := range m.copies() {
			row, err := db.enqueue(c)
			if err != nil {
				return nil, err
			}
			all = append(all, ride(row))
		}
		if m.NotMe != nil {
			all = append(all, ride(db.notMeRow(*m.NotMe)))
		}
	}
	return all, nil
}

// refunds makes a rider of what a success gives back.
func (db *DB) refunds(back []limit.Back) []rider {
	if len(back) == 0 {
		return nil
	}
	return []rider{refund(back, db.now())}
}

// about says what an error is about.
func about(what string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return err
}
