package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"stile/audit"
	"stile/storage"
)

func set(hash string) storage.RecoverySet {
	return storage.RecoverySet{Salt: []byte("salt"), Hashes: []string{hash + "-1", hash + "-2"}}
}

// own is the user as let in with a session.
func (h *House) own(t testing.TB, s storage.Session) storage.Own {
	t.Helper()
	return storage.Own{UserID: h.User.ID, SessionID: s.ID, Epoch: h.Person(t).User.Epoch}
}

func TestEnhancedByOnesOwnWish(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx, here := t.Context(), h.SignedIn(t)
		for _, step := range []struct{ on, changes bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
			changed, err := h.DB.SetEnhanced(ctx, h.own(t, here), step.on, By, storage.Mail{Kind: "two-step", To: h.User.Email})
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
		if _, err := h.DB.SetEnhanced(ctx, storage.Own{UserID: "nobody"}, true, By); !errors.Is(err, storage.ErrNotFound) {
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
		old, here := h.Person(t), h.SignedIn(t)
		s := h.Begin(t)
		e := Event(audit.RecoveryCodesMade)
		must(t, h.DB.ReplaceRecovery(ctx, h.own(t, here), set("new"), e, storage.Mail{Kind: "recovery-codes-made", To: h.User.Email}))
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
		h.Enrol(t)
		other, own := h.Open(t), h.own(t, h.SignedIn(t))
		var all sync.WaitGroup
		for i := range 16 {
			db := h.DB
			if i%2 == 1 {
				db = other
			}
			all.Go(func() {
				if err := db.ReplaceRecovery(t.Context(), own, set(fmt.Sprint("set ", i)), Event(audit.RecoveryCodesMade)); err != nil {
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

// Who has lost the race against a reset, or against somebody who signs him out,
// changes nothing.
func TestK08_WhatOneDoesAboutOneselfNeedsTheSessionToStand(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		h.Enrol(t)
		acts := func(own storage.Own) map[string]error {
			_, on := h.DB.SetEnhanced(ctx, own, true, By)
			return map[string]error{
				"recovery codes": h.DB.ReplaceRecovery(ctx, own, set("late"), Event(audit.RecoveryCodesMade)),
				"enhanced":       on,
				"others":         h.DB.EndOthers(ctx, own, "browser", "next", Event(audit.SessionEnded)),
			}
		}
		refused := func(when string, own storage.Own) {
			for what, err := range acts(own) {
				if !errors.Is(err, storage.ErrConflict) {
					t.Errorf("%s %s: %v, want ErrConflict", what, when, err)
				}
			}
		}
		here := h.SignedIn(t)
		own := h.own(t, here)
		must(t, h.DB.EndOwnSession(ctx, h.User.ID, here.ID, Event(audit.SessionEnded)))
		refused("after the session has ended", own)
		own = h.own(t, h.SignedIn(t))
		must(t, h.DB.ResetAuthenticator(ctx, h.User.ID, By))
		refused("after a reset", own)
		own = h.own(t, h.SignedIn(t))
		if err := h.DB.ReplaceRecovery(ctx, own, set("alone"), Event(audit.RecoveryCodesMade)); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("recovery codes without an app: %v", err)
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
