package storage

import (
	"context"
	"database/sql"
	"strings"

	"stile/audit"
	"stile/seal"
)

// The audit log is append-only, and outlives those whom it tells of. What it
// holds of a person beside ids is from where, and with what, something was done:
// each user has a random key, under which that is hidden before it is written
// and signed. The key goes with the user's row, whoever removes it; from then on
// nobody reads it, while the chain still fits.

// Erased stands in the place of a network whose person is gone.
const Erased = "erased"

// Acting is the actor when the user does something himself.
func (u User) Acting(by audit.Actor) audit.Actor {
	by.Kind, by.ID, by.Key = "user", u.ID, u.AuditKey
	return by
}

// Through is an app as the actor that acts for the user, maybe on the user's own
// device.
func (u User) Through(by audit.Actor) audit.Actor {
	if by.Kind == "client" {
		by.Key = u.AuditKey
	}
	return by
}

// About makes an event one about the user. Where nobody is known to act, it tells
// from where the user did it, or whoever passed for him.
func (u User) About(e audit.Event) audit.Event {
	e.AccountID, e.SubjectID = u.AccountID, u.ID
	if e.Actor.Kind == "" {
		e.Actor.Key = u.AuditKey
	}
	return e
}

// hide returns what the columns network and user_agent hold of an actor. It
// costs the same whether or not anyone is known.
func (db *DB) hide(eventID string, by audit.Actor) (network, userAgent string) {
	hasher := db.Hasher()
	if hasher == nil || by.Network == "" && by.UserAgent == "" { // before the first Migrate
		return by.Network, by.UserAgent
	}
	sealed := hasher.SealPersonal(by.Key, eventID, by.Network+"\n"+by.UserAgent)
	if by.Key == "" {
		return by.Network, by.UserAgent
	}
	return sealed, ""
}

// auditKeyColumn is the key of the person whose network an event of audit_events
// holds.
const auditKeyColumn = `COALESCE((SELECT o.audit_key FROM users o WHERE o.id =
	CASE audit_events.actor_kind WHEN 'user' THEN audit_events.actor_id ELSE audit_events.subject_id END), '')`

// show reads what hide wrote.
func (db *DB) show(e *StoredEvent, key string) {
	if !seal.IsPersonal(e.Actor.Network) {
		return
	}
	text, ok := db.Hasher().OpenPersonal(key, e.ID, e.Actor.Network)
	if !ok {
		e.Actor.Network = Erased
		return
	}
	e.Actor.Network, e.Actor.UserAgent, _ = strings.Cut(text, "\n")
}

// writeAuditKeys gives a key to users who have none: those of an older program.
func (db *DB) writeAuditKeys(ctx context.Context) error {
	for {
		n, err := writing(ctx, db, func(tx *sql.Tx) (int, error) {
			ids, err := many(ctx, tx, scanText, `SELECT id FROM users WHERE audit_key = '' ORDER BY id LIMIT $1`, wordsBatch)
			for _, id := range ids {
				if err == nil {
					_, err = run(ctx, tx, `UPDATE users SET audit_key = $2 WHERE id = $1 AND audit_key = ''`, id, seal.NewPersonalKey())
				}
			}
			return len(ids), err
		})
		if err != nil || n == 0 {
			return about("audit keys of users", err)
		}
	}
}
