package storage

import (
	"context"

	"stile/audit"
)

// GiveConsent stores the scope that a user allows a client, in place of the one
// before: the caller adds what was allowed already, see [SessionView]. Mails tell
// the user of an app that is new.
func (db *DB) GiveConsent(ctx context.Context, userID, clientID, scope string, mails []Mail, e audit.Event) error {
	riders, err := db.enqueueAll(mails)
	if err != nil {
		return err
	}
	_, err = db.guard(ctx, guarded{
		text: `INSERT INTO consents (user_id, client_id, scope, granted_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (user_id, client_id) DO UPDATE SET scope = excluded.scope, granted_at = excluded.granted_at`,
		args:   []any{userID, clientID, scope, micros(db.now())},
		riders: append(riders, ride(db.event(e))),
	})
	return about("consent", err)
}
