package storagetest

import (
	"testing"
	"time"

	"stile/audit"
	"stile/limit"
	"stile/storage"
)

func TestJ03_OnlyTheNewestCodeCounts(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		try := func(s storage.SignIn, code string) error {
			_, err := h.DB.ProveEmail(t.Context(), h.EmailProof(s, code))
			return err
		}
		s := h.Begin(t)
		want(t, "before one was sent", try(s, "111111"), storage.ErrNotFound)
		s = h.SendCode(t, s, "111111")
		s = h.SendCode(t, s, "222222")
		want(t, "the older code", try(s, "111111"), storage.ErrWrong)

		stranger := s
		stranger.Key.Binding = h.Name("binding")
		want(t, "another browser", try(stranger, "222222"), storage.ErrNotFound)
		other := h.NewUser(t, "other@example.com")
		stranger = s
		stranger.UserID = other.ID
		want(t, "another user", try(stranger, "222222"), storage.ErrNotFound)
		second := h.SendCode(t, h.Begin(t), "333333")
		want(t, "another sign-in's code", try(second, "222222"), storage.ErrWrong)

		must(t, try(s, "222222"))
		s.Version++
		want(t, "again", try(s, "222222"), storage.ErrSpent)
		if p := h.Person(t); p.User.EmailVerifiedAt == nil {
			t.Error("the address is not marked as verified")
		}
		view, err := h.DB.OpenSignIn(t.Context(), s.Key, "", nil)
		must(t, err)
		if !view.SignIn.Progress.Enrolment.EmailVerified || view.SignIn.EmailCode == nil || view.SignIn.EmailCode.UsedAt == nil || view.SignIn.EmailCode.Tries != 1 {
			t.Errorf("stored %+v, code %+v", view.SignIn.Progress, view.SignIn.EmailCode)
		}
	})
}

func TestJ03_CodeIsOverAfterItsTime(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.Begin(t)
		s.ExpiresAt = s.ExpiresAt.Add(time.Hour)
		s = h.SendCode(t, s, "111111")
		h.Clock.Move(10 * time.Minute)
		_, err := h.DB.ProveEmail(t.Context(), h.EmailProof(s, "111111"))
		want(t, "after ten minutes", err, storage.ErrExpired)
	})
}

func TestJ01_NewCodeDoesNotResetTheUsersCount(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		figure := limit.Figure{Allowed: 10, Per: time.Hour}
		judged := 0
		for i := range 30 {
			s := h.SendCode(t, h.Begin(t), "111111") // another sign-in, another code
			booking := limit.Booking{Key: "email_code:" + h.User.ID, Name: "email_code", Figure: figure, Success: limit.Refund}
			if _, err := h.DB.BookAttempts(t.Context(), []limit.Booking{booking}); err != nil {
				continue
			}
			judged++
			proof := h.EmailProof(s, "999999")
			if i == 4 { // a right one in between gives its own attempt back, and no other
				proof = h.EmailProof(s, "111111")
				proof.Refund = limit.Success([]limit.Booking{booking})
			}
			_, err := h.DB.ProveEmail(t.Context(), proof)
			if i == 4 {
				must(t, err)
			} else {
				want(t, "a wrong code", err, storage.ErrWrong)
			}
		}
		if judged != 11 {
			t.Errorf("%d codes were judged, want 10 wrong ones and the right one", judged)
		}
	})
}

func TestJ01_NewCodeHasItsOwnTries(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.SendCode(t, h.Begin(t), "111111")
		for i := range 5 {
			_, err := h.DB.ProveEmail(t.Context(), h.EmailProof(s, "999999"))
			wanted := storage.ErrWrong
			if i == 4 {
				wanted = storage.ErrTries
			}
			want(t, "a wrong code", err, wanted)
		}
		s = h.SendCode(t, s, "222222")
		_, err := h.DB.ProveEmail(t.Context(), h.EmailProof(s, "222222"))
		must(t, err)
	})
}

// A right code that can't be used, because the window is an old one, is not lost.
func TestRightCodeOfAnOldWindowIsNotSpent(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.SendCode(t, h.Begin(t), "111111")
		old := s
		s, err := h.DB.SaveProgress(t.Context(), s)
		must(t, err)
		_, err = h.DB.ProveEmail(t.Context(), h.EmailProof(old, "111111"))
		want(t, "the old window", err, storage.ErrConflict)
		_, err = h.DB.ProveEmail(t.Context(), h.EmailProof(s, "111111"))
		must(t, err)
	})
}

func TestJ07_CodeIsStoredNowhereInClear(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.Begin(t)
		_, err := h.DB.SendEmailCode(t.Context(), storage.SendCode{
			SignIn: s, Hash: h.hash(s, "314159"), Expires: h.Clock.Now().Add(time.Minute),
			Mail: storage.Mail{Kind: "email-code", To: "agent@example.com", Data: map[string]string{"code": "314159"}}, Event: Event(audit.EmailCodeSent),
		})
		must(t, err)
		for _, query := range []string{
			`SELECT count(*) FROM outbox WHERE sealed LIKE '%314159%'`, `SELECT count(*) FROM email_codes WHERE hash LIKE '%314159%'`,
			`SELECT count(*) FROM audit_events WHERE detail LIKE '%314159%'`, `SELECT count(*) FROM sign_ins WHERE progress LIKE '%314159%'`,
		} {
			if n := h.Count(t, query); n != 0 {
				t.Errorf("%s: %d", query, n)
			}
		}
		if n := h.Count(t, `SELECT count(*) FROM outbox`); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
}
