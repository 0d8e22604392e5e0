package storagetest

import (
	"errors"
	"testing"

	"stile/audit"
	"stile/storage"
)

// TestRehearsedChangesAreUndone: each act says what it would do, or why it
// would fail, and nothing of it stays, not even its line in the audit log.
func TestRehearsedChangesAreUndone(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		console := got(h.DB.CreateProduct(ctx, storage.Product{AccountID: h.Account.ID, Name: "Console"}, By))(t)
		lines := func() int64 { return h.Count(t, `SELECT count(*) FROM audit_events`) }
		before := lines()

		dry, ctx := h.DB, storage.Rehearsal(ctx)
		boss := got(dry.CreateUser(ctx, storage.User{AccountID: h.Account.ID, Email: "boss@example.com", Name: "Boss", Roles: []string{storage.RoleAdmin}}, By))(t)
		if _, err := h.DB.PersonByID(ctx, boss.ID); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("a rehearsed user is there: %v", err)
		}
		p := got(dry.UpdatePolicy(ctx, h.Account.ID, func(s storage.AccountState) (storage.Policy, error) {
			s.Policy.TwoStep = true
			return s.Policy, nil
		}, By))(t)
		if state := got(h.DB.AccountState(ctx, h.Account.ID))(t); !p.TwoStep || state.Policy.TwoStep {
			t.Errorf("rehearsed policy %v, then %v", p.TwoStep, state.Policy.TwoStep)
		}
		must(t, dry.GiveSeat(ctx, h.User.ID, console.ID, By))
		must(t, dry.SetPassword(ctx, h.User.ID, "$argon2id$another", By, storage.Mail{Kind: "password-changed", To: h.User.Email}))
		must(t, dry.DeleteProduct(ctx, h.Account.ID, console.ID, nil, By))
		must(t, dry.Record(ctx, audit.Event{Kind: audit.AccountChanged, Actor: By, AccountID: h.Account.ID}))
		must(t, dry.DeleteUser(ctx, h.User.ID, By))
		if seats := h.Person(t).Subject.Seats; len(seats) != 0 || h.Person(t).User.Password != "$argon2id$of-no-use" {
			t.Errorf("the user was changed: seats %v", seats)
		}
		if _, err := dry.CreateUser(ctx, storage.User{AccountID: h.Account.ID, Email: h.User.Email, Name: "Again"}, By); !errors.Is(err, storage.ErrExists) {
			t.Errorf("an address that is taken: %v", err)
		}
		if after := lines(); after != before {
			t.Errorf("%d lines of audit log became %d", before, after)
		}
		if n := h.Count(t, `SELECT count(*) FROM outbox`); n != 0 {
			t.Errorf("%d messages wait", n)
		}
	})
}
