package e2e

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"stile/demo"
	"stile/stiletest"
	"stile/storage/storagetest"
)

// newServe starts `stile serve` on a database, with a mail server.
func newServe(t testing.TB, database, mail string, env ...string) *system {
	t.Helper()
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	s := &system{Issuer: "http://localhost:" + port, Dir: t.TempDir(), box: demo.NewMailbox(time.Now)}
	mail = cmp.Or(mail, "  smtp: smtp://"+receive(t, s.box))
	s.configure(t, fmt.Sprintf("issuer: %s\nlisten: %s\ndatabase: %s\nmail:\n%s\n%s%s", s.Issuer, address, database, mail, loose, unbounded))
	s.serve(t, env...)
	return s
}

// serve starts the installation, again after it has ended.
func (s *system) serve(t testing.TB, env ...string) {
	t.Helper()
	s.proc = start(t, env, "stile", "serve", "--config", s.Config())
	s.ready(t)
}

// How often the program dies on each database.
const (
	killedRounds     = 20 // while tokens are refreshed
	killedEnrolments = 20
)

// The program dies at any moment, as in a power cut, and starts again: nothing
// that it has answered is lost.
func TestKilled(t *testing.T) {
	t.Parallel()
	for engine, database := range map[string]func(testing.TB) string{
		"sqlite":   func(testing.TB) string { return "sqlite:stile.db" },
		"postgres": storagetest.EmptyPostgres,
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := newServe(t, database(t), "")
			rp := once(s.console(t))
			again := func() { s.serve(t) } // the last one lives until both are over
			t.Run("in a storm of refreshes", func(t *testing.T) { killedWhileRefreshing(t, s, rp, again) })
			t.Run("in the middle of an enrolment", func(t *testing.T) { killedWhileEnrolling(t, s, rp, again) })
		})
	}
}

// dieAfter kills the installation within so long, and waits for what was under way.
func (s *system) dieAfter(t testing.TB, most time.Duration, underWay *sync.WaitGroup) {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(int64(most)))
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Duration(n.Int64())) // any moment must do
	s.proc.kill(t)
	underWay.Wait()
}

// killedWhileRefreshing: each client goes on with the newest token that it was
// given, whether or not another one was on its way.
func killedWhileRefreshing(t *testing.T, s *system, rp *stiletest.RP, again func()) {
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	ledger := make([]stiletest.Tokens, 6)
	for i := range ledger {
		ledger[i] = w.tokens(rp)
	}
	acknowledged := 0
	for round := range killedRounds {
		told := make(chan struct{}, 1000)
		var storm sync.WaitGroup
		for i := range ledger {
			storm.Go(func() {
				for {
					next, err := rp.Refresh(ledger[i].RefreshToken)
					if err != nil {
						return // the installation is gone, or the check below tells
					}
					ledger[i] = next
					select {
					case told <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 10 {
			select {
			case <-told:
				acknowledged++
			case <-t.Context().Done():
			}
		}
		s.dieAfter(t, 30*time.Millisecond, &storm)
		again()
		for i, has := range ledger {
			if got := rp.Email(has); got != w.who.Email {
				t.Errorf("round %d: the access token is of %q", round, got)
			}
			next, err := rp.Refresh(has.RefreshToken)
			if err != nil {
				t.Fatalf("round %d: grant %d can't go on with the newest refresh token that was answered: %v", round, i, err)
			}
			if next.Claims.AuthTime != has.Claims.AuthTime {
				t.Errorf("round %d: auth_time %d, want %d", round, next.Claims.AuthTime, has.Claims.AuthTime)
			}
			ledger[i] = next
		}
	}
	t.Logf("%d rounds, at least %d acknowledged refreshes", killedRounds, acknowledged)
}

// killedWhileEnrolling: the old authenticator works or the new one does, and it
// is the new one if that was answered.
func killedWhileEnrolling(t *testing.T, s *system, rp *stiletest.RP, again func()) {
	account := s.newAccount(t, "required")
	answered := 0
	for round := range killedEnrolments {
		w := newWalker(t, s, s.newPerson(t, account)) // codes of whose app are not used up
		w.Open(rp.Begin().URL)
		w.password()
		w.connect()
		began := time.Now()
		w.Submit(map[string]string{"code": w.app.Code()})
		w.want("done")
		took := time.Since(began) // the second time the same is done
		old := w.app
		w = w.elsewhere()
		w.Open(rp.Begin().URL)
		w.password()
		w.want("enter-code")
		w.Press("Set up a new mobile device")
		w.connect()
		code := w.app.Code()
		var underWay sync.WaitGroup
		var status int
		underWay.Go(func() { status, _, _ = w.post(map[string]string{"code": code}) })
		s.dieAfter(t, 2*took, &underWay) // before the answer or after it
		again()

		if status == http.StatusSeeOther {
			answered++
		}
		if w.works(rp) {
			continue
		}
		if status == http.StatusSeeOther {
			t.Fatalf("round %d: the new authenticator doesn't work, though it was answered that it does", round)
		}
		if w.app = old; !w.works(rp) {
			t.Fatalf("round %d: neither authenticator works", round)
		}
	}
	t.Logf("%d of %d enrolments were answered before the end", answered, killedEnrolments)
}

// works tells whether a code of the person's app is good for a sign-in.
func (w *walker) works(rp *stiletest.RP) bool {
	w.t.Helper()
	later, attempt := w.elsewhere(), rp.Begin()
	later.Open(attempt.URL)
	later.password()
	later.code()
	if later.Page().Screen() == "enter-code" {
		return false
	}
	wantMFA(w.t, rp.Redeem(attempt, later.Page().URL).Claims)
	return true
}
