package storage

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"stile/audit"
)

// What is held about a user, for the user. The row of an export holds no data:
// it lets the user read it once, and what there is is read then.

// Held is what is held about a user beside [Person] and the audit log. Nothing
// in it is secret.
type Held struct {
	Authenticators []HeldAuthenticator `json:"authenticators"`
	Sessions       []HeldSession       `json:"sessions"`
	Trusted        []HeldTrusted       `json:"trusted_browsers"`
	Apps           []HeldApp           `json:"apps"`
	Grants         []HeldGrant         `json:"grants"`
	Requests       []HeldRequest       `json:"device_requests"`
	Wait           *HeldWait           `json:"device_wait,omitempty"`
	Address        *HeldAddress        `json:"address_asked_for,omitempty"`
}

// HeldAuthenticator is what proves the user, or did.
type HeldAuthenticator struct {
	Kind  string     `json:"kind"` // totp, passkey or recovery
	Name  string     `json:"name,omitempty"`
	State string     `json:"state"`
	Since time.Time  `json:"since"`
	Used  *time.Time `json:"used_at,omitempty"`
	Ended *time.Time `json:"ended_at,omitempty"`
}

// HeldSession is a session that is still stored.
type HeldSession struct {
	Network   string     `json:"network"`
	UserAgent string     `json:"user_agent"`
	Since     time.Time  `json:"since"`
	Seen      time.Time  `json:"seen_at"`
	Expires   time.Time  `json:"expires_at"`
	Ended     *time.Time `json:"ended_at,omitempty"`
	Reason    string     `json:"ended_reason,omitempty"`
}

// HeldTrusted is a browser that stands for the second step, or did.
type HeldTrusted struct {
	Network   string     `json:"network"`
	UserAgent string     `json:"user_agent"`
	Since     time.Time  `json:"since"`
	Expires   time.Time  `json:"expires_at"`
	Ended     *time.Time `json:"ended_at,omitempty"`
}

// HeldApp is what the user has allowed an app.
type HeldApp struct {
	ClientID string    `json:"client_id"`
	Name     string    `json:"name"`
	Scope    string    `json:"scope"`
	Allowed  time.Time `json:"allowed_at"`
}

// HeldGrant is what an app holds of the user, or held.
type HeldGrant struct {
	ClientID string     `json:"client_id"`
	Name     string     `json:"name"`
	Scope    string     `json:"scope"`
	Offline  bool       `json:"offline"`
	Since    time.Time  `json:"since"`
	Expires  time.Time  `json:"expires_at"`
	Ended    *time.Time `json:"ended_at,omitempty"`
	Reason   string     `json:"ended_reason,omitempty"`
}

// HeldRequest is a request of which admins decided.
type HeldRequest struct {
	Kind      string     `json:"kind"`
	Network   string     `json:"network"`
	UserAgent string     `json:"user_agent"`
	Asked     time.Time  `json:"asked_at"`
	Decided   *time.Time `json:"decided_at,omitempty"`
	Approved  bool       `json:"approved"`
}

// HeldWait is a wait after which another device may be connected.
type HeldWait struct {
	Network   string     `json:"network"`
	UserAgent string     `json:"user_agent"`
	Since     time.Time  `json:"since"`
	Opens     time.Time  `json:"opens_at"`
	Cancelled *time.Time `json:"cancelled_at,omitempty"`
}

// HeldAddress is the address that the user has asked for.
type HeldAddress struct {
	Email string    `json:"email"`
	Asked time.Time `json:"asked_at"`
}

// maxHeld bounds each list: the newest are told.
const maxHeld = 5000

// HeldOf returns what is held about a user.
func (db *DB) HeldOf(ctx context.Context, userID string) (h Held, err error) {
	args := []any{userID, maxHeld}
	h.Authenticators, err = many(ctx, db.reader, func(r row) (a HeldAuthenticator, err error) {
		return a, r.Scan(&a.Kind, &a.State, atTime(&a.Since), atNullTime(&a.Used), atNullTime(&a.Ended), &a.Name)
	}, `SELECT a.kind, a.state, a.created_at, a.used_at, a.ended_at, COALESCE(k.name, '') FROM authenticators a
		LEFT JOIN passkeys k ON k.authenticator_id = a.id WHERE a.user_id = $1 ORDER BY a.created_at DESC, a.id LIMIT $2`, args...)
	if err == nil {
		h.Sessions, err = many(ctx, db.reader, func(r row) (s HeldSession, err error) {
			return s, r.Scan(&s.Network, &s.UserAgent, atTime(&s.Since), atTime(&s.Seen), atTime(&s.Expires), atNullTime(&s.Ended), &s.Reason)
		}, `SELECT network, user_agent, created_at, seen_at, expires_at, ended_at, ended_reason FROM sessions
			WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2`, args...)
	}
	if err == nil {
		h.Trusted, err = many(ctx, db.reader, func(r row) (b HeldTrusted, err error) {
			return b, r.Scan(&b.Network, &b.UserAgent, atTime(&b.Since), atTime(&b.Expires), atNullTime(&b.Ended))
		}, `SELECT network, user_agent, created_at, expires_at, ended_at FROM trusted_browsers
			WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2`, args...)
	}
	if err == nil {
		h.Apps, err = many(ctx, db.reader, func(r row) (a HeldApp, err error) {
			var m Metadata
			err = r.Scan(&a.ClientID, fromJSON(&m), &a.Scope, atTime(&a.Allowed))
			a.Name = m.Name
			return a, err
		}, `SELECT c.id, c.metadata, k.scope, k.granted_at FROM consents k JOIN clients c ON c.id = k.client_id
			WHERE k.user_id = $1 ORDER BY k.granted_at DESC, c.id LIMIT $2`, args...)
	}
	if err == nil {
		h.Grants, err = many(ctx, db.reader, func(r row) (g HeldGrant, err error) {
			var m Metadata
			err = r.Scan(&g.ClientID, fromJSON(&m), &g.Scope, &g.Offline, atTime(&g.Since), atTime(&g.Expires), atNullTime(&g.Ended), &g.Reason)
			g.Name = m.Name
			return g, err
		}, `SELECT c.id, c.metadata, g.scope, g.offline, g.created_at, g.expires_at, g.ended_at, g.ended_reason
			FROM grants g JOIN clients c ON c.id = g.client_id WHERE g.user_id = $1 ORDER BY g.created_at DESC, g.id LIMIT $2`, args...)
	}
	if err == nil {
		h.Requests, err = many(ctx, db.reader, func(r row) (q HeldRequest, err error) {
			return q, r.Scan(&q.Kind, &q.Network, &q.UserAgent, atTime(&q.Asked), atNullTime(&q.Decided), &q.Approved)
		}, `SELECT kind, network, user_agent, created_at, decided_at, approved FROM device_requests
			WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2`, args...)
	}
	if err == nil {
		h.Wait, err = maybe(one(ctx, db.reader, func(r row) (w HeldWait, err error) {
			return w, r.Scan(&w.Network, &w.UserAgent, atTime(&w.Since), atTime(&w.Opens), atNullTime(&w.Cancelled))
		}, `SELECT network, user_agent, started_at, opens_at, cancelled_at FROM device_waits WHERE user_id = $1`, userID))
	}
	if err == nil {
		h.Address, err = maybe(one(ctx, db.reader, func(r row) (a HeldAddress, err error) { return a, r.Scan(&a.Email, atTime(&a.Asked)) },
			`SELECT email, created_at FROM address_changes WHERE user_id = $1`, userID))
	}
	return h, about("what is held", err)
}

// maybe is what was found, or nil.
func maybe[T any](v T, err error) (*T, error) {
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return &v, err
}

// Export is that a user may download what is held about him.
type Export struct {
	ID        string // no secret: it takes a session of the user with fresh proofs
	ExpiresAt time.Time
}

// exportLife is how long an export can be downloaded.
const exportLife = day

// AskExport lets a user download, once and within a day, what is held about him.
// An earlier one no longer works. It fails with ErrConflict for somebody who is
// not as he was let in.
func (db *DB) AskExport(ctx context.Context, own Own, e audit.Event, mails ...Mail) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.lockOwn(ctx, tx, own)
		if err != nil {
			return err
		}
		now := db.now()
		err = insert{
			table: "data_exports", columns: "user_id, id, epoch, created_at, expires_at",
			values: []any{u.ID, randomID(), u.Epoch, micros(now), micros(now.Add(exportLife))},
			suffix: `ON CONFLICT (user_id) DO UPDATE SET id = excluded.id, epoch = excluded.epoch, created_at = excluded.created_at,
				expires_at = excluded.expires_at, used_at = NULL`,
		}.add(ctx, tx)
		if err != nil {
			return err
		}
		return db.tell(ctx, tx, e, mails)
	})
	return about("export", err)
}

// liveExport is the condition of an export that was not downloaded yet, and that
// was asked for by the user as he is now. It has the user's id as $1 and now as $2.
const liveExport = `user_id = $1 AND used_at IS NULL AND expires_at > $2 AND epoch = (SELECT u.epoch FROM users u WHERE u.id = $1)`

// ExportAsked returns the export that waits for a user. It fails with
// ErrNotFound if there is none.
func (db *DB) ExportAsked(ctx context.Context, userID string) (Export, error) {
	x, err := one(ctx, db.reader, func(r row) (x Export, err error) { return x, r.Scan(&x.ID, atTime(&x.ExpiresAt)) },
		`SELECT id, expires_at FROM data_exports WHERE `+liveExport, userID, micros(db.now()))
	return x, about("export", err)
}

// TakeExport uses an export: of all who try, one gets no error. It fails with
// ErrSpent for one that was used, is over or is not the user's, and with
// ErrConflict for somebody who is not as he was let in.
func (db *DB) TakeExport(ctx context.Context, own Own, id string, e audit.Event) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		if _, err := db.lockOwn(ctx, tx, own); err != nil {
			return err
		}
		now := micros(db.now())
		n, err := run(ctx, tx, `UPDATE data_exports SET used_at = $2 WHERE `+liveExport+` AND id = $3`, own.UserID, now, id)
		if err == nil && n == 0 {
			err = ErrSpent
		}
		if err != nil {
			return err
		}
		return db.tell(ctx, tx, e, nil)
	})
	return about("export", err)
}

// EraseOwn removes a user, who asks for it, with everything that belongs to one.
// What others are told of it is sent. It fails with [ErrLastAdmin] if the account
// would be left without an administrator, and with ErrConflict for somebody who
// is not as he was let in.
func (db *DB) EraseOwn(ctx context.Context, own Own, by audit.Actor, mails ...Mail) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.lockOwn(ctx, tx, own)
		if err == nil {
			err = db.removeUser(ctx, tx, u)
		}
		if err != nil {
			return err
		}
		return db.tell(ctx, tx, userEvent(audit.UserChanged, u, erased, "", by), mails)
	})
	return about("erasure", err)
}
