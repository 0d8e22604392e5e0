package storage

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"stile/audit"
	"stile/seal"
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
	Disabled   bool
	CreatedAt  time.Time
	// Suspended says that the client's account is, as far as [DB.Client] read it.
	Suspended bool
}

const clientColumns = `c.id, COALESCE(c.account_id, ''), c.metadata, c.secret, c.third_party, c.version, c.disabled_at IS NOT NULL, c.created_at`

func clientDest(c *Client) []any {
	return []any{&c.ID, &c.AccountID, fromJSON(&c.Metadata), &c.SecretHash, &c.ThirdParty, &c.Version, &c.Disabled, atTime(&c.CreatedAt)}
}

func scanClient(r row) (c Client, err error) { return c, r.Scan(clientDest(&c)...) }

var clientID = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,100}$`)

func (c Client) check() error {
	switch {
	case !clientID.MatchString(c.ID):
		return MetadataError{"client_id", c.ID, "use 1 to 100 letters, digits, - . _ or ~"}
	case c.Metadata.Public() && c.SecretHash != "":
		return MetadataError{"token_endpoint_auth_method", AuthNone, "a public client has no secret"}
	case !c.Metadata.Public() && c.SecretHash == "":
		return MetadataError{"token_endpoint_auth_method", c.Metadata.TokenEndpointAuthMethod, "the client needs a secret"}
	}
	return c.Metadata.Validate()
}

// HashClientSecret is how a client's secret is stored, see [Client].
func (db *DB) HashClientSecret(clientID string, secret seal.Secret) string {
	return db.Hasher().Text(seal.HashClientSecret, clientID, secret.Reveal())
}

// IsClientSecret tells whether the secret is the client's, in constant time.
func (db *DB) IsClientSecret(c Client, secret string) bool {
	return c.SecretHash != "" && db.Hasher().Equal(seal.HashClientSecret, c.SecretHash, c.ID, secret)
}

// CreateClient registers a client. An empty ID is filled in, and defaults in its
// metadata. What may not be registered is refused with [MetadataError], and one
// more than [MaxPerAccount] of an account with [FullError].
func (db *DB) CreateClient(ctx context.Context, c Client, by audit.Actor) (Client, error) {
	return writing(ctx, db, func(tx *sql.Tx) (Client, error) {
		made, err := db.createClient(ctx, tx, c, by)
		if err == nil && c.AccountID != "" {
			err = fits(ctx, tx, c.AccountID, KindClient)
		}
		return made, err
	})
}

func (db *DB) createClient(ctx context.Context, tx *sql.Tx, c Client, by audit.Actor) (Client, error) {
	if c.ID == "" {
		c.ID = randomID()
	}
	c.Metadata, c.Version, c.CreatedAt = c.Metadata.Filled(), 1, db.now()
	if err := c.check(); err != nil {
		return Client{}, err
	}
	if c.AccountID != "" {
		if _, err := db.lockAccount(ctx, tx, c.AccountID); err != nil { // who else makes one waits, to be counted
			return Client{}, err
		}
	}
	now := micros(c.CreatedAt)
	err := insert{
		table: "clients", columns: "id, account_id, metadata, secret, third_party, version, disabled_at, created_at, updated_at",
		values: []any{c.ID, nullText(c.AccountID), asJSON(c.Metadata), c.SecretHash, c.ThirdParty, c.Version, disabledAt(c, now), now, now},
	}.add(ctx, tx)
	if err == nil {
		err = db.clientEvent(c, created, nil, by).add(ctx, tx)
	}
	return c, db.unique(err, "client %q", c.ID)
}

// UpdateClient changes metadata, consent and whether the client is disabled.
// change may run more than once. Where the client now reaches further, what
// users have allowed it ends in the same transaction: they are asked again.
func (db *DB) UpdateClient(ctx context.Context, id string, change func(*Client) error, by audit.Actor) (Client, error) {
	return writing(ctx, db, func(tx *sql.Tx) (Client, error) { return db.updateClient(ctx, tx, id, change, by) })
}

func (db *DB) updateClient(ctx context.Context, tx *sql.Tx, id string, change func(*Client) error, by audit.Actor) (Client, error) {
	old, err := heldClient(ctx, tx, id, 1)
	if err != nil {
		return Client{}, db.unique(err, "client %q", id)
	}
	c := old
	if err := change(&c); err != nil {
		return Client{}, err
	}
	c.ID, c.AccountID, c.Version, c.CreatedAt = old.ID, old.AccountID, old.Version, old.CreatedAt
	c.Metadata = c.Metadata.Filled()
	if err := c.check(); err != nil {
		return Client{}, err
	}
	fields := changedFields(map[string]bool{
		"metadata": !sameMetadata(c.Metadata, old.Metadata), "secret": c.SecretHash != old.SecretHash,
		"third_party": c.ThirdParty != old.ThirdParty, "disabled": c.Disabled != old.Disabled,
	})
	if fields == "" {
		c.Version--
		_, err := run(ctx, tx, `UPDATE clients SET version = $2 WHERE id = $1`, id, c.Version)
		return c, err
	}
	now := micros(db.now())
	_, err = run(ctx, tx, `UPDATE clients SET metadata = $2, secret = $3, third_party = $4, disabled_at = $5, updated_at = $6 WHERE id = $1`,
		id, asJSON(c.Metadata), c.SecretHash, c.ThirdParty, disabledAt(c, now), now)
	var ended int64
	if err == nil && c.Metadata.grownSince(old.Metadata, c.ThirdParty) {
		ended, err = endConsents(ctx, tx, id)
	}
	if err == nil {
		detail := map[string]string{"fields": fields}
		if ended > 0 {
			detail["consents_ended"] = strconv.FormatInt(ended, 10)
		}
		err = db.clientEvent(c, updated, detail, by).add(ctx, tx)
	}
	return c, db.unique(err, "client %q", id)
}

// RotateClientSecret gives a client another secret, by its HashClientSecret. The
// old one stops working at once.
func (db *DB) RotateClientSecret(ctx context.Context, id, hash string, by audit.Actor) error {
	_, err := db.UpdateClient(ctx, id, func(c *Client) error { c.SecretHash = hash; return nil }, by)
	return err
}

// DeleteClient removes a client with all grants and consents that name it. seen,
// if there is one, looks at it before, and may refuse.
func (db *DB) DeleteClient(ctx context.Context, id string, seen func(Client) error, by audit.Actor) error {
	return db.write(ctx, func(tx *sql.Tx) error { return db.deleteClient(ctx, tx, id, seen, by) })
}

func (db *DB) deleteClient(ctx context.Context, tx *sql.Tx, id string, seen func(Client) error, by audit.Actor) error {
	c, err := heldClient(ctx, tx, id, 0)
	if err == nil && seen != nil {
		err = seen(c)
	}
	if err != nil {
		return db.unique(err, "client %q", id)
	}
	if _, err = run(ctx, tx, `DELETE FROM clients WHERE id = $1`, id); err == nil {
		err = db.clientEvent(Client{ID: id, AccountID: c.AccountID}, deleted, nil, by).add(ctx, tx)
	}
	return db.unique(err, "client %q", id)
}

// heldClient returns a client whose row is held until the transaction ends: what
// is decided then is decided on what it says. Its version has risen by so much.
func heldClient(ctx context.Context, tx *sql.Tx, id string, rise int) (Client, error) {
	n, err := run(ctx, tx, `UPDATE clients SET version = version + $2 WHERE id = $1`, id, rise)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Client{}, err
	}
	return client(ctx, tx, id)
}

// Client returns a client by its client_id, with the state of its account. It fails with ErrNotFound.
func (db *DB) Client(ctx context.Context, id string) (Client, error) {
	c, err := one(ctx, db.reader, func(r row) (c Client, err error) {
		return c, r.Scan(append(clientDest(&c), &c.Suspended)...)
	}, `SELECT `+clientColumns+`, a.suspended_at IS NOT NULL FROM clients c LEFT JOIN accounts a ON a.id = c.account_id WHERE c.id = $1`, id)
	if err != nil {
		return Client{}, fmt.Errorf("client %q: %w", id, err)
	}
	return c, nil
}

func client(ctx context.Context, q queryer, id string) (Client, error) {
	return one(ctx, q, scanClient, `SELECT `+clientColumns+` FROM clients c WHERE c.id = $1`, id)
}

// Clients lists clients by id, those after an id, at most limit: of an account,
// or all if accountID is empty.
func (db *DB) Clients(ctx context.Context, accountID, after string, limit int) ([]Client, error) {
	if accountID == "" {
		return many(ctx, db.reader, scanClient, `SELECT `+clientColumns+` FROM clients c WHERE c.id > $1 ORDER BY c.id LIMIT $2`, after, limit)
	}
	return many(ctx, db.reader, scanClient, `SELECT `+clientColumns+` FROM clients c
		WHERE c.account_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3`, accountID, after, limit)
}

func sameMetadata(a, b Metadata) bool {
	x, _ := asJSON(a).Value() // holds nothing that doesn't encode
	y, _ := asJSON(b).Value()
	return x == y
}

func nullText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func disabledAt(c Client, now int64) any {
	if !c.Disabled {
		return nil
	}
	return now
}

func (db *DB) clientEvent(c Client, reason string, detail map[string]string, by audit.Actor) insert {
	return db.event(audit.Event{Kind: audit.ClientChanged, Actor: by, AccountID: c.AccountID, ClientID: c.ID, Reason: reason, Detail: detail})
}
