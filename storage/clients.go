package storage

import (
	"context"
	"fmt"
	"time"
)

// Client is an OAuth 2.0 relying party.
type Client struct {
	ID        string
	AccountID string // empty for one of the whole installation
	Metadata  Metadata
	// SecretHash is what HashClientSecret makes of the secret; empty for a
	// public client.
	SecretHash string
	ThirdParty bool  // its users are asked for consent
	Version    int64 // rises with each change
	DisabledAt *time.Time
	// Disabled says that DisabledAt is set.
	Disabled  bool
	CreatedAt time.Time
}

const clientColumns = `c.id, COALESCE(c.account_id, ''), c.metadata, c.secret, c.third_party, c.version, c.disabled_at, c.disabled_at IS NOT NULL, c.created_at`

func clientDest(c *Client) []any {
	return []any{&c.ID, &c.AccountID, fromJSON(&c.Metadata), &c.SecretHash, &c.ThirdParty, &c.Version,
		atNullTime(&c.DisabledAt), &c.Disabled, atTime(&c.CreatedAt)}
}

func scanClient(r row) (c Client, err error) { return c, r.Scan(clientDest(&c)...) }

// Client returns a client by its client_id. It fails with ErrNotFound.
func (db *DB) Client(ctx context.Context, id string) (Client, error) {
	c, err := one(ctx, db.reader, scanClient, `SELECT `+clientColumns+` FROM clients c WHERE c.id = $1`, id)
	if err != nil {
		return Client{}, fmt.Errorf("client %q: %w", id, err)
	}
	return c, nil
}
