package storage

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"stile/audit"
	"stile/seal"
)

// SigningKey is a key that signs tokens. It is published from the moment that
// it is stored, signs from ActivatesAt until RetiresAt, and stays published
// until RemovesAt, so that no token outlives its key.
type SigningKey struct {
	ID          string // of the row; the kid is the key's own thumbprint
	Alg         string // JWS name, such as ES256
	Private     seal.Secret
	Public      string // JWK in JSON
	CreatedAt   time.Time
	ActivatesAt time.Time
	RetiresAt   time.Time
	RemovesAt   time.Time
}

const keyColumns = `id, alg, private, public, created_at, activates_at, retires_at, removes_at`

func (db *DB) scanKey(r row) (k SigningKey, err error) {
	var sealed string
	err = r.Scan(&k.ID, &k.Alg, &sealed, &k.Public, atTime(&k.CreatedAt), atTime(&k.ActivatesAt), atTime(&k.RetiresAt), atTime(&k.RemovesAt))
	if err != nil {
		return k, err
	}
	private, err := db.ring.Open(seal.PurposeSigningKey, bindTo("signing_keys", k.ID, ""), sealed)
	if err != nil {
		return k, fmt.Errorf("signing key %s: %w", k.ID, err)
	}
	k.Private = seal.Secret(private)
	return k, nil
}

// SigningKeys returns the keys that are to be published now, newest first.
func (db *DB) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	keys, err := many(ctx, db.reader, db.scanKey, `SELECT `+keyColumns+` FROM signing_keys
		WHERE removes_at > $1 ORDER BY activates_at DESC, id`, micros(db.now()))
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	return keys, nil
}

// InsertSigningKey stores a key. It fails with ErrExists if there is one of this
// id: of two replicas that make the same successor, one is faster. One that is
// no longer published gives its id away, as after a long standstill.
func (db *DB) InsertSigningKey(ctx context.Context, k SigningKey, by audit.Actor) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		sealed := db.ring.Seal(seal.PurposeSigningKey, bindTo("signing_keys", k.ID, ""), []byte(k.Private.Reveal()))
		row := insert{table: "signing_keys", columns: keyColumns, values: []any{
			k.ID, k.Alg, sealed, k.Public,
			micros(k.CreatedAt), micros(k.ActivatesAt), micros(k.RetiresAt), micros(k.RemovesAt),
		}}
		if _, err := run(ctx, tx, `DELETE FROM signing_keys WHERE id = $1 AND removes_at <= $2`, k.ID, micros(db.now())); err != nil {
			return err
		}
		if err := row.add(ctx, tx); err != nil {
			return err
		}
		return db.event(audit.Event{
			Kind: audit.KeyRotated, Actor: by,
			Detail: map[string]string{"key": k.ID, "alg": k.Alg},
		}).add(ctx, tx)
	})
	return db.unique(err, "signing key %s", k.ID)
}

// Lease makes holder the one that does a job, for a time, and tells whether it
// is. Who holds it may ask again to hold it longer.
func (db *DB) Lease(ctx context.Context, name, holder string, lease time.Duration) (bool, error) {
	now := db.now()
	held, err := writing(ctx, db, func(tx *sql.Tx) (int64, error) {
		return run(ctx, tx, `INSERT INTO leases (name, holder, expires_at) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
			WHERE leases.holder = excluded.holder OR leases.expires_at <= $4`, name, holder, micros(now.Add(lease)), micros(now))
	})
	if err != nil {
		return false, fmt.Errorf("lease %s: %w", name, err)
	}
	return held > 0, nil
}
