package storage

import (
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"stile/audit"
	"stile/seal"
	"stile/storage/migrations"
)

// schemaBefore holds the migrations before one.
func schemaBefore(version string) fs.FS {
	older := fstest.MapFS{}
	names, _ := migrations.Files.ReadDir(".")
	for _, n := range names {
		if text, err := migrations.Files.ReadFile(n.Name()); err == nil && n.Name() < version {
			older[n.Name()] = &fstest.MapFile{Data: text}
		}
	}
	return older
}

// A database that had events before the chain began: those, and what programs
// of the version before add for a day, are taken without a signature, and then
// are as safe as all others.
func TestN06_EventsOfAnOlderProgram(t *testing.T) {
	now := time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)
	ring, err := seal.NewRing(seal.Key{ID: "test", Secret: [seal.KeySize]byte{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	db, err := Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "stile.db"), Options{Ring: ring, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.schema = schemaBefore("0003")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.Migrate(ctx))
	unsigned := func(reason string) {
		t.Helper()
		line := db.event(audit.Event{Kind: audit.SignInFailed, Reason: reason})
		line.columns, line.values = eventColumns, line.values[:len(line.values)-1]
		must(db.write(ctx, line.in(ctx)))
	}
	report := func() AuditReport {
		t.Helper()
		r, err := db.VerifyAudit(ctx, "", AuditCheck{})
		must(err)
		return r
	}
	unsigned("before")
	db.schema = migrations.Files
	must(db.Migrate(ctx))
	if r := report(); r.Events != 1 || r.Faulty != 0 || r.Waiting != 0 {
		t.Errorf("after the upgrade: %+v", r)
	}
	now = now.Add(time.Hour)
	unsigned("rolling")
	if _, err := db.SealAudit(ctx, time.Time{}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(24 * time.Hour)
	if r := report(); r.Events != 2 || r.Faulty != 0 {
		t.Errorf("a day later: %+v", r)
	}
	if n, err := run(ctx, db.writer, `UPDATE audit_events SET outcome = 'ok ' WHERE reason = 'before'`); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if r := report(); len(r.Faults) != 1 || r.Faults[0].What != FaultSealChanged || r.Faults[0].Seal != 1 {
		t.Errorf("an old event was changed: %+v", r)
	}
	unsigned("inserted")
	if _, err := db.SealAudit(ctx, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if r := report(); len(r.Faults) != 2 || r.Faults[1].What != FaultInserted {
		t.Errorf("one was inserted: %+v", r)
	}
}

// Chains that were there before marks get one at the upgrade; one that a program
// of the version before begins in the day after it gets one when it is sealed on.
func TestN06_ChainsOfAnOlderProgramGetMarks(t *testing.T) {
	now := time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)
	ring, err := seal.NewRing(seal.Key{ID: "test", Secret: [seal.KeySize]byte{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	db, err := Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "stile.db"), Options{Ring: ring, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sealed := func(account string) {
		t.Helper()
		now = now.Add(time.Second)
		must(db.Record(ctx, audit.Event{Kind: audit.SignInFailed, AccountID: account}))
		_, err := db.SealAudit(ctx, time.Time{})
		must(err)
	}
	faults := func(account string, want ...string) {
		t.Helper()
		r, err := db.VerifyAudit(ctx, account, AuditCheck{})
		must(err)
		have := []string{}
		for _, f := range r.Faults {
			have = append(have, f.What)
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s: %v, want %v", account, have, want)
		}
	}
	do := func(text string) {
		t.Helper()
		_, err := run(ctx, db.writer, text)
		must(err)
	}
	db.schema = schemaBefore("0013") // the first one to have marks
	must(db.Migrate(ctx))
	sealed("old")
	do(`DROP TABLE audit_marks`)
	do(`DELETE FROM goose_db_version WHERE version_id = 12`)
	must(db.Migrate(ctx))
	do(`DELETE FROM audit_seals WHERE account_id = 'old'`)
	faults("old", FaultSealRemoved)

	sealed("rolling")
	do(`DELETE FROM audit_marks WHERE account_id = 'rolling'`) // as if the older program had sealed it
	faults("rolling")
	sealed("rolling")
	do(`DELETE FROM audit_seals WHERE account_id = 'rolling' AND number = 2`)
	faults("rolling", FaultSealRemoved)

	sealed("behind")
	do(`CREATE TABLE saved AS SELECT * FROM audit_marks WHERE account_id = 'behind'`)
	sealed("behind")
	do(`DELETE FROM audit_marks WHERE account_id = 'behind'`)
	do(`INSERT INTO audit_marks SELECT * FROM saved`) // the older program does not move it
	sealed("behind")
	do(`DELETE FROM audit_seals WHERE account_id = 'behind' AND number = 3`)
	faults("behind", FaultSealRemoved)

	now = now.Add(25 * time.Hour)
	sealed("later")
	do(`DELETE FROM audit_marks WHERE account_id = 'later'`)
	faults("later", FaultMarkRemoved)
	sealed("later")
	faults("later", FaultMarkRemoved)
}
