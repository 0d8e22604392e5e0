package storage

import (
	"fmt"
	"time"

	"stile/seal"
)

// Mail is a message that waits to be sent.
type Mail struct {
	ID   string
	Kind string // template
	// To is the address; empty for a message that is dropped instead of sent, so
	// that a request for an unknown address costs the same.
	To        string
	Lang      string
	Data      map[string]string // what the template shows; may hold a code
	ExpiresAt time.Time         // not sent afterwards; zero for three days from now
	Attempts  int               // how often it was leased
}

// mailLife is how long a message that says nothing else waits to be sent.
const mailLife = 3 * day

// enqueue is the row of a message; it rides with the change that it tells of.
func (db *DB) enqueue(m Mail) (insert, error) {
	now := db.now()
	m.ID = timeID(now)
	if m.ExpiresAt.IsZero() {
		m.ExpiresAt = now.Add(mailLife)
	}
	sealed, err := seal.SealJSON(db.ring, seal.PurposeOutbox, bindTo("outbox", m.ID, ""), m)
	if err != nil {
		return insert{}, fmt.Errorf("mail: %w", err)
	}
	return insert{
		table:   "outbox",
		columns: "id, kind, sealed, attempts, next_at, leased_until, expires_at, created_at",
		values:  []any{m.ID, m.Kind, sealed, 0, micros(now), 0, micros(m.ExpiresAt), micros(now)},
	}, nil
}
