package storagetest

import (
	"fmt"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

func TestK01_OnlyLaterStepsAreAccepted(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		id := h.Enrol(t) // with step 1000
		for _, code := range []struct {
			step   int64
			wanted error
		}{{1005, nil}, {1005, storage.ErrSpent}, {1004, storage.ErrSpent}, {1006, nil}, {1005, storage.ErrSpent}, {1006, storage.ErrSpent}} {
			_, err := h.DB.ProveTOTP(t.Context(), h.TOTPProof(h.Begin(t), id, code.step))
			want(t, fmt.Sprint("step ", code.step), err, code.wanted)
		}
		theirs := h.beginAs(t, h.NewUser(t, "other@example.com").ID)
		_, err := h.DB.ProveTOTP(t.Context(), h.TOTPProof(theirs, id, 2000))
		want(t, "another user's sign-in", err, storage.ErrConflict)
	})
}

func TestK05_SetupCodeIsSpent(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.Connect(t, h.Begin(t))
		id := s.Secrets.AuthenticatorID
		s, err := h.DB.ActivateTOTP(t.Context(), h.Activation(s))
		must(t, err)
		_, err = h.DB.ProveTOTP(t.Context(), h.TOTPProof(s, id, 1000))
		want(t, "the setup code", err, storage.ErrSpent)
		_, err = h.DB.ProveTOTP(t.Context(), h.TOTPProof(s, id, 1001))
		must(t, err)
	})
}

// A code that is accepted while another window changes the sign-in takes
// nothing along: neither the step is spent nor the proof stored.
func TestK01_CodeAndProgressAreOneWrite(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		id := h.Enrol(t)
		old := h.Begin(t)
		s, err := h.DB.SaveProgress(t.Context(), old)
		must(t, err)
		lines := h.Count(t, `SELECT count(*) FROM audit_events`)
		_, err = h.DB.ProveTOTP(t.Context(), h.TOTPProof(old, id, 1001))
		want(t, "the old window", err, storage.ErrConflict)
		_, err = h.DB.ProveRecovery(t.Context(), h.RecoveryProof(old, h.Person(t).RecoveryID, id+"-a"))
		want(t, "the old window", err, storage.ErrConflict)
		if n := h.Count(t, `SELECT count(*) FROM audit_events`); n != lines {
			t.Errorf("%d lines in the audit log for nothing", n-lines)
		}
		_, err = h.DB.ProveTOTP(t.Context(), h.TOTPProof(s, id, 1001))
		must(t, err)
	})
}

func TestEnrolmentReplacesWholly(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		old := h.Enrol(t)
		mine, theirs := h.SignedIn(t), h.SignedIn(t)
		before := h.Person(t)
		grant := h.Issue(t, theirs)
		grant.Grant.Offline = true
		_, err := h.DB.IssueCode(t.Context(), grant)
		must(t, err)

		s := h.Connect(t, h.Begin(t))
		activation := h.Activation(s)
		activation.Browser, activation.Unshown, activation.Cooldown = mine.Browser, true, 24*time.Hour
		s, err = h.DB.ActivateTOTP(t.Context(), activation)
		must(t, err)

		p := h.Person(t)
		if p.TOTP.ID == old || p.RecoveryID == before.RecoveryID || p.RecoveryLeft != 2 || p.User.Epoch != before.User.Epoch+1 || s.Epoch != p.User.Epoch {
			t.Errorf("person %+v", p)
		}
		if until := p.User.CooldownUntil; until == nil || !until.Equal(h.Clock.Now().Add(24*time.Hour)) {
			t.Errorf("cool-down until %v", until)
		}
		for name, query := range map[string]string{
			"other browsers' sessions": `SELECT count(*) FROM sessions WHERE ended_at IS NULL AND browser <> '` + mine.Browser + `'`,
			"grants":                   `SELECT count(*) FROM grants WHERE ended_at IS NULL`,
			"own session gone":         `SELECT 1 - count(*) FROM sessions WHERE ended_at IS NULL AND id = '` + mine.ID + `'`,
			"line without counts":      `SELECT 1 - count(*) FROM audit_events WHERE detail LIKE '%"grants_ended":"1"%' AND detail LIKE '%"sessions_ended":"1"%'`,
		} {
			if n := h.Count(t, query); n != 0 {
				t.Errorf("%s: %d", name, n)
			}
		}
		_, err = h.DB.ProveTOTP(t.Context(), h.TOTPProof(s, old, 5000))
		want(t, "a code of the old app", err, storage.ErrConflict)
		_, err = h.DB.ProveRecovery(t.Context(), h.RecoveryProof(s, before.RecoveryID, old+"-a"))
		want(t, "a code of the older set", err, storage.ErrWrong)
		view, err := h.DB.OpenSignIn(t.Context(), s.Key, mine.Browser, nil)
		must(t, err)
		if view.SignIn == nil || len(view.SignIn.Secrets.TOTPKey) != 0 || len(view.SignIn.Secrets.Recovery) != 1 {
			t.Errorf("the sign-in that replaced it: %+v", view.SignIn)
		}
		_, err = h.DB.CompleteSignIn(t.Context(), h.Completion(s))
		must(t, err)
	})
}

// Enrolling for the first time takes nobody's session away.
func TestFirstEnrolmentEndsNothing(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		session := h.SignedIn(t)
		grant := h.Grant(t, session)
		h.Enrol(t)
		if _, err := h.DB.Session(t.Context(), session.Browser, ""); err != nil {
			t.Errorf("session: %v", err)
		}
		if _, err := h.DB.Grant(t.Context(), grant.ID); err != nil {
			t.Errorf("grant: %v", err)
		}
	})
}

func TestK08_PendingEnrolmentOfAnOlderStateGivesNothing(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		attacker := h.Connect(t, h.Begin(t)) // had the password before the owner enrolled
		owner := h.Enrol(t)
		_, err := h.DB.ActivateTOTP(t.Context(), h.Activation(attacker))
		want(t, "activation", err, storage.ErrConflict)
		_, err = h.DB.ProveTOTP(t.Context(), h.TOTPProof(attacker, owner, 1001))
		want(t, "a code in a sign-in of an older state", err, storage.ErrConflict)
		_, err = h.DB.CompleteSignIn(t.Context(), h.Completion(attacker))
		want(t, "completion", err, storage.ErrConflict)
		if p := h.Person(t); p.TOTP == nil || p.TOTP.ID != owner {
			t.Errorf("authenticator %+v", p.TOTP)
		}
	})
}

func TestK07_KeyIsTheOneStoredInTheSignIn(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.Begin(t)
		none := h.Activation(s)
		none.SignIn.Secrets.TOTPKey = []byte("supplied by the caller")
		_, err := h.DB.ActivateTOTP(t.Context(), none)
		want(t, "no key is pending", err, storage.ErrNotFound)
		s = h.Connect(t, s)
		_, err = h.DB.ActivateTOTP(t.Context(), h.Activation(s))
		must(t, err)
		if got := h.Person(t).TOTP.Key.Reveal(); got != string(s.Secrets.TOTPKey) {
			t.Errorf("key %q", got)
		}
		if n := h.Count(t, `SELECT count(*) FROM authenticators WHERE data LIKE '%key of%'`); n != 0 {
			t.Error("the key is stored in clear")
		}
	})
}

func TestPendingKeyIsOverAfterItsTime(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.Begin(t)
		s.ExpiresAt = s.ExpiresAt.Add(time.Hour)
		s = h.Connect(t, s)
		h.Clock.Move(30 * time.Minute)
		_, err := h.DB.ActivateTOTP(t.Context(), h.Activation(s))
		want(t, "after half an hour", err, storage.ErrExpired)
		if p := h.Person(t); p.TOTP != nil || p.User.Epoch != 1 {
			t.Errorf("person %+v", p)
		}
	})
}

func TestK11_EnrolmentBrokenOffLeavesTheOldApp(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		old := h.Enrol(t)
		step := int64(1000)
		works := func(where string) {
			t.Helper()
			step++
			if _, err := h.DB.ProveTOTP(t.Context(), h.TOTPProof(h.Begin(t), old, step)); err != nil {
				t.Errorf("after %s: %v", where, err)
			}
		}
		s := h.Begin(t)
		save := func(where string, p authn.Progress) {
			t.Helper()
			s.Progress = p
			var err error
			s, err = h.DB.SaveProgress(t.Context(), s)
			must(t, err)
			works(where)
		}
		save("set up a new mobile device", s.Progress.Replace(h.Person(t).Subject))
		save("the introduction", s.Progress.Start(h.Person(t).Subject))
		s = h.SendCode(t, s, "111111")
		works("the e-mail was sent")
		s, err := h.DB.ProveEmail(t.Context(), h.EmailProof(s, "111111"))
		must(t, err)
		works("the e-mail code")
		save("install the app", s.Progress.InstallApp())
		s = h.Connect(t, s)
		works("the QR code")
		save("connect", s.Progress.Connect())
	})
}

func TestM01_RecoveryCodesOfOthersAndOfOldSets(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		id := h.Enrol(t)
		set := h.Person(t).RecoveryID
		try := func(s storage.SignIn, set, hash string) error {
			_, err := h.DB.ProveRecovery(t.Context(), h.RecoveryProof(s, set, hash))
			return err
		}
		theirs := h.beginAs(t, h.NewUser(t, "other@example.com").ID)
		want(t, "another user's code", try(theirs, set, id+"-a"), storage.ErrWrong)
		want(t, "no such code", try(h.Begin(t), set, "x"), storage.ErrWrong)
		must(t, try(h.Begin(t), set, id+"-a"))
		want(t, "again", try(h.Begin(t), set, id+"-a"), storage.ErrSpent)
		must(t, try(h.Begin(t), set, id+"-b"))
		if n := h.Count(t, `SELECT count(*) FROM outbox WHERE kind = 'recovery-code-used'`); n != 2 {
			t.Errorf("%d messages, want 2", n)
		}
		if salt, err := h.DB.RecoverySalt(t.Context(), h.User.ID); err != nil || string(salt) != "salt" {
			t.Errorf("salt %q, %v", salt, err)
		}
		h.Enrol(t)
		want(t, "a code of an older set", try(h.Begin(t), set, id+"-b"), storage.ErrWrong)
	})
}

func TestSuspendedAuthenticatorTakesNoCodes(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		id := h.Enrol(t)
		for range 2 {
			must(t, h.DB.SuspendTOTP(t.Context(), h.User.ID, id, []storage.Mail{{Kind: "authenticator-suspended", To: "agent@example.com"}}, Event(audit.AuthenticatorPaused)))
		}
		if n := h.Count(t, `SELECT count(*) FROM outbox WHERE kind = 'authenticator-suspended'`); n != 1 {
			t.Errorf("%d messages, want 1", n)
		}
		s := h.Begin(t)
		_, err := h.DB.ProveTOTP(t.Context(), h.TOTPProof(s, id, 5000))
		want(t, "a code", err, storage.ErrConflict)
		if p := h.Person(t); p.TOTP != nil || !p.Suspended || p.Subject.Has(authn.TOTP) {
			t.Errorf("person %+v", p)
		}
		_, err = h.DB.ProveRecovery(t.Context(), h.RecoveryProof(s, h.Person(t).RecoveryID, id+"-a"))
		must(t, err)
		h.Enrol(t)
		if n := h.Count(t, `SELECT count(*) FROM authenticators WHERE id = $1 AND state = 'replaced'`, id); n != 1 {
			t.Error("the suspended authenticator was not replaced")
		}
	})
}
