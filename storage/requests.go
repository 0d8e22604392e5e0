package storage

import (
	"context"
	"time"
)

// SaveRequest keeps a sign-in request that is too long to travel with the
// browser. hash is that of its handle, sealed what the caller has sealed.
func (db *DB) SaveRequest(ctx context.Context, hash, sealed string, expires time.Time) error {
	return about("request", db.retry(func() error {
		_, err := run(ctx, db.writer, `INSERT INTO requests (hash, sealed, expires_at) VALUES ($1, $2, $3)`, hash, sealed, micros(expires))
		return err
	}))
}

// Request returns what [DB.SaveRequest] kept. It fails with ErrNotFound if there
// is none or its time is over. Reading spends nothing: pages are loaded again.
func (db *DB) Request(ctx context.Context, hash string) (sealed string, err error) {
	sealed, err = one(ctx, db.reader, scanText, `SELECT sealed FROM requests WHERE hash = $1 AND expires_at > $2`, hash, micros(db.now()))
	return sealed, about("request", err)
}
