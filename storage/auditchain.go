package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"stile/seal"
)

// The audit log shows by itself whether anybody has changed it.
//
// Each event carries a keyed hash over all of its columns (mac), written with
// it: who can write SQL, but hasn't the master key, can neither change an event
// nor add one that passes for ours. What has gone shows in the seals: a job
// lists the new events of each account in a seal, whose keyed hash covers the
// list, the events and the seal before. A seal lists its events by their ids
// instead of by a stretch of time, so an event that commits late, or comes from
// a machine whose clock is off, is listed by a later seal and is no gap.
//
// Two programs may seal at once: a seal has the next number of its account, and
// of two with one number the database takes one.
//
// Files: auditchain.go seals, auditmark.go marks how far that came, auditverify.go looks, auditprune.go lets go of what
// is old, owner.go has PostgreSQL refuse changes.

const (
	// sealEvents is how many events a seal lists at most.
	sealEvents = 500
	// auditPage is how many ids of events are looked at together.
	auditPage = 5000
	// bucketLength is how many characters the ids that one seal lists have in
	// common: the events of about a minute. So the seals that may list an event
	// are found by the id of their last one.
	bucketLength = 8
	// unsignedFor is how long after the chain began events of older programs,
	// which don't sign, are still taken: a rolling upgrade.
	unsignedFor = 24 * time.Hour
)

// AuditSeal is one link of an account's chain. A copy of the last one, kept
// elsewhere, shows later that nothing before it was replaced as a whole.
type AuditSeal struct {
	AccountID string // empty for the events of no account
	Number    int64  // from 1
	At        time.Time
	Events    int64
	Hash      string
}

// auditSeal is a seal as it is stored.
type auditSeal struct {
	AuditSeal
	first, last string
	ids         []string
	pruned      string // see [DB.PruneAudit]
}

const sealColumns = `account_id, number, at, first_id, last_id, events, ids, hash, pruned`

func scanSeal(r row) (s auditSeal, err error) {
	return s, r.Scan(&s.AccountID, &s.Number, atTime(&s.At), &s.first, &s.last, &s.Events, fromJSON(&s.ids), &s.Hash, &s.pruned)
}

// auditRow is an event as it is stored: the values of eventColumns, and mac.
type auditRow struct {
	id, accountID string
	values        []any
	mac           string
}

func scanAuditRow(r row) (e auditRow, err error) {
	var at int64
	var texts [15]string
	into := []any{&texts[0], &at}
	for i := range texts[1:] {
		into = append(into, &texts[i+1])
	}
	if err := r.Scan(append(into, &e.mac)...); err != nil {
		return e, err
	}
	e.id, e.accountID, e.values = texts[0], texts[1], []any{texts[0], at}
	for _, text := range texts[1:] {
		e.values = append(e.values, text)
	}
	return e, nil
}

// signature is what the mac of an event with these values has to be. Before the
// first Migrate there is no key, and no table either.
func (db *DB) signature(values []any) string {
	hasher := db.Hasher()
	if hasher == nil {
		return ""
	}
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = fmt.Sprint(v)
	}
	return hasher.Text(seal.HashAuditEvent, parts...)
}

// ours tells whether this program, or an older one until the time given, wrote
// an event; seen is when.
func (db *DB) ours(e auditRow, seen, unsignedUntil time.Time) bool {
	return e.mac == db.signature(e.values) || e.mac == "" && seen.Before(unsignedUntil)
}

// hash is the one of a seal after the one with the hash before, over its
// events, which are in the order of its ids.
func (db *DB) hash(s auditSeal, before string, events []auditRow) string {
	parts := []string{
		"seal", s.AccountID, strconv.FormatInt(s.Number, 10), strconv.FormatInt(micros(s.At), 10),
		s.first, s.last, strconv.FormatInt(s.Events, 10), before,
	}
	for _, e := range events {
		parts = append(parts, e.id, db.signature(e.values))
	}
	return db.Hasher().Text(seal.HashAuditSeal, parts...)
}

// SealAudit seals the events since a time, by their own clock, that no seal
// lists yet, and returns how many those were. What this program did not write
// isn't sealed, but told to the operator.
func (db *DB) SealAudit(ctx context.Context, since time.Time) (int, error) {
	total, foreign := 0, 0
	err := db.eachUnsealed(ctx, nil, since, func(loose []eventRef) (bool, error) {
		for _, batch := range batches(loose) {
			n, strange, err := db.sealSome(ctx, batch)
			if err != nil {
				return false, fmt.Errorf("audit log: %w", err)
			}
			total, foreign = total+n, foreign+strange
		}
		return true, nil
	})
	if foreign > 0 {
		db.log.ErrorContext(ctx, "the audit log holds events that this program did not write or that were changed: run 'stile audit verify'", "events", foreign)
	}
	return total, err
}

// AuditWaits tells whether there are events since a time that no seal lists.
func (db *DB) AuditWaits(ctx context.Context, since time.Time) (bool, error) {
	waits := false
	err := db.eachUnsealed(ctx, nil, since, func(loose []eventRef) (bool, error) {
		waits = len(loose) > 0
		return !waits, nil
	})
	return waits, err
}

// eventRef names an event.
type eventRef struct{ id, accountID string }

// bucket is what all ids in one seal begin with.
func bucket(id string) string { return id[:min(bucketLength, len(id))] }

// eachUnsealed hands out, page by page and until do says no, the events since a
// time that no seal lists; those of one account, or of all.
func (db *DB) eachUnsealed(ctx context.Context, accountID *string, since time.Time, do func([]eventRef) (bool, error)) error {
	from := ""
	if !since.IsZero() {
		from = firstTimeID(since)
	}
	for {
		loose, next, err := db.unsealed(ctx, accountID, from)
		if err != nil {
			return err
		}
		if more, err := do(loose); err != nil || !more || next == "" {
			return err
		}
		from = next
	}
}

// unsealed looks at a page of events after the id from, of one account or of
// all, and returns those that no seal lists, and from where to go on; "" at the
// end.
func (db *DB) unsealed(ctx context.Context, accountID *string, from string) (loose []eventRef, next string, err error) {
	account, args := "", []any{from, auditPage}
	if accountID != nil {
		account, args = " AND account_id = $3", append(args, *accountID)
	}
	scan := func(r row) (e eventRef, err error) { return e, r.Scan(&e.id, &e.accountID) }
	page, err := many(ctx, db.reader, scan, `SELECT id, account_id FROM audit_events WHERE id > $1`+account+` ORDER BY id LIMIT $2`, args...)
	if err != nil {
		return nil, "", fmt.Errorf("audit log: %w", err)
	}
	if len(page) == 0 {
		return nil, "", nil
	}
	last := page[len(page)-1].id
	listed, err := db.listed(ctx, accountID, page[0].id, last)
	if err != nil {
		return nil, "", err
	}
	if len(page) == auditPage {
		next = last
	}
	return slices.DeleteFunc(page, func(e eventRef) bool { return listed[e] }), next, nil
}

// listed returns at least those events between two ids that seals list.
func (db *DB) listed(ctx context.Context, accountID *string, first, last string) (map[eventRef]bool, error) {
	account, args := "", []any{first, bucket(last) + "g"} // after every id that begins like it: ids are hexadecimal
	if accountID != nil {
		account, args = " AND account_id = $3", append(args, *accountID)
	}
	listed := map[eventRef]bool{}
	_, err := many(ctx, db.reader, func(r row) (none struct{}, err error) {
		var of string
		var ids []string
		err = r.Scan(&of, fromJSON(&ids))
		for _, id := range ids {
			listed[eventRef{id, of}] = true
		}
		return none, err
	}, `SELECT account_id, ids FROM audit_seals WHERE last_id >= $1 AND last_id < $2`+account, args...)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return listed, nil
}

// batches divides events, in the order of their ids, into what one seal takes
// each.
func batches(events []eventRef) [][]eventRef {
	type key struct{ accountID, bucket string }
	var all [][]eventRef
	open := map[key]int{}
	for _, e := range events {
		k := key{e.accountID, bucket(e.id)}
		i, known := open[k]
		if !known || len(all[i]) == sealEvents {
			i = len(all)
			open[k], all = i, append(all, nil)
		}
		all[i] = append(all[i], e)
	}
	return all
}

// sealSome makes one seal of a batch, and returns how many events it lists and
// how many were not ours. Of two sealers at once the slower one seals nothing.
func (db *DB) sealSome(ctx context.Context, batch []eventRef) (sealed, foreign int, err error) {
	accountID := batch[0].accountID
	before, err := db.lastSeal(ctx, accountID)
	if err != nil {
		return 0, 0, err
	}
	// Looked at again, now that the number is known: what another sealer has
	// listed meanwhile is in a seal up to that number, or takes the next one.
	listed, err := db.listed(ctx, &accountID, batch[0].id, batch[len(batch)-1].id)
	if err != nil {
		return 0, 0, err
	}
	s := auditSeal{AuditSeal: AuditSeal{AccountID: accountID, Number: before.Number + 1, At: db.now()}}
	events, foreign, err := db.unlisted(ctx, &s, batch, listed)
	if err != nil || len(events) == 0 {
		return 0, foreign, err
	}
	s.first, s.last, s.Events = s.ids[0], s.ids[len(s.ids)-1], int64(len(s.ids))
	s.Hash = db.hash(s, before.Hash, events)
	marks, err := db.mayMark(ctx, before)
	if err != nil {
		return 0, foreign, err
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		err := insert{table: "audit_seals", columns: sealColumns, values: []any{
			s.AccountID, s.Number, micros(s.At), s.first, s.last, s.Events, asJSON(s.ids), s.Hash, "",
		}}.add(ctx, tx)
		if err != nil || !marks {
			return err
		}
		return db.markAt(s.AuditSeal, markOn).add(ctx, tx)
	})
	if err != nil && db.dialect.exists(err) {
		return 0, foreign, nil
	}
	return len(events), foreign, err
}

// unlisted reads the events of a batch that no seal lists yet, enters their ids
// into a seal, and counts those that were not ours.
func (db *DB) unlisted(ctx context.Context, s *auditSeal, batch []eventRef, listed map[eventRef]bool) (events []auditRow, foreign int, err error) {
	ids := make([]string, 0, len(batch))
	for _, e := range batch {
		if !listed[e] {
			ids = append(ids, e.id)
		}
	}
	stored, err := auditRows(ctx, db.reader, ids)
	if err != nil {
		return nil, 0, err
	}
	until, err := db.unsignedUntil(ctx, db.reader)
	if err != nil {
		return nil, 0, err
	}
	for _, id := range ids {
		e, there := stored[id]
		switch {
		case !there:
		case e.accountID == s.AccountID && db.ours(e, s.At, until):
			events, s.ids = append(events, e), append(s.ids, id)
		default:
			foreign++
		}
	}
	return events, foreign, nil
}

// lastSeal returns the last seal of a chain, the zero one if it has none.
func (db *DB) lastSeal(ctx context.Context, accountID string) (AuditSeal, error) {
	s, err := one(ctx, db.reader, scanSeal, `SELECT `+sealColumns+` FROM audit_seals WHERE account_id = $1 ORDER BY number DESC LIMIT 1`, accountID)
	if errors.Is(err, ErrNotFound) {
		return AuditSeal{AccountID: accountID}, nil
	}
	return s.AuditSeal, err
}

// LastSeals returns the last seal of each chain that has one.
func (db *DB) LastSeals(ctx context.Context) ([]AuditSeal, error) {
	chains, err := db.AuditChains(ctx)
	if err != nil {
		return nil, err
	}
	var all []AuditSeal
	for _, accountID := range chains {
		s, err := db.lastSeal(ctx, accountID)
		if err != nil {
			return nil, fmt.Errorf("audit log: %w", err)
		}
		if s.Number > 0 {
			all = append(all, s)
		}
	}
	return all, nil
}

// auditRows reads events by their ids. Those that aren't there are left out.
func auditRows(ctx context.Context, q queryer, ids []string) (map[string]auditRow, error) {
	found := make(map[string]auditRow, len(ids))
	for chunk := range slices.Chunk(ids, sealEvents) {
		args := anys(chunk)
		for len(args)&(len(args)-1) != 0 { // few different texts: they are kept prepared
			args = append(args, args[0])
		}
		events, err := many(ctx, q, scanAuditRow, `SELECT `+eventColumns+`, mac FROM audit_events WHERE id IN (`+marks(0, len(args))+`)`, args...)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			found[e.id] = e
		}
	}
	return found, nil
}
