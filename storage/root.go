package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"stile/seal"
)

// rootName is the one root there is: of the keyed hashes.
const rootName = "hash"

// Hasher makes the keyed hashes of this database: of addresses, short codes and
// client secrets. It is nil before the first Migrate, and without a ring.
func (db *DB) Hasher() *seal.Hasher { return db.hasher.Load() }

// openRoot reads the root of the keyed hashes. A database without one, or
// without any table, is left as it is.
func (db *DB) openRoot(ctx context.Context) error {
	if db.ring == nil {
		return nil
	}
	sealed, err := one(ctx, db.reader, scanText, `SELECT sealed FROM roots WHERE name = $1`, rootName)
	switch {
	case errors.Is(err, ErrNotFound), db.hidden(err):
		return nil
	case err != nil:
		return fmt.Errorf("database: %w", err)
	}
	root, err := db.ring.Open(seal.PurposeRoot, bindTo("roots", rootName, ""), sealed)
	if err != nil {
		return wrongKey(err)
	}
	hasher, err := seal.NewHasher(root)
	if err != nil {
		return fmt.Errorf("database: root of the keyed hashes: %w", err)
	}
	db.hasher.Store(hasher)
	return nil
}

// wrongKey says what an operator can do about a master key that doesn't fit.
func wrongKey(err error) error {
	var unknown seal.UnknownKeyError
	if errors.As(err, &unknown) {
		return fmt.Errorf("database: its secrets are sealed under the master key %q, which master_key does not name: add that key, or restore the master.key file that belongs to this database", unknown.ID)
	}
	return errors.New("database: master_key has another key under this name than the one that its secrets are sealed with: put the right one back, or restore the master.key file that belongs to this database")
}

// makeRoot makes the root if there is none. Of two programs at once one wins,
// and both take the winner's.
func (db *DB) makeRoot(ctx context.Context) error {
	if db.Hasher() != nil {
		return nil
	}
	root := make([]byte, seal.KeySize)
	_, _ = rand.Read(root) // never fails, see crypto/rand
	err := db.write(ctx, insert{
		table: "roots", columns: "name, sealed, created_at",
		values: []any{rootName, db.ring.Seal(seal.PurposeRoot, bindTo("roots", rootName, ""), root), micros(db.now())},
		suffix: "ON CONFLICT (name) DO NOTHING",
	}.in(ctx))
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return db.openRoot(ctx)
}
