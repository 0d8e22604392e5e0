package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

// write adds events of the house's account, one a second, and returns their ids
// in order.
func (h *House) write(t *testing.T, n int) []string {
	t.Helper()
	for i := range n {
		h.Clock.Move(time.Second)
		must(t, h.DB.Record(t.Context(), audit.Event{
			Kind: audit.SignInFailed, Outcome: audit.Refused, AccountID: h.Account.ID, SubjectID: "u", Reason: fmt.Sprint("r", i),
			Actor: audit.Actor{Network: "192.0.2.1", UserAgent: "agent"}, Detail: map[string]string{"n": fmt.Sprint(i)},
		}))
	}
	list := got(h.DB.Events(t.Context(), storage.EventFilter{AccountID: h.Account.ID, Limit: n}))(t)
	var ids []string
	for _, e := range slices.Backward(list) {
		ids = append(ids, e.ID)
	}
	return ids
}

// seal seals what there is and returns how many events that were.
func (h *House) seal(t *testing.T) int {
	t.Helper()
	return got(h.DB.SealAudit(t.Context(), time.Time{}))(t)
}

func (h *House) exec(t *testing.T, text string, args ...any) {
	t.Helper()
	result := got(h.raw.ExecContext(t.Context(), text, args...))(t)
	if n := got(result.RowsAffected())(t); n == 0 {
		t.Fatalf("%s: no row", text)
	}
}

// faults looks at the chain of the house's account and returns what is wrong
// with it, as what:seal:event.
func (h *House) faults(t *testing.T, kept *storage.AuditSeal) []string {
	t.Helper()
	r := got(h.DB.VerifyAudit(t.Context(), h.Account.ID, storage.AuditCheck{Kept: kept}))(t)
	var all []string
	for _, f := range r.Faults {
		all = append(all, fmt.Sprintf("%s:%d:%s", f.What, f.Seal, f.EventID))
	}
	if int64(len(all)) != min(r.Faulty, 100) {
		t.Errorf("%d faults, %d named", r.Faulty, len(all))
	}
	return all
}

func (h *House) lastSeal(t *testing.T) storage.AuditSeal {
	t.Helper()
	for _, s := range got(h.DB.LastSeals(t.Context()))(t) {
		if s.AccountID == h.Account.ID {
			return s
		}
	}
	return storage.AuditSeal{}
}

func same(t *testing.T, what string, have []string, want ...string) {
	t.Helper()
	if !slices.Equal(have, want) {
		t.Errorf("%s:\n got  %v\n want %v", what, have, want)
	}
}

func TestN06_DamageToTheAuditLogIsNamed(t *testing.T) {
	const columns = `at, account_id, kind, outcome, actor_kind, actor_id, network, user_agent, request_id, subject_id, session_id, grant_id, client_id, reason, detail, mac`
	for _, damage := range []struct {
		name string
		do   func(t *testing.T, h *House, ids []string)
		want []string // with $n for the n-th id; seal 1 has the account's own events, 2 to 4 two each of ids
	}{
		{"none", func(*testing.T, *House, []string) {}, nil},
		{"an event removed", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `DELETE FROM audit_events WHERE id = $1`, ids[2])
		}, []string{"removed:3:$2"}},
		{"all of a seal removed", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `DELETE FROM audit_events WHERE id IN ($1, $2)`, ids[2], ids[3])
		}, []string{"removed:3:$2", "removed:3:$3"}},
		{"an event and its seal removed", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `DELETE FROM audit_events WHERE id IN ($1, $2)`, ids[2], ids[3])
			h.exec(t, `DELETE FROM audit_seals WHERE account_id = $1 AND number = 3`, h.Account.ID)
		}, []string{"seal removed:3:"}},
		{"the beginning removed", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `DELETE FROM audit_events WHERE account_id = $1 AND id < $2`, h.Account.ID, ids[2])
			h.exec(t, `DELETE FROM audit_seals WHERE account_id = $1 AND number <= 2`, h.Account.ID)
		}, []string{"seal removed:2:"}},
		{"the beginning removed as if pruned", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `DELETE FROM audit_events WHERE account_id = $1 AND id < $2`, h.Account.ID, ids[2])
			h.exec(t, `DELETE FROM audit_seals WHERE account_id = $1 AND number < 2`, h.Account.ID)
			h.exec(t, `UPDATE audit_seals SET pruned = 'x', ids = '[]' WHERE account_id = $1 AND number = 2`, h.Account.ID)
		}, []string{"seal changed:2:"}},
		{"a reason changed", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `UPDATE audit_events SET reason = 'other' WHERE id = $1`, ids[1])
		}, []string{"changed:2:$1"}},
		{"a time changed", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `UPDATE audit_events SET at = at + 1 WHERE id = $1`, ids[1])
		}, []string{"changed:2:$1"}},
		{"text moved to the next column", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `UPDATE audit_events SET network = '192.0.2.1a', user_agent = 'gent' WHERE id = $1`, ids[1])
		}, []string{"changed:2:$1"}},
		{"moved to another account", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `UPDATE audit_events SET account_id = 'other' WHERE id = $1`, ids[5])
		}, []string{"changed:4:$5"}},
		{"mac removed", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `UPDATE audit_events SET reason = 'other', mac = '' WHERE id = $1`, ids[5])
		}, []string{"changed:4:$5"}},
		{"two exchanged", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `UPDATE audit_events SET id = 'x' WHERE id = $1`, ids[0])
			h.exec(t, `UPDATE audit_events SET id = $1 WHERE id = $2`, ids[0], ids[5])
			h.exec(t, `UPDATE audit_events SET id = $1 WHERE id = 'x'`, ids[5])
		}, []string{"changed:2:$0", "changed:4:$5"}},
		{"inserted with another's mac", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `INSERT INTO audit_events (id, `+columns+`) SELECT '0', `+columns+` FROM audit_events WHERE id = $1`, ids[1])
		}, []string{"inserted:0:0"}},
		{"inserted and sealed", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `INSERT INTO audit_events (id, `+columns+`) SELECT '0', `+columns+` FROM audit_events WHERE id = $1`, ids[1])
			h.exec(t, `UPDATE audit_events SET mac = '' WHERE id = '0'`)
			h.seal(t)
		}, []string{"inserted:0:0"}},
		{"inserted into a seal's list", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `UPDATE audit_seals SET ids = REPLACE(ids, '[', '["`+ids[4]+`",') WHERE account_id = $1 AND number = 3`, h.Account.ID)
		}, []string{"seal changed:3:"}},
		{"removed from the list too", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `DELETE FROM audit_events WHERE id = $1`, ids[3])
			h.exec(t, `UPDATE audit_seals SET ids = REPLACE(ids, ',"`+ids[3]+`"', ''), events = 1, last_id = first_id WHERE account_id = $1 AND number = 3`, h.Account.ID)
		}, []string{"seal changed:3:"}},
		{"a seal's hash changed", func(t *testing.T, h *House, _ []string) {
			h.exec(t, `UPDATE audit_seals SET hash = 'x' WHERE account_id = $1 AND number = 3`, h.Account.ID)
		}, []string{"seal changed:3:"}},
		{"a seal's time changed", func(t *testing.T, h *House, _ []string) {
			h.exec(t, `UPDATE audit_seals SET at = at - 1 WHERE account_id = $1 AND number = 2`, h.Account.ID)
		}, []string{"seal changed:2:"}},
		{"seals exchanged", func(t *testing.T, h *House, _ []string) {
			h.exec(t, `UPDATE audit_seals SET number = -number WHERE account_id = $1 AND number IN (3, 4)`, h.Account.ID)
			h.exec(t, `UPDATE audit_seals SET number = 7 + number WHERE account_id = $1 AND number < 0`, h.Account.ID)
		}, []string{"seal changed:3:", "replaced:4:", "seal changed:4:"}},
		{"the last seal and its events removed", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `DELETE FROM audit_events WHERE id IN ($1, $2)`, ids[4], ids[5])
			h.exec(t, `DELETE FROM audit_seals WHERE account_id = $1 AND number = 4`, h.Account.ID)
		}, []string{"seal removed:4:"}},
		{"the last seal and its events removed, and sealed on", func(t *testing.T, h *House, ids []string) {
			h.exec(t, `DELETE FROM audit_events WHERE id IN ($1, $2)`, ids[4], ids[5])
			h.exec(t, `DELETE FROM audit_seals WHERE account_id = $1 AND number = 4`, h.Account.ID)
			for range 3 {
				h.write(t, 1)
				h.seal(t)
			}
		}, []string{"replaced:4:"}},
		{"the whole log removed", func(t *testing.T, h *House, _ []string) {
			h.exec(t, `DELETE FROM audit_events WHERE account_id = $1`, h.Account.ID)
			h.exec(t, `DELETE FROM audit_seals WHERE account_id = $1`, h.Account.ID)
		}, []string{"seal removed:4:", "all removed:0:"}},
		{"the whole log removed, and its mark", func(t *testing.T, h *House, _ []string) {
			h.exec(t, `DELETE FROM audit_events WHERE account_id = $1`, h.Account.ID)
			h.exec(t, `DELETE FROM audit_seals WHERE account_id = $1`, h.Account.ID)
			h.exec(t, `DELETE FROM audit_marks WHERE account_id = $1`, h.Account.ID)
		}, []string{"all removed:0:"}},
		{"the mark removed, and sealed on", func(t *testing.T, h *House, _ []string) {
			h.exec(t, `DELETE FROM audit_marks WHERE account_id = $1`, h.Account.ID)
			h.write(t, 1)
			h.seal(t)
		}, []string{"mark removed:5:"}},
		{"the mark set back, and sealed on", func(t *testing.T, h *House, _ []string) {
			h.exec(t, `UPDATE audit_marks SET number = 3 WHERE account_id = $1`, h.Account.ID)
			h.write(t, 1)
			h.seal(t)
		}, []string{"mark changed:3:"}},
		{"the mark of another account", func(t *testing.T, h *House, _ []string) {
			h.exec(t, `UPDATE audit_marks SET mac = (SELECT mac FROM audit_marks WHERE account_id = '') WHERE account_id = $1`, h.Account.ID)
		}, []string{"mark changed:4:"}},
	} {
		t.Run(damage.name, func(t *testing.T) {
			t.Parallel()
			Each(t, func(t *testing.T, h *House) {
				h.seal(t)
				ids := h.write(t, 2)
				for range 2 {
					h.seal(t)
					ids = append(ids, h.write(t, 2)...)
				}
				h.seal(t)
				damage.do(t, h, ids)
				expected := slices.Clone(damage.want)
				for i, w := range expected {
					for n, id := range ids {
						w = strings.ReplaceAll(w, fmt.Sprint("$", n), id)
					}
					expected[i] = w
				}
				same(t, "faults", h.faults(t, nil), expected...)
			})
		})
	}
}

func TestN06_DamageBeforeTheSeal(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		h.seal(t)
		ids := h.write(t, 3)
		h.exec(t, `UPDATE audit_events SET outcome = 'ok' WHERE id = $1`, ids[1])
		if n := h.seal(t); n != 2 {
			t.Errorf("%d events were sealed, want the two that are ours", n)
		}
		same(t, "faults", h.faults(t, nil), "inserted:0:"+ids[1])
	})
}

// A table that is restored from a backup lacks what came later; if all of them
// are restored, only a copy of the last seal shows it.
func TestN06_RestoreOfTables(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		h.seal(t)
		h.write(t, 2)
		h.seal(t)
		old := h.lastSeal(t)
		must(t, second(h.raw.ExecContext(t.Context(), `CREATE TABLE saved_audit_marks AS SELECT * FROM audit_marks`)))
		ids := h.write(t, 2)
		h.seal(t)
		kept := h.lastSeal(t)
		same(t, "nothing happened", h.faults(t, &kept))
		same(t, "compared with an older seal", h.faults(t, &old))

		must(t, second(h.raw.ExecContext(t.Context(), `CREATE TABLE saved_audit_events AS SELECT * FROM audit_events`)))
		h.exec(t, `DELETE FROM audit_events WHERE id IN ($1, $2)`, ids[0], ids[1])
		same(t, "events restored", h.faults(t, nil), "removed:3:"+ids[0], "removed:3:"+ids[1])
		h.exec(t, `DELETE FROM audit_seals WHERE account_id = $1 AND number = 3`, h.Account.ID)
		same(t, "both restored", h.faults(t, nil), "seal removed:3:")
		h.exec(t, `DELETE FROM audit_marks WHERE account_id = $1`, h.Account.ID)
		h.exec(t, `INSERT INTO audit_marks SELECT * FROM saved_audit_marks WHERE account_id = $1`, h.Account.ID)
		same(t, "all three restored", h.faults(t, nil))
		same(t, "all three restored, against the seal that was kept", h.faults(t, &kept), "replaced:3:")
		same(t, "all three restored, against an older seal", h.faults(t, &old))
		h.write(t, 3)
		h.seal(t)
		same(t, "all three restored and written on", h.faults(t, nil))
		same(t, "all three restored and written on, against the seal that was kept", h.faults(t, &kept), "replaced:3:")

		h.exec(t, `DELETE FROM audit_events`)
		h.exec(t, `INSERT INTO audit_events SELECT * FROM saved_audit_events`)
		h.exec(t, `DELETE FROM audit_seals WHERE account_id = $1 AND number = 3`, h.Account.ID)
		if r := got(h.DB.VerifyAudit(t.Context(), h.Account.ID, storage.AuditCheck{Kept: &kept}))(t); r.Waiting != 2 || r.Compared ||
			len(r.Faults) != 2 || r.Faults[0].What != storage.FaultReplaced || r.Faults[1].What != storage.FaultSealRemoved {
			t.Errorf("seals restored: %+v", r)
		}
	})
}

// Events that commit after later ones were sealed, or whose clock is off, are
// sealed by a later seal, and are no gap.
func TestN06_LateCommits(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		h.seal(t)
		clocks := map[string]time.Duration{"35s late": -35 * time.Second, "an hour behind": -time.Hour, "an hour ahead": time.Hour}
		for name, off := range clocks {
			h.write(t, 2)
			h.seal(t)
			other := Open(t, h.URL, func() time.Time { return h.Clock.Now().Add(off) })
			must(t, other.Record(t.Context(), audit.Event{Kind: audit.SignInFailed, AccountID: h.Account.ID, Reason: name}))
			r := got(h.DB.VerifyAudit(t.Context(), h.Account.ID, storage.AuditCheck{}))(t)
			if r.Waiting != 1 || r.Faulty != 0 {
				t.Errorf("%s, not sealed yet: %+v", name, r)
			}
			if n := h.seal(t); n != 1 {
				t.Errorf("%s: %d events were sealed, want 1", name, n)
			}
			if n := h.seal(t); n != 0 {
				t.Errorf("%s: %d events were sealed a second time", name, n)
			}
		}
		if r := got(h.DB.VerifyAudit(t.Context(), h.Account.ID, storage.AuditCheck{}))(t); r.Waiting != 0 || r.Faulty != 0 || r.Events != 3*3+2 {
			t.Errorf("at the end: %+v", r)
		}
		// The short way looks at the last minutes only.
		h.write(t, 1)
		h.Clock.Move(3 * time.Minute)
		if n := got(h.DB.SealAudit(t.Context(), h.Clock.Now().Add(-time.Minute)))(t); n != 0 {
			t.Errorf("%d sealed of the last minute, want none", n)
		}
		if waits := got(h.DB.AuditWaits(t.Context(), h.Clock.Now().Add(-4*time.Minute)))(t); !waits {
			t.Error("nothing waits")
		}
		if n := got(h.DB.SealAudit(t.Context(), h.Clock.Now().Add(-4*time.Minute)))(t); n != 1 {
			t.Errorf("%d sealed, want 1", n)
		}
	})
}

func TestN06_TwoSealersAtOnce(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		h.seal(t)
		dbs := [2]*storage.DB{h.DB, h.Open(t)}
		for round := range 5 {
			h.write(t, 20)
			h.Clock.Move(2 * time.Minute)
			h.write(t, 20)
			total := 0
			for _, n := range together(8, dbs, func(_ int, db *storage.DB) int {
				n, err := db.SealAudit(t.Context(), time.Time{})
				if err != nil {
					t.Error(err)
				}
				return n
			}) {
				total += n
			}
			if total += h.seal(t); total != 40 {
				t.Errorf("round %d: %d events were sealed, want each of 40 once", round, total)
			}
		}
		r := got(h.DB.VerifyAudit(t.Context(), h.Account.ID, storage.AuditCheck{}))(t)
		if r.Faulty != 0 || r.Waiting != 0 || r.Events != 5*40+2 {
			t.Errorf("report = %+v", r)
		}
	})
}
