package storagetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stile/storage"
)

var announcementPromises = []promise{
	{"TestSwitchIsAnnouncedToWhoHasToEnrol", announced},
	{"TestAnnouncementBySeveralAtOnce", announcedTogether},
	{"TestAnnouncementGoesOnAfterAFailure", announcementBroken},
}

// notice is the message of a test's announcement.
func notice(u storage.UserRow, a storage.Account, p storage.Policy) storage.Mail {
	when := "now"
	if !p.From.IsZero() {
		when = p.From.Format(time.DateOnly)
	}
	return storage.Mail{Kind: "two-step-announced", To: u.User.Email, Data: map[string]string{"account": a.Name, "from": when}}
}

// announce calls AnnounceNext until there is nothing left.
func announce(ctx context.Context, db *storage.DB, n int) error {
	for range 100 {
		if done, err := db.AnnounceNext(ctx, n, notice); done || err != nil {
			return err
		}
	}
	return errors.New("the announcement has no end")
}

// told empties the outbox and lists who was written to, with the date.
func told(t testing.TB, db *storage.DB) string {
	t.Helper()
	var list []string
	for _, m := range got(db.LeaseMail(t.Context(), 10_000, time.Minute))(t) {
		local, _, _ := strings.Cut(m.To, ".")
		list = append(list, local+" "+m.Data["from"])
		must(t, db.MailSent(t.Context(), m.ID))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func announced(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	a, b := newStaff(t, db, raw, clock, "A"), newStaff(t, db, raw, clock, "B")
	update := func(change func(*storage.Policy)) {
		t.Helper()
		must(t, second(db.UpdatePolicy(ctx, a.ID, func(s storage.AccountState) (storage.Policy, error) { change(&s.Policy); return s.Policy, nil }, By)))
	}
	expect := func(what, want string) {
		t.Helper()
		must(t, announce(ctx, db, 2))
		if got := told(t, db); got != want {
			t.Errorf("%s: told are %q, want %q", what, got, want)
		}
	}
	later := clock.Now().Add(48 * time.Hour)
	date := " " + later.Format(time.DateOnly)

	expect("nothing has changed", "")
	update(func(p *storage.Policy) { p.WaiveFirst = true })
	expect("another setting", "")
	update(func(p *storage.Policy) { p.TwoStep, p.Products, p.From = true, []string{a.desk.ID}, later })
	expect("scheduled for the holders", "new_desk"+date)
	expect("told once", "")
	update(func(p *storage.Policy) { p.WaiveFirst = false })
	expect("another setting while it is to come", "")
	update(func(p *storage.Policy) { p.Products = nil })
	expect("for everyone", "new"+date+", new_desk"+date)
	update(func(p *storage.Policy) { p.From = later.Add(-24 * time.Hour) })
	expect("sooner", "new 2026-03-05, new_desk 2026-03-05")
	clock.Move(72 * time.Hour)
	update(func(p *storage.Policy) { p.Products = []string{a.desk.ID} })
	expect("for fewer, now that it holds", "")
	update(func(p *storage.Policy) { p.TwoStep = false })
	update(func(p *storage.Policy) { p.TwoStep = true })
	update(func(p *storage.Policy) { p.TwoStep = false })
	expect("on and off again", "")

	// A change in the middle goes on where it was; a suspended account waits.
	update(func(p *storage.Policy) { p.TwoStep, p.Products = true, nil })
	must(t, second(db.AnnounceNext(ctx, 2, notice)))
	first := told(t, db)
	update(func(p *storage.Policy) { p.WaiveFirst = true })
	now := clock.Now()
	suspend := func(at *time.Time) {
		t.Helper()
		must(t, second(db.UpdateAccount(ctx, a.ID, func(x *storage.Account) error { x.SuspendedAt = at; return nil }, By)))
	}
	suspend(&now)
	expect("suspended", "")
	suspend(nil)
	must(t, announce(ctx, db, 2))
	all := strings.Split(strings.Trim(first+", "+told(t, db), ", "), ", ")
	if slices.Sort(all); !slices.Equal(all, []string{"new now", "new_desk now"}) {
		t.Errorf("in two parts, told are %v", all)
	}

	// What an older program wrote over is dropped.
	must(t, second(db.UpdatePolicy(ctx, b.ID, require, By)))
	must(t, second(raw.Exec(`UPDATE policies SET version = version + 1 WHERE account_id = $1`, b.ID)))
	expect("of an older version", "")
	var left int
	must(t, raw.QueryRow(`SELECT count(*) FROM announcements WHERE done_at IS NULL`).Scan(&left))
	if left != 0 {
		t.Errorf("%d announcements are left", left)
	}
	must(t, db.DeleteAccount(ctx, a.ID, By))
}

func announcedTogether(t *testing.T, e Engine) {
	dbs, _ := e.openTwice(t)
	ctx := t.Context()
	a := account(t, dbs[0], "A")
	const n = 60
	want := map[string]int{}
	for i := range n {
		want[member(t, dbs[0], a, fmt.Sprintf("u%02d@example.com", i)).Email] = 1
	}
	must(t, second(dbs[0].UpdatePolicy(ctx, a.ID, require, By)))
	errs := together(6, dbs, func(_ int, db *storage.DB) error { return announce(ctx, db, 7) })
	must(t, errors.Join(errs...))
	had := map[string]int{}
	for _, m := range got(dbs[1].LeaseMail(ctx, 1000, time.Minute))(t) {
		had[m.To]++
	}
	if !maps.Equal(had, want) {
		t.Errorf("told are %v", had)
	}
}

// announcementBroken breaks a batch off in its middle, after some messages were
// made: none of them is queued, and all of them later.
func announcementBroken(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	a := account(t, db, "A")
	for i := range 5 {
		member(t, db, a, fmt.Sprintf("u%d.x@example.com", i))
	}
	must(t, second(db.UpdatePolicy(ctx, a.ID, require, By)))
	broken, cancel := context.WithCancel(ctx)
	var once sync.Once
	_, err := db.AnnounceNext(broken, 5, func(u storage.UserRow, a storage.Account, p storage.Policy) storage.Mail {
		once.Do(cancel)
		return notice(u, a, p)
	})
	if err == nil {
		t.Fatal("nothing was broken off")
	}
	if list := told(t, db); list != "" {
		t.Errorf("of a batch that was broken off, told are %s", list)
	}
	must(t, announce(ctx, db, 2))
	if list := told(t, db); list != "u0 now, u1 now, u2 now, u3 now, u4 now" {
		t.Errorf("afterwards told are %s", list)
	}
}
