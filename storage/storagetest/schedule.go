package storagetest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"stile/device"
	"stile/storage"
)

var schedulePromises = []promise{
	{"TestL01_SwitchThatIsScheduled", scheduled},
	{"TestN03_ScheduledSwitchLooksAtTheGroupsWhenItIsMade", scheduledGate},
}

// from switches two-step verification on from a time.
func from(at time.Time) func(storage.AccountState) (storage.Policy, error) {
	return func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.TwoStep, s.Policy.From = true, at
		return s.Policy, nil
	}
}

// scheduled goes through what may become of a switch with a date.
func scheduled(t *testing.T, e Engine) {
	db, clock := e.open(t)
	ctx := t.Context()
	u := person(t, db, "agent@example.com")
	start := clock.Now()
	look := func(when string, holds bool, from time.Time) {
		t.Helper()
		p := got(db.PersonByID(ctx, u.ID))(t).Policy
		if p.TwoStep != holds || !holds && !p.From.Equal(from) || holds && !p.From.IsZero() {
			t.Errorf("%s: a person's policy has two-step %v from %v", when, p.TwoStep, p.From)
		}
		stored := got(db.AccountState(ctx, u.AccountID))(t).Policy
		if !stored.From.Equal(from) || from.IsZero() && stored.TwoStep != holds || !from.IsZero() && !stored.TwoStep {
			t.Errorf("%s: stored is two-step %v from %v", when, stored.TwoStep, stored.From)
		}
	}
	update := func(decide func(storage.AccountState) (storage.Policy, error)) storage.Policy {
		t.Helper()
		return got(db.UpdatePolicy(ctx, u.AccountID, decide, By))(t)
	}
	off := func(s storage.AccountState) (storage.Policy, error) { s.Policy.TwoStep = false; return s.Policy, nil }
	waive := func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.WaiveFirst = !s.Policy.WaiveFirst
		return s.Policy, nil
	}

	for what, at := range map[string]time.Time{"later than in a year": start.AddDate(1, 0, 1)} {
		if _, err := db.UpdatePolicy(ctx, u.AccountID, from(at), By); err == nil || !strings.Contains(err.Error(), "within a year") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := db.UpdatePolicy(ctx, u.AccountID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.From = start.Add(time.Hour)
		return s.Policy, nil
	}, By); err == nil || !strings.Contains(err.Error(), "a date needs two-step") {
		t.Errorf("a date without a switch: %v", err)
	}
	look("before", false, time.Time{})

	later := start.Add(time.Hour)
	update(from(later))
	look("scheduled", false, later)
	update(waive)
	look("changed otherwise", false, later)
	update(off)
	look("called off", false, time.Time{})
	update(from(later))
	update(from(later.Add(time.Hour)))
	look("put off", false, later.Add(time.Hour))
	update(from(later))
	clock.Move(time.Hour - time.Microsecond)
	look("just before", false, later)
	clock.Move(time.Microsecond)
	if p := got(db.PersonByID(ctx, u.ID))(t).Policy; !p.TwoStep || !p.From.IsZero() {
		t.Errorf("at the instant: %+v", p)
	}
	clock.Move(time.Hour)
	if p := update(waive); !p.From.IsZero() || !p.TwoStep {
		t.Errorf("a change of what holds: %+v", p)
	}
	look("holds", true, time.Time{})
	// What holds can't be put off: that would open what it has closed.
	if p := update(from(clock.Now().Add(time.Hour))); !p.From.IsZero() {
		t.Errorf("what holds was put off: %+v", p)
	}
	look("still holds", true, time.Time{})
	update(off)
	look("off", false, time.Time{})
	if p := update(from(clock.Now().Add(-time.Hour))); !p.From.IsZero() {
		t.Errorf("a date that has passed is kept: %v", p.From)
	}
	look("on at once", true, time.Time{})

	// What an older program or an outside tool reads and writes.
	text, _ := json.Marshal(storage.Policy{})
	if strings.Contains(string(text), "from") {
		t.Errorf("without a date it is stored as %s", text)
	}
}

func scheduledGate(t *testing.T, e Engine) {
	db, clock := e.open(t)
	ctx := t.Context()
	a, office := gated(t, db, "A", version("4.2", 1570))
	later := clock.Now().Add(24 * time.Hour)
	var below device.BelowError
	if _, err := db.UpdatePolicy(ctx, a.ID, from(later), By); !errors.As(err, &below) || len(below.Groups) != 1 {
		t.Fatalf("scheduled with a group below: %v", err)
	}
	lift := func(v device.Version) {
		t.Helper()
		must(t, second(db.UpdateDeviceGroup(ctx, a.ID, office.ID, func(g *storage.DeviceGroup) error { g.Has = v; return nil }, By)))
	}
	lift(version("4.3", 1575))
	must(t, second(db.UpdatePolicy(ctx, a.ID, from(later), By)))
	lift(version("4.2", 1570)) // afterwards it may fall
	if _, err := db.UpdatePolicy(ctx, a.ID, from(later.Add(-time.Hour)), By); !errors.As(err, &below) {
		t.Errorf("another date with a group below: %v", err)
	}
	if _, err := db.UpdatePolicy(ctx, a.ID, from(time.Time{}), By); !errors.As(err, &below) {
		t.Errorf("on at once with a group below: %v", err)
	}
	must(t, second(db.UpdatePolicy(ctx, a.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.WaiveFirst = true
		return s.Policy, nil
	}, By)))
	clock.Move(25 * time.Hour)
	if p := got(db.PersonByID(ctx, member(t, db, a, "u@example.com").ID))(t); !p.Policy.TwoStep {
		t.Error("a group that fell afterwards holds the switch up")
	}
}
