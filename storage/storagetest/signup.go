package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"stile/audit"
	"stile/limit"
	"stile/storage"
)

func signUp(t *testing.T, e Engine) {
	db, clock := e.open(t)
	ctx := t.Context()
	a := account(t, db, "A")
	var asked *storage.Self
	answer := true
	may := func(by storage.Inviter, _ []string) bool {
		asked = by.Self
		return answer
	}
	must(t, db.SignUp(ctx, invited(a, "sam@example.com", "first"), mayInvite, audit.System)) // whoever is named does not count
	i, _, err := db.InvitationByLink(ctx, "first", may)
	if err != nil || asked == nil || asked.Account.ID != a.ID || asked.Email != "sam@example.com" || !i.SelfAsked() {
		t.Fatalf("asked of %+v, %v", asked, err)
	}
	clock.Move(time.Hour)
	must(t, db.SignUp(ctx, invited(a, "sam@example.com", "second"), mayInvite, audit.Actor{}))
	if i := got(db.Invitations(ctx, a.ID, "", 1))(t)[0]; !i.ExpiresAt.Equal(clock.Now().Add(storage.InvitationLife)) {
		t.Errorf("the newer one stands until %v", i.ExpiresAt)
	}
	if _, _, err := db.InvitationByLink(ctx, "first", may); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("followed by a newer one: %v", err)
	}
	answer = false
	if err := second(db.AcceptInvitation(ctx, "second", "$argon2id$new", may, By)); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("not allowed any more: %v", err)
	}

	// One of an admin's keeps what it gives and when it ends.
	roles := invited(a, "ada@example.com", "admin's")
	roles.Roles = []string{storage.RoleMember, storage.RoleAuditor}
	must(t, db.Invite(ctx, []storage.InvitationToSend{roles}, By))
	clock.Move(time.Hour)
	before := got(db.Invitations(ctx, a.ID, "", 1))(t)[0]
	must(t, db.SignUp(ctx, invited(a, "ada@example.com", "hers"), mayInvite, audit.Actor{}))
	i, _, err = db.InvitationByLink(ctx, "hers", mayInvite)
	if err != nil || i.SelfAsked() || len(i.Roles) != 2 || !i.ExpiresAt.Equal(before.ExpiresAt) {
		t.Errorf("of an admin: %+v, %v", i, err)
	}

	told := got(db.LeaseMail(ctx, 100, time.Minute))(t)
	if m := told[len(told)-1]; m.Data["link"] != "hers" || m.Data["until"] != before.ExpiresAt.Format(time.RFC3339) || !m.ExpiresAt.Equal(before.ExpiresAt) {
		t.Errorf("the message of it says %v", m.Data)
	}
	// Where its sender may no longer invite there is nothing to keep.
	roles.Email, roles.LinkHash = "uma@example.com", "of one who is gone"
	must(t, db.Invite(ctx, []storage.InvitationToSend{roles}, audit.Actor{Kind: "user", ID: "gone"}))
	must(t, db.SignUp(ctx, invited(a, "uma@example.com", "hers alone"), mayInvite, audit.Actor{}))
	i, _, err = db.InvitationByLink(ctx, "hers alone", mayInvite)
	if err != nil || !i.SelfAsked() || len(i.Roles) != 1 {
		t.Errorf("invited by one who is gone: %+v, %v", i, err)
	}
	// What another account offers is no part of it.
	b := account(t, db, "B")
	theirs := invited(b, "eve@example.com", "of B")
	theirs.Roles = roles.Roles
	must(t, db.Invite(ctx, []storage.InvitationToSend{theirs}, By))
	must(t, db.SignUp(ctx, invited(a, "eve@example.com", "of A"), mayInvite, audit.Actor{}))
	i, _, err = db.InvitationByLink(ctx, "of A", mayInvite)
	if err != nil || i.AccountID != a.ID || !i.SelfAsked() || len(i.Roles) != 1 {
		t.Errorf("invited by another account: %+v, %v", i, err)
	}
	must(t, second(db.AcceptInvitation(ctx, "of B", "$argon2id$new", mayInvite, By)))
	// An admin's list makes an open one the admin's, though it gives no more.
	same := invited(a, "sam@example.com", "listed")
	must(t, second(db.ImportUsers(ctx, a.ID, []storage.ImportRow{{Line: 2, Email: same.Email, Name: same.Name, Link: same}}, By)))
	if i, _, err = db.InvitationByLink(ctx, "listed", mayInvite); err != nil || i.SelfAsked() {
		t.Errorf("invited by an admin's list: %+v, %v", i, err)
	}
	// One that is over keeps nothing.
	clock.Move(2 * storage.InvitationLife)
	must(t, db.SignUp(ctx, invited(a, "ada@example.com", "hers again"), mayInvite, audit.Actor{}))
	i, _, err = db.InvitationByLink(ctx, "hers again", mayInvite)
	if err != nil || !i.SelfAsked() || len(i.Roles) != 1 {
		t.Errorf("where an admin's is over: %+v, %v", i, err)
	}

	must(t, second(db.UpdateAccount(ctx, a.ID, func(a *storage.Account) error { now := clock.Now(); a.SuspendedAt = &now; return nil }, By)))
	if err := db.SignUp(ctx, invited(a, "new@example.com", "third"), mayInvite, audit.Actor{}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("in a suspended account: %v", err)
	}
}

// selfInvited is what somebody gets who signs up.
func selfInvited(a storage.Account, email, link string) storage.InvitationToSend {
	i := invited(a, email, link)
	i.Mail.Kind, i.InvitedBy = "sign-up", email
	return i
}

// signUpPaced proves that strangers who sign up hold up no admin's invitations,
// nor the other way round.
func signUpPaced(t *testing.T, e Engine) {
	clock, few := NewClock(), limit.Defaults()
	few.EmailSentAccount = limit.Figure{Allowed: 20, Per: time.Hour}
	db := got(storage.Open(t.Context(), e.Fresh(t), storage.Options{Ring: Ring(), Now: clock.Now, Limits: few}))(t)
	t.Cleanup(func() { _ = db.Close() })
	ctx := t.Context()
	must(t, db.Migrate(ctx))
	due := func() (kinds []string) {
		t.Helper()
		for _, m := range got(db.LeaseMail(ctx, 1000, 24*time.Hour))(t) {
			kinds = append(kinds, m.Kind)
		}
		return kinds
	}
	for n := range 2 {
		a := account(t, db, fmt.Sprint("A", n))
		one := func(i storage.InvitationToSend, signsUp bool) {
			t.Helper()
			if signsUp {
				must(t, db.SignUp(ctx, i, mayInvite, audit.Actor{}))
			} else {
				must(t, db.Invite(ctx, []storage.InvitationToSend{i}, By))
			}
		}
		for i := range 50 {
			name := fmt.Sprintf("many%d-%d", n, i)
			one(selfInvited(a, name+"@example.com", name), n == 0)
		}
		if sent := len(due()); sent == 0 || sent > 20 {
			t.Fatalf("%d of 50 are sent at once", sent)
		}
		name := fmt.Sprint("other", n)
		one(selfInvited(a, name+"@example.com", name), n == 1)
		if kinds := due(); len(kinds) != 1 {
			t.Errorf("%d are due after one of the other kind", len(kinds))
		}
	}
}

// signUpRaced proves that one address has one link, and that this makes one
// member, however many ask and open it at once.
func signUpRaced(t *testing.T, e Engine) {
	dbs, clock := e.openTwice(t)
	ctx := t.Context()
	a := account(t, dbs[0], "A")
	for n := range Rounds(3) {
		email := fmt.Sprintf("sam%d@example.com", n)
		link := func(i int) string { return fmt.Sprintf("%s %d", email, i) }
		must(t, errors.Join(together(Callers, dbs, func(i int, db *storage.DB) error {
			return db.SignUp(ctx, selfInvited(a, email, link(i)), mayInvite, audit.Actor{})
		})...))
		if open := got(dbs[1].Invitations(ctx, a.ID, "", 100))(t); len(open) != 1 || open[0].Email != email {
			t.Fatalf("open: %+v", open)
		}
		clock.Move(time.Hour) // each took a turn
		if due := got(dbs[1].LeaseMail(ctx, 1000, 24*time.Hour))(t); len(due) != 1 {
			t.Errorf("%d messages go out", len(due))
		}
		live := -1
		for i := range Callers {
			if _, _, err := dbs[0].InvitationByLink(ctx, link(i), mayInvite); err == nil {
				if live >= 0 {
					t.Errorf("links %d and %d work", live, i)
				}
				live = i
			}
		}
		oneWinner(t, together(Callers, dbs, func(_ int, db *storage.DB) error { return accepted(t, db, link(live)) }), storage.ErrSpent)
		if u := got(dbs[1].PersonByEmail(ctx, email))(t).User; !slices.Equal(u.Roles, []string{storage.RoleMember}) || u.AccountID != a.ID {
			t.Errorf("user = %+v", u)
		}
	}
	if users := got(dbs[0].Users(ctx, a.ID, "", 100))(t); len(users) != Rounds(3) {
		t.Errorf("%d users", len(users))
	}
}
