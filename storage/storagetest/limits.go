package storagetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stile/audit"
	"stile/limit"
	"stile/storage"
)

var limitPromises = []promise{
	{"TestI03_ParallelTriesAreCountedEach", parallelTries},
	{"TestI03_ManyKeysInAnyOrder", crossedTries},
	{"TestLimitsFollowTheModel", limitsModel},
	{"TestLimitsAreForgotten", limitsForgotten},
	{"TestLimitsRefusedAttemptCountsNowhere", refusedCountsNowhere},
	{"TestLimitsLateBookingsOnlyLook", lateBookings},
}

// booking is one of the figure that text says.
func booking(key, text string) limit.Booking {
	b := limit.Booking{Key: key, Name: limit.NameOf(key), Success: limit.Reset}
	if err := b.UnmarshalText([]byte(text)); err != nil {
		panic(err) // a fault of the test
	}
	return b
}

// parallelTries fires 64 tries at two replicas when few are left.
func parallelTries(t *testing.T, e Engine) {
	dbs, clock := e.openTwice(t)
	const n, allowed = 64, 5
	for round := range 4 {
		key := fmt.Sprintf("totp|user|%d", round)
		bookings := []limit.Booking{booking(key, "5 in 15m, pause 15m to 24h, 50 in a row"), booking("other|"+key, "60 in 10m")}
		errs := together(n, dbs, func(_ int, db *storage.DB) error { return second(db.BookAttempts(t.Context(), bookings)) })
		admitted := 0
		for _, err := range errs {
			var limited storage.LimitedError
			switch {
			case err == nil:
				admitted++
			case !errors.As(err, &limited):
				t.Error(err)
			case !limited.Until.Equal(clock.Now().Add(15*time.Minute)) || limited.Key != key:
				t.Errorf("refused until %v for %q", limited.Until, limited.Key)
			}
		}
		if admitted != allowed {
			t.Errorf("round %d: %d tries were admitted, want %d", round, admitted, allowed)
		}
	}
}

// crossedTries books the same keys in all orders, and gives them back, which
// would lock each other out if rows were not locked in one order.
func crossedTries(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	dbs, raw := [2]*storage.DB{Open(t, url, clock.Now), Open(t, url, clock.Now)}, Raw(t, url)
	errs := together(48, dbs, func(i int, db *storage.DB) error {
		var bookings []limit.Booking
		for k := range 4 {
			bookings = append(bookings, booking(fmt.Sprintf("password|%d", (i+k)%4), "1000 in 15m"))
		}
		if i%3 == 0 {
			slices.Reverse(bookings)
		}
		if _, err := db.BookAttempts(t.Context(), bookings); err != nil {
			return err
		}
		return db.RefundAttempts(t.Context(), limit.Undo(bookings))
	})
	must(t, errors.Join(errs...))
	// All were given back: none is in the way of three more.
	for n := range 3 {
		if _, err := dbs[0].BookAttempts(t.Context(), []limit.Booking{booking("password|0", "3 in 15m")}); err != nil {
			t.Errorf("after all were given back, try %d: %v", n, err)
		}
	}
	if dbs[0].Embedded() {
		return
	}
	// Nor did the database have to break a deadlock: a second try would hide it.
	// It counts when a connection ends.
	for _, db := range dbs {
		must(t, db.Close())
	}
	for left := 1; left > 0; {
		must(t, raw.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stile'`).Scan(&left))
	}
	var deadlocks int
	must(t, raw.QueryRow(`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`).Scan(&deadlocks))
	if deadlocks > 0 {
		t.Errorf("%d deadlocks", deadlocks)
	}
}

// limitsModel plays random histories, and compares each row with what the rule
// in Go says of it.
func limitsModel(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		b := booking(fmt.Sprintf("totp|model|%d", run), "1 in 1m")
		b.Allowed = rapid.IntRange(1, 4).Draw(rt, "allowed")
		b.Per = rapid.SampledFrom([]time.Duration{30 * time.Second, 15 * time.Minute}).Draw(rt, "per")
		if rapid.Bool().Draw(rt, "pauses") {
			b.Pause, b.PauseMax = time.Minute, 10*time.Minute
		}
		b.InARow = rapid.SampledFrom([]int{3, 50}).Draw(rt, "in a row") // with one, a count is remembered for long
		var model limit.State
		for range rapid.IntRange(1, 25).Draw(rt, "acts") {
			clock.Move(rapid.SampledFrom([]time.Duration{0, time.Second, 30 * time.Second, time.Minute, 15 * time.Minute}).Draw(rt, "wait"))
			act := rapid.SampledFrom([]string{"book", "book", "book", "watch", "back", "reset"}).Draw(rt, "act")
			switch act {
			case "book", "watch":
				try := b
				try.Watch = act == "watch"
				want, admitted, reached := model.Book(try, clock.Now())
				names, err := db.BookAttempts(ctx, []limit.Booking{try})
				var limited storage.LimitedError
				if refused := errors.As(err, &limited); refused == admitted || err != nil && !refused {
					rt.Fatalf("%s: %v, want admitted %v", act, err, admitted)
				}
				if !admitted && !limited.Until.Equal(want.Until) {
					rt.Fatalf("refused until %v, want %v", limited.Until, want.Until)
				}
				if admitted && len(names) == 1 != reached {
					rt.Fatalf("%s reached %v, want %v", act, names, reached)
				}
				model = want
			case "back":
				must(t, db.RefundAttempts(ctx, limit.Undo([]limit.Booking{b})))
				model = model.Back(limit.Back{Key: b.Key, By: 1}, b.Allowed)
			case "reset":
				must(t, db.RefundAttempts(ctx, limit.Success([]limit.Booking{b})))
				model = model.Back(limit.Back{Key: b.Key, Reset: true}, b.Allowed)
			}
			if row := stored(t, ctx, raw, b.Key); row != plain(model) {
				rt.Fatalf("after %s the row is %+v, want %+v", act, row, plain(model))
			}
		}
	})
}

// count is a [limit.State] that can be compared.
type count struct{ count, strikes, inARow, window, until int64 }

func plain(s limit.State) count {
	c := count{count: int64(s.Count), strikes: int64(s.Strikes), inARow: int64(s.InARow)}
	if !s.Window.IsZero() {
		c.window = s.Window.UnixMicro()
	}
	if !s.Until.IsZero() {
		c.until = s.Until.UnixMicro()
	}
	return c
}

func stored(t *testing.T, ctx context.Context, raw *sql.DB, key string) (c count) {
	t.Helper()
	err := raw.QueryRowContext(ctx, `SELECT count, strikes, consecutive, window_at, blocked_until FROM limits WHERE key = $1`, key).
		Scan(&c.count, &c.strikes, &c.inARow, &c.window, &c.until)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	return c
}

// limitsForgotten: pauses and tries in a row are remembered for long, not for ever.
func limitsForgotten(t *testing.T, e Engine) {
	db, clock := e.open(t)
	b := []limit.Booking{booking("totp|user", "1 in 1m, pause 1m to 1h, 3 in a row")}
	wait := func() time.Duration {
		t.Helper()
		var limited storage.LimitedError
		must(t, second(db.BookAttempts(t.Context(), b)))
		if err := second(db.BookAttempts(t.Context(), b)); !errors.As(err, &limited) {
			t.Fatalf("a second try: %v", err)
		}
		return limited.Until.Sub(clock.Now())
	}
	for n, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		if w := wait(); w != want {
			t.Errorf("pause %d is %v, want %v", n, w, want)
		}
		clock.Move(want)
	}
	clock.Move(20 * 24 * time.Hour)
	if w := wait(); w != 8*time.Minute {
		t.Errorf("after 20 days the pause is %v, want 8m", w)
	}
	clock.Move(60 * 24 * time.Hour)
	if w := wait(); w != time.Minute {
		t.Errorf("after 60 more days the pause is %v, want 1m", w)
	}
	if reached, err := db.BookAttempts(t.Context(), []limit.Booking{booking("totp|other", "9 in 1m, 1 in a row")}); err != nil || len(reached) != 1 {
		t.Errorf("a figure of one in a row: reached %v, %v", reached, err)
	}
}

func refusedCountsNowhere(t *testing.T, e Engine) {
	db, clock := e.open(t)
	gap, hour := booking("email_sent_gap|u", "1 in 30s"), booking("email_sent_hour|u", "5 in 1h")
	both := []limit.Booking{gap, hour}
	for n := range 5 {
		must(t, second(db.BookAttempts(t.Context(), both)))
		for range 3 { // an impatient user costs himself nothing
			if err := second(db.BookAttempts(t.Context(), both)); err == nil {
				t.Fatalf("message %d: another at the same instant", n)
			}
		}
		clock.Move(30 * time.Second)
	}
	var limited storage.LimitedError
	err := second(db.BookAttempts(t.Context(), both))
	if !errors.As(err, &limited) || limited.Key != hour.Key {
		t.Errorf("the sixth in an hour: %v for %q", err, limited.Key)
	}
}

func lateBookings(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	figures := limit.Defaults()
	stranger := limit.Visitor{Network: netip.MustParseAddr("192.0.2.1")}
	attempt := func(user string) ([]limit.Booking, error) {
		b := figures.BookPassword(user, stranger)
		return b, second(db.BookAttempts(t.Context(), b))
	}
	// A company comes to work: right passwords write nothing to the shared counts.
	for n := range 50 {
		b, err := attempt(fmt.Sprintf("colleague-%d", n))
		must(t, err)
		must(t, db.RefundAttempts(t.Context(), limit.Success(b)))
	}
	var rows int
	must(t, raw.QueryRow(`SELECT count(*) FROM limits WHERE key LIKE 'network%' AND count > 0`).Scan(&rows))
	if rows != 0 {
		t.Errorf("right passwords counted in %d rows of the network", rows)
	}
	// Wrong ones do, until the network is refused.
	failed := 0
	for n := range 40 {
		b, err := attempt(fmt.Sprintf("victim-%d", n))
		var limited storage.LimitedError
		if errors.As(err, &limited) {
			if limit.NameOf(limited.Key) != "network" {
				t.Errorf("refused for %q", limited.Key)
			}
			break
		}
		must(t, err)
		must(t, db.Record(t.Context(), audit.Event{Kind: audit.SignInFailed, Outcome: audit.Refused}, limit.Failure(b)...))
		failed++
	}
	if failed != figures.Network.Allowed {
		t.Errorf("%d failures from one network were heard, want %d", failed, figures.Network.Allowed)
	}
	// Late bookings alone are looked at, too.
	late := figures.BookPassword("x", stranger)
	late = slices.DeleteFunc(late, func(b limit.Booking) bool { return !b.Late })
	if err := second(db.BookAttempts(t.Context(), late)); err == nil {
		t.Error("late bookings alone are not refused")
	}
	if n := len(events(t, db, storage.EventFilter{Kind: audit.SignInFailed})); n != failed {
		t.Errorf("%d lines for %d failures", n, failed)
	}
}
