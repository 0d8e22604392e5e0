package storage

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"stile/seal"
)

// resealed lists what is kept sealed for long, and what each value is bound to.
// Sign-ins and requests under way end within the hour.
var resealed = []struct {
	table, key, account, column string
	purpose                     seal.Purpose
}{
	{"roots", "name", "''", "sealed", seal.PurposeRoot},
	{"signing_keys", "id", "''", "private", seal.PurposeSigningKey},
	{"authenticators", "id", "account_id", "data", seal.PurposeTOTPKey},
	{"outbox", "id", "''", "sealed", seal.PurposeOutbox},
}

// resealBatch is how many values are read at a time.
const resealBatch = 200

// Reseal seals with the first master key what is sealed with another one, and
// returns how many values that were. Broken off, it goes on where it was. An
// hour after it is done, the other keys can be removed.
func (db *DB) Reseal(ctx context.Context) (int, error) {
	total := 0
	for _, r := range resealed {
		for {
			n, err := db.resealSome(ctx, r.table, r.key, r.account, r.column, r.purpose)
			if total += n; err != nil {
				return total, err
			}
			if n == 0 {
				break
			}
		}
	}
	return total, nil
}

func (db *DB) resealSome(ctx context.Context, table, key, account, column string, p seal.Purpose) (int, error) {
	first := db.sealedByFirst()
	type value struct{ id, account, sealed string }
	// Recovery codes stand in the same column and are hashes, not sealed.
	values, err := many(ctx, db.reader, func(r row) (v value, err error) { return v, r.Scan(&v.id, &v.account, &v.sealed) },
		`SELECT `+key+`, `+account+`, `+column+` FROM `+table+` WHERE `+column+` LIKE '1.%' AND substr(`+column+`, 1, `+
			strconv.Itoa(len(first))+`) <> $1 ORDER BY `+key+` LIMIT $2`, first, resealBatch)
	if err != nil {
		return 0, fmt.Errorf("reseal %s: %w", table, err)
	}
	for _, v := range values {
		bind := bindTo(table, v.id, v.account)
		plain, err := db.ring.Open(p, bind, v.sealed)
		if err != nil {
			return 0, fmt.Errorf("reseal %s %s: %w", table, v.id, err)
		}
		// If it changed meanwhile it was sealed with the first key.
		err = db.retry(func() error {
			_, err := run(ctx, db.writer, `UPDATE `+table+` SET `+column+` = $1 WHERE `+key+` = $2 AND `+column+` = $3`,
				db.ring.Seal(p, bind, plain), v.id, v.sealed)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("reseal %s: %w", table, err)
		}
	}
	return len(values), nil
}

// sealedByFirst is how values begin that the first master key sealed.
func (db *DB) sealedByFirst() string {
	parts := strings.SplitN(db.ring.Seal(seal.PurposeRoot, "", nil), ".", 3)
	return parts[0] + "." + parts[1] + "."
}
