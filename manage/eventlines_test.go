package manage_test

import (
	"path/filepath"
	"testing"
	"time"

	"stile/audit"
	"stile/manage"
	"stile/storage"
	"stile/storage/storagetest"
)

// What leaves the log names sessions and grants by hashes that are always the
// same, and no user of the operating system.
func TestS02_ExportsHoldNoLiveIDs(t *testing.T) {
	db := storagetest.Open(t, "sqlite:"+filepath.Join(t.TempDir(), "stile.db"), time.Now)
	record := manage.RecordOf(db)
	e := storage.StoredEvent{Event: audit.Event{Actor: audit.Actor{Kind: "cli", ID: "root"}, SessionID: "s1", GrantID: "g1"}}
	r, again := record(e), record(e)
	if r.SessionID != again.SessionID || r.GrantID != again.GrantID {
		t.Error("hashes differ")
	}
	if r.ActorID != "operator" || r.SessionID == "" || r.SessionID == "s1" || r.GrantID == "" || r.GrantID == "g1" || r.SessionID == r.GrantID {
		t.Errorf("exported: %+v", r)
	}
	if r := record(storage.StoredEvent{}); r.SessionID != "" || r.GrantID != "" || r.ActorID != "" {
		t.Errorf("nothing is exported as %+v", r)
	}
}
