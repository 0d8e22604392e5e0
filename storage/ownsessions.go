package storage

import (
	"context"
	"database/sql"
	"time"

	"stile/audit"
)

// OwnSessions lists a user's sessions that are not ended, the last used first.
// The idle limit is the policy's, and for the caller to apply.
func (db *DB) OwnSessions(ctx context.Context, userID string) ([]Session, error) {
	list, err := many(ctx, db.reader, func(r row) (s Session, err error) { return s, r.Scan(sessionDest(&s)...) },
		`SELECT `+sessionColumns+` FROM sessions s
		WHERE s.user_id = $1 AND s.ended_at IS NULL AND s.expires_at > $2 ORDER BY s.seen_at DESC, s.id LIMIT 100`, userID, micros(db.now()))
	return list, about("sessions", err)
}

// OwnApp is a client that holds something of a user, or may have it without
// asking again.
type OwnApp struct {
	ClientID   string
	Metadata   Metadata
	ThirdParty bool   // asks before it gets anything
	Scope      string // that was allowed; empty where nobody was asked
	Signed     int    // live grants
	Since      *time.Time
	Used       *time.Time // newest use of a grant; nil without one
	AllowedAt  *time.Time
}

// maxApps bounds the list of a user's apps.
const maxApps = 200

// OwnApps lists the clients that hold live grants of a user, or that the user
// has allowed something, the last used first, at most 200.
func (db *DB) OwnApps(ctx context.Context, userID string) ([]OwnApp, error) {
	list, err := many(ctx, db.reader, func(r row) (a OwnApp, err error) {
		return a, r.Scan(&a.ClientID, fromJSON(&a.Metadata), &a.ThirdParty, &a.Scope, &a.Signed, atNullTime(&a.Since), atNullTime(&a.Used), atNullTime(&a.AllowedAt))
	}, `SELECT c.id, c.metadata, c.third_party, COALESCE(k.scope, ''), COALESCE(g.n, 0), g.since, g.used, k.granted_at
		FROM clients c
		LEFT JOIN (SELECT client_id, count(*) AS n, min(created_at) AS since, max(rotated_at) AS used FROM grants
			WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 GROUP BY client_id) g ON g.client_id = c.id
		LEFT JOIN consents k ON k.client_id = c.id AND k.user_id = $1
		WHERE c.id IN (SELECT client_id FROM grants WHERE user_id = $1 AND ended_at IS NULL UNION SELECT client_id FROM consents WHERE user_id = $1)
			AND (g.n > 0 OR k.scope IS NOT NULL)
		ORDER BY COALESCE(g.used, k.granted_at) DESC, c.id LIMIT $3`, userID, micros(db.now()), maxApps)
	return list, about("apps", err)
}

// EndOwnSession ends a session of a user with all that was given in it, offline
// grants too: who signs a browser out wants nothing of it to go on. It fails with
// ErrNotFound if it is no live session of the user.
func (db *DB) EndOwnSession(ctx context.Context, userID, sessionID string, e audit.Event) error {
	e.SessionID = sessionID
	err := db.write(ctx, func(tx *sql.Tx) error {
		now := micros(db.now())
		n, err := run(ctx, tx, `UPDATE sessions SET ended_at = $1, ended_reason = 'user' WHERE id = $2 AND user_id = $3 AND ended_at IS NULL`,
			now, sessionID, userID)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		held, err := run(ctx, tx, `UPDATE grants SET ended_at = $1, ended_reason = 'user' WHERE session_id = $2 AND user_id = $3 AND ended_at IS NULL`,
			now, sessionID, userID)
		if err != nil {
			return err
		}
		return db.tell(ctx, tx, ended{grants: held}.in(e), nil)
	})
	return about("session", err)
}

// EndApp takes back what a user has allowed a client, and ends all that it
// holds. It fails with ErrNotFound if there is nothing.
func (db *DB) EndApp(ctx context.Context, userID, clientID string, e audit.Event) error {
	e.ClientID = clientID
	err := db.write(ctx, func(tx *sql.Tx) error {
		allowed, err := run(ctx, tx, `DELETE FROM consents WHERE user_id = $1 AND client_id = $2`, userID, clientID)
		if err != nil {
			return err
		}
		held, err := run(ctx, tx, `UPDATE grants SET ended_at = $1, ended_reason = 'user' WHERE user_id = $2 AND client_id = $3 AND ended_at IS NULL`,
			micros(db.now()), userID, clientID)
		if err != nil {
			return err
		}
		if allowed+held == 0 {
			return ErrNotFound
		}
		return db.tell(ctx, tx, ended{grants: held}.in(e), nil)
	})
	return about("app", err)
}

// EndOthers ends all sessions and grants of a user but the sessions of one
// browser, which gets a new cookie, and every other sign-in under way. It fails
// with ErrConflict for somebody who is not as he was let in.
func (db *DB) EndOthers(ctx context.Context, own Own, oldBrowser, newBrowser string, e audit.Event) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		if _, err := db.lockOwn(ctx, tx, own); err != nil {
			return err
		}
		if err := moveBrowser(ctx, tx, oldBrowser, newBrowser); err != nil {
			return err
		}
		now := micros(db.now())
		if _, err := run(ctx, tx, `UPDATE users SET epoch = epoch + 1 WHERE id = $1`, own.UserID); err != nil {
			return err
		}
		n, err := endUser(ctx, tx, own.UserID, newBrowser, "signed_out_elsewhere", now)
		if err != nil {
			return err
		}
		return db.tell(ctx, tx, n.in(e), nil)
	})
	return about("sessions", err)
}

// ClientNames fills in the names of clients, by their ids. One that is gone, or
// has no name, is left as it was.
func (db *DB) ClientNames(ctx context.Context, names map[string]string) error {
	if len(names) == 0 {
		return nil
	}
	var ids []any
	for id := range names {
		ids = append(ids, id)
	}
	type named struct {
		id string
		m  Metadata
	}
	list, err := many(ctx, db.reader, func(r row) (n named, err error) { return n, r.Scan(&n.id, fromJSON(&n.m)) },
		`SELECT id, metadata FROM clients WHERE id IN (`+marks(0, len(ids))+`)`, ids...)
	for _, n := range list {
		if n.m.Name != "" {
			names[n.id] = n.m.Name
		}
	}
	return about("clients", err)
}
