package storagetest

import (
	"strings"
	"testing"

	"stile/audit"
	"stile/storage"
)

const (
	home, phone      = "192.0.2.77", "Quirin's browser 7"
	office, computer = "198.51.100.8", "Boss's browser 8"
)

// What the audit log holds of a person beside ids can be read until the person is
// gone, and never again; the chain fits before and after.
func TestS03_NetworkAndBrowserGoWithTheirPerson(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		u, boss := h.NewUser(t, "quirin@example.com"), h.NewUser(t, "boss@example.com")
		if len(u.AuditKey) < 20 || u.AuditKey == boss.AuditKey {
			t.Fatal("the keys")
		}
		here, there := audit.Actor{Network: home, UserAgent: phone}, audit.Actor{Network: office, UserAgent: computer}
		event := func(e audit.Event) audit.Event { e.Kind, e.AccountID = audit.UserChanged, h.Account.ID; return e }
		for _, e := range []audit.Event{
			event(audit.Event{Actor: u.Acting(here), SubjectID: u.ID, Reason: "own"}),
			event(u.About(audit.Event{Actor: here, Reason: "nobody known"})),
			event(audit.Event{Actor: u.Through(audit.Actor{Kind: "client", ID: "app", Network: home, UserAgent: phone}), SubjectID: u.ID, Reason: "by an app"}),
			event(audit.Event{Actor: u.Acting(here), SubjectID: boss.ID, Reason: "to another"}),
			event(audit.Event{Actor: boss.Acting(there), SubjectID: u.ID, Reason: "by another"}),
			event(audit.Event{Actor: audit.Actor{Kind: "client", ID: "service", Network: office}, SubjectID: u.ID, Reason: "by a service"}),
			event(audit.Event{Actor: audit.Actor{Network: office}, Reason: "nobody"}),
		} {
			must(t, h.DB.Record(ctx, e))
		}
		h.seal(t)
		read := func() map[string][2]string {
			t.Helper()
			found := map[string][2]string{}
			for _, e := range got(h.DB.Events(ctx, storage.EventFilter{AccountID: h.Account.ID, Kind: audit.UserChanged}))(t) {
				found[e.Reason] = [2]string{e.Actor.Network, e.Actor.UserAgent}
			}
			return found
		}
		mine := []string{"own", "nobody known", "by an app", "to another"}
		before := read()
		for _, reason := range mine {
			if before[reason] != [2]string{home, phone} {
				t.Errorf("%s: %q before", reason, before[reason])
			}
		}
		for _, row := range h.rows(t, "audit_events") {
			for _, text := range []string{home, phone, computer} {
				if strings.Contains(row, text) {
					t.Errorf("in clear: %s", row)
				}
			}
		}
		must(t, h.DB.DeleteUser(ctx, u.ID, By))
		h.seal(t)
		same(t, "the audit log", h.faults(t, nil))
		after := read()
		for _, reason := range mine {
			if after[reason] != [2]string{storage.Erased, ""} {
				t.Errorf("%s: %q afterwards", reason, after[reason])
			}
		}
		for reason, want := range map[string][2]string{"by another": {office, computer}, "by a service": {office, ""}, "nobody": {office, ""}} {
			if before[reason] != want || after[reason] != want {
				t.Errorf("%s: %q, then %q", reason, before[reason], after[reason])
			}
		}
		// The same address is somebody new, whose key is no use for what was before.
		h.NewUser(t, "quirin@example.com")
		if read()["own"][0] != storage.Erased {
			t.Error("readable again")
		}
	})
}

// What was written in clear before is read as it is, and users of an older
// program get a key.
func TestUsersOfAnOlderProgramGetAnAuditKey(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		h.exec(t, `UPDATE users SET audit_key = ''`)
		u := h.Person(t).User
		by := audit.Actor{Network: home, UserAgent: phone}
		must(t, h.DB.Record(ctx, audit.Event{Kind: audit.UserChanged, Actor: u.Acting(by), AccountID: u.AccountID, SubjectID: u.ID}))
		must(t, h.DB.RemoveExpired(ctx))
		keyed := h.Person(t).User
		if keyed.AuditKey == "" || h.Count(t, `SELECT count(*) FROM users WHERE audit_key = ''`) != 0 {
			t.Fatal("no key")
		}
		must(t, h.DB.RemoveExpired(ctx))
		if h.Person(t).User.AuditKey != keyed.AuditKey {
			t.Error("the key has changed")
		}
		must(t, h.DB.Record(ctx, audit.Event{Kind: audit.UserChanged, Actor: keyed.Acting(by), AccountID: u.AccountID, SubjectID: u.ID}))
		for _, e := range got(h.DB.Events(ctx, storage.EventFilter{SubjectID: u.ID, Kind: audit.UserChanged, Limit: 2}))(t) {
			if e.Actor.Kind == "user" && (e.Actor.Network != home || e.Actor.UserAgent != phone) {
				t.Errorf("read: %+v", e.Actor)
			}
		}
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE network = $1`, home); n != 1 {
			t.Errorf("%d lines in clear", n)
		}
		h.seal(t)
		same(t, "the audit log", h.faults(t, nil))
	})
}
