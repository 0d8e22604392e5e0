package storage

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"stile/limit"
	"stile/seal"
)

// invitationPace is the count of what an account sends to people who are no
// users yet. It is apart from that of codes: a long list keeps nobody from
// signing in.
const invitationPace = "invitations_sent|"

// pace spreads the messages of a crowd: some at once, so that the first don't
// wait, and the others one by one, so that no stretch of the figure's time sees
// more than the figure allows. The row of the count holds until when the turns
// are given away. Who wants turns that lie too far ahead gets LimitedError, with
// the time at which as many are to be had, and none are given away.
func (db *DB) pace(ctx context.Context, tx *sql.Tx, key string, f limit.Figure, n int, now time.Time) (turn func(int) time.Time, err error) {
	atOnce := max(1, f.Allowed/10)
	each := f.Per / time.Duration(max(1, f.Allowed-atOnce))
	span := each * time.Duration(n)
	end, err := one(ctx, tx, func(r row) (t time.Time, err error) { return t, r.Scan(atTime(&t)) },
		`INSERT INTO limits (`+limitColumns+`) VALUES ($1, 0, $2, $3, 0, 0, 0, 0, $4, 0, TRUE, $5)
		ON CONFLICT (key) DO UPDATE SET
			window_at = CASE WHEN limits.window_at > $6 THEN limits.window_at ELSE $6 END + $7,
			expires_at = CASE WHEN limits.expires_at > $6 THEN limits.expires_at ELSE $6 END + $7
		RETURNING window_at`, key, f.Allowed, f.Per.Microseconds(), micros(now.Add(span)), micros(now.Add(span+f.Per)), micros(now), span.Microseconds())
	if err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	first := end.Add(-span)
	if end.Sub(now) > InvitationLife && first.After(now) {
		return nil, LimitedError{Until: first.Add(min(0, span-InvitationLife)), Key: key}
	}
	return func(i int) time.Time {
		at := first.Add(each * time.Duration(i-atOnce+1))
		if at.Before(now) {
			return now
		}
		return at
	}, nil
}

// bookInvitations counts one message to each address, and returns the addresses
// to which the account has sent too many, each with how long that lasts.
func (db *DB) bookInvitations(ctx context.Context, tx *sql.Tx, list []InvitationToSend) (map[string]LimitedError, error) {
	refused := map[string]LimitedError{}
	for some := range slices.Chunk(list, batchRows) {
		var bookings []limit.Booking
		of := map[string]string{} // address of a key
		for _, i := range some {
			for _, b := range db.limits.BookInvitation(i.AccountID, db.Hasher().Text(seal.HashAddress, i.Email)) {
				bookings, of[b.Key] = append(bookings, b), i.Email
			}
		}
		result, err := db.book(ctx, tx, bookings)
		if err != nil {
			return nil, err
		}
		for _, r := range result.refusals {
			if email := of[r.Key]; r.Until.After(refused[email].Until) {
				refused[email] = r
			}
		}
	}
	return refused, nil
}
