package storagetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"stile/limit"
	"stile/storage"
)

func inviteAll(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	a, b := account(t, db, "A"), account(t, db, "B")
	for what, bad := range map[string]func(*storage.InvitationToSend){
		"listed twice":       func(i *storage.InvitationToSend) { i.Email = "first@example.com" },
		"other account":      func(i *storage.InvitationToSend) { i.AccountID = b.ID },
		"not canonical":      func(i *storage.InvitationToSend) { i.Email = "Second@example.com" },
		"unknown role":       func(i *storage.InvitationToSend) { i.Roles = []string{"owner"} },
		"unknown zone":       func(i *storage.InvitationToSend) { i.TimeZone = "Mars" },
		"no product of ours": func(i *storage.InvitationToSend) { i.Products = []string{"none"} },
		"without a link":     func(i *storage.InvitationToSend) { i.LinkHash = "" },
		"somebody's link":    func(i *storage.InvitationToSend) { i.LinkHash = "first" },
		"bidi in the name":   func(i *storage.InvitationToSend) { i.Name = "a\u202eb" },
	} {
		list := []storage.InvitationToSend{invited(a, "first@example.com", "first"), invited(a, "second@example.com", "second")}
		bad(&list[1])
		if err := db.Invite(ctx, list, By); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	if open := got(db.Invitations(ctx, a.ID, "", 10))(t); len(open) != 0 {
		t.Errorf("half of a list stands: %+v", open)
	}
	if n := got(db.OutboxLength(ctx))(t); n != 0 {
		t.Errorf("%d messages about nothing", n)
	}
	must(t, db.Invite(ctx, nil, By))
	if err := db.Invite(ctx, []storage.InvitationToSend{invited(storage.Account{ID: "none"}, "x@example.com", "x")}, By); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("an account that isn't there: %v", err)
	}
}

// crowdSpread proves that somebody's code doesn't wait behind a crowd.
func crowdSpread(t *testing.T, e Engine) {
	db, clock := e.open(t)
	ctx := t.Context()
	u := person(t, db, "agent@example.com")
	a := account(t, db, "A")
	var list []storage.InvitationToSend
	for n := range 1000 {
		list = append(list, invited(a, fmt.Sprintf("u%d@example.com", n), fmt.Sprint(n)))
	}
	before := db.Statements()
	must(t, db.Invite(ctx, list, By))
	if sent := db.Statements() - before; sent > 150 {
		t.Errorf("a thousand invitations take %d statements", sent)
	}
	clock.Move(time.Second)
	must(t, enqueue(t, db, u, "code"))
	due := got(db.LeaseMail(ctx, 1000, time.Minute))(t)
	if len(due) != 21 || due[len(due)-1].Kind != "code" {
		t.Errorf("%d messages are due, the last one is %q", len(due), due[len(due)-1].Kind)
	}
}

// invitationsPaced proves that an account sends no more than its figure says, in
// however many lists, and that nobody else waits for it.
func invitationsPaced(t *testing.T, e Engine) {
	clock, url, ctx := NewClock(), e.Fresh(t), t.Context()
	few := limit.Defaults()
	few.EmailSentAccount = limit.Figure{Allowed: 20, Per: time.Hour}
	var dbs [2]*storage.DB
	for n := range dbs {
		var err error
		dbs[n], err = storage.Open(ctx, url, storage.Options{Ring: Ring(), Now: clock.Now, Limits: few})
		must(t, err)
		t.Cleanup(func() { _ = dbs[n].Close() })
	}
	db := dbs[0]
	must(t, db.Migrate(ctx))
	a, other := account(t, db, "A"), account(t, db, "Other")
	invite := func(a storage.Account, name string, n int) error {
		var list []storage.InvitationToSend
		for i := range n {
			to := invited(a, fmt.Sprintf("%s%d@example.com", name, i), fmt.Sprint(name, i))
			to.Mail.Data = map[string]string{"account": a.Name}
			list = append(list, to)
		}
		return db.Invite(ctx, list, By)
	}
	sent := 0
	errs := together(10, dbs, func(i int, db *storage.DB) error { return invite(a, fmt.Sprintf("list%d-", i), 4) })
	must(t, errors.Join(errs...))
	for hour := 1; hour <= 3; hour++ {
		for range 12 {
			for _, m := range got(db.LeaseMail(ctx, 1000, time.Minute))(t) {
				i, _, err := db.InvitationByLink(ctx, strings.TrimSuffix(m.To, "@example.com"), mayInvite)
				must(t, err)
				if late := clock.Now().Sub(i.DueAt()); late < 0 || late >= 5*time.Minute || !i.ExpiresAt.Equal(i.DueAt().Add(storage.InvitationLife)) ||
					m.Data["until"] != i.ExpiresAt.Format(time.RFC3339) || m.Data["account"] != "A" {
					t.Fatalf("at %v: due %v, works until %v, message %+v", clock.Now(), i.DueAt(), i.ExpiresAt, m)
				}
				must(t, db.MailSent(ctx, m.ID))
				sent++
			}
			clock.Move(5 * time.Minute)
		}
		if wanted := min(40, 2+18*hour); sent > wanted || sent < wanted-2 {
			t.Errorf("after %d hours %d are sent, not about %d", hour, sent, wanted)
		}
	}
	must(t, invite(other, "other-", 1))
	must(t, invite(a, "rested-", 1)) // the turns of before are over
	if due := got(db.LeaseMail(ctx, 10, time.Minute))(t); len(due) != 2 {
		t.Errorf("%d are due in the end", len(due))
	}
	// What waits is bounded, and who asks for more learns when.
	begun := clock.Now()
	rows := 0
	var limited storage.LimitedError
	for {
		err := invite(a, fmt.Sprintf("more%d-", rows), 900)
		if errors.As(err, &limited) {
			break
		}
		must(t, err)
		if rows += 900; rows > 4_000 {
			t.Fatalf("%d wait", rows)
		}
	}
	if wait := limited.Until.Sub(begun); wait < time.Hour || wait > 72*time.Hour {
		t.Errorf("more in %v", wait)
	}
	clock.Move(limited.Until.Sub(clock.Now()))
	must(t, invite(a, "then-", 900))
}
