package storagetest

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"stile/storage"
)

// The crash tests run this test binary again as a child, which works on the
// database without pause and writes what was acknowledged to a ledger, with
// fsync, until it is killed at a random moment. Then the ledger is held against
// the database: what was acknowledged is there, what was not is there whole or
// not at all.

// crashVariable tells a child what to do: act, database, ledger, user, grants.
const crashVariable = "STILE_CRASH_CHILD"

// CrashChild is the child; it does not return. In any other process it does nothing.
func CrashChild(t *testing.T) {
	given := os.Getenv(crashVariable)
	if given == "" {
		t.Skip("this is not the child of a crash test")
	}
	task := strings.Split(given, "\n")
	act, url, path := task[0], task[1], task[2]
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	l := &ledger{file: file, told: os.Stdout}
	h := &House{URL: url, Clock: NewClock(), tag: random(), User: storage.User{ID: task[3]}}
	h.Clock.Move(time.Since(h.Clock.Now()))
	h.DB = Open(t, url, time.Now)
	switch act {
	case "enrol":
		must(t, h.enrolForEver(t.Context(), l))
	case "refresh":
		var all sync.WaitGroup
		for _, id := range task[4:] {
			all.Go(func() {
				if err := h.refreshForEver(t.Context(), l, id); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// enrolForEver replaces the authenticator app again and again.
func (h *House) enrolForEver(ctx context.Context, l *ledger) error {
	for {
		s, err := h.connect(ctx, h.DB)
		if err != nil {
			return err
		}
		l.write("try", s.Secrets.AuthenticatorID)
		if _, err := h.DB.ActivateTOTP(ctx, h.Activation(s)); err != nil {
			return err
		}
		l.write("done", s.Secrets.AuthenticatorID)
	}
}

// refreshForEver refreshes a grant again and again.
func (h *House) refreshForEver(ctx context.Context, l *ledger, id string) error {
	v, err := h.DB.Grant(ctx, id)
	generation := v.Grant.Generation
	for n := 0; err == nil; n++ {
		access := fmt.Sprint("access-", h.tag, "-", id, "-", n)
		if _, generation, err = h.DB.RotateRefresh(ctx, id, generation, h.Rotate(access)); err == nil {
			l.write("done", id, strconv.FormatInt(generation, 10), access)
		}
	}
	return err
}

// ledger is what outlives the child.
type ledger struct {
	mu   sync.Mutex
	file *os.File
	told io.Writer
}

// write makes a line durable, and then tells the parent.
func (l *ledger) write(words ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := strings.Join(words, " ") + "\n"
	if _, err := l.file.WriteString(line); err != nil {
		panic(err)
	}
	if err := l.file.Sync(); err != nil {
		panic(err)
	}
	fmt.Fprint(l.told, "ledger ", line)
}

// crash lets a child act until it is killed, after it has acknowledged a few
// acts and a moment more, and returns the lines of its ledger.
func (h *House) crash(t *testing.T, act string, more ...string) [][]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger")
	must(t, os.WriteFile(path, nil, 0o600))
	self, err := os.Executable()
	must(t, err)
	child := exec.CommandContext(t.Context(), self, "-test.run=^TestCrashChild$", "-test.v", "-test.timeout=1m")
	task := append([]string{act, h.URL, path, h.User.ID}, more...)
	child.Env = append(os.Environ(), crashVariable+"="+strings.Join(task, "\n"))
	child.Stderr = os.Stderr
	told, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	var said strings.Builder
	lines := bufio.NewScanner(told)
	for wait := 1 + below(t, 12); wait > 0 && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "ledger done") {
			wait--
		}
		fmt.Fprintln(&said, lines.Text())
	}
	moment := time.NewTimer(time.Duration(below(t, 4000)) * time.Microsecond)
	<-moment.C
	must(t, child.Process.Kill()) // SIGKILL
	_, _ = io.Copy(io.Discard, told)
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child ended by itself: %v\n%s", err, said.String())
	}
	h.settle(t)
	text, err := os.ReadFile(path)
	must(t, err)
	var ledger [][]string
	for line := range strings.Lines(string(text)) {
		ledger = append(ledger, strings.Fields(line))
	}
	return ledger
}

// settle waits until the server has done with what a dead client asked for. Of
// the embedded database the client was the server.
func (h *House) settle(t testing.TB) {
	t.Helper()
	if strings.HasPrefix(h.URL, "sqlite:") {
		return
	}
	for ctx := t.Context(); ctx.Err() == nil; {
		if h.Count(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`) == 0 {
			return
		}
	}
}

func below(t testing.TB, n int64) int64 {
	t.Helper()
	v, err := rand.Int(rand.Reader, big.NewInt(n))
	must(t, err)
	return v.Int64()
}

// reopened opens the database as the next start of the program does, until the
// check is over.
func (h *House) reopened(t *testing.T, check func(db *storage.DB)) {
	t.Helper()
	db, err := storage.Open(t.Context(), h.URL, storage.Options{Ring: Ring(), Now: time.Now})
	must(t, err)
	check(db)
	must(t, db.Close())
}

// CrashWhileEnrolling proves that whenever the program dies, the old
// authenticator works or the new one does, whole with its recovery codes and its line in the audit log;
// and it is the new one if that was acknowledged.
func CrashWhileEnrolling(t *testing.T, h *House) {
	h.Clock.Move(time.Since(h.Clock.Now())) // the child's is the real one
	h.Enrol(t)
	present := h.Person(t).TOTP.ID
	must(t, h.DB.Close())
	for round := range Rounds(20) {
		acked, possible := present, present
		for _, line := range h.crash(t, "enrol") {
			switch possible = line[1]; line[0] {
			case "done":
				acked = line[1]
			case "try":
			}
		}
		h.reopened(t, func(db *storage.DB) {
			p, err := db.PersonByID(t.Context(), h.User.ID)
			must(t, err)
			if p.TOTP == nil || p.TOTP.ID != acked && p.TOTP.ID != possible {
				t.Fatalf("round %d: the authenticator is %+v, want %s or, not acknowledged, %s", round, p.TOTP, acked, possible)
			}
			present = p.TOTP.ID
			if p.TOTP.Key.Reveal() != string(keyOf(present)) {
				t.Errorf("round %d: authenticator %s has another's key", round, present)
			}
			if n := h.Count(t, `SELECT count(*) FROM recovery_codes WHERE authenticator_id = $1 AND hash LIKE $2`, p.RecoveryID, present+"-%"); n != 2 || p.RecoveryLeft != 2 {
				t.Errorf("round %d: %d recovery codes belong to authenticator %s", round, n, present)
			}
			enrolments := h.Count(t, `SELECT count(*) FROM authenticators WHERE kind = 'totp'`)
			if p.User.Epoch != 1+enrolments {
				t.Errorf("round %d: epoch %d after %d enrolments", round, p.User.Epoch, enrolments)
			}
			h.consistent(t)

			h.DB = db
			s := h.Begin(t)
			if _, err := db.ProveTOTP(t.Context(), h.TOTPProof(s, present, int64(1001+round))); err != nil {
				t.Errorf("round %d: the authenticator does not work: %v", round, err)
			}
		})
	}
}

// CrashWhileRefreshing proves that whenever the program dies, what was
// acknowledged is stored, no more than the one refresh under way is stored beside it, and its
// client, who lost the answer, goes on with the token that it has.
func CrashWhileRefreshing(t *testing.T, h *House) {
	h.Clock.Move(time.Since(h.Clock.Now())) // the child's is the real one
	session := h.SignedIn(t)
	has := map[string]int64{} // what each client holds
	var ids []string
	for range 4 {
		id := h.Grant(t, session).ID
		has[id], ids = 1, append(ids, id)
	}
	must(t, h.DB.Close())
	for round := range Rounds(20) {
		var access []string
		for _, line := range h.crash(t, "refresh", ids...) {
			generation, err := strconv.ParseInt(line[2], 10, 64)
			must(t, err)
			has[line[1]], access = generation, append(access, line[3])
		}
		h.reopened(t, func(db *storage.DB) {
			for _, hash := range access {
				if n := h.Count(t, `SELECT count(*) FROM access_tokens WHERE hash = $1`, hash); n != 1 {
					t.Errorf("round %d: an access token that was handed out is not there", round)
				}
			}
			for _, id := range ids {
				stored := h.Count(t, `SELECT generation FROM grants WHERE id = $1 AND ended_at IS NULL`, id)
				if stored != has[id] && stored != has[id]+1 {
					t.Errorf("round %d: generation %d is stored, %d was acknowledged", round, stored, has[id])
				}
				tokens := h.Count(t, `SELECT count(*) FROM access_tokens WHERE grant_id = $1`, id)
				if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE grant_id = $1 AND kind IN ('grant.redeemed', 'grant.refreshed')`, id); n != tokens {
					t.Errorf("round %d: %d access tokens, but %d lines in the audit log", round, tokens, n)
				}
				_, next, err := db.RotateRefresh(t.Context(), id, has[id], h.Rotate(h.Name("access")))
				if err != nil || next != has[id]+1 {
					t.Fatalf("round %d: the client with generation %d got %d, %v", round, has[id], next, err)
				}
				has[id] = next
			}
		})
	}
}
