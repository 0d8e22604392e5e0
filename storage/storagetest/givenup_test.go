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

// However many there are, all of them are cleared away, and each is counted.
func TestManySignInsThatAreGivenUp(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		const n = 1100 // more than two batches
		one := h.Begin(t).Key.ID
		columns := `account_id, user_id, epoch, label, progress, secrets, version, started_at, expires_at`
		_, err := h.raw.ExecContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
			INSERT INTO sign_ins (id, binding, `+columns+`) SELECT 'copy ' || n.i, s.binding, s.account_id, s.user_id, s.epoch, s.label, s.progress, s.secrets,
				s.version, s.started_at, s.expires_at FROM sign_ins s, n WHERE s.id = $2`, n, one)
		must(t, err)
		h.Clock.Move(time.Hour)
		must(t, h.DB.RemoveExpired(t.Context()))
		if left := h.Count(t, `SELECT count(*) FROM sign_ins`); left != 0 {
			t.Errorf("%d sign-ins are left", left)
		}
		if told := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'sign_in.given_up'`); told != n+1 {
			t.Errorf("%d were given up, want %d", told, n+1)
		}
	})
}
