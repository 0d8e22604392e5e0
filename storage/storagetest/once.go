package storagetest

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

// Callers is how many ask for the same thing at once, half of them by each of
// two handles.
const Callers = 64

// RoundsVariable names how often each race is run, for long runs.
const RoundsVariable = "STILE_TEST_ROUNDS"

// Rounds returns how often to run a race: n times, unless [RoundsVariable] says
// otherwise; once in short tests.
func Rounds(n int) int {
	if given, err := strconv.Atoi(os.Getenv(RoundsVariable)); err == nil && given > 0 {
		return given
	}
	if testing.Short() {
		return 1
	}
	return n
}

// AtOnce runs f for each caller at the same instant, on two handles in turn, and
// returns what each got.
func AtOnce[T any](h *House, other *storage.DB, f func(db *storage.DB, caller int) (T, error)) ([]T, []error) {
	type answer struct {
		result T
		err    error
	}
	results, errs := make([]T, Callers), make([]error, Callers)
	for i, a := range together(Callers, [2]*storage.DB{h.DB, other}, func(i int, db *storage.DB) answer {
		result, err := f(db, i)
		return answer{result, err}
	}) {
		results[i], errs[i] = a.result, a.err
	}
	return results, errs
}

// oneWinner returns the only caller who had no error. The others must have one
// of those that are allowed.
func oneWinner(t testing.TB, errs []error, allowed ...error) int {
	t.Helper()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Fatalf("callers %d and %d won", winner, i)
		case err == nil:
			winner = i
		case !isOneOf(err, allowed):
			t.Errorf("caller %d: %v, want one of %v", i, err, allowed)
		}
	}
	if winner < 0 {
		t.Fatalf("nobody won: %v", errs[0])
	}
	return winner
}

func isOneOf(err error, allowed []error) bool {
	for _, a := range allowed {
		if errors.Is(err, a) {
			return true
		}
	}
	return false
}

// CodeOnce proves that one of all who redeem an authorization code gets tokens.
// The others end the grant, so that these tokens are worth nothing.
func CodeOnce(t *testing.T, h *House) {
	other, session := h.Open(t), h.SignedIn(t)
	for range Rounds(10) {
		code := h.Code(t, session)
		tag := h.Name("access")
		views, errs := AtOnce(h, other, func(db *storage.DB, i int) (storage.GrantView, error) {
			return db.RedeemCode(t.Context(), code, h.Redeem(fmt.Sprint(tag, ".", i)))
		})
		winner := oneWinner(t, errs, storage.ErrSpent)
		id := views[winner].Grant.ID
		if n := h.Count(t, `SELECT count(*) FROM access_tokens WHERE grant_id = $1`, id); n != 1 {
			t.Errorf("%d access tokens were stored", n)
		}
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE grant_id = $1 AND kind = $2`, id, audit.GrantRedeemed); n != 1 {
			t.Errorf("%d exchanges in the audit log", n)
		}
		if _, err := h.DB.GrantByAccess(t.Context(), fmt.Sprint(tag, ".", winner)); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("the winner's access token after the code was reused: %v", err)
		}
		if _, _, err := h.DB.RotateRefresh(t.Context(), id, 1, h.Rotate(h.Name("access"))); !errors.Is(err, storage.ErrEnded) {
			t.Errorf("the winner's refresh token after the code was reused: %v", err)
		}
	}
}

// RequestOnce proves that one authorization request gets one code.
func RequestOnce(t *testing.T, h *House) {
	other, session := h.Open(t), h.SignedIn(t)
	for range Rounds(5) {
		template := h.Issue(t, session)
		_, errs := AtOnce(h, other, func(db *storage.DB, i int) (string, error) {
			issue := template
			issue.CodeHash = fmt.Sprint(template.CodeHash, ".", i)
			return db.IssueCode(t.Context(), issue)
		})
		oneWinner(t, errs, storage.ErrSpent)
		if n := h.Count(t, `SELECT count(*) FROM grants WHERE request_id = $1`, template.Grant.RequestID); n != 1 {
			t.Errorf("%d grants", n)
		}
	}
}

// TOTPStepOnce proves that of all sign-ins that bring the same code of an
// authenticator app, one goes on.
func TOTPStepOnce(t *testing.T, h *House) {
	id, other := h.Enrol(t), h.Open(t)
	signIns := make([]storage.SignIn, Callers)
	for i := range signIns {
		signIns[i] = h.Begin(t)
	}
	for round := range Rounds(10) {
		step := int64(1001 + round)
		after, errs := AtOnce(h, other, func(db *storage.DB, i int) (storage.SignIn, error) {
			return db.ProveTOTP(t.Context(), h.TOTPProof(signIns[i], id, step))
		})
		winner := oneWinner(t, errs, storage.ErrSpent)
		signIns[winner] = after[winner]
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = $1 AND reason = $2`, audit.ProofAccepted, fmt.Sprint("step-", step)); n != 1 {
			t.Errorf("step %d was accepted %d times in the audit log", step, n)
		}
		if n := h.Count(t, `SELECT last_step FROM authenticators WHERE id = $1`, id); n != step {
			t.Errorf("last step %d, want %d", n, step)
		}
	}
	stored := h.Count(t, `SELECT sum(version) FROM sign_ins WHERE progress LIKE '%"totp"%'`)
	var won int64
	for _, s := range signIns {
		if s.Progress.Evidence.Level() == authn.LevelMFA {
			won += s.Version
		}
	}
	if stored != won {
		t.Errorf("versions of sign-ins with a code add up to %d, want %d", stored, won)
	}
}

// EmailCodeOnce proves that one of all who enter the same e-mail code goes on.
func EmailCodeOnce(t *testing.T, h *House) {
	other := h.Open(t)
	for range Rounds(10) {
		s := h.SendCode(t, h.Begin(t), "123456")
		_, errs := AtOnce(h, other, func(db *storage.DB, _ int) (storage.SignIn, error) {
			return db.ProveEmail(t.Context(), h.EmailProof(s, "123456"))
		})
		oneWinner(t, errs, storage.ErrSpent, storage.ErrConflict)
		if n := h.Count(t, `SELECT version FROM sign_ins WHERE id = $1`, s.Key.ID); n != s.Version+1 {
			t.Errorf("version %d, want %d", n, s.Version+1)
		}
	}
}

// EmailGuessesBounded proves that of all wrong codes entered at once, as many
// count as there are tries, and then the right one counts no more.
func EmailGuessesBounded(t *testing.T, h *House) {
	other := h.Open(t)
	for range Rounds(5) {
		s := h.SendCode(t, h.Begin(t), "123456")
		_, errs := AtOnce(h, other, func(db *storage.DB, i int) (storage.SignIn, error) {
			return db.ProveEmail(t.Context(), h.EmailProof(s, fmt.Sprintf("%06d", i)))
		})
		evaluated := 0
		for _, err := range errs {
			if !isOneOf(err, []error{storage.ErrWrong, storage.ErrTries}) {
				t.Errorf("a wrong code: %v", err)
			}
			if errors.Is(err, storage.ErrWrong) {
				evaluated++
			}
		}
		if evaluated != 4 { // the fifth is told that it was the last
			t.Errorf("%d wrong codes were judged before the last one, want 4", evaluated)
		}
		if n := h.Count(t, `SELECT tries FROM email_codes WHERE txn LIKE $1`, s.Key.ID+".%"); n != 5 {
			t.Errorf("%d tries were counted, want 5", n)
		}
		if _, err := h.DB.ProveEmail(t.Context(), h.EmailProof(s, "123456")); !errors.Is(err, storage.ErrTries) {
			t.Errorf("the right code after five wrong ones: %v", err)
		}
	}
}

// RecoveryCodeOnce proves that of all sign-ins that bring the same recovery
// code, one goes on.
func RecoveryCodeOnce(t *testing.T, h *House) {
	other := h.Open(t)
	for range Rounds(5) {
		id := h.Enrol(t)
		set := h.Person(t).RecoveryID
		signIns := make([]storage.SignIn, Callers)
		for i := range signIns {
			signIns[i] = h.Begin(t)
		}
		_, errs := AtOnce(h, other, func(db *storage.DB, i int) (storage.SignIn, error) {
			return db.ProveRecovery(t.Context(), h.RecoveryProof(signIns[i], set, id+"-a"))
		})
		oneWinner(t, errs, storage.ErrSpent)
		if left := h.Person(t).RecoveryLeft; left != 1 {
			t.Errorf("%d codes left, want 1", left)
		}
	}
}

// RefreshOnce proves that all who bring the same refresh token at once get the
// same successor, and there is only that one.
func RefreshOnce(t *testing.T, h *House) {
	other, session := h.Open(t), h.SignedIn(t)
	grant := h.Grant(t, session)
	for round := range Rounds(10) {
		generation := int64(round + 1)
		tag := h.Name("access")
		_, errs := AtOnce(h, other, func(db *storage.DB, i int) (struct{}, error) {
			_, next, err := db.RotateRefresh(t.Context(), grant.ID, generation, h.Rotate(fmt.Sprint(tag, ".", i)))
			if err == nil && next != generation+1 {
				t.Errorf("caller %d got generation %d, want %d", i, next, generation+1)
			}
			return struct{}{}, err
		})
		for i, err := range errs {
			if err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
		}
		if n := h.Count(t, `SELECT generation FROM grants WHERE id = $1`, grant.ID); n != generation+1 {
			t.Errorf("generation %d is stored, want %d", n, generation+1)
		}
		h.Clock.Move(time.Second)
	}
	if n := h.Count(t, `SELECT count(*) FROM grants WHERE id = $1 AND ended_at IS NULL`, grant.ID); n != 1 {
		t.Error("the grant has ended")
	}
}

// SignInOnce proves that one of all who complete a sign-in gets a session.
func SignInOnce(t *testing.T, h *House) {
	other := h.Open(t)
	for range Rounds(5) {
		before := h.Count(t, `SELECT count(*) FROM sessions`)
		s := h.Begin(t)
		template, tag := h.Completion(s), h.Name("browser")
		_, errs := AtOnce(h, other, func(db *storage.DB, i int) (storage.Session, error) {
			c := template
			c.NewBrowser = fmt.Sprint(tag, ".", i)
			return db.CompleteSignIn(t.Context(), c)
		})
		oneWinner(t, errs, storage.ErrConflict)
		if n := h.Count(t, `SELECT count(*) FROM sessions`) - before; n != 1 {
			t.Errorf("%d sessions", n)
		}
	}
}
