package storagetest

import (
	"errors"
	"testing"
	"time"

	"stile/audit"
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
	must(t, db.SignUp(ctx, invited(a, "sam@example.com", "first"), audit.System)) // whoever is named does not count
	i, _, err := db.InvitationByLink(ctx, "first", may)
	if err != nil || asked == nil || asked.Account.ID != a.ID || asked.Email != "sam@example.com" || !i.SelfAsked() {
		t.Fatalf("asked of %+v, %v", asked, err)
	}
	must(t, db.SignUp(ctx, invited(a, "sam@example.com", "second"), audit.Actor{}))
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
	must(t, db.SignUp(ctx, invited(a, "ada@example.com", "hers"), audit.Actor{}))
	i, _, err = db.InvitationByLink(ctx, "hers", mayInvite)
	if err != nil || i.SelfAsked() || len(i.Roles) != 2 || !i.ExpiresAt.Equal(before.ExpiresAt) {
		t.Errorf("of an admin: %+v, %v", i, err)
	}

	must(t, second(db.UpdateAccount(ctx, a.ID, func(a *storage.Account) error { now := clock.Now(); a.SuspendedAt = &now; return nil }, By)))
	if err := db.SignUp(ctx, invited(a, "new@example.com", "third"), audit.Actor{}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("in a suspended account: %v", err)
	}
}
