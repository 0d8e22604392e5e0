package storagetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

// askAddress stores an address that the user of a session asks for.
func (h *House) askAddress(t testing.TB, s storage.Session, email, hash string) {
	t.Helper()
	must(t, h.DB.AskAddress(t.Context(), storage.AddressChange{
		Own: h.own(t, s), Email: email, Hash: hash, ExpiresAt: h.Clock.Now().Add(20 * time.Minute),
		Event: Event(audit.AddressAsked), Mails: []storage.Mail{{Kind: "link", To: email}},
	}))
}

func (h *House) confirmation(t testing.TB, s storage.Session, hash string) storage.AddressConfirmation {
	t.Helper()
	e := Event(audit.AddressChanged)
	e.SubjectID = h.User.ID
	return storage.AddressConfirmation{Own: h.own(t, s), Hash: hash, OldBrowser: s.Browser, NewBrowser: h.Name("browser"), Event: e}
}

func TestL02_AddressChangeEndsAllButOneSession(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		here, there := h.SignedIn(t), h.SignedIn(t)
		h.Grant(t, here)
		h.askAddress(t, here, "new@example.com", "link")
		before := h.Person(t)
		if p := got(h.DB.AddressAsked(ctx, h.User.ID))(t); p.Email != "new@example.com" || before.User.Email != h.User.Email {
			t.Errorf("asked for %+v, has %s", p, before.User.Email)
		}
		c := h.confirmation(t, here, "link")
		must(t, h.DB.ConfirmAddress(ctx, c))
		u := h.Person(t).User
		now := h.Clock.Now()
		if u.Email != "new@example.com" || u.Epoch != before.User.Epoch+1 || !u.EmailVerifiedAt.Equal(now) || !u.EmailChangedAt.Equal(now) {
			t.Errorf("the user: %+v", u)
		}
		same(t, "told too", u.AlsoTold(now), h.User.Email)
		if s := got(h.DB.Session(ctx, c.NewBrowser, ""))(t); s.Session.ID != here.ID {
			t.Errorf("the session: %+v", s.Session)
		}
		for _, browser := range []string{here.Browser, there.Browser} {
			if _, err := h.DB.Session(ctx, browser, ""); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("a cookie of before: %v", err)
			}
		}
		if n := h.Count(t, `SELECT count(*) FROM grants WHERE ended_at IS NULL`); n != 0 {
			t.Errorf("%d grants are left", n)
		}
		c = h.confirmation(t, here, "link")
		c.OldBrowser = here.Browser
		if err := h.DB.ConfirmAddress(ctx, c); !errors.Is(err, storage.ErrSpent) {
			t.Errorf("twice: %v", err)
		}
		found := got(h.DB.Directory(ctx, storage.UserFilter{AccountID: h.Account.ID, Text: "new@example.com", Limit: 5}))(t)
		if len(found) != 1 {
			t.Errorf("found by the new address: %d", len(found))
		}
	})
}

func TestAddressLinksOfOthersAndOfBefore(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		s := h.SignedIn(t)
		fails := func(what, hash string, want error) {
			t.Helper()
			if err := h.DB.ConfirmAddress(ctx, h.confirmation(t, s, hash)); !errors.Is(err, want) {
				t.Errorf("%s: %v", what, err)
			}
			if _, err := h.DB.AddressByLink(ctx, hash); !errors.Is(want, storage.ErrExists) && !errors.Is(err, want) {
				t.Errorf("%s, looked at: %v", what, err)
			}
		}
		h.askAddress(t, s, "new@example.com", "first")
		h.askAddress(t, s, "other@example.com", "second")
		fails("followed by another", "first", storage.ErrNotFound)
		h.NewUser(t, "other@example.com")
		fails("somebody has it", "second", storage.ErrExists)
		h.Clock.Move(21 * time.Minute)
		fails("too old", "second", storage.ErrExpired)
		h.askAddress(t, s, "new@example.com", "third")
		must(t, h.DB.EndOthers(ctx, h.own(t, s), s.Browser, "new cookie", Event(audit.SessionEnded)))
		s.Browser = "new cookie"
		fails("all was ended meanwhile", "third", storage.ErrNotFound)

		h.askAddress(t, s, "new@example.com", "fourth")
		c := h.confirmation(t, s, "fourth")
		stranger := h.NewUser(t, "stranger@example.com")
		c.Own.UserID = stranger.ID
		if err := h.DB.ConfirmAddress(ctx, c); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("somebody else's: %v", err)
		}
		c = h.confirmation(t, s, "fourth")
		c.Own.Epoch--
		if err := h.DB.ConfirmAddress(ctx, c); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("not as let in: %v", err)
		}
		if u := h.Person(t).User; u.Email != h.User.Email || u.EmailChangedAt != nil {
			t.Errorf("changed: %+v", u)
		}
	})
}

func TestAddressLinkAndExportCountOnce(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		s := h.SignedIn(t)
		other := h.Open(t)
		once := func(act func(db *storage.DB) error) {
			t.Helper()
			_, errs := AtOnce(h, other, func(db *storage.DB, _ int) (bool, error) { return true, act(db) })
			oneWinner(t, errs, storage.ErrSpent, storage.ErrConflict)
		}
		must(t, h.DB.AskExport(t.Context(), h.own(t, s), Event(audit.DataAsked)))
		x, own := got(h.DB.ExportAsked(t.Context(), h.User.ID))(t), h.own(t, s)
		once(func(db *storage.DB) error { return db.TakeExport(t.Context(), own, x.ID, Event(audit.DataExported)) })
		h.askAddress(t, s, "new@example.com", "link")
		c := h.confirmation(t, s, "link")
		once(func(db *storage.DB) error { return db.ConfirmAddress(t.Context(), c) })
	})
}

func TestNoticesAreCopiedToFormerAddresses(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		move := func(to string) storage.User {
			t.Helper()
			return got(h.DB.UpdateUser(ctx, h.User.ID, func(u *storage.User) error { u.Email = to; return nil }, By))(t)
		}
		move("one@example.com")
		h.Clock.Move(6 * 24 * time.Hour)
		u := move("two@example.com")
		same(t, "both", u.AlsoTold(h.Clock.Now()), "one@example.com", h.User.Email)
		same(t, "as read", h.Person(t).User.AlsoTold(h.Clock.Now()), "one@example.com", h.User.Email)
		must(t, h.DB.RecordAndMail(ctx, Event(audit.EnhancedChanged), []storage.Mail{{
			Kind: "notice", To: u.Email, Also: append(u.AlsoTold(h.Clock.Now()), u.Email),
			NotMe: &storage.NotMe{LinkHash: "link", AccountID: u.AccountID, UserID: u.ID},
		}}))
		var to []string
		for _, m := range got(h.DB.LeaseMail(ctx, 10, time.Minute))(t) {
			to = append(to, m.To)
		}
		if len(to) != 3 || h.Count(t, `SELECT count(*) FROM links`) != 1 {
			t.Errorf("sent to %v", to)
		}
		// Back again: the present address is no former one.
		same(t, "back", move("one@example.com").AlsoTold(h.Clock.Now()), "two@example.com", h.User.Email)
		h.Clock.Move(25 * time.Hour)
		same(t, "after a week", h.Person(t).User.AlsoTold(h.Clock.Now()), "two@example.com")
		h.Clock.Move(7 * 24 * time.Hour)
		must(t, h.DB.RemoveExpired(ctx))
		if n := h.Count(t, `SELECT count(*) FROM users WHERE former_emails IS NOT NULL`); n != 0 {
			t.Error("they are still stored")
		}
	})
}

func TestS04_WhatIsHeldIsTheUsersOwn(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		h.Enrol(t)
		s := h.SignedIn(t)
		h.Grant(t, s)
		h.AddPasskey(t, "credential")
		h.askAddress(t, h.SignedIn(t), "new@example.com", "link")
		held := got(h.DB.HeldOf(ctx, h.User.ID))(t)
		if len(held.Authenticators) < 2 || len(held.Sessions) < 2 || len(held.Grants) != 1 || held.Address == nil || held.Address.Email != "new@example.com" {
			t.Errorf("held: %+v", held)
		}
		none := got(h.DB.HeldOf(ctx, h.NewUser(t, "stranger@example.com").ID))(t)
		if len(none.Authenticators)+len(none.Sessions)+len(none.Grants)+len(none.Apps)+len(none.Requests) > 0 || none.Address != nil {
			t.Errorf("of a stranger: %+v", none)
		}
		// What one did to others is found, and nothing else.
		by := audit.Actor{Kind: "user", ID: h.User.ID}
		must(t, h.DB.Record(ctx, audit.Event{Kind: audit.UserChanged, Actor: by, AccountID: h.Account.ID, SubjectID: "another"}))
		must(t, h.DB.Record(ctx, audit.Event{Kind: audit.UserChanged, Actor: by, AccountID: h.Account.ID, SubjectID: h.User.ID}))
		must(t, h.DB.Record(ctx, audit.Event{Kind: audit.UserChanged, Actor: audit.Actor{Kind: "client", ID: h.User.ID}, AccountID: h.Account.ID}))
		if acts := got(h.DB.Events(ctx, storage.EventFilter{ActorID: h.User.ID}))(t); len(acts) != 1 || acts[0].SubjectID != "another" {
			t.Errorf("acts: %+v", acts)
		}
	})
}

func TestS03_ErasureOfOneselfLeavesNothing(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		const email, name = "quirin@erase.example", "Quirin Unverwechselbar"
		u := got(h.DB.CreateUser(ctx, storage.User{AccountID: h.Account.ID, Email: "old-" + email, Name: name, Password: "$argon2id$of-no-use"}, By))(t)
		got(h.DB.UpdateUser(ctx, u.ID, func(u *storage.User) error { u.Email = email; return nil }, By))(t)
		s := got(h.DB.CompleteSignIn(ctx, h.Completion(h.beginAs(t, u.ID))))(t)
		own := storage.Own{UserID: u.ID, SessionID: s.ID, Epoch: got(h.DB.PersonByID(ctx, u.ID))(t).User.Epoch}
		must(t, h.DB.AskAddress(ctx, storage.AddressChange{Own: own, Email: "new-" + email, Hash: "link", ExpiresAt: h.Clock.Now().Add(time.Hour), Event: Event(audit.AddressAsked)}))
		must(t, h.DB.AskExport(ctx, own, Event(audit.DataAsked)))
		h.seal(t)
		stale := own
		stale.Epoch--
		if err := h.DB.EraseOwn(ctx, stale, By); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("not as let in: %v", err)
		}
		must(t, h.DB.EraseOwn(ctx, own, audit.Actor{Kind: "user", ID: u.ID}, storage.Mail{Kind: "erased", To: email}))
		h.seal(t)
		same(t, "the audit log", h.faults(t, nil))
		for _, table := range h.tables(t) {
			for _, row := range h.rows(t, table) {
				if text := strings.ToLower(row); strings.Contains(text, "quirin") || strings.Contains(row, u.ID) && !strings.HasPrefix(table, "audit_") {
					t.Errorf("%s still says: %s", table, row)
				}
			}
		}
		if err := h.DB.EraseOwn(ctx, own, By); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
	})
}
