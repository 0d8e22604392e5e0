package storagetest

import (
	"testing"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

// Recovery codes go with the last thing that they stand in for: they can't be
// entered any more, and would be asked for at each sensitive act.
func TestRecoveryCodesGoWithTheLastPasskey(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		one, two := h.AddPasskey(t, "one"), h.AddPasskey(t, "two")
		must(t, h.DB.ReplaceRecovery(t.Context(), h.letIn(t), storage.RecoverySet{Salt: []byte("salt"), Hashes: []string{"a"}}, Event(audit.RecoveryCodesMade)))
		must(t, h.DB.RemovePasskey(t.Context(), h.removal(t, one.ID)))
		if h.Person(t).RecoveryLeft != 1 {
			t.Error("the codes are gone while there is another passkey")
		}
		must(t, h.DB.RemovePasskey(t.Context(), h.removal(t, two.ID)))
		if p := h.Person(t); p.RecoveryID != "" || p.Subject.Highest() != authn.LevelPassword {
			t.Errorf("recovery codes %q are left, and sensitive acts take %v", p.RecoveryID, p.Subject.Highest())
		}
	})
}

// They stay where an app is there, even one that takes no codes at present, and
// nobody else loses any.
func TestRecoveryCodesStayWithAnApp(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		other := h.of(h.NewUser(t, "other@example.com"))
		other.Enrol(t)
		alone := h.of(h.NewUser(t, "alone@example.com"))
		only := alone.AddPasskey(t, "only")
		must(t, h.DB.ReplaceRecovery(t.Context(), alone.letIn(t), set("alone"), Event(audit.RecoveryCodesMade)))
		app := h.Enrol(t)
		left := h.Person(t).RecoveryLeft
		must(t, h.DB.RemovePasskey(t.Context(), h.removal(t, h.AddPasskey(t, "beside").ID)))
		if n := h.Person(t).RecoveryLeft; n != left {
			t.Errorf("beside an app: %d codes", n)
		}
		k := h.AddPasskey(t, "besides")
		must(t, h.DB.SuspendTOTP(t.Context(), h.User.ID, app, nil, Event(audit.AuthenticatorPaused)))
		must(t, h.DB.RemovePasskey(t.Context(), h.removal(t, k.ID)))
		if n := h.Person(t).RecoveryLeft; n != left {
			t.Errorf("beside an app that takes no codes: %d codes", n)
		}
		must(t, h.DB.RemovePasskey(t.Context(), alone.removal(t, only.ID)))
		if n := alone.Person(t).RecoveryLeft; n != 0 {
			t.Errorf("%d codes are left of somebody whose factors others have", n)
		}
		if n := other.Person(t).RecoveryLeft; n != left {
			t.Errorf("somebody else has %d codes", n)
		}
	})
}
