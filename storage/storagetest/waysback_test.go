package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/limit"
	"stile/storage"
)

// link sends a link to the house's user, or to nobody's address.
func (h *House) link(t testing.TB, purpose storage.LinkPurpose, hash string, known bool) {
	t.Helper()
	l := storage.AddressLink{
		Purpose: purpose, Address: "address-of-nobody", Hash: hash, ExpiresAt: h.Clock.Now().Add(20 * time.Minute),
		Mail: storage.Mail{Kind: "link"}, Event: Event(audit.LinkAsked),
	}
	if known {
		u := h.Person(t).User
		l.Address, l.UserID, l.Epoch, l.Mail.To = "address-of-the-user", u.ID, u.Epoch, u.Email
	}
	must(t, h.DB.SendLink(t.Context(), l))
}

func (h *House) reset(db *storage.DB, t testing.TB, hash string) error {
	return db.ResetPassword(t.Context(), storage.PasswordReset{
		LinkHash: hash, Password: "$argon2id$reset", Mails: []storage.Mail{{Kind: "changed", To: h.User.Email}}, By: audit.Actor{Network: "192.0.2.1"},
		Again: limit.Defaults().TOTPAfterReset,
	})
}

func TestI01_LinksToNobodyWriteTheSame(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		count := func() (n int64) {
			for _, table := range []string{"address_links", "outbox", "audit_events"} {
				n += h.Count(t, `SELECT count(*) FROM `+table)
			}
			return n
		}
		var wrote, asked []int64
		for _, known := range []bool{true, false} {
			rows, statements := count(), h.DB.Statements()
			if known {
				statements++ // the test itself reads the user
			}
			h.link(t, storage.ResetLink, fmt.Sprint("link of ", known), known)
			asked, wrote = append(asked, h.DB.Statements()-statements), append(wrote, count()-rows)
		}
		if wrote[0] != wrote[1] || wrote[0] != 3 || asked[0] != asked[1] {
			t.Errorf("rows %v, statements %v", wrote, asked)
		}
		_, err := h.DB.LinkOwner(t.Context(), storage.ResetLink, "link of false")
		wantError(t, "link of nobody", err, storage.ErrNotFound)
		wantError(t, "reset of nobody", h.reset(h.DB, t, "link of false"), storage.ErrNotFound)
	})
}

func TestI07_ResetLinks(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		h.link(t, storage.ResetLink, "first", true)
		h.link(t, storage.UnlockLink, "other purpose", true)
		h.link(t, storage.ResetLink, "second", true)
		before := h.Person(t).User
		for hash, want := range map[string]error{"first": storage.ErrNotFound, "other purpose": storage.ErrNotFound, "": storage.ErrNotFound} {
			_, err := h.DB.LinkOwner(ctx, storage.ResetLink, hash)
			wantError(t, hash, err, want)
			wantError(t, hash, h.reset(h.DB, t, hash), want)
		}
		if p := got(h.DB.LinkOwner(ctx, storage.ResetLink, "second"))(t); p.User.ID != h.User.ID {
			t.Errorf("owner %+v", p.User)
		}
		if now := h.Person(t).User; now.PasswordVersion != before.PasswordVersion || now.Epoch != before.Epoch {
			t.Error("looking at links has changed something")
		}
		must(t, h.DB.ExposePassword(ctx, h.User.ID, before.PasswordVersion, Event(audit.PasswordExposed)))
		session, pending := h.SignedIn(t), h.Begin(t)
		must(t, h.reset(h.DB, t, "second"))
		now := h.Person(t)
		if now.User.Password != "$argon2id$reset" || now.User.PasswordVersion != before.PasswordVersion+1 || now.User.Epoch != before.Epoch+1 ||
			now.User.PasswordResetAt == nil || now.Subject.Exposed {
			t.Errorf("after the reset: %+v", now.User)
		}
		if _, err := h.DB.Session(ctx, session.Browser, ""); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("the session: %v", err)
		}
		if _, err := h.DB.SaveProgress(ctx, pending); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("a sign-in under way: %v", err)
		}
		if n := h.Count(t, `SELECT count(*) FROM outbox WHERE kind = 'changed'`); n != 1 {
			t.Errorf("%d messages", n)
		}
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'password.changed' AND reason = 'reset' AND actor_id = $1`, h.User.ID); n != 1 {
			t.Errorf("%d lines", n)
		}
		wantError(t, "used", h.reset(h.DB, t, "second"), storage.ErrSpent)

		h.link(t, storage.ResetLink, "late", true)
		h.Clock.Move(20 * time.Minute)
		wantError(t, "over", h.reset(h.DB, t, "late"), storage.ErrExpired)
		h.link(t, storage.ResetLink, "before a change", true)
		must(t, h.DB.SetPassword(ctx, h.User.ID, "$argon2id$third", By))
		wantError(t, "of an older epoch", h.reset(h.DB, t, "before a change"), storage.ErrNotFound)
		h.link(t, storage.ResetLink, "disabled", true)
		_, err := h.DB.UpdateUser(ctx, h.User.ID, func(u *storage.User) error { at := h.Clock.Now(); u.DisabledAt = &at; return nil }, By)
		must(t, err)
		wantError(t, "disabled", h.reset(h.DB, t, "disabled"), storage.ErrNotFound)
		h.Clock.Move(24 * time.Hour)
		must(t, h.DB.RemoveExpired(ctx))
		if n := h.Count(t, `SELECT count(*) FROM address_links`); n != 0 {
			t.Errorf("%d links are left", n)
		}
	})
}

func TestI07_ResetLinkWorksOnce(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		handles := []*storage.DB{h.DB, h.Open(t)}
		h.link(t, storage.ResetLink, "once", true)
		h.link(t, storage.UnlockLink, "unlock once", true)
		version := h.Person(t).User.PasswordVersion
		h.onceOf(t, "unlock", handles, func(db *storage.DB) error {
			return db.SpendLink(t.Context(), storage.UnlockLink, "unlock once", audit.Actor{})
		})
		h.onceOf(t, "reset", handles, func(db *storage.DB) error { return h.reset(db, t, "once") })
		if u := h.Person(t).User; u.PasswordVersion != version+1 {
			t.Errorf("the password was set %d times", u.PasswordVersion-version)
		}
	})
}

// onceOf lets 64 use something at once on two handles: one gets it.
func (h *House) onceOf(t *testing.T, what string, handles []*storage.DB, use func(*storage.DB) error) {
	t.Helper()
	results := make([]error, 64)
	var ready, all sync.WaitGroup
	ready.Add(len(results))
	for i := range results {
		all.Go(func() {
			ready.Done()
			ready.Wait()
			results[i] = use(handles[i%2])
		})
	}
	all.Wait()
	won := 0
	for _, err := range results {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, storage.ErrSpent):
			t.Errorf("%s: %v", what, err)
		}
	}
	if won != 1 {
		t.Errorf("%s: %d won", what, won)
	}
}

// A suspended authenticator has five more tries, and is suspended again after them.
func TestK04_ResetGivesASuspendedAuthenticatorFiveTries(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx, f := t.Context(), limit.Defaults()
		id := h.Enrol(t)
		book := func() []limit.Name {
			t.Helper()
			reached, err := h.DB.BookAttempts(ctx, f.BookTOTP(h.User.ID, id, limit.Visitor{Known: "browser"})[:1])
			must(t, err)
			return reached
		}
		for range 50 {
			book()
			h.Clock.Move(25 * time.Hour)
		}
		must(t, h.DB.SuspendTOTP(ctx, h.User.ID, id, nil, Event(audit.AuthenticatorPaused)))
		h.link(t, storage.ResetLink, "once", true)
		must(t, h.reset(h.DB, t, "once"))
		if p := h.Person(t); p.TOTP == nil || p.TOTP.ID != id || p.Suspended {
			t.Fatalf("after the reset: %+v", p)
		}
		for i := range 4 {
			if r := book(); len(r) != 0 {
				t.Errorf("try %d: reached %v", i+1, r)
			}
		}
		if r := book(); len(r) != 1 || r[0] != limit.TOTP {
			t.Errorf("the fifth: %v", r)
		}
	})
}

// It has them once until a code is right: not once more with each new password.
func TestK04_NewPasswordsOneAfterAnotherGiveNoMoreTries(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		id := h.Enrol(t)
		reset := func(hash string) storage.Person {
			t.Helper()
			must(t, h.DB.SuspendTOTP(ctx, h.User.ID, id, nil, Event(audit.AuthenticatorPaused)))
			h.Clock.Move(time.Hour)
			h.link(t, storage.ResetLink, hash, true)
			must(t, h.reset(h.DB, t, hash))
			h.Clock.Move(time.Hour)
			return h.Person(t)
		}
		for i, step := range []int64{2000, 3000} {
			if p := reset(fmt.Sprint("first ", i)); p.TOTP == nil {
				t.Fatalf("after the reset: %+v", p)
			}
			got(h.DB.ProveTOTP(ctx, h.TOTPProof(h.Begin(t), id, step)))(t)
		}
		if p := reset("after a right code"); p.TOTP == nil {
			t.Errorf("after the reset: %+v", p)
		}
		for i := range 3 {
			h.Clock.Move(40 * 24 * time.Hour)
			if p := reset(fmt.Sprint("again ", i)); p.TOTP != nil || !p.Suspended {
				t.Error("another password gives more tries, though none was right")
			}
		}
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'password.changed' AND detail LIKE '%resumed%'`); n != 3 {
			t.Errorf("the log says %d times that the app takes codes again", n)
		}
	})
}

func TestG01_PasswordChangedInASession(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		elsewhere := h.SignedIn(t)
		h.Session = h.SignedIn(t)
		kept := h.granted(t, h.Session)
		other := h.granted(t, elsewhere)
		version := h.Person(t).User.PasswordVersion
		change := storage.PasswordChange{
			UserID: h.User.ID, Version: version, Password: "$argon2id$changed", SessionID: h.Session.ID,
			OldBrowser: h.Session.Browser, NewBrowser: "another browser", KeepGrants: true,
			Event: Event(audit.PasswordChanged), Mails: []storage.Mail{{Kind: "changed", To: h.User.Email}},
		}
		wrong := change
		wrong.OldBrowser = "of somebody else"
		wantError(t, "another browser", h.DB.ChangePassword(ctx, wrong), storage.ErrConflict)
		must(t, h.DB.ChangePassword(ctx, change))
		wantError(t, "twice", h.DB.ChangePassword(ctx, change), storage.ErrConflict)
		for _, browser := range []string{h.Session.Browser, elsewhere.Browser} {
			_, err := h.DB.Session(ctx, browser, "")
			wantError(t, "old cookie", err, storage.ErrNotFound)
		}
		v := got(h.DB.Session(ctx, "another browser", ""))(t)
		if v.Session.ID != h.Session.ID || v.Session.Evidence.Of(v.Person.Subject).Level() != authn.LevelPassword || v.Person.User.PasswordResetAt != nil ||
			!v.Session.Evidence.AuthTime().Equal(h.Session.Evidence.AuthTime()) {
			t.Errorf("the session: %+v", v.Session)
		}
		for id, lives := range map[string]bool{kept: true, other: false} {
			if n := h.Count(t, `SELECT count(*) FROM grants WHERE id = $1 AND ended_at IS NULL`, id); (n == 1) != lives {
				t.Errorf("grant %s lives: %d", id, n)
			}
		}
		if n := h.Count(t, `SELECT count(*) FROM grants WHERE id = $1 AND evidence LIKE '%"password-2"%'`, kept); n != 1 {
			t.Error("the grant stands on a password that is no more")
		}
		change.Version, change.OldBrowser, change.NewBrowser, change.KeepGrants = version+1, "another browser", "a third one", false
		must(t, h.DB.ChangePassword(ctx, change))
		if n := h.Count(t, `SELECT count(*) FROM grants WHERE ended_at IS NULL`); n != 0 {
			t.Errorf("%d grants live", n)
		}
	})
}

// granted gives a session a grant.
func (h *House) granted(t *testing.T, s storage.Session) string {
	t.Helper()
	id, err := h.DB.IssueCode(t.Context(), h.Issue(t, s))
	must(t, err)
	return id
}

func TestL02_PasswordRenewedInASignIn(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		version := h.Person(t).User.PasswordVersion
		must(t, h.DB.ExposePassword(ctx, h.User.ID, version+7, Event(audit.PasswordExposed)))
		if h.Person(t).Subject.Exposed {
			t.Error("another version counts as exposed")
		}
		must(t, h.DB.ExposePassword(ctx, h.User.ID, version, Event(audit.PasswordExposed), storage.Mail{Kind: "exposed", To: h.User.Email}))
		if !h.Person(t).Subject.Exposed {
			t.Fatal("not noted")
		}
		session := h.SignedIn(t)
		n, beside := h.Begin(t), h.Begin(t)
		next := n
		next.Progress = next.Progress.Renew(session.Evidence, version)
		renewal := storage.PasswordRenewal{
			SignIn: next, Version: version, Password: "$argon2id$renewed",
			Event: Event(audit.PasswordChanged), Mails: []storage.Mail{{Kind: "changed", To: h.User.Email}},
		}
		after := got(h.DB.RenewPassword(ctx, renewal))(t)
		_, err := h.DB.RenewPassword(ctx, renewal)
		wantError(t, "twice", err, storage.ErrConflict)
		_, err = h.DB.Session(ctx, session.Browser, "")
		wantError(t, "the session before", err, storage.ErrNotFound)
		_, err = h.DB.SaveProgress(ctx, beside)
		wantError(t, "a sign-in beside", err, storage.ErrConflict)
		p := h.Person(t)
		if p.Subject.Exposed || p.User.PasswordVersion != version+1 || after.Progress.Evidence.Of(p.Subject).Level() != authn.LevelPassword {
			t.Errorf("after the change: %+v, %+v", p.User, after.Progress)
		}
		c := h.Completion(after)
		_, err = h.DB.CompleteSignIn(ctx, c)
		must(t, err)
	})
}
