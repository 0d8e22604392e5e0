package storagetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

// notice queues a message with a link that takes back what it tells of.
func (h *House) notice(t testing.TB, hash, authenticator string) {
	t.Helper()
	must(t, h.DB.RecordAndMail(t.Context(), Event(audit.AuthenticatorAdded), []storage.Mail{{
		Kind: "notice", To: h.User.Email, NotMe: &storage.NotMe{LinkHash: hash, AccountID: h.User.AccountID, UserID: h.User.ID, AuthenticatorID: authenticator},
	}}))
}

func TestNotMeEndsAllAndSuspendsWhatWasRegistered(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		id := h.Enrol(t)
		h.Grant(t, h.SignedIn(t))
		h.notice(t, "link", id)
		if p, toAdmin, err := h.DB.NotMeByLink(ctx, "link"); err != nil || toAdmin || p.User.ID != h.User.ID {
			t.Errorf("about %+v", p.User)
		}
		must(t, h.DB.SayNotMe(ctx, "link", By, storage.Mail{Kind: "told", To: "admin@example.com"}))
		if p := h.Person(t); p.TOTP != nil || !p.Suspended {
			t.Error("the authenticator still takes codes")
		}
		if n := h.Count(t, `SELECT count(*) FROM sessions WHERE ended_at IS NULL`) + h.Count(t, `SELECT count(*) FROM grants WHERE ended_at IS NULL`); n != 0 {
			t.Errorf("%d sessions and grants are left", n)
		}
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'notice.denied' AND reason = 'authenticator_suspended'`); n != 1 {
			t.Errorf("%d lines in the audit log", n)
		}
		if err := h.DB.SayNotMe(ctx, "link", By); !errors.Is(err, storage.ErrSpent) {
			t.Errorf("twice: %v", err)
		}
		if _, _, err := h.DB.NotMeByLink(ctx, "unknown"); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("unknown: %v", err)
		}
	})
}

func TestNotMeReachesWhatTookItsPlace(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		old := h.Enrol(t)
		h.notice(t, "old", old)
		h.notice(t, "late", "")
		h.Enrol(t) // by whoever has the old one
		must(t, h.DB.SayNotMe(ctx, "old", By))
		if p := h.Person(t); p.TOTP != nil || !p.Suspended {
			t.Error("an app that was replaced by another of the same stranger gives way to that one")
		}
		must(t, h.DB.ResetAuthenticator(ctx, h.User.ID, By))
		h.notice(t, "again", h.Enrol(t))
		must(t, h.DB.ResetAuthenticator(ctx, h.User.ID, By)) // somebody has looked
		h.Enrol(t)
		must(t, h.DB.SayNotMe(ctx, "again", By))
		if p := h.Person(t); p.TOTP == nil {
			t.Error("an app is suspended that was connected after an admin's reset")
		}
		h.Clock.Move(8 * 24 * time.Hour)
		if err := h.DB.SayNotMe(ctx, "late", By); !errors.Is(err, storage.ErrExpired) {
			t.Errorf("after a week: %v", err)
		}
	})
}

// TestNotMeOutlastsANewPassword: who has the mailbox too gets no code of his own
// app accepted by way of a password that he sets.
func TestNotMeOutlastsANewPassword(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		h.notice(t, "notice", h.Enrol(t))
		must(t, h.DB.SayNotMe(t.Context(), "notice", By))
		h.link(t, storage.ResetLink, "reset", true)
		must(t, h.reset(h.DB, t, "reset"))
		if p := h.Person(t); p.TOTP != nil || !p.Suspended {
			t.Error("a new password makes an app take codes that its owner never wanted")
		}
	})
}

// TestNotMeTakesAllThatCameWithIt: the recovery codes of a device that its owner
// never wanted, and what was registered with it, are the stranger's too.
func TestNotMeTakesAllThatCameWithIt(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		h.notice(t, "app", h.Enrol(t))
		h.Clock.Move(time.Minute)
		h.AddPasskey(t, "credential")
		must(t, h.DB.SayNotMe(ctx, "app", By))
		if p := h.Person(t); p.RecoveryID != "" || p.Passkeys != 0 || p.TOTP != nil || !p.Suspended {
			t.Errorf("left of a stranger: recovery codes %q, %d passkeys, app %v", p.RecoveryID, p.Passkeys, p.TOTP)
		}
		if _, _, err := h.DB.PersonByPasskey(ctx, []byte("credential")); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("the passkey: %v", err)
		}
	})
}

// TestNotMeLeavesWhatWasThereBefore: a passkey that a stranger added takes nothing
// along that its owner had.
func TestNotMeLeavesWhatWasThereBefore(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		h.Enrol(t)
		h.Clock.Move(time.Minute)
		h.notice(t, "passkey", h.AddPasskey(t, "credential").ID)
		must(t, h.DB.SayNotMe(t.Context(), "passkey", By))
		if p := h.Person(t); p.RecoveryID == "" || p.Passkeys != 0 || p.TOTP == nil {
			t.Errorf("after: recovery codes %q, %d passkeys, app %v", p.RecoveryID, p.Passkeys, p.TOTP)
		}
	})
}

// TestK08_DenyingTheOnlyPasskeyIsNoWayToAFirstEnrolment: whoever reads the mailbox
// can press the link, and gains nothing by it.
func TestK08_DenyingTheOnlyPasskeyIsNoWayToAFirstEnrolment(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		h.notice(t, "passkey", h.AddPasskey(t, "credential").ID)
		must(t, h.DB.SayNotMe(t.Context(), "passkey", By))
		if p := h.Person(t); p.Passkeys != 0 || p.TOTP != nil || !p.Suspended {
			t.Errorf("%d passkeys, app %v, suspended %v: the place is to be held", p.Passkeys, p.TOTP, p.Suspended)
		}
		h.link(t, storage.ResetLink, "reset", true)
		must(t, h.reset(h.DB, t, "reset"))
		if p := h.Person(t); p.TOTP != nil || !p.Suspended {
			t.Error("a new password frees the place")
		}
		h.Enrol(t)
		if p := h.Person(t); p.TOTP == nil || p.Suspended {
			t.Error("nothing can take the place")
		}
	})
}

// TestNotMeReachesAPausedApp: wrong codes on purpose keep no key for the time
// after the next password.
func TestNotMeReachesAPausedApp(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		id := h.Enrol(t)
		h.notice(t, "notice", id)
		must(t, h.DB.SuspendTOTP(t.Context(), h.User.ID, id, nil, Event(audit.AuthenticatorPaused)))
		must(t, h.DB.SayNotMe(t.Context(), "notice", By))
		h.link(t, storage.ResetLink, "reset", true)
		must(t, h.reset(h.DB, t, "reset"))
		if p := h.Person(t); p.TOTP != nil || !p.Suspended {
			t.Error("a new password makes an app take codes that its owner never wanted")
		}
	})
}

func TestNotMeCountsOnce(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		h.notice(t, "link", h.Enrol(t))
		dbs := []*storage.DB{h.DB, h.Open(t)}
		var won atomic.Int64
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				switch err := dbs[i%2].SayNotMe(t.Context(), "link", By); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, storage.ErrSpent) && !errors.Is(err, storage.ErrConflict):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 64 counted", won.Load())
		}
	})
}

// of is the same house as another of its people sees it.
func (h *House) of(u storage.User) *House {
	other := *h
	other.User, other.tag = u, random()
	return &other
}

// TestNotMeTouchesNobodyElse: what other people have connected since is theirs, and
// a notice about one person's app says nothing of another's.
func TestNotMeTouchesNobodyElse(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		h.notice(t, "notice", h.Enrol(t))
		h.Clock.Move(time.Minute)
		other := h.of(h.NewUser(t, "other@example.com"))
		app := other.Enrol(t)
		other.AddPasskey(t, "theirs")
		other.SignedIn(t)
		got(other.startWait(h.DB, t, other.Begin(t)))(t)
		h.notice(t, "of another's app", app)
		must(t, h.DB.SayNotMe(t.Context(), "notice", By))
		h.AddPasskey(t, "mine")
		must(t, h.DB.SayNotMe(t.Context(), "of another's app", By))
		if h.Person(t).Passkeys != 1 {
			t.Error("a passkey goes for what somebody else has connected")
		}
		p := other.Person(t)
		if p.TOTP == nil || p.TOTP.ID != app || p.Passkeys != 1 || p.RecoveryID == "" || p.Suspended {
			t.Errorf("of somebody else are left: app %v, %d passkeys, recovery codes %q", p.TOTP, p.Passkeys, p.RecoveryID)
		}
		if _, _, err := h.DB.PersonByPasskey(t.Context(), []byte("theirs")); err != nil {
			t.Errorf("the passkey: %v", err)
		}
		if _, state := other.waits(t); state != storage.WaitRuns {
			t.Errorf("their wait: %q", state)
		}
		if n := h.Count(t, `SELECT count(*) FROM sessions WHERE ended_at IS NULL AND user_id = $1`, other.User.ID); n == 0 {
			t.Error("their sessions have ended")
		}
	})
}

// TestNotMeOfAnActWithoutAnAuthenticator takes nothing that one has.
func TestNotMeOfAnActWithoutAnAuthenticator(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		h.notice(t, "nothing", "")
		must(t, h.DB.SayNotMe(t.Context(), "nothing", By))
		if p := h.Person(t); p.Suspended {
			t.Error("a place is held for somebody who never had a second factor")
		}
		h.Enrol(t)
		h.AddPasskey(t, "credential")
		h.Clock.Move(time.Minute)
		h.notice(t, "another act", "")
		h.Clock.Move(time.Minute)
		must(t, h.DB.SayNotMe(t.Context(), "another act", By))
		if p := h.Person(t); p.TOTP == nil || p.Passkeys != 1 || p.RecoveryID == "" || p.Suspended {
			t.Errorf("left are app %v, %d passkeys, recovery codes %q", p.TOTP, p.Passkeys, p.RecoveryID)
		}
	})
}

// TestNotMeHoldsAPlaceOnce: whoever keeps a second factor has no app beside it that
// takes no codes, and nobody has two.
func TestNotMeHoldsAPlaceOnce(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		h.AddPasskey(t, "first")
		h.Clock.Move(time.Minute)
		h.notice(t, "second", h.AddPasskey(t, "second").ID)
		must(t, h.DB.SayNotMe(ctx, "second", By))
		if p := h.Person(t); p.Passkeys != 1 || p.Suspended {
			t.Errorf("%d passkeys, suspended %v", p.Passkeys, p.Suspended)
		}
		// With an app that takes no codes the place is held already.
		h.notice(t, "app", h.Enrol(t))
		must(t, h.DB.SayNotMe(ctx, "app", By))
		first := got(h.DB.Passkeys(ctx, h.User.ID))(t)[0]
		h.notice(t, "first", first.ID)
		must(t, h.DB.SayNotMe(ctx, "first", By))
		if n := h.Count(t, `SELECT count(*) FROM authenticators WHERE user_id = $1 AND kind = 'totp' AND state = 'suspended'`, h.User.ID); n != 1 {
			t.Errorf("%d apps hold the place", n)
		}
	})
}

// TestNotMeBringsNothingBack: of what is over, nothing takes a place again.
func TestNotMeBringsNothingBack(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		h.notice(t, "first", h.Enrol(t))
		h.AddPasskey(t, "credential")
		must(t, h.DB.RemovePasskey(t.Context(), h.removal(t, got(h.DB.Passkeys(t.Context(), h.User.ID))(t)[0].ID)))
		h.Clock.Move(time.Minute)
		h.Enrol(t)
		before := h.Count(t, `SELECT count(*) FROM authenticators WHERE state NOT IN ('active', 'suspended')`)
		must(t, h.DB.SayNotMe(t.Context(), "first", By))
		if n := h.Count(t, `SELECT count(*) FROM authenticators WHERE state = 'suspended'`); n != 1 {
			t.Errorf("%d apps hold the place", n)
		}
		if n := h.Count(t, `SELECT count(*) FROM authenticators WHERE state NOT IN ('active', 'suspended')`); n != before+1 { // and the codes
			t.Errorf("%d are over, %d were", n, before)
		}
	})
}

// TestK08_CodesAndWhatOthersHaveHoldNoPlace: recovery codes of before stay, and are
// no second factor by themselves; nor is an app of somebody else.
func TestK08_CodesAndWhatOthersHaveHoldNoPlace(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		h.of(h.NewUser(t, "other@example.com")).Enrol(t)
		first := h.AddPasskey(t, "first")
		must(t, h.DB.ReplaceRecovery(ctx, h.letIn(t), set("codes"), Event(audit.RecoveryCodesMade)))
		h.Clock.Move(time.Minute)
		h.notice(t, "second", h.AddPasskey(t, "second").ID)
		must(t, h.DB.RemovePasskey(ctx, h.removal(t, first.ID)))
		must(t, h.DB.SayNotMe(ctx, "second", By))
		if p := h.Person(t); p.Passkeys != 0 || p.RecoveryLeft != 2 || !p.Suspended {
			t.Errorf("%d passkeys, %d codes, suspended %v", p.Passkeys, p.RecoveryLeft, p.Suspended)
		}
	})
}

// TestNotMeOfAnAdmin: what an admin was told works for an active admin of the same
// account, and for nobody who was one.
func TestNotMeOfAnAdmin(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		h.Enrol(t)
		boss := h.NewUser(t, "boss@example.com")
		set := func(change func(*storage.User)) {
			t.Helper()
			got(h.DB.UpdateUser(ctx, boss.ID, func(u *storage.User) error { change(u); return nil }, By))(t)
		}
		told := func(hash, admin, account string) {
			t.Helper()
			must(t, h.DB.RecordAndMail(ctx, Event(audit.AuthenticatorAdded), []storage.Mail{{
				Kind: "notice", To: "boss@example.com", NotMe: &storage.NotMe{LinkHash: hash, AccountID: account, UserID: h.User.ID, AdminID: admin},
			}}))
		}
		over := func(hash string) {
			t.Helper()
			_, _, err := h.DB.NotMeByLink(ctx, hash)
			wantError(t, "the page", err, storage.ErrNotFound)
			wantError(t, "the button", h.DB.SayNotMe(ctx, hash, By), storage.ErrNotFound)
		}
		elsewhere := got(h.DB.CreateAccount(ctx, storage.Account{Name: "Elsewhere"}, By))(t)
		before := h.Person(t).User.Epoch
		told("link", boss.ID, h.Account.ID)
		over("link") // of a member
		set(func(u *storage.User) { u.Roles = []string{storage.RoleAdmin} })
		told("of another account", boss.ID, elsewhere.ID)
		over("of another account")
		other := h.NewUser(t, "other@example.com") // the account keeps an admin
		got(h.DB.UpdateUser(ctx, other.ID, func(u *storage.User) error { u.Roles = []string{storage.RoleAdmin}; return nil }, By))(t)
		now := h.Clock.Now()
		set(func(u *storage.User) { u.DisabledAt = &now })
		over("link")
		if h.Person(t).User.Epoch != before {
			t.Error("something was taken back")
		}
		set(func(u *storage.User) { u.DisabledAt = nil })
		must(t, h.DB.SayNotMe(ctx, "link", By))
		if h.Person(t).User.Epoch == before {
			t.Error("nothing was taken back")
		}
		told("left", boss.ID, h.Account.ID)
		must(t, h.DB.DeleteUser(ctx, boss.ID, By))
		over("left")
	})
}
