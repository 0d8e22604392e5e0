package storage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"stile/seal"
)

// A chain that lost its last seals together with all that they list is whole, and
// so is one that was never begun. So each chain has a mark: the number and the
// hash of its last seal under a keyed hash, in a row of its own, written with the
// seal. It moves only from a seal of its own chain to a later one: a chain that
// was cut off and is sealed on keeps the mark that it can't reach.
//
// Who puts an older mark back together with the older chain isn't seen; for that
// a copy of the last seal is kept elsewhere.

// auditMark is how far a chain has come.
type auditMark struct {
	AuditSeal
	mac string
}

func scanMark(r row) (m auditMark, err error) {
	return m, r.Scan(&m.AccountID, &m.Number, &m.Hash, &m.mac)
}

// auditMark reads the mark of a chain; nil for none.
func (db *DB) auditMark(ctx context.Context, q queryer, accountID string) (*auditMark, error) {
	m, err := one(ctx, q, scanMark, `SELECT account_id, number, hash, mac FROM audit_marks WHERE account_id = $1`, accountID)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return &m, err
}

// markMAC is what the mac of a mark at a seal has to be.
func (db *DB) markMAC(s AuditSeal) string {
	return db.Hasher().Text(seal.HashAuditSeal, "mark", s.AccountID, strconv.FormatInt(s.Number, 10), s.Hash)
}

// markAt is the statement that marks a seal, as a row; beside says what becomes
// of a mark that is there.
func (db *DB) markAt(s AuditSeal, beside string) insert {
	return insert{
		table: "audit_marks", columns: "account_id, number, hash, mac",
		values: []any{s.AccountID, s.Number, s.Hash, db.markMAC(s)}, suffix: "ON CONFLICT (account_id) DO " + beside,
	}
}

// markOn moves a mark forward.
const markOn = `UPDATE SET number = excluded.number, hash = excluded.hash, mac = excluded.mac WHERE audit_marks.number < excluded.number`

// mayMark tells whether the mark of a chain may move on to a seal after the one
// given: it is at that one or, since programs of the version before don't move
// it, at an earlier one of the same chain.
func (db *DB) mayMark(ctx context.Context, before AuditSeal) (bool, error) {
	m, err := db.auditMark(ctx, db.reader, before.AccountID)
	switch {
	case err != nil:
		return false, err
	case m == nil && before.Number == 0:
		return true, nil
	case m == nil:
		until, err := db.unmarkedUntil(ctx, db.reader)
		return db.now().Before(until), err
	case m.mac != db.markMAC(m.AuditSeal):
		return false, nil
	case m.Number == before.Number:
		return m.Hash == before.Hash, nil
	}
	hash, err := one(ctx, db.reader, scanText, `SELECT hash FROM audit_seals WHERE account_id = $1 AND number = $2`, m.AccountID, m.Number)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return hash == m.Hash, err
}

// markRoot names the record of when marks began in a database that had seals
// before.
const markRoot = "audit marks"

// beginMarks gives each chain that is there a mark.
func (db *DB) beginMarks(ctx context.Context) error {
	last, err := db.LastSeals(ctx)
	if err == nil {
		err = db.writeSince(ctx, markRoot)
	}
	for _, s := range last {
		if err == nil {
			err = db.write(ctx, db.markAt(s, "NOTHING").in(ctx))
		}
	}
	return err
}

// unmarkedUntil returns until when a chain without a mark is taken: programs of
// the version before begin such ones during a rolling upgrade.
func (db *DB) unmarkedUntil(ctx context.Context, q queryer) (time.Time, error) {
	return db.sinceThen(ctx, q, markRoot)
}

// compareMark judges, at the end of a walk, the mark that was there before it.
func (c *chain) compareMark(ctx context.Context) error {
	if c.mark == nil && c.number > 0 { // begun meanwhile?
		m, err := c.db.auditMark(ctx, c.db.reader, c.report.AccountID)
		if err != nil {
			return err
		}
		until, err := c.db.unmarkedUntil(ctx, c.db.reader)
		if err != nil {
			return err
		}
		if m == nil && !c.report.Last.At.Before(until) {
			c.report.fault(AuditFault{What: FaultMarkRemoved, Seal: c.number})
		}
		return nil
	}
	switch {
	case c.mark == nil:
	case !c.marked():
		c.report.fault(AuditFault{What: FaultMarkChanged, Seal: c.mark.Number})
	case c.mark.Number > c.number:
		c.report.fault(AuditFault{What: FaultSealRemoved, Seal: c.mark.Number})
	}
	return nil
}

// marked tells whether the mark is one that was made.
func (c *chain) marked() bool { return c.mark.mac == c.db.markMAC(c.mark.AuditSeal) }

// begun judges an account of which there is neither event nor seal: its making
// was written down with it, and the last seal of what is let go stays.
func (c *chain) begun(ctx context.Context) error {
	empty, err := one(ctx, c.db.reader, scanBool, `SELECT EXISTS (SELECT 1 FROM accounts WHERE id = $1)
		AND NOT EXISTS (SELECT 1 FROM audit_events WHERE account_id = $1) AND NOT EXISTS (SELECT 1 FROM audit_seals WHERE account_id = $1)`,
		c.report.AccountID)
	if err == nil && empty {
		c.report.fault(AuditFault{What: FaultAllRemoved})
	}
	return err
}

// writeSince notes under a name of the roots that something began now.
func (db *DB) writeSince(ctx context.Context, name string) error {
	return db.write(ctx, insert{
		table: "roots", columns: "name, sealed, created_at",
		values: []any{name, db.ring.Seal(seal.PurposeRoot, bindTo("roots", name, ""), []byte(db.now().Format(time.RFC3339))), micros(db.now())},
		suffix: "ON CONFLICT (name) DO NOTHING",
	}.in(ctx))
}

// sinceThen returns until when what programs of the version before leave out is
// taken; zero if never. The time is sealed, so that nobody makes it later.
func (db *DB) sinceThen(ctx context.Context, q queryer, name string) (time.Time, error) {
	sealed, err := one(ctx, q, scanText, `SELECT sealed FROM roots WHERE name = $1`, name)
	if errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	text, err := db.ring.Open(seal.PurposeRoot, bindTo("roots", name, ""), sealed)
	if err != nil {
		return time.Time{}, fmt.Errorf("begin of the chain: %w", err)
	}
	began, err := time.Parse(time.RFC3339, string(text))
	return began.Add(unsignedFor), err
}
