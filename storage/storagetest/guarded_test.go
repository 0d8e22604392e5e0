package storagetest

import (
	"testing"
	"time"

	"stile/limit"
)

// The count of all codes of a user is known with the sign-in, however it filled.
func TestK04_GuardedCodesAreKnownWithTheSignIn(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		figures := limit.Defaults()
		figures.TOTPMonth = limit.Figure{Allowed: 3, Per: 30 * 24 * time.Hour}
		began := h.Clock.Now()
		guarded := func(want time.Time) {
			t.Helper()
			if v := got(h.DB.OpenSignIn(t.Context(), h.Begin(t).Key, "", nil))(t); (v.Guarded == nil) != want.IsZero() || v.Guarded != nil && !v.Guarded.Equal(want) {
				t.Errorf("guarded until %v, want %v", v.Guarded, want)
			}
		}
		try := func(v limit.Visitor) {
			t.Helper()
			_ = got(h.DB.BookAttempts(t.Context(), figures.BookTOTP(h.User.ID, "app", v)))(t)
		}
		guarded(time.Time{})
		try(limit.Visitor{})
		try(limit.Visitor{Known: "browser"})
		guarded(time.Time{})
		try(limit.Visitor{Known: "browser"}) // which is never refused
		guarded(began.Add(30 * 24 * time.Hour))
		must(t, h.DB.RefundAttempts(t.Context(), limit.Success(figures.BookTOTP(h.User.ID, "app", limit.Visitor{Known: "browser"}))))
		guarded(time.Time{})
		try(limit.Visitor{})
		guarded(began.Add(30 * 24 * time.Hour))
		h.Clock.Move(30 * 24 * time.Hour)
		guarded(time.Time{})
	})
}
