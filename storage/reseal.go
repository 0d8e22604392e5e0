package storage

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"stile/seal"
)

// sealedColumn is a column of what is kept sealed, with the key of its rows and
// the two expressions that a value is bound to.
type sealedColumn struct {
	table, key, id, account, column string
	purpose                         seal.Purpose
}

// resealed lists what is kept sealed for long. Sign-ins and requests under way
// end within the hour.
var resealed = []sealedColumn{
	{"roots", "name", "name", "''", "sealed", seal.PurposeRoot},
	{"signing_keys", "id", "id", "''", "private", seal.PurposeSigningKey},
	{"authenticators", "id", "id", "account_id", "data", seal.PurposeTOTPKey},
	{"outbox", "id", "id", "''", "sealed", seal.PurposeOutbox},
	{"idempotency", "account_id, actor, key", answerID, "account_id", "answer", seal.PurposeAnswer},
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
			n, err := db.resealSome(ctx, r)
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

func (db *DB) resealSome(ctx context.Context, c sealedColumn) (int, error) {
	first, keys := db.sealedByFirst(), strings.Count(c.key, ",")+1
	type value struct {
		id, account, sealed string
		key                 []any
	}
	// Recovery codes stand in the same column and are hashes, not sealed.
	values, err := many(ctx, db.reader, func(r row) (v value, err error) {
		dest := []any{&v.id, &v.account, &v.sealed}
		key := make([]string, keys)
		for i := range key {
			dest = append(dest, &key[i])
		}
		err = r.Scan(dest...)
		for _, k := range key {
			v.key = append(v.key, k)
		}
		return v, err
	}, `SELECT `+c.id+`, `+c.account+`, `+c.column+`, `+c.key+` FROM `+c.table+` WHERE `+c.column+` LIKE '1.%' AND substr(`+c.column+`, 1, `+
		strconv.Itoa(len(first))+`) <> $1 ORDER BY `+c.key+` LIMIT $2`, first, resealBatch)
	if err != nil {
		return 0, fmt.Errorf("reseal %s: %w", c.table, err)
	}
	for _, v := range values {
		bind := bindTo(c.table, v.id, v.account)
		plain, err := db.ring.Open(c.purpose, bind, v.sealed)
		if err != nil {
			return 0, fmt.Errorf("reseal %s %s: %w", c.table, v.id, err)
		}
		// If it changed meanwhile it was sealed with the first key.
		err = db.retry(func() error {
			_, err := run(ctx, db.writer, `UPDATE `+c.table+` SET `+c.column+` = $1 WHERE `+c.column+` = $2 AND (`+c.key+`) = (`+marks(2, keys)+`)`,
				append([]any{db.ring.Seal(c.purpose, bind, plain), v.sealed}, v.key...)...)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("reseal %s: %w", c.table, err)
		}
	}
	return len(values), nil
}

// sealedByFirst is how values begin that the first master key sealed.
func (db *DB) sealedByFirst() string {
	parts := strings.SplitN(db.ring.Seal(seal.PurposeRoot, "", nil), ".", 3)
	return parts[0] + "." + parts[1] + "."
}
