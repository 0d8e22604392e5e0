package storage

import (
	"context"
	"time"
)

// firstCheckUp is how long after an enrolment its user is asked whether all is
// still right.
const firstCheckUp = 30 * day

// CheckUp stores that a user has seen in a sign-in what protects it, and when to
// ask again. It fails with ErrConflict like [DB.SaveProgress].
func (db *DB) CheckUp(ctx context.Context, s SignIn, next time.Time) (SignIn, error) {
	step, err := db.advance(s)
	if err != nil {
		return SignIn{}, err
	}
	won, err := db.guard(ctx, guarded{
		text:   `UPDATE users SET check_at = $1 WHERE id = $2 AND epoch = $3`,
		args:   []any{micros(next), s.UserID, s.Epoch},
		riders: []rider{step},
	})
	return s.advanced(won, err)
}
