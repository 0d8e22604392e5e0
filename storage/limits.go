package storage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"stile/limit"
)

// BookAttempts counts one attempt on each booking, before anything is judged.
// If one of them has none left it fails with [LimitedError], of the one that
// lasts longest, and nothing stays counted. Otherwise it returns the names of
// the figures that this attempt has reached; see [limit.State.Book], which is
// the rule.
func (db *DB) BookAttempts(ctx context.Context, bookings []limit.Booking) (reached []limit.Name, err error) {
	result, err := db.book(ctx, db.writer, bookings)
	if err != nil {
		return nil, err
	}
	if result.refused.Key == "" {
		return result.reached, nil
	}
	if err := db.RefundAttempts(ctx, result.counted); err != nil {
		return nil, err
	}
	return nil, result.refused
}

// RefundAttempts gives attempts back, see [limit.Success] and [limit.Undo].
func (db *DB) RefundAttempts(ctx context.Context, back []limit.Back) error {
	if len(back) == 0 {
		return nil
	}
	r := refund(back, db.now())
	err := db.retry(func() error {
		_, err := run(ctx, db.writer, strings.ReplaceAll(r.text, "{guard}", "TRUE"), r.args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	return nil
}

// bookResult says what became of one attempt.
type bookResult struct {
	refused LimitedError // without a key: not refused
	// refusals are all of them, by the keys of the bookings.
	refusals []LimitedError
	reached  []limit.Name
	counted  []limit.Back // what was counted, to be given back if the attempt is refused
}

// book counts one attempt on each booking, in one statement. Within a
// transaction the caller decides what a refusal means.
func (db *DB) book(ctx context.Context, q queryer, bookings []limit.Booking) (result bookResult, err error) {
	now := db.now()
	text, args := bookStatement(bookings, now)
	if text == "" {
		return result, nil
	}
	var rows []booked
	attempt := func() error {
		rows, err = many(ctx, q, scanBooked, text, args...)
		return err
	}
	if q == queryer(db.writer) {
		err = db.retry(attempt)
	} else {
		err = attempt() // the whole transaction is tried again
	}
	if err != nil {
		return result, fmt.Errorf("limits: %w", err)
	}
	refuse := func(until time.Time, key string) {
		if until.After(result.refused.Until) {
			result.refused = LimitedError{Until: until, Key: key}
		}
	}
	for _, r := range rows {
		if r.lateUntil.After(now) {
			refuse(r.lateUntil, r.lateKey)
		}
		i := slices.IndexFunc(bookings, func(b limit.Booking) bool { return !b.Late && b.Key == r.key })
		if i < 0 {
			continue // nothing but late ones were looked at
		}
		b := bookings[i]
		if !b.Watch && !r.admitted {
			refuse(r.until, r.key)
			result.refusals = append(result.refusals, LimitedError{Until: r.until, Key: r.key})
			continue
		}
		result.counted = append(result.counted, limit.Back{Key: r.key, By: 1})
		if b.Watch && r.count >= b.Allowed || b.InARow > 0 && r.inARow >= b.InARow {
			result.reached = append(result.reached, b.Name)
		}
	}
	return result, nil
}

// booked is one row as the attempt left it, and beside it the longest refusal
// among the late bookings.
type booked struct {
	key           string
	admitted      bool
	count, inARow int
	until         time.Time
	lateUntil     time.Time
	lateKey       string
}

func scanBooked(r row) (b booked, err error) {
	return b, r.Scan(&b.key, &b.admitted, &b.count, &b.inARow, atTime(&b.until), atTime(&b.lateUntil), &b.lateKey)
}

// The parts of the statement that counts. limits.… is a row as it was,
// excluded.… the attempt: window_at is now, and admitted says that it can be
// refused (it doesn't only watch). RETURNING shows rows as they are afterwards,
// so admitted is also the column that says what was decided.
const (
	bookPaused  = `(limits.blocked_until > excluded.window_at)`
	bookForgot  = `(limits.expires_at <= excluded.window_at)`
	bookAfresh  = `(NOT ` + bookPaused + ` AND (limits.blocked_until > 0 OR limits.window_at + excluded.per <= excluded.window_at))`
	bookBefore  = `(CASE WHEN ` + bookAfresh + ` THEN 0 ELSE limits.count END)`
	bookRefused = `(excluded.admitted AND (` + bookPaused + ` OR ` + bookBefore + ` >= excluded.allowed))`
	bookFills   = `(excluded.admitted AND NOT ` + bookRefused + ` AND ` + bookBefore + ` + 1 >= excluded.allowed)`
	bookWindow  = `(CASE WHEN ` + bookAfresh + ` THEN excluded.window_at ELSE limits.window_at END)`
	bookStrikes = `(CASE WHEN ` + bookForgot + ` THEN 0 ELSE limits.strikes END)`
	// The pause doubles with each strike. No pause is longer than 2^16 times the first.
	bookDoubled = `(excluded.pause << CAST(CASE WHEN ` + bookStrikes + ` > 16 THEN 16 ELSE ` + bookStrikes + ` END AS INTEGER))`
	bookPause   = `(CASE WHEN ` + bookDoubled + ` > excluded.pause_max THEN excluded.pause_max ELSE ` + bookDoubled + ` END)`

	limitColumns = `key, count, allowed, per, pause, pause_max, strikes, consecutive, window_at, blocked_until, admitted, expires_at`

	bookUpdate = ` ON CONFLICT (key) DO UPDATE SET
	count = CASE WHEN ` + bookRefused + ` THEN limits.count ELSE ` + bookBefore + ` + 1 END,
	allowed = excluded.allowed, per = excluded.per, pause = excluded.pause, pause_max = excluded.pause_max,
	strikes = ` + bookStrikes + ` + CASE WHEN ` + bookFills + ` THEN 1 ELSE 0 END,
	consecutive = CASE WHEN ` + bookRefused + ` THEN limits.consecutive WHEN ` + bookForgot + ` THEN 1 ELSE limits.consecutive + 1 END,
	window_at = ` + bookWindow + `,
	blocked_until = CASE
		WHEN ` + bookPaused + ` THEN limits.blocked_until
		WHEN ` + bookRefused + ` THEN limits.window_at + excluded.per
		WHEN NOT ` + bookFills + ` THEN 0
		WHEN excluded.pause > 0 THEN excluded.window_at + ` + bookPause + `
		ELSE ` + bookWindow + ` + excluded.per END,
	admitted = NOT ` + bookRefused + `,
	expires_at = CASE WHEN ` + bookRefused + ` THEN limits.expires_at ELSE excluded.expires_at END`
)

// bookStatement is one statement for all bookings. Late ones are only looked
// at: many people share them.
func bookStatement(bookings []limit.Booking, now time.Time) (string, []any) {
	var rows []string
	var late, args []any
	// Everybody locks rows in the order of their keys.
	sorted := slices.SortedFunc(slices.Values(bookings), func(a, b limit.Booking) int { return cmp.Compare(a.Key, b.Key) })
	for _, b := range sorted {
		if b.Late {
			late = append(late, b.Key)
			continue
		}
		// What the statement does to a row that was never there, or [limit.State{}].
		strikes, blocked := 0, int64(0)
		if b.Allowed <= 1 && !b.Watch {
			wait := b.Per
			if b.Pause > 0 {
				wait = b.Pause
			}
			strikes, blocked = 1, micros(now.Add(wait))
		}
		expires := now.Add(max(b.Per, b.PauseMax) + b.Memory())
		rows = append(rows, "("+marks(len(args), 12)+")")
		args = append(args, b.Key, 1, b.Allowed, b.Per.Microseconds(), b.Pause.Microseconds(), b.PauseMax.Microseconds(),
			strikes, 1, micros(now), blocked, !b.Watch, micros(expires))
	}
	lateUntil, lateKey := "0", "''"
	if len(late) > 0 {
		among := `FROM limits l WHERE l.key IN (` + marks(len(args), len(late)) + `)`
		lateUntil = `COALESCE((SELECT max(l.blocked_until) ` + among + `), 0)`
		lateKey = `COALESCE((SELECT l.key ` + among + ` ORDER BY l.blocked_until DESC LIMIT 1), '')`
		args = append(args, late...)
	}
	switch {
	case len(rows) > 0:
		return `INSERT INTO limits (` + limitColumns + `) VALUES ` + strings.Join(rows, ", ") + bookUpdate +
			` RETURNING key, admitted, count, consecutive, blocked_until, ` + lateUntil + `, ` + lateKey, args
	case len(late) > 0:
		return `SELECT '', TRUE, 0, 0, 0, ` + lateUntil + `, ` + lateKey, args
	}
	return "", nil
}

// refund is the statement that gives attempts back, as a rider; alone its
// {guard} is TRUE. It is an upsert because that locks rows in the order given.
// Of what it brings, per is how many attempts, and pause that all is forgotten.
// A row that it has to make is removed with the expired ones.
func refund(back []limit.Back, now time.Time) rider {
	var rows []string
	args := []any{micros(now)}
	for _, b := range slices.SortedFunc(slices.Values(back), func(a, b limit.Back) int { return cmp.Compare(a.Key, b.Key) }) {
		reset := 0
		if b.Reset {
			reset = 1
		}
		rows = append(rows, fmt.Sprintf("($%d, %d, %d)", len(args)+1, b.By, reset))
		args = append(args, b.Key)
	}
	return alsoRun(`INSERT INTO limits (`+limitColumns+`)
	SELECT column1, 0, 1, column2, column3, 0, 0, 0, 0, 0, TRUE, CAST($1 AS BIGINT)
	FROM (VALUES `+strings.Join(rows, ", ")+`) AS given WHERE {guard} ON CONFLICT (key) DO UPDATE SET
	count = CASE WHEN excluded.pause > 0 OR limits.count < excluded.per THEN 0 ELSE limits.count - excluded.per END,
	consecutive = CASE WHEN excluded.pause > 0 OR limits.consecutive < excluded.per THEN 0 ELSE limits.consecutive - excluded.per END,
	strikes = CASE WHEN excluded.pause > 0 THEN 0 WHEN `+refundFrees+` AND limits.strikes > 0 THEN limits.strikes - 1 ELSE limits.strikes END,
	window_at = CASE WHEN excluded.pause > 0 THEN 0 ELSE limits.window_at END,
	blocked_until = CASE WHEN excluded.pause > 0 OR `+refundFrees+` THEN 0 ELSE limits.blocked_until END,
	expires_at = CASE WHEN excluded.pause > 0 THEN excluded.expires_at ELSE limits.expires_at END`, args...)
}

// refundFrees tells that a refusal was due to what is given back.
const refundFrees = `(limits.blocked_until > 0 AND limits.count - excluded.per < limits.allowed)`
