package storage

import (
	"context"
	"time"
)

// Skew returns how far this program's clock is ahead of the database server's,
// up to the time of one round trip. The embedded database has the program's own
// clock, so for it Skew only makes sure that it answers.
func (db *DB) Skew(ctx context.Context) (time.Duration, error) {
	if db.Embedded() {
		return 0, db.Ping(ctx)
	}
	before := db.now()
	theirs, err := one(ctx, db.reader, scanInt, `SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`)
	if err != nil {
		return 0, err
	}
	after := db.now()
	switch at := time.UnixMicro(theirs); {
	case at.Before(before):
		return before.Sub(at), nil
	case at.After(after):
		return after.Sub(at), nil
	}
	return 0, nil
}
