package storagetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

// counted are the keys that sign-ins are counted under.
var counted = []string{
	storage.CountCode, storage.CountSession, storage.CountTrusted, storage.CountNotRequired, storage.CountRefusedPassword, storage.CountRefusedCode,
	storage.CountGivenUp,
}

var seriesPromises = []promise{
	{"TestSignInsByDay", signInsByDay},
	{"TestEnrolmentByDay", enrolmentByDay},
	{"TestEventsOfSeveralKinds", severalKinds},
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	return got(time.LoadLocation(name))(t)
}

func signInsByDay(t *testing.T, e Engine) {
	db, clock := e.open(t)
	ctx := t.Context()
	record := func(accountID string, at time.Time, kind audit.Kind, reason string) {
		t.Helper()
		clock.Move(at.Sub(clock.Now()))
		must(t, db.Record(ctx, audit.Event{Kind: kind, AccountID: accountID, Reason: reason}))
	}
	kathmandu := zone(t, "Asia/Kathmandu") // 5:45 ahead
	midnight := time.Date(2026, 3, 5, 0, 0, 0, 0, kathmandu)
	last := midnight.Add(-time.Microsecond)
	record("a", midnight.Add(-30*time.Hour), audit.SignInSucceeded, "not_required") // the day before the first
	record("a", last, audit.SignInSucceeded, "proven")
	record("a", last, audit.SignInSucceeded, "proven")
	record("b", last, audit.SignInSucceeded, "proven") // another account
	record("a", last, audit.SignInFailed, "wrong_password")
	record("a", last, audit.GrantIssued, "")
	record("a", midnight, audit.SignInSucceeded, "already_proven")
	record("a", midnight, audit.SignInSucceeded, "not_required")
	record("a", midnight, audit.SignInSucceeded, "trusted_browser")
	for _, reason := range []string{"totp", "recovery", "email_code", "setup_code"} {
		record("a", midnight.Add(23*time.Hour+59*time.Minute), audit.ProofRefused, reason)
	}
	record("a", midnight.Add(23*time.Hour+59*time.Minute), audit.SignInGivenUp, "")
	until := midnight.Add(60 * time.Hour)
	record("a", until.Add(-time.Microsecond), audit.SignInFailed, "switched_off")
	record("a", until, audit.SignInFailed, "wrong_password")

	series := got(db.SignInsByDay(ctx, "a", midnight.Add(-20*time.Hour), until, kathmandu))(t)
	var lines []string
	for _, d := range series {
		line := d.Day.Format("02 15:04")
		for _, key := range slices.Sorted(maps.Keys(d.Counts)) {
			line += fmt.Sprintf(" %s %d", key, d.Counts[key])
			if !slices.Contains(counted, key) {
				t.Errorf("the key %q is not among those that there are", key)
			}
		}
		lines = append(lines, line)
	}
	want := []string{
		"04 00:00 code 2 refused_password 1",
		"05 00:00 already_proven 1 given_up 1 not_required 1 refused_code 4 trusted_browser 1",
		"06 00:00",
		"07 00:00 refused_password 1",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("by day:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if series := got(db.SignInsByDay(ctx, "a", until, until, nil))(t); len(series) != 0 {
		t.Errorf("of no time at all: %v", series)
	}
	if _, err := db.SignInsByDay(ctx, "a", time.Time{}, until, nil); err == nil {
		t.Error("two thousand years are counted")
	}
	// The day on which the clocks go forward has 23 hours, and is one day.
	series = got(db.SignInsByDay(ctx, "a", time.Date(2026, 3, 28, 0, 0, 0, 0, zone(t, "Europe/Berlin")),
		time.Date(2026, 3, 31, 0, 0, 0, 0, zone(t, "Europe/Berlin")), zone(t, "Europe/Berlin")))(t)
	if len(series) != 3 || series[2].Day.Sub(series[1].Day) != 23*time.Hour {
		t.Errorf("around the change of clocks: %v", series)
	}
}

func enrolmentByDay(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	a, b := newStaff(t, db, raw, clock, "A"), newStaff(t, db, raw, clock, "B")
	must(t, second(raw.Exec(`DELETE FROM authenticators`)))
	noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	n := 0
	has := func(u storage.User, kind string, from time.Time, to *time.Time) {
		t.Helper()
		n++
		state, ended := "active", any(nil)
		if to != nil {
			state, ended = "replaced", to.UnixMicro()
		}
		must(t, second(raw.Exec(`INSERT INTO authenticators (id, account_id, user_id, kind, state, data, last_step, created_at, ended_at)
			VALUES ($1, $2, $3, $4, $5, '', 0, $6, $7)`, fmt.Sprint(n), u.AccountID, u.ID, kind, state, from.UnixMicro(), ended)))
	}
	day := func(d int) time.Time { return noon.AddDate(0, 0, d) }
	replaced, gone := day(1), day(3)
	has(a.users["new"], "totp", day(-40), &replaced) // before the first day, replaced later
	has(a.users["new"], "totp", replaced, nil)
	has(a.users["new"], "recovery", replaced, nil)
	has(a.users["enrolled"], "totp", day(1), &gone)
	has(a.users["new_desk"], "totp", day(2), nil)
	has(b.users["new"], "totp", day(0), nil)
	// Several at a time are one person, from the first to the last.
	both, last := day(2), day(3)
	has(a.users["enrolled_desk"], "passkey", day(0), &both)
	has(a.users["enrolled_desk"], "totp", day(1), &last)
	has(a.users["enrolled_desk"], "passkey", day(1), &last)
	has(a.users["enrolled_desk"], "passkey", day(4).Add(-time.Hour), nil)
	has(a.users["new_desk"], "passkey", day(3), nil)
	var counts []int
	for _, d := range got(db.EnrolmentByDay(ctx, a.ID, noon, day(4), time.UTC))(t) {
		counts = append(counts, d.Enrolled)
	}
	if want := []int{2, 3, 4, 2, 3}; !slices.Equal(counts, want) {
		t.Errorf("enrolled by day: %v, want %v", counts, want)
	}
}

func severalKinds(t *testing.T, e Engine) {
	db, clock := e.open(t)
	ctx := t.Context()
	start := clock.Now()
	for i, k := range []audit.Kind{audit.SignInFailed, audit.ProofRefused, audit.SignInSucceeded, audit.SignInFailed} {
		must(t, db.Record(ctx, audit.Event{Kind: k, AccountID: "a", Reason: fmt.Sprint(i)}))
		clock.Move(100 * time.Microsecond) // ids within a millisecond are in no order
	}
	list := func(f storage.EventFilter) string {
		t.Helper()
		f.AccountID = "a"
		found := events(t, db, f)
		slices.Sort(found)
		return strings.Join(found, ", ")
	}
	kinds := []audit.Kind{audit.ProofRefused, audit.SignInFailed}
	if found := list(storage.EventFilter{Kinds: kinds}); found != "proof.refused 1, sign_in.failed 0, sign_in.failed 3" {
		t.Error(found)
	}
	f := storage.EventFilter{Kinds: kinds, Since: start.Add(100 * time.Microsecond), Until: start.Add(300 * time.Microsecond)}
	if found := list(f); found != "proof.refused 1" {
		t.Error(found)
	}
}
