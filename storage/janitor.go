package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"stile/audit"
)

// janitorBatch is how many rows one transaction removes: few enough that nobody
// waits for it.
const janitorBatch = 500

// grantKept is how long the row of a grant is kept at least, whatever became of
// it: its request, which can be answered for 60 minutes and was sealed by a clock
// that may go a little ahead, must not find that there was no answer yet.
const grantKept = 65 * time.Minute

// expiring lists what ends by itself, what finds a row, and what must lie
// before now for it to go. Rows that others point to come last.
var expiring = []struct{ table, key, ends string }{
	{"access_tokens", "hash", "expires_at"},
	{"grants", "id", fmt.Sprintf("expires_at <= $1 AND created_at + %d", grantKept.Microseconds())},
	{"email_codes", "purpose, txn", "expires_at"},
	{"device_requests", "account_id, id", fmt.Sprintf("expires_at <= $1 - %d AND expires_at", deviceShown.Microseconds())},
	{"device_waits", "user_id", fmt.Sprintf("closes_at <= $1 - %d AND closes_at", waitStopped.Microseconds())},
	{"sessions", "id", "expires_at"},
	{"trusted_browsers", "id", "expires_at"},
	{"requests", "hash", "expires_at"},
	{"links", "hash", "expires_at"},
	{"address_links", "purpose, address", "expires_at"},
	{"address_changes", "user_id", "expires_at"},
	{"data_exports", "user_id", "expires_at"},
	{"invitations", "id", "expires_at"},
	{"limits", "key", "expires_at"},
	{"outbox", "id", "expires_at"},
	{"spent_challenges", "hash", "expires_at"},
	{"idempotency", "account_id, actor, key", "expires_at"},
	{"signing_keys", "id", "removes_at"},
}

// RemoveExpired removes what nothing can come of any more, in small batches, and
// prunes the audit log if it may. It also writes the words of users that a
// replica of an older program has changed. Many may run it at
// once; it goes on where the last run was broken off.
func (db *DB) RemoveExpired(ctx context.Context) error {
	now := micros(db.now())
	if err := db.writeWords(ctx); err != nil {
		return err
	}
	if err := db.writeAuditKeys(ctx); err != nil {
		return err
	}
	if err := db.removeSignIns(ctx); err != nil {
		return err
	}
	for _, e := range expiring {
		if err := db.removeBatches(ctx, e.table, e.key, e.ends+" <= $1", now); err != nil {
			return err
		}
	}
	if err := db.forgetFormer(ctx); err != nil {
		return err
	}
	err := db.PruneAudit(ctx)
	if errors.Is(err, ErrForbidden) { // said at start, see [DB.AuditProtected]
		return nil
	}
	return err
}

// removeSignIns removes sign-ins whose time is over, and writes down the ones
// that nobody finished: each was begun with a right password.
func (db *DB) removeSignIns(ctx context.Context) error {
	for n := janitorBatch; n == janitorBatch; {
		err := db.write(ctx, func(tx *sql.Tx) error {
			var events []insert
			removed, err := many(ctx, tx, func(r row) (finished bool, err error) {
				e := audit.Event{Kind: audit.SignInGivenUp, Actor: audit.System}
				if err = r.Scan(&finished, &e.SubjectID, &e.AccountID); err == nil && !finished {
					events = append(events, db.event(e))
				}
				return finished, err
			}, `DELETE FROM sign_ins WHERE (id, binding) IN (SELECT id, binding FROM sign_ins WHERE expires_at <= $1 LIMIT $2)
				RETURNING completed_at IS NOT NULL, user_id, account_id`, micros(db.now()), janitorBatch)
			n = len(removed)
			if err != nil {
				return err
			}
			return addAll(ctx, tx, events)
		})
		if err != nil {
			return fmt.Errorf("removing expired sign_ins: %w", err)
		}
	}
	return nil
}

func (db *DB) removeBatches(ctx context.Context, table, key, condition string, arg any) error {
	text := `DELETE FROM ` + table + ` WHERE (` + key + `) IN (SELECT ` + key + ` FROM ` + table + ` WHERE ` + condition + ` LIMIT $2)`
	for total := int64(0); ; {
		var n int64
		err := db.retry(func() (err error) {
			n, err = run(ctx, db.writer, text, arg, janitorBatch)
			return err
		})
		if err != nil {
			return fmt.Errorf("removing expired %s: %w", table, err)
		}
		if total += n; n < janitorBatch {
			if total > 0 {
				db.log.DebugContext(ctx, "expired rows removed", "table", table, "rows", total)
			}
			return nil
		}
	}
}

// firstTimeID is before every timeID of this time or later.
func firstTimeID(at time.Time) string {
	ms := at.UnixMilli()
	return fmt.Sprintf("%08x-%04x-7", ms>>16, ms&0xffff)
}
