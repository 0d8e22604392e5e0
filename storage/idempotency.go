package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"stile/seal"
)

// IdempotencyLife is how long the answer to a request is kept for its repeats.
const IdempotencyLife = 24 * time.Hour

// Errors of a request that names a key which was used before.
var (
	// ErrUnderWay says that the first request is still being worked on, or that
	// it was broken off and nobody knows what became of it.
	ErrUnderWay = errors.New("a request with this key is under way")
	// ErrOtherRequest says that the first request was another one.
	ErrOtherRequest = errors.New("the key belongs to another request")
)

// IdempotencyKey names a request that whoever asks may repeat.
type IdempotencyKey struct {
	AccountID string
	Actor     string // who asks, within the account
	Key       string // hash of what was sent
	Request   string // hash of the whole request
}

// Answer is what a request was answered.
type Answer struct {
	Status int
	Header map[string]string
	Body   []byte
}

// answerID is what an answer is bound to beside its account, in SQL; as in bind.
const answerID = `actor || ' ' || key`

func (k IdempotencyKey) bind() string {
	return bindTo("idempotency", k.Actor+" "+k.Key, k.AccountID)
}

// BeginOnce makes sure that a request is worked on once: of several at the same
// instant one gets nil, and does it; the others fail with [ErrUnderWay]. Later
// ones get the first answer, or [ErrOtherRequest] if they are not the same. An
// answer that no master key opens is an error: it never becomes a second act.
func (db *DB) BeginOnce(ctx context.Context, k IdempotencyKey) (*Answer, error) {
	now := db.now()
	answer, err := writing(ctx, db, func(tx *sql.Tx) (*Answer, error) {
		// What has expired is forgotten, whether or not it was cleared away.
		if _, err := run(ctx, tx, `DELETE FROM idempotency WHERE account_id = $1 AND actor = $2 AND key = $3 AND expires_at <= $4`,
			k.AccountID, k.Actor, k.Key, micros(now)); err != nil {
			return nil, err
		}
		n, err := run(ctx, tx, `INSERT INTO idempotency (account_id, actor, key, request, answer, created_at, expires_at)
			VALUES ($1, $2, $3, $4, '', $5, $6) ON CONFLICT (account_id, actor, key) DO NOTHING`,
			k.AccountID, k.Actor, k.Key, k.Request, micros(now), micros(now.Add(IdempotencyLife)))
		if err != nil || n == 1 {
			return nil, err
		}
		return db.firstAnswer(ctx, tx, k)
	})
	if err != nil {
		return nil, fmt.Errorf("idempotency: %w", err)
	}
	return answer, nil
}

func (db *DB) firstAnswer(ctx context.Context, tx *sql.Tx, k IdempotencyKey) (*Answer, error) {
	type first struct{ request, answer string }
	found, err := one(ctx, tx, func(r row) (f first, err error) { return f, r.Scan(&f.request, &f.answer) },
		`SELECT request, answer FROM idempotency WHERE account_id = $1 AND actor = $2 AND key = $3`, k.AccountID, k.Actor, k.Key)
	switch {
	case errors.Is(err, ErrNotFound): // given up meanwhile
		return nil, ErrUnderWay
	case err != nil:
		return nil, err
	case found.request != k.Request:
		return nil, ErrOtherRequest
	case found.answer == "":
		return nil, ErrUnderWay
	}
	a, err := seal.OpenJSON[Answer](db.ring, seal.PurposeAnswer, k.bind(), found.answer)
	return &a, err
}

// EndOnce keeps the answer to a request that [DB.BeginOnce] began. Without one
// (nil: nothing was done) the key is free again.
func (db *DB) EndOnce(ctx context.Context, k IdempotencyKey, a *Answer) error {
	text, args := `DELETE FROM idempotency WHERE account_id = $1 AND actor = $2 AND key = $3 AND request = $4 AND answer = ''`,
		[]any{k.AccountID, k.Actor, k.Key, k.Request}
	if a != nil {
		sealed, err := seal.SealJSON(db.ring, seal.PurposeAnswer, k.bind(), a)
		if err != nil {
			return fmt.Errorf("idempotency: %w", err)
		}
		text = `UPDATE idempotency SET answer = $5 WHERE account_id = $1 AND actor = $2 AND key = $3 AND request = $4 AND answer = ''`
		args = append(args, sealed)
	}
	err := db.retry(func() error {
		_, err := run(ctx, db.writer, text, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("idempotency: %w", err)
	}
	return nil
}
