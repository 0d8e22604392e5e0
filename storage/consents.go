package storage

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"stile/audit"
)

// GiveConsent stores the scope that a user allows a client, in place of the one
// before: the caller adds what was allowed already, see [SessionView]. Mails tell
// the user of an app that is new. It fails with ErrConflict if the client's
// registration is no longer the one that is given, which the user was told of.
func (db *DB) GiveConsent(ctx context.Context, userID string, c Client, scope string, mails []Mail, e audit.Event) error {
	riders, err := db.enqueueAll(mails)
	if err != nil {
		return err
	}
	given, err := db.guard(ctx, guarded{
		text: `INSERT INTO consents (user_id, client_id, scope, granted_at) SELECT $1, $2, $3, CAST($4 AS BIGINT)
			WHERE EXISTS (SELECT 1 FROM clients c WHERE c.id = $2 AND c.version = $5 {hold c})
			ON CONFLICT (user_id, client_id) DO UPDATE SET scope = excluded.scope, granted_at = excluded.granted_at`,
		args:   []any{userID, c.ID, scope, micros(db.now()), c.Version},
		riders: append(riders, ride(db.event(e))),
	})
	if err == nil && !given {
		err = ErrConflict
	}
	return about("consent", err)
}

// endConsents ends what users have allowed a client whose reach has grown, so
// that they are asked again, and returns how many did.
func endConsents(ctx context.Context, tx *sql.Tx, clientID string) (int64, error) {
	return run(ctx, tx, `DELETE FROM consents WHERE client_id = $1`, clientID)
}

// grownSince tells whether a client of this registration reaches further than
// one of the old: whether what a user allowed then could now be answered at
// another place, in another way, with less proof of who asks, or with more.
// Both have to be filled. The order of values is of no matter.
//
// thirdParty says that users decided by what the consent page told them of the
// app: who it is counts then, too.
func (m Metadata) grownSince(old Metadata, thirdParty bool) bool {
	for _, list := range [][2][]string{
		{m.RedirectURIs, old.RedirectURIs},
		{m.GrantTypes, old.GrantTypes},
		{strings.Fields(m.Scope), strings.Fields(old.Scope)},
	} {
		if slices.ContainsFunc(list[0], func(v string) bool { return !slices.Contains(list[1], v) }) {
			return true
		}
	}
	if thirdParty && (m.Name != old.Name || m.ClientURI != old.ClientURI) {
		return true
	}
	return m.Public() && !old.Public() || old.RequiresPKCE() && !m.RequiresPKCE() ||
		// Without a list, a client may ask for what says who somebody is.
		len(strings.Fields(m.Scope)) == 0 && len(strings.Fields(old.Scope)) > 0
}
