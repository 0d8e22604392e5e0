package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// PruneAudit lets go of events that are older than they are kept, in whole
// seals from the beginning of each chain, and keeps the last of these seals: the
// rest of the chain hangs from it, and it is marked so that a gap that somebody
// else makes is none of ours. A stretch that isn't as it was written stays. It
// fails with ErrForbidden if the database lets only its owner remove events.
func (db *DB) PruneAudit(ctx context.Context) error {
	before := firstTimeID(db.now().Add(-db.auditFor))
	old, err := many(ctx, db.reader, scanText, `SELECT DISTINCT account_id FROM audit_seals WHERE last_id < $1 AND pruned = ''`, before)
	if err != nil || len(old) == 0 {
		return db.auditError(err)
	}
	owner, done, err := db.asOwner(ctx)
	if err != nil {
		return err
	}
	defer done()
	for _, accountID := range old {
		for more := true; more; {
			err := db.writeBy(ctx, owner, func(tx *sql.Tx) (err error) {
				more, err = db.pruneSome(ctx, tx, accountID, before)
				return err
			})
			if errors.As(err, new(brokenChain)) {
				db.log.ErrorContext(ctx, "old events are kept: the audit log is not as it was written", "account", accountID, "error", err)
				break
			}
			if err != nil {
				return db.auditError(err)
			}
		}
	}
	return nil
}

func (db *DB) auditError(err error) error {
	switch {
	case err == nil:
		return nil
	case db.dialect.forbidden(err):
		return fmt.Errorf("audit log: %w", ErrForbidden)
	}
	return fmt.Errorf("audit log: %w", err)
}

// brokenChain stops pruning: what is wrong must not go unseen.
type brokenChain struct{ AuditFault }

func (b brokenChain) Error() string { return b.String() }

// pruneSome lets go of a page of seals, and tells whether there may be more.
func (db *DB) pruneSome(ctx context.Context, tx *sql.Tx, accountID, before string) (more bool, err error) {
	c := &chain{db: db, report: AuditReport{AccountID: accountID}}
	seals, err := c.page(ctx, tx)
	if err != nil {
		return false, err
	}
	var ids []string
	var last *auditSeal
	for _, s := range seals {
		if s.pruned != "" {
			continue
		}
		if s.last >= before {
			break
		}
		last, ids = &s, append(ids, s.ids...)
	}
	if last == nil {
		return false, nil
	}
	for _, f := range c.report.Faults {
		if f.Seal <= last.Number {
			return false, brokenChain{f}
		}
	}
	for _, statement := range []struct {
		text string
		args []any
	}{
		{`DELETE FROM audit_events WHERE id IN (` + marks(0, len(ids)) + `)`, anys(ids)},
		{`DELETE FROM audit_seals WHERE account_id = $1 AND number < $2`, []any{accountID, last.Number}},
		{`UPDATE audit_seals SET pruned = $3, ids = '[]' WHERE account_id = $1 AND number = $2`, []any{accountID, last.Number, db.prunedMark(last.AuditSeal)}},
	} {
		if _, err := run(ctx, tx, statement.text, statement.args...); err != nil {
			return false, err
		}
	}
	return true, nil
}

// anys makes arguments of texts.
func anys(texts []string) []any {
	args := make([]any, len(texts))
	for i, text := range texts {
		args[i] = text
	}
	return args
}

// auditRoot names the record of when the chain began in a database that had
// events before.
const auditRoot = "audit"

// beginChain notes that events before now carry no mac, and seals them.
func (db *DB) beginChain(ctx context.Context) error {
	err := db.writeSince(ctx, auditRoot)
	if err == nil {
		_, err = db.SealAudit(ctx, time.Time{})
	}
	return err
}

// unsignedUntil returns until when events without a mac were taken; zero if
// never.
func (db *DB) unsignedUntil(ctx context.Context, q queryer) (time.Time, error) {
	return db.sinceThen(ctx, q, auditRoot)
}
