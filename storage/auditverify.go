package storage

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"stile/seal"
)

// What can be wrong with the audit log.
const (
	FaultRemoved     = "removed"      // a seal lists the event, and it is not there
	FaultChanged     = "changed"      // a listed event is not as it was
	FaultInserted    = "inserted"     // this program did not write the event
	FaultSealRemoved = "seal removed" // the chain has a gap, or lacks its beginning
	FaultSealChanged = "seal changed" // it is not the one that was made there
	FaultReplaced    = "replaced"     // the chain does not lead to the seal that was kept, or that its mark is at
	FaultMarkRemoved = "mark removed" // what says how far the chain came
	FaultMarkChanged = "mark changed" // it is not one that was made
	FaultAllRemoved  = "all removed"  // the account is there, and not a line of its log
)

// maxFaults is how many places a report names.
const maxFaults = 100

// AuditFault is one place where the audit log is not as it was written.
type AuditFault struct {
	What    string
	Seal    int64     // number of the seal; 0 for none
	EventID string    // empty if it is about a seal
	At      time.Time // of the event, or of the seal
}

// String names the place.
func (f AuditFault) String() string {
	var b strings.Builder
	b.WriteString(f.What)
	if f.EventID != "" {
		b.WriteString(": event " + f.EventID)
	}
	if f.Seal > 0 {
		b.WriteString(": seal " + strconv.FormatInt(f.Seal, 10))
	}
	if !f.At.IsZero() {
		b.WriteString(" of " + f.At.Format(time.RFC3339))
	}
	return b.String()
}

// AuditReport is what a look at one chain has found.
type AuditReport struct {
	AccountID string
	Events    int64     // that seals list
	Last      AuditSeal // zero without one
	Pruned    int64     // up to the seal of this number the events were let go
	// Waiting counts events that are ours and that no seal lists yet. The
	// server seals within seconds.
	Waiting      int64
	WaitingSince time.Time // time of the oldest one
	// Compared says that the seal that was kept is in the chain. It can't be
	// if its events were let go meanwhile.
	Compared bool
	Faults   []AuditFault // the first hundred
	Faulty   int64        // all
}

func (r *AuditReport) fault(f AuditFault) {
	if r.Faulty++; len(r.Faults) < maxFaults {
		r.Faults = append(r.Faults, f)
	}
}

// AuditCheck is what a look at a chain may be given.
type AuditCheck struct {
	Kept     *AuditSeal         // a copy of an earlier last seal
	Progress func(events int64) // called now and then with how many were looked at
}

// AuditChains returns the accounts that are there, and those that have events, a
// chain or a mark, in order; "" stands for the events of no account.
func (db *DB) AuditChains(ctx context.Context) ([]string, error) {
	// Leaps through the indexes from account to account.
	leap := func(table, name string) string {
		return name + `(id) AS (SELECT min(account_id) FROM ` + table + ` UNION ALL
			SELECT (SELECT min(account_id) FROM ` + table + ` WHERE account_id > ` + name + `.id) FROM ` + name + ` WHERE id IS NOT NULL)`
	}
	chains, err := many(ctx, db.reader, scanText, `WITH RECURSIVE `+leap("audit_events", "e")+`, `+leap("audit_seals", "s")+`
		SELECT id FROM e WHERE id IS NOT NULL UNION SELECT id FROM s WHERE id IS NOT NULL
		UNION SELECT account_id FROM audit_marks UNION SELECT id FROM accounts ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return chains, nil
}

// VerifyAudit looks whether the events of an account are those that were
// written: it finds what was removed, changed, inserted or put in another's
// place. It changes nothing, and the log may grow and be pruned meanwhile. What
// it can't find is the removal of events before they were sealed, unless it was
// all of them, and that seals, events and mark were put back together to how they
// were earlier; for that a copy of the last seal is kept elsewhere.
func (db *DB) VerifyAudit(ctx context.Context, accountID string, o AuditCheck) (AuditReport, error) {
	c := &chain{db: db, kept: o.Kept, report: AuditReport{AccountID: accountID}}
	mark, err := db.auditMark(ctx, db.reader, accountID) // before the walk: what it is at is there by then
	if err != nil {
		return c.report, fmt.Errorf("audit log: %w", err)
	}
	c.mark = mark
	for looked := int64(-1); c.looked != looked; {
		looked = c.looked
		if err := c.snapshot(ctx); err != nil {
			return c.report, fmt.Errorf("audit log: %w", err)
		}
		if o.Progress != nil {
			o.Progress(c.report.Events)
		}
	}
	c.compare()
	for _, judge := range []func(context.Context) error{c.compareMark, c.rest, c.begun} {
		if err := judge(ctx); err != nil {
			return c.report, fmt.Errorf("audit log: %w", err)
		}
	}
	return c.report, nil
}

// chain is a walk along the seals of an account.
type chain struct {
	db     *DB
	kept   *AuditSeal
	mark   *auditMark // as it was before the walk
	number int64      // of the last seal looked at
	hashes []string   // what that seal's hash may be: as stored, as it should be; none if nobody knows
	looked int64      // seals
	report AuditReport
}

// Of one page of a chain: seals, and events beyond which it ends.
const (
	chainPage   = 50
	chainEvents = 1000
)

// snapshot looks at the next page as it is at one instant, whatever is pruned.
func (c *chain) snapshot(ctx context.Context) error {
	tx, err := c.db.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	_, err = c.page(ctx, tx)
	return err
}

// page looks at the next seals and the events that they list.
func (c *chain) page(ctx context.Context, q queryer) ([]auditSeal, error) {
	seals, err := many(ctx, q, scanSeal, `SELECT `+sealColumns+` FROM audit_seals WHERE account_id = $1 AND number > $2 ORDER BY number LIMIT $3`,
		c.report.AccountID, c.number, chainPage)
	if err != nil {
		return nil, err
	}
	var ids []string
	for i, s := range seals {
		if i > 0 && len(ids)+len(s.ids) > chainEvents {
			seals = seals[:i]
			break
		}
		ids = append(ids, s.ids...)
	}
	stored, err := auditRows(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	until, err := c.db.unsignedUntil(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, s := range seals {
		c.look(s, stored, until)
	}
	return seals, nil
}

// look judges one seal and what it lists, as the next of the chain.
func (c *chain) look(s auditSeal, stored map[string]auditRow, until time.Time) {
	c.looked++
	c.recognise(s)
	after := c.hashes
	if c.number == 0 {
		after = []string{""}
	}
	gap := s.Number != c.number+1
	c.number, c.hashes, c.report.Last = s.Number, []string{s.Hash}, s.AuditSeal
	if s.pruned != "" {
		// All before it was let go by this program: nobody else makes the mark.
		c.report.Pruned = s.Number
		if s.pruned != c.db.prunedMark(s.AuditSeal) {
			c.report.fault(AuditFault{What: FaultSealChanged, Seal: s.Number, At: s.At})
		}
		return
	}
	if gap {
		c.report.fault(AuditFault{What: FaultSealRemoved, Seal: s.Number - 1})
		after = nil
	}
	events, whole := c.events(s, stored, until)
	c.report.Events += int64(len(s.ids))
	if !whole || gap {
		return
	}
	for _, before := range after {
		hash := c.db.hash(s, before, events)
		if hash == s.Hash && int64(len(s.ids)) == s.Events {
			return
		}
		c.hashes = append(c.hashes, hash)
	}
	c.report.fault(AuditFault{What: FaultSealChanged, Seal: s.Number, At: s.At})
}

// recognise holds a seal to the copy that was kept of it, and to the mark of how
// far the chain has come.
func (c *chain) recognise(s auditSeal) {
	if c.kept != nil && s.Number == c.kept.Number {
		if c.report.Compared = s.Hash == c.kept.Hash; !c.report.Compared {
			c.report.fault(AuditFault{What: FaultReplaced, Seal: s.Number, At: s.At})
		}
	}
	if c.mark != nil && s.Number == c.mark.Number && s.Hash != c.mark.Hash && c.marked() {
		c.report.fault(AuditFault{What: FaultReplaced, Seal: s.Number, At: s.At})
	}
}

// events judges the events that a seal lists, and tells whether all of them are
// as they were written.
func (c *chain) events(s auditSeal, stored map[string]auditRow, until time.Time) (events []auditRow, whole bool) {
	whole = true
	for _, id := range s.ids {
		e, there := stored[id]
		what := ""
		switch {
		case !there:
			what = FaultRemoved
		case e.accountID != s.AccountID || !c.db.ours(e, s.At, until):
			what = FaultChanged
		}
		if what != "" {
			c.report.fault(AuditFault{What: what, Seal: s.Number, EventID: id, At: idTime(id)})
			whole = false
		}
		events = append(events, e)
	}
	return events, whole
}

// compare judges, at the end, the seal that was kept.
func (c *chain) compare() {
	if c.kept != nil && c.kept.Number > c.number {
		c.report.fault(AuditFault{What: FaultReplaced, Seal: c.kept.Number, At: c.kept.At})
	}
}

// rest judges the events that no seal lists.
func (c *chain) rest(ctx context.Context) error {
	return c.db.eachUnsealed(ctx, &c.report.AccountID, time.Time{}, func(loose []eventRef) (bool, error) {
		ids := make([]string, len(loose))
		for i, e := range loose {
			ids[i] = e.id
		}
		stored, err := auditRows(ctx, c.db.reader, ids)
		if err != nil {
			return false, err
		}
		until, err := c.db.unsignedUntil(ctx, c.db.reader)
		if err != nil {
			return false, err
		}
		for _, id := range ids {
			e, there := stored[id]
			switch at := idTime(id); {
			case !there: // pruned meanwhile
			case !c.db.ours(e, c.db.now(), until):
				c.report.fault(AuditFault{What: FaultInserted, EventID: id, At: at})
			default:
				if c.report.Waiting++; c.report.Waiting == 1 {
					c.report.WaitingSince = at
				}
			}
		}
		return true, nil
	})
}

// prunedMark is what says that a seal's events, and all before it, were let go.
func (db *DB) prunedMark(s AuditSeal) string {
	return db.Hasher().Text(seal.HashAuditSeal, "pruned", s.AccountID, strconv.FormatInt(s.Number, 10), s.Hash)
}

// idTime is the time in a timeID, zero for another id.
func idTime(id string) time.Time {
	if len(id) != 36 {
		return time.Time{}
	}
	ms, err := strconv.ParseInt(id[:8]+id[9:13], 16, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
