package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stile/audit"
)

// refreshGrace is how long the holder of a refresh token may ask for its
// successor again: the answer was lost, or two windows asked at once.
const refreshGrace = 10 * time.Second

// ErrEnded says that a grant or its session has ended.
var ErrEnded = errors.New("ended")

// Rotation is what a refresh gives.
type Rotation struct {
	AccessHash  string
	AccessScope string
	AccessUntil time.Time
	IdleAt      time.Time   // the successor ends if it isn't used before
	Event       audit.Event // of the refresh
}

// RotateRefresh exchanges the refresh token of a generation for the next one and
// a further access token. Refresh tokens are named by grant and generation; that
// the caller holds the token is shown before. It reads everything, lets decide
// judge, and writes once; decide is pure and may run again, and its refusal
// changes nothing.
//
// The same generation may come again for 10 seconds while its successor is
// unused: it gets the same successor, and a further access token. Any other
// reuse ends the grant, writes to the user, and fails with ErrSpent. It fails
// with ErrNotFound if there is no such grant, with ErrEnded if it or its session
// has ended, and with ErrExpired if it was not used in time or its time is over.
func (db *DB) RotateRefresh(ctx context.Context, grantID string, generation int64, decide func(GrantView) (Rotation, error)) (GrantView, int64, error) {
	for range rereads {
		v, err := db.grantView(ctx, `g.id = $2`, grantID)
		if err != nil {
			return GrantView{}, 0, fmt.Errorf("refresh token: %w", err)
		}
		won, err := db.rotate(ctx, &v, generation, decide)
		if err != nil {
			return GrantView{}, 0, fmt.Errorf("refresh token: %w", err)
		}
		if won {
			return v, v.Grant.Generation, nil
		}
	}
	return GrantView{}, 0, fmt.Errorf("refresh token: %w", ErrConflict)
}

// rotate tries once. Neither won nor an error: read again.
func (db *DB) rotate(ctx context.Context, v *GrantView, generation int64, decide func(GrantView) (Rotation, error)) (bool, error) {
	now := db.now()
	g := v.Grant
	again := generation == g.Generation-1 && now.Before(g.RotatedAt.Add(refreshGrace))
	switch {
	case g.EndedAt != nil || g.Generation < 1:
		return false, ErrEnded
	case generation < 1 || generation != g.Generation && !again:
		// Also a generation that was never reached: then the database is older
		// than the token, and nobody knows what was used since.
		return false, db.endReused(ctx, *v, "refresh_reused")
	case !v.holds():
		return false, ErrEnded
	case v.over(now):
		return false, ErrExpired
	}
	r, err := decide(*v)
	if err != nil {
		return false, err
	}
	write := guarded{riders: []rider{ride(accessToken(g.ID, r.AccessHash, r.AccessScope, now, r.AccessUntil)), ride(db.event(v.of(r.Event)))}}
	if again {
		write.text = `UPDATE grants SET rotated_at = rotated_at WHERE id = $1 AND generation = $2 AND rotated_at > $3 AND ended_at IS NULL`
		write.args = []any{g.ID, g.Generation, micros(now.Add(-refreshGrace))}
	} else {
		g.Generation, g.RotatedAt, g.IdleAt = g.Generation+1, now, r.IdleAt
		write.text = `UPDATE grants SET generation = generation + 1, rotated_at = $1, idle_at = $2
			WHERE id = $3 AND generation = $4 AND ended_at IS NULL AND idle_at > $1 AND expires_at > $1`
		write.args = []any{micros(now), micros(r.IdleAt), g.ID, generation}
	}
	write.unchanged(*v, !g.Offline, now)
	won, err := db.guard(ctx, write)
	if won {
		v.Grant = g
	}
	return won, err
}
