package storagetest

import (
	"fmt"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

func TestN06_PrunedChainVerifies(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		const day = 24 * time.Hour
		h.seal(t)
		old := h.lastSeal(t)
		const rounds, each, left = 60, 3, 8 // more than a page of seals, and of those that go
		for range rounds {
			h.write(t, each)
			h.Clock.Move(5 * day)
			h.seal(t)
		}
		kept := h.lastSeal(t)
		rows := func() int64 {
			return h.Count(t, `SELECT count(*) FROM audit_events WHERE account_id = $1`, h.Account.ID)
		}
		if all := rows(); all != rounds*each+2 {
			t.Fatalf("%d events", all)
		}
		h.Clock.Move(400*day - left*5*day - 3*day)
		must(t, h.DB.RemoveExpired(t.Context()))
		must(t, h.DB.RemoveExpired(t.Context()))
		if n := rows(); n != left*each {
			t.Errorf("%d events are left, want %d", n, left*each)
		}
		same(t, "pruned", h.faults(t, nil))
		same(t, "pruned, against a seal of before", h.faults(t, &kept))
		same(t, "pruned, against a seal that was let go", h.faults(t, &old))
		r := got(h.DB.VerifyAudit(t.Context(), h.Account.ID, storage.AuditCheck{Kept: &kept}))(t)
		if !r.Compared || r.Pruned < 2 || h.Count(t, `SELECT min(number) FROM audit_seals WHERE account_id = $1`, h.Account.ID) != r.Pruned {
			t.Errorf("report = %+v", r)
		}
		h.write(t, 2)
		h.seal(t)
		same(t, "pruned and written on", h.faults(t, nil))

		// What isn't as it was written stays.
		var id string
		must(t, h.raw.QueryRow(`SELECT min(id) FROM audit_events WHERE account_id = $1`, h.Account.ID).Scan(&id))
		h.exec(t, `UPDATE audit_events SET reason = 'other' WHERE id = $1`, id)
		before := rows()
		h.Clock.Move(10 * day)
		must(t, h.DB.RemoveExpired(t.Context()))
		if after := rows(); after != before {
			t.Errorf("%d events of %d are left of a stretch that was changed", after, before)
		}
		same(t, "changed and old", h.faults(t, nil), fmt.Sprintf("changed:%d:%s", r.Pruned+1, id))

		// All of it goes, but for the last seal.
		h.exec(t, `UPDATE audit_events SET reason = 'r0' WHERE id = $1`, id)
		h.Clock.Move(500 * day)
		must(t, h.DB.RemoveExpired(t.Context()))
		if left, seals := rows(), h.Count(t, `SELECT count(*) FROM audit_seals WHERE account_id = $1`, h.Account.ID); left != 0 || seals != 1 {
			t.Errorf("%d events and %d seals are left", left, seals)
		}
		h.write(t, 2)
		h.seal(t)
		same(t, "after all was let go", h.faults(t, nil))
	})
}

func TestN06_ChainsOfAllAccounts(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		must(t, h.DB.Record(t.Context(), audit.Event{Kind: audit.LimitReached})) // of no account
		h.write(t, 1)
		h.seal(t)
		must(t, h.DB.DeleteAccount(t.Context(), h.Account.ID, By))
		h.seal(t)
		chains := got(h.DB.AuditChains(t.Context()))(t)
		same(t, "chains", chains, "", h.Account.ID)
		for _, id := range chains {
			r := got(h.DB.VerifyAudit(t.Context(), id, storage.AuditCheck{}))(t)
			if r.Faulty != 0 || r.Waiting != 0 || r.Events == 0 {
				t.Errorf("%q: %+v", id, r)
			}
		}
		h.exec(t, `INSERT INTO audit_events SELECT 'x', at, 'nobody', kind, outcome, actor_kind, actor_id, network, user_agent, request_id,
			subject_id, session_id, grant_id, client_id, reason, detail, mac FROM audit_events LIMIT 1`)
		same(t, "chains with an inserted one", got(h.DB.AuditChains(t.Context()))(t), "", h.Account.ID, "nobody")
	})
}
