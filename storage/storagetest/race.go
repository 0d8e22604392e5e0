package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

// What the pure functions of these tests refuse with.
var (
	errInactive = errors.New("user, account or client is switched off")
	errPolicy   = errors.New("the policy wants more than the grant has proven")
)

// Judge decides about a grant as the protocol does: by everything that is true now.
func Judge(v storage.GrantView) error {
	if !v.Person.Active() || v.Client.Disabled {
		return errInactive
	}
	r, err := authn.Require(v.Person.Policy.Policy, v.Person.Subject, authn.Ask{})
	if err == nil && !r.Met(v.Grant.Evidence, v.Person.Subject) {
		err = errPolicy
	}
	return err
}

// Change is something that happens to a grant of the house's user.
type Change struct {
	Name string
	// Make makes the change.
	Make func(ctx context.Context, h *House, db *storage.DB) error
	// Refused is what a code or refresh token fails with from then on.
	Refused error
	// Slow changes don't happen between two statements.
	Slow bool
}

// Changes are all that takes a grant away from its client.
var Changes = []Change{
	{Name: "user disabled", Refused: storage.ErrEnded, Make: func(ctx context.Context, h *House, db *storage.DB) error {
		_, err := db.UpdateUser(ctx, h.User.ID, func(u *storage.User) error { now := h.Clock.Now(); u.DisabledAt = &now; return nil }, By)
		return err
	}},
	{Name: "account suspended", Refused: errInactive, Make: func(ctx context.Context, h *House, db *storage.DB) error {
		_, err := db.UpdateAccount(ctx, h.Account.ID, func(a *storage.Account) error { now := h.Clock.Now(); a.SuspendedAt = &now; return nil }, By)
		return err
	}},
	{Name: "client disabled", Refused: errInactive, Make: func(ctx context.Context, h *House, db *storage.DB) error {
		_, err := db.UpdateClient(ctx, h.Client.ID, func(c *storage.Client) error { c.Disabled = true; return nil }, By)
		return err
	}},
	{Name: "password changed", Refused: storage.ErrEnded, Make: func(ctx context.Context, h *House, db *storage.DB) error {
		return db.SetPassword(ctx, h.User.ID, "$argon2id$of-no-use-either", By)
	}},
	{Name: "policy tightened", Refused: errPolicy, Make: func(ctx context.Context, h *House, db *storage.DB) error {
		return h.RequireTwoSteps(ctx, db)
	}},
	{Name: "seat of a covered product taken", Refused: errPolicy, Slow: true, Make: func(ctx context.Context, h *House, db *storage.DB) error {
		p, err := db.CreateProduct(ctx, storage.Product{AccountID: h.Account.ID, Name: "Remote"}, By)
		if err != nil {
			return err
		}
		if _, err := db.UpdatePolicy(ctx, h.Account.ID, func(s storage.AccountState) (storage.Policy, error) {
			s.Policy.TwoStep, s.Policy.Products = true, []string{p.ID}
			return s.Policy, nil
		}, By); err != nil {
			return err
		}
		return db.GiveSeat(ctx, h.User.ID, p.ID, By)
	}},
	{Name: "signed out", Refused: storage.ErrEnded, Make: func(ctx context.Context, h *House, db *storage.DB) error {
		return db.EndSession(ctx, h.Session.ID, "signed_out", By)
	}},
	{Name: "signed out everywhere", Refused: storage.ErrEnded, Make: func(ctx context.Context, h *House, db *storage.DB) error {
		return db.SignOutUser(ctx, h.User.ID, By)
	}},
	{Name: "grant ended", Refused: storage.ErrEnded, Make: func(ctx context.Context, h *House, db *storage.DB) error {
		return db.EndGrant(ctx, h.GrantID, "revoked", By)
	}},
	{Name: "authenticator replaced", Refused: storage.ErrEnded, Slow: true, Make: func(ctx context.Context, h *House, db *storage.DB) error {
		if err := h.enrol(ctx, db); err != nil {
			return err
		}
		return h.enrol(ctx, db)
	}},
	{Name: "session over its absolute limit", Refused: storage.ErrEnded, Slow: true, Make: func(_ context.Context, h *House, _ *storage.DB) error {
		h.Clock.Move(12*time.Hour + time.Second)
		return nil
	}},
}

// RequireTwoSteps is the admin's switch.
func (h *House) RequireTwoSteps(ctx context.Context, db *storage.DB) error {
	_, err := db.UpdatePolicy(ctx, h.Account.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.TwoStep = true
		return s.Policy, nil
	}, By)
	return err
}

// Between returns a judge that lets the change happen, once, after everything
// was read and before anything is written.
func (c Change) Between(ctx context.Context, h *House, other *storage.DB) func(storage.GrantView) error {
	var once sync.Once
	return func(v storage.GrantView) error {
		verdict := Judge(v)
		var err error
		once.Do(func() { err = c.Make(ctx, h, other) })
		return errors.Join(verdict, err)
	}
}

// FlipAgainstRefresh lets the admin require two steps while clients refresh
// without pause. No refresh that begins after the switch was acknowledged gives
// anything, and none is carried out under a policy that has changed.
func FlipAgainstRefresh(t *testing.T, h *House) {
	const clients = 8
	other, session := h.Open(t), h.SignedIn(t)
	for range Rounds(5) {
		grants := make([]string, clients)
		for i := range grants {
			grants[i] = h.Grant(t, session).ID
		}
		var flipped atomic.Bool
		var refreshed atomic.Int64
		enough, over := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		for i, id := range grants {
			db := h.DB
			if i%2 == 1 {
				db = other
			}
			all.Go(func() {
				for generation := int64(1); ; generation++ {
					late := flipped.Load()
					_, _, err := db.RotateRefresh(t.Context(), id, generation, func(v storage.GrantView) (storage.Rotation, error) {
						r, _ := h.Rotate(fmt.Sprint(id, "-", generation))(v)
						return r, Judge(v)
					})
					switch {
					case err == nil && late:
						t.Error("a refresh that began after the switch gave tokens")
						return
					case err != nil && !errors.Is(err, errPolicy):
						t.Errorf("refresh: %v", err)
						return
					case err != nil:
						return
					}
					if refreshed.Add(1) == 4*clients {
						close(enough)
					}
				}
			})
		}
		go func() { all.Wait(); close(over) }()
		select {
		case <-enough:
		case <-over:
			t.Fatal("nobody refreshes any more before the switch")
		}
		if err := h.RequireTwoSteps(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		flipped.Store(true)
		<-over
		_, err := h.DB.UpdatePolicy(t.Context(), h.Account.ID, func(s storage.AccountState) (storage.Policy, error) {
			s.Policy.TwoStep = false
			return s.Policy, nil
		}, By)
		must(t, err)
	}
}

// EnrolAtOnce proves that of two windows that confirm an authenticator at the
// same instant one wins whole: its authenticator, its recovery codes, its line in the audit log.
func EnrolAtOnce(t *testing.T, h *House) {
	other := h.Open(t)
	for range Rounds(10) {
		epoch := h.Person(t).User.Epoch
		windows := []storage.SignIn{h.Connect(t, h.Begin(t)), h.Connect(t, h.Begin(t))}
		_, errs := AtOnce(h, other, func(db *storage.DB, i int) (storage.SignIn, error) {
			return db.ActivateTOTP(t.Context(), h.Activation(windows[i%2]))
		})
		winner := windows[oneWinner(t, errs, storage.ErrConflict)%2].Secrets
		p := h.Person(t)
		if p.TOTP == nil || p.TOTP.ID != winner.AuthenticatorID || p.TOTP.Key.Reveal() != string(winner.TOTPKey) {
			t.Errorf("active authenticator %+v, want %s", p.TOTP, winner.AuthenticatorID)
		}
		if n := h.Count(t, `SELECT count(*) FROM recovery_codes WHERE authenticator_id = $1 AND hash LIKE $2`, p.RecoveryID, winner.AuthenticatorID+"-%"); n != 2 || p.RecoveryLeft != 2 {
			t.Errorf("%d recovery codes of the winner, %d in all", n, p.RecoveryLeft)
		}
		if p.User.Epoch != epoch+1 {
			t.Errorf("epoch %d, want %d", p.User.Epoch, epoch+1)
		}
	}
	h.consistent(t)
}

// consistent checks what holds after any history of enrolments.
func (h *House) consistent(t testing.TB) {
	t.Helper()
	for what, query := range map[string]string{
		"users with two active authenticators of a kind": `SELECT count(*) FROM (SELECT user_id FROM authenticators WHERE state = 'active' GROUP BY user_id, kind HAVING count(*) > 1) x`,
		"replaced authenticators that keep their key":    `SELECT count(*) FROM authenticators WHERE state = 'replaced' AND data <> ''`,
	} {
		if n := h.Count(t, query); n != 0 {
			t.Errorf("%s: %d", what, n)
		}
	}
	added := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = $1`, audit.AuthenticatorAdded)
	if n := h.Count(t, `SELECT count(*) FROM authenticators WHERE kind = 'totp'`); n != added {
		t.Errorf("%d authenticators, but %d in the audit log", n, added)
	}
}

// ReplaceAgainstCode replaces an authenticator while another browser signs in
// with a code of it. Afterwards nothing that the old one proved counts.
func ReplaceAgainstCode(t *testing.T, h *House) {
	other := h.Open(t)
	for round := range Rounds(10) {
		old := h.Enrol(t)
		replacing, stranger := h.Connect(t, h.Begin(t)), h.Begin(t)
		completion := h.Completion(stranger)
		_, errs := AtOnce(h, other, func(db *storage.DB, i int) (storage.Session, error) {
			if i == 0 {
				_, err := db.ActivateTOTP(t.Context(), h.Activation(replacing))
				return storage.Session{}, err
			}
			if i > 8 {
				return storage.Session{}, storage.ErrConflict
			}
			s, err := db.ProveTOTP(t.Context(), h.TOTPProof(stranger, old, int64(2000+round)))
			if err != nil {
				return storage.Session{}, err
			}
			c := completion
			c.SignIn, c.Evidence = s, s.Progress.Completed(h.Clock.Now(), nil)
			return db.CompleteSignIn(t.Context(), c)
		})
		must(t, errs[0])
		if n := h.Count(t, `SELECT count(*) FROM sessions WHERE ended_at IS NULL`); n != 0 {
			t.Errorf("%d sessions outlived the replacement", n)
		}
		for i, err := range errs[1:] {
			if err != nil && !isOneOf(err, []error{storage.ErrConflict, storage.ErrSpent}) {
				t.Errorf("caller %d: %v", i+1, err)
			}
		}
	}
	h.consistent(t)
}

// PasswordAgainstSignIn proves that whoever completes a sign-in while the
// password is changed has no session afterwards.
func PasswordAgainstSignIn(t *testing.T, h *House) {
	other := h.Open(t)
	for range Rounds(10) {
		s := h.Begin(t)
		completion := h.Completion(s)
		_, errs := AtOnce(h, other, func(db *storage.DB, i int) (storage.Session, error) {
			if i == 0 {
				return storage.Session{}, db.SetPassword(t.Context(), h.User.ID, "$argon2id$new", By)
			}
			if i > 8 {
				return storage.Session{}, storage.ErrConflict
			}
			c := completion
			c.NewBrowser = fmt.Sprint(completion.NewBrowser, ".", i)
			return db.CompleteSignIn(t.Context(), c)
		})
		must(t, errs[0])
		if n := h.Count(t, `SELECT count(*) FROM sessions WHERE ended_at IS NULL`); n != 0 {
			t.Errorf("%d sessions outlived the password", n)
		}
	}
}

// SignOutAgainstCode proves that a code that is issued while its session ends
// is not live afterwards.
func SignOutAgainstCode(t *testing.T, h *House) {
	other := h.Open(t)
	for range Rounds(10) {
		session := h.SignedIn(t)
		template, tag := h.Issue(t, session), h.Name("request")
		_, errs := AtOnce(h, other, func(db *storage.DB, i int) (string, error) {
			if i == Callers/4 {
				return "", db.EndSessions(t.Context(), session.Browser, "signed_out", By)
			}
			issue := template
			issue.Grant.RequestID, issue.CodeHash = fmt.Sprint(tag, ".", i), fmt.Sprint(template.CodeHash, ".", i)
			return db.IssueCode(t.Context(), issue)
		})
		for i, err := range errs {
			if err != nil && !errors.Is(err, storage.ErrConflict) {
				t.Errorf("caller %d: %v", i, err)
			}
		}
		if n := h.Count(t, `SELECT count(*) FROM grants WHERE session_id = $1 AND ended_at IS NULL`, session.ID); n != 0 {
			t.Errorf("%d grants outlived their session", n)
		}
	}
}

// ReplaceAgainstIssue proves that no code outlives the authenticator that it was
// decided on, even if it is issued from the browser whose session goes on, and
// even if that session's row is held while the authenticator is replaced.
func ReplaceAgainstIssue(t *testing.T, h *House) {
	ctx, other := t.Context(), h.Open(t)
	session := h.SignedIn(t)
	h.Enrol(t)
	activation := h.Activation(h.Connect(t, h.Begin(t)))
	activation.Browser = session.Browser
	issue := h.Issue(t, session)
	// The session was just used.
	held, err := Raw(t, h.URL).BeginTx(ctx, nil)
	must(t, err)
	defer held.Rollback()
	_, err = held.ExecContext(ctx, `UPDATE sessions SET seen_at = seen_at WHERE id = $1`, session.ID)
	must(t, err)
	issued, replaced := make(chan error, 1), make(chan error, 1)
	go func() { _, err := h.DB.IssueCode(ctx, issue); issued <- err }()
	h.waiting(t, 1, nil)
	go func() { _, err := other.ActivateTOTP(ctx, activation); replaced <- err }()
	h.waiting(t, 2, func() bool { return len(replaced) > 0 })
	must(t, held.Commit())
	must(t, <-replaced)
	if err := <-issued; err != nil && !errors.Is(err, storage.ErrConflict) {
		t.Errorf("code: %v", err)
	}
	if n := h.Count(t, `SELECT count(*) FROM grants WHERE ended_at IS NULL`); n != 0 {
		t.Errorf("%d grants outlived the authenticator that was replaced", n)
	}
	if n := h.Count(t, `SELECT count(*) FROM sessions WHERE id = $1 AND ended_at IS NULL`, session.ID); n != 1 {
		t.Error("the session in which it was replaced has ended")
	}
}

// IssueAgainstEpoch proves that a code that is issued while the user changes
// waits for the change, and is refused by it.
func IssueAgainstEpoch(t *testing.T, h *House) {
	ctx := t.Context()
	issue := h.Issue(t, h.SignedIn(t))
	held, err := Raw(t, h.URL).BeginTx(ctx, nil)
	must(t, err)
	defer held.Rollback()
	_, err = held.ExecContext(ctx, `UPDATE users SET epoch = epoch + 1`)
	must(t, err)
	issued := make(chan error, 1)
	go func() { _, err := h.DB.IssueCode(ctx, issue); issued <- err }()
	h.waiting(t, 1, nil)
	must(t, held.Commit())
	if err := <-issued; !errors.Is(err, storage.ErrConflict) {
		t.Errorf("code: %v", err)
	}
}

// waiting returns when so many statements wait for a row of the house's database,
// or when enough says that more of them won't. The embedded database doesn't
// tell, and has no order that matters: there it returns at once.
func (h *House) waiting(t *testing.T, statements int64, enough func() bool) {
	t.Helper()
	if h.DB.Embedded() {
		return
	}
	deadline := time.Now().Add(10 * time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); time.Now().Before(deadline); <-tick.C {
		if enough != nil && enough() || h.Count(t, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`) >= statements {
			return
		}
	}
	t.Fatalf("no %d statements wait", statements)
}
