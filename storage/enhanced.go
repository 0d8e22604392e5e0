package storage

import (
	"context"
	"database/sql"

	"stile/audit"
)

// SetEnhanced turns two-step verification by a user's own wish on or off. It
// tells whether that changed anything; nothing is written and mailed otherwise.
func (db *DB) SetEnhanced(ctx context.Context, own Own, on bool, by audit.Actor, mails ...Mail) (changed bool, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.lockOwn(ctx, tx, own)
		if changed = err == nil && u.Enhanced != on; !changed {
			return err
		}
		if _, err := run(ctx, tx, `UPDATE users SET enhanced = $2 WHERE id = $1`, u.ID, on); err != nil {
			return err
		}
		return db.tell(ctx, tx, enhancedEvent(u, on, by), mails)
	})
	return changed, err
}

func enhancedEvent(u User, on bool, by audit.Actor) audit.Event {
	reason := "off"
	if on {
		reason = "on"
	}
	return userEvent(audit.EnhancedChanged, u, reason, "", by)
}
