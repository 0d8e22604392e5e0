package storage

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"stile/seal"
)

// Mail is a message that waits to be sent.
type Mail struct {
	ID   string // random if empty
	Kind string // template
	// To is the address; empty for a message that is dropped instead of sent, so
	// that a request for an unknown address costs the same.
	To string
	// Also are further addresses, each of which gets a message of its own.
	Also      []string `json:"-"`
	Lang      string
	Data      map[string]string // what the template shows; may hold a code
	DueAt     time.Time         // not sent before; zero for at once
	ExpiresAt time.Time         // not sent afterwards; zero for three days from when it is due
	Attempts  int               // how often it was leased
	// NotMe is the link in it that takes back what it tells of; nil without one.
	NotMe *NotMe `json:"-"`
}

// mailLife is how long a message that says nothing else waits to be sent.
const mailLife = 3 * day

// enqueue is the row of a message; it rides with the change that it tells of.
func (db *DB) enqueue(m Mail) (insert, error) {
	now := db.now()
	if m.ID == "" {
		m.ID = timeID(now)
	}
	if m.DueAt.Before(now) {
		m.DueAt = now
	}
	if m.ExpiresAt.IsZero() {
		m.ExpiresAt = m.DueAt.Add(mailLife)
	}
	sealed, err := seal.SealJSON(db.ring, seal.PurposeOutbox, bindTo("outbox", m.ID, ""), m)
	if err != nil {
		return insert{}, fmt.Errorf("mail: %w", err)
	}
	return insert{
		table:   "outbox",
		columns: "id, kind, sealed, attempts, next_at, leased_until, expires_at, created_at",
		values:  []any{m.ID, m.Kind, sealed, 0, micros(m.DueAt), 0, micros(m.ExpiresAt), micros(now)},
	}, nil
}

// LeaseMail hands out at most n messages that are due, oldest first, to one
// worker for a time. What is neither sent nor failed by then is handed out
// again. Messages whose time is over are not handed out.
func (db *DB) LeaseMail(ctx context.Context, n int, lease time.Duration) ([]Mail, error) {
	now := db.now()
	// A second worker that chose the same rows waits for the first one's
	// commit, and then finds them leased.
	leased, err := writing(ctx, db, func(tx *sql.Tx) ([]Mail, error) {
		return many(ctx, tx, db.scanMail, `UPDATE outbox SET leased_until = $1, attempts = attempts + 1
			WHERE leased_until <= $2 AND id IN (SELECT id FROM outbox
				WHERE next_at <= $2 AND leased_until <= $2 AND expires_at > $2 ORDER BY next_at, id LIMIT $3)
			RETURNING id, kind, sealed, attempts`, micros(now.Add(lease)), micros(now), n)
	})
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	slices.SortFunc(leased, func(a, b Mail) int { return strings.Compare(a.ID, b.ID) })
	return leased, nil
}

// scanMail opens a message. One that doesn't open is handed out without an
// address, so that it is dropped and stops nobody else's.
func (db *DB) scanMail(r row) (Mail, error) {
	var id, kind, sealed string
	var attempts int
	if err := r.Scan(&id, &kind, &sealed, &attempts); err != nil {
		return Mail{}, err
	}
	m, err := seal.OpenJSON[Mail](db.ring, seal.PurposeOutbox, bindTo("outbox", id, ""), sealed)
	if err != nil {
		db.log.Error("message does not open and is dropped", "outbox", id, "kind", kind, "error", err)
		m = Mail{}
	}
	m.ID, m.Kind, m.Attempts = id, kind, attempts
	return m, nil
}

// MailSent removes a message for good.
func (db *DB) MailSent(ctx context.Context, id string) error {
	return db.outbox(ctx, `DELETE FROM outbox WHERE id = $1`, id)
}

// MailFailed gives a message back, to be tried again at a time.
func (db *DB) MailFailed(ctx context.Context, id string, next time.Time) error {
	return db.outbox(ctx, `UPDATE outbox SET leased_until = 0, next_at = $2 WHERE id = $1`, id, micros(next))
}

// OutboxLength returns how many messages wait.
func (db *DB) OutboxLength(ctx context.Context) (int, error) {
	n, err := one(ctx, db.reader, scanInt, `SELECT count(*) FROM outbox WHERE expires_at > $1`, micros(db.now()))
	return int(n), err
}

func (db *DB) outbox(ctx context.Context, text string, args ...any) error {
	err := db.retry(func() error {
		_, err := run(ctx, db.writer, text, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}
