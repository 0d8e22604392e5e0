package storage

import "context"

// Apps returns the names of the clients that hold something from a session, in
// order, for the page that asks whether to sign out of them. Grants with offline
// access are left out: they outlive the session.
func (db *DB) Apps(ctx context.Context, sessionID string) ([]string, error) {
	clients, err := many(ctx, db.reader, scanClient, `SELECT `+clientColumns+` FROM clients c WHERE c.id IN (
		SELECT client_id FROM grants WHERE session_id = $1 AND ended_at IS NULL AND NOT offline) ORDER BY c.id LIMIT 50`, sessionID)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(clients))
	for i, c := range clients {
		if names[i] = c.Metadata.Name; names[i] == "" {
			names[i] = c.ID
		}
	}
	return names, nil
}
