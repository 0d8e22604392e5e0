package storagetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

func (h *House) startWait(db *storage.DB, t testing.TB, s storage.SignIn) (storage.SignIn, error) {
	e := Event(audit.WaitStarted)
	e.Actor.Network, e.Actor.UserAgent = "192.0.2.1", "Browser/1"
	return db.StartDeviceWait(t.Context(), storage.DeviceWaitStart{
		SignIn: s, Kind: storage.WaitAfterReset, OpensAt: storage.WaitOpens(storage.WaitAfterReset, h.Clock.Now()),
		Mails: []storage.Mail{{Kind: "wait", To: h.User.Email, NotMe: &storage.NotMe{
			LinkHash: "stop " + h.Clock.Now().Format(time.RFC3339), AccountID: h.User.AccountID, UserID: h.User.ID,
		}}}, Event: e,
	})
}

// waits reads where the wait stands, as a sign-in does.
func (h *House) waits(t testing.TB) (storage.DeviceWait, storage.WaitState) {
	t.Helper()
	s := h.Begin(t)
	v := got(h.DB.OpenSignIn(t.Context(), s.Key, "", nil))(t)
	return v.Wait, v.Wait.State(v.Person.User.Epoch, h.Clock.Now())
}

func TestL02_DeviceWaits(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		if _, state := h.waits(t); state != storage.WaitNone {
			t.Errorf("nothing was begun: %q", state)
		}
		began := h.Clock.Now()
		s := got(h.startWait(h.DB, t, h.Begin(t)))(t)
		_, err := h.startWait(h.DB, t, s)
		wantError(t, "another one", err, storage.ErrConflict)
		w, state := h.waits(t)
		if state != storage.WaitRuns || w.UserID != h.User.ID || w.AccountID != h.User.AccountID || !w.StartedAt.Equal(began) ||
			!w.OpensAt.Equal(began.Add(24*time.Hour)) || !w.ClosesAt.Equal(began.Add(72*time.Hour)) || w.Network != "192.0.2.1" || w.UserAgent != "Browser/1" {
			t.Errorf("%q: %+v", state, w)
		}
		for after, want := range map[time.Duration]storage.WaitState{
			24*time.Hour - 1: storage.WaitRuns, 24 * time.Hour: storage.WaitOpen, 72*time.Hour - 1: storage.WaitOpen, 72 * time.Hour: storage.WaitNone,
		} {
			if state := w.State(w.Epoch, began.Add(after)); state != want {
				t.Errorf("after %v: %q, want %q", after, state, want)
			}
		}
		if state := w.State(w.Epoch+1, began.Add(24*time.Hour)); state != storage.WaitNone {
			t.Errorf("of another epoch: %q", state)
		}

		must(t, h.DB.SayNotMe(t.Context(), "stop "+began.Format(time.RFC3339), By))
		if _, state := h.waits(t); state != storage.WaitStopped {
			t.Errorf("stopped: %q", state)
		}
		_, err = h.startWait(h.DB, t, h.Begin(t))
		wantError(t, "begun again at once", err, storage.ErrConflict)
		h.Clock.Move(24 * time.Hour)
		if _, state := h.waits(t); state != storage.WaitNone {
			t.Errorf("a day later: %q", state)
		}
		got(h.startWait(h.DB, t, h.Begin(t)))(t)
		must(t, h.DB.SetPassword(t.Context(), h.User.ID, "$argon2id$next", By))
		if _, state := h.waits(t); state != storage.WaitNone {
			t.Errorf("with another password: %q", state)
		}
		h.Clock.Move(time.Second)
		got(h.startWait(h.DB, t, h.Begin(t)))(t)
		h.Clock.Move(96 * time.Hour)
		must(t, h.DB.RemoveExpired(t.Context()))
		if n := h.Count(t, `SELECT count(*) FROM device_waits`); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}

// Whoever signs in with the second factor needs no wait, and a stranger who began
// one gets nothing of it. What was stopped stays stopped.
func TestK08_ASignInWithTheSecondFactorEndsTheWait(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		app := h.Enrol(t)
		got(h.startWait(h.DB, t, h.Begin(t)))(t)
		h.SignedIn(t)
		if _, state := h.waits(t); state != storage.WaitRuns {
			t.Errorf("after a sign-in with the password alone: %q", state)
		}
		full := func(step int64) {
			t.Helper()
			s := got(h.DB.ProveTOTP(t.Context(), h.TOTPProof(h.Begin(t), app, step)))(t)
			must(t, second(h.DB.CompleteSignIn(t.Context(), h.Completion(s))))
		}
		full(2000)
		if _, state := h.waits(t); state != storage.WaitNone {
			t.Errorf("after a sign-in with a code: %q", state)
		}
		h.Clock.Move(time.Second)
		began := h.Clock.Now()
		got(h.startWait(h.DB, t, h.Begin(t)))(t)
		must(t, h.DB.SayNotMe(t.Context(), "stop "+began.Format(time.RFC3339), By))
		full(2001)
		if _, state := h.waits(t); state != storage.WaitStopped {
			t.Errorf("stopped, after a sign-in with a code: %q", state)
		}
	})
}

// Nobody ends the wait of somebody else, nor one whose sign-in did not come to its
// end.
func TestK08_OnlyASignInThatIsCompleteEndsTheWait(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		app := h.Enrol(t)
		got(h.startWait(h.DB, t, h.Begin(t)))(t)
		other := h.of(h.NewUser(t, "other@example.com"))
		theirs := other.Enrol(t)
		s := got(h.DB.ProveTOTP(ctx, other.TOTPProof(other.Begin(t), theirs, 2000)))(t)
		must(t, second(h.DB.CompleteSignIn(ctx, other.Completion(s))))
		if _, state := h.waits(t); state != storage.WaitRuns {
			t.Errorf("after somebody else has signed in: %q", state)
		}
		s = got(h.DB.ProveTOTP(ctx, h.TOTPProof(h.Begin(t), app, 2000)))(t)
		for what, spoil := range map[string]func(*storage.Completion){
			"epoch":   func(c *storage.Completion) { c.SignIn.Epoch-- },
			"session": func(c *storage.Completion) { c.SessionID, c.OldBrowser = "gone", "gone" },
			"version": func(c *storage.Completion) { c.SignIn.Version-- },
		} {
			c := h.Completion(s)
			spoil(&c)
			wantError(t, what, second(h.DB.CompleteSignIn(ctx, c)), storage.ErrConflict)
			if _, state := h.waits(t); state != storage.WaitRuns {
				t.Errorf("after a sign-in that lost by its %s: %q", what, state)
			}
		}
	})
}

// However many tell of a wait, its owner hears of it once a day.
func TestL02_WaitsAreToldOfOnceADay(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		got(h.startWait(h.DB, t, h.Begin(t)))(t)
		told := func() int64 { return h.Count(t, `SELECT count(*) FROM outbox WHERE kind = 'wait'`) }
		everybody := func() {
			t.Helper()
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					err := h.DB.RemindDeviceWaits(t.Context(), func(_ context.Context, who storage.Person, w storage.DeviceWait) ([]storage.Mail, error) {
						return []storage.Mail{{Kind: "wait", To: who.User.Email}}, nil
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		for n, step := range []struct {
			wait time.Duration
			want int64
		}{{0, 1}, {24*time.Hour - time.Minute, 1}, {time.Minute, 2}, {time.Hour, 2}, {24 * time.Hour, 3}, {24 * time.Hour, 3}} {
			h.Clock.Move(step.wait)
			everybody()
			if got := told(); got != step.want {
				t.Errorf("step %d: %d messages, want %d", n, got, step.want)
			}
		}
	})
}
