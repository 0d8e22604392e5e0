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
		if p := got(h.DB.NotMeByLink(ctx, "link"))(t); p.User.ID != h.User.ID {
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
		if _, err := h.DB.NotMeByLink(ctx, "unknown"); !errors.Is(err, storage.ErrNotFound) {
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
