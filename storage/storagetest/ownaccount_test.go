package storagetest

import (
	"errors"
	"sync"
	"testing"

	"stile/audit"
	"stile/storage"
)

func set(hash string) storage.RecoverySet {
	return storage.RecoverySet{Salt: []byte("salt"), Hashes: []string{hash + "-1", hash + "-2"}}
}

func TestEnhancedByOnesOwnWish(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		for _, step := range []struct{ on, changes bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
			changed, err := h.DB.SetEnhanced(ctx, h.User.ID, step.on, By, storage.Mail{Kind: "two-step", To: h.User.Email})
			must(t, err)
			if changed != step.changes || h.Person(t).Subject.Own != step.on {
				t.Errorf("set to %v: changed %v", step.on, changed)
			}
		}
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'enhanced.changed'`); n != 2 {
			t.Errorf("%d lines in the audit log of two changes", n)
		}
		if n := h.Count(t, `SELECT count(*) FROM outbox WHERE kind = 'two-step'`); n != 2 {
			t.Errorf("%d messages of two changes", n)
		}
		if _, err := h.DB.SetEnhanced(ctx, "nobody", true, By); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("of nobody: %v", err)
		}
	})
}

func TestASignInTurnsEnhancedOn(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		c := h.Completion(h.Begin(t))
		c.Enhance = true
		_, err := h.DB.CompleteSignIn(t.Context(), c)
		must(t, err)
		if !h.Person(t).Subject.Own {
			t.Error("the wish was forgotten")
		}
		h.SignedIn(t) // without the wish it stays
		if !h.Person(t).Subject.Own {
			t.Error("another sign-in took it away")
		}
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'enhanced.changed' AND reason = 'on'`); n != 1 {
			t.Errorf("%d lines in the audit log", n)
		}
	})
}

func TestM01_NewRecoveryCodesVoidTheOld(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		h.Enrol(t)
		old := h.Person(t)
		s := h.Begin(t)
		e := Event(audit.RecoveryCodesMade)
		must(t, h.DB.ReplaceRecovery(ctx, h.User.ID, set("new"), e, storage.Mail{Kind: "recovery-codes-made", To: h.User.Email}))
		now := h.Person(t)
		if now.RecoveryID == old.RecoveryID || now.RecoveryLeft != 2 || now.TOTP == nil {
			t.Errorf("after new codes: %+v", now)
		}
		_, err := h.DB.ProveRecovery(ctx, h.RecoveryProof(s, old.RecoveryID, "new-1"))
		if !errors.Is(err, storage.ErrWrong) {
			t.Errorf("a code under the old set: %v", err)
		}
		_, err = h.DB.ProveRecovery(ctx, h.RecoveryProof(s, now.RecoveryID, "new-1"))
		must(t, err)
	})
}

func TestM01_SetsMadeAtOnceLeaveOne(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		other := h.Open(t)
		var all sync.WaitGroup
		for i := range 16 {
			db := h.DB
			if i%2 == 1 {
				db = other
			}
			all.Go(func() {
				if err := db.ReplaceRecovery(t.Context(), h.User.ID, set(h.Name("set")), Event(audit.RecoveryCodesMade)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := h.Count(t, `SELECT count(*) FROM authenticators WHERE kind = 'recovery' AND state = 'active'`); n != 1 {
			t.Errorf("%d sets of recovery codes work", n)
		}
		if p := h.Person(t); p.RecoveryLeft != 2 {
			t.Errorf("%d codes left of one set of two", p.RecoveryLeft)
		}
	})
}

func TestWhatIsRegistered(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		id := h.Enrol(t)
		list := got(h.DB.Authenticators(t.Context(), h.User.ID))(t)
		kinds := map[string]string{}
		for _, a := range list {
			kinds[a.Kind] = a.ID
			if a.Suspended || a.Since.IsZero() {
				t.Errorf("%+v", a)
			}
		}
		if len(list) != 2 || kinds[storage.AuthenticatorTOTP] != id || kinds[storage.AuthenticatorRecovery] == "" {
			t.Errorf("registered: %+v", list)
		}
		must(t, h.DB.SuspendTOTP(t.Context(), h.User.ID, id, nil, Event(audit.AuthenticatorPaused)))
		for _, a := range got(h.DB.Authenticators(t.Context(), h.User.ID))(t) {
			if a.Suspended != (a.ID == id) {
				t.Errorf("after a suspension: %+v", a)
			}
		}
		must(t, h.DB.ResetAuthenticator(t.Context(), h.User.ID, By))
		if list := got(h.DB.Authenticators(t.Context(), h.User.ID))(t); len(list) != 0 {
			t.Errorf("after a reset: %+v", list)
		}
	})
}
