package storagetest

import (
	"testing"
	"time"

	"stile/storage"
)

// A sign-in that was begun and lapsed is counted once, by however many programs
// it is cleared away. One that was finished is not, nor one that can go on.
func TestSignInsThatAreGivenUp(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		ctx, since := t.Context(), h.Clock.Now()
		h.Begin(t)
		must(t, second(h.DB.CompleteSignIn(ctx, h.Completion(h.Begin(t)))))
		h.Clock.Move(time.Hour)
		h.Begin(t)
		for _, err := range together(8, [2]*storage.DB{h.DB, h.Open(t)}, func(_ int, db *storage.DB) error { return db.RemoveExpired(ctx) }) {
			must(t, err)
		}
		days := got(h.DB.SignInsByDay(ctx, h.Account.ID, since, h.Clock.Now().Add(time.Minute), nil))(t)
		n := 0
		for _, d := range days {
			n += d.Counts[storage.CountGivenUp]
		}
		if n != 1 {
			t.Errorf("%d sign-ins were given up, want 1", n)
		}
		if left := h.Count(t, `SELECT count(*) FROM sign_ins`); left != 1 {
			t.Errorf("%d sign-ins are left, want 1", left)
		}
	})
}
