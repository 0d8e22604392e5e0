package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"stile/audit"
	"stile/limit"
	"stile/seal"
)

const eventColumns = `id, at, account_id, kind, outcome, actor_kind, actor_id, network, user_agent, request_id,
	subject_id, session_id, grant_id, client_id, reason, detail`

// event is the row of an event; it rides with the change that it tells of.
func (db *DB) event(e audit.Event) insert {
	now := db.now()
	detail := ""
	if len(e.Detail) > 0 {
		text, _ := json.Marshal(e.Detail) // strings always encode
		detail = string(text)
	}
	if e.Outcome == "" {
		e.Outcome = audit.OK
	}
	id := timeID(now)
	network, userAgent := db.hide(id, e.Actor)
	values := []any{
		id, micros(now), e.AccountID, string(e.Kind), e.Outcome, e.Actor.Kind, e.Actor.ID, network,
		userAgent, e.Actor.RequestID, e.SubjectID, e.SessionID, e.GrantID, e.ClientID, e.Reason, detail,
	}
	return insert{table: "audit_events", columns: eventColumns + ", mac", values: append(values, db.signature(values))}
}

// AuditID is what stands for the id of a session or grant where the audit log
// leaves the database: always the same for the same id, and of no use elsewhere.
func (db *DB) AuditID(id string) string {
	if id == "" {
		return ""
	}
	return db.Hasher().Text(seal.HashAuditID, id)
}

// Record writes down what changes nothing else, such as a refusal, and counts
// the attempts that a failure brings, see [limit.Failure]. It costs the same
// whether or not anyone knows the subject.
func (db *DB) Record(ctx context.Context, e audit.Event, failures ...limit.Booking) error {
	return db.RecordAndMail(ctx, e, nil, failures...)
}

// RecordAndMail is [DB.Record] with messages about it.
func (db *DB) RecordAndMail(ctx context.Context, e audit.Event, mails []Mail, failures ...limit.Booking) error {
	riders, err := db.enqueueAll(mails)
	if err != nil {
		return err
	}
	line := db.event(e)
	g := guarded{text: line.render(0, ""), args: line.values, riders: riders}
	if text, args := bookStatement(failures, db.now()); text != "" {
		g.riders = append(g.riders, alsoRun(text, args...))
	}
	if _, err := db.guard(ctx, g); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

// RecordRefusal is [DB.Record] for somebody who is known and may not do an
// operation, of which repeats within a minute are left out: else whoever is let in
// fills the log by asking.
func (db *DB) RecordRefusal(ctx context.Context, e audit.Event, operation string) error {
	_, err := db.BookAttempts(ctx, limit.BookRefusal(e.Actor.Kind+":"+e.Actor.ID, operation, e.Reason))
	if errors.As(err, new(LimitedError)) {
		return nil
	}
	if err != nil {
		return err
	}
	e.Detail = map[string]string{"operation": operation}
	return db.Record(ctx, e)
}

// StoredEvent is a line of the audit log.
type StoredEvent struct {
	ID string
	At time.Time
	audit.Event
}

// EventFilter chooses lines of the audit log. Zero fields choose all.
type EventFilter struct {
	AccountID string
	SubjectID string
	ClientID  string
	ActorID   string // a user: what he did that is not about himself
	Kind      audit.Kind
	Kinds     []audit.Kind // any of them
	Outcome   string
	Since     time.Time // not before
	Until     time.Time // before
	// After is the id of the last line of the page before: only older ones follow.
	After string
	// Newer is the id of a line, or a [DB.LogPosition]: only newer ones follow, the
	// oldest first.
	Newer string
	Limit int // 100 if zero
}

// settles is how long after its id an event may come into the log: as long as a
// transaction takes, and as far as replicas' clocks are apart.
const settles = 30 * time.Second

// LogPosition is the place in the audit log, for [EventFilter.Newer], up to which
// no line comes in any more. Who reads on from there misses nothing, and may find
// lines of the last half minute again.
func (db *DB) LogPosition() string { return firstTimeID(db.now().Add(-settles)) }

// Events lists the audit log, newest first.
func (db *DB) Events(ctx context.Context, f EventFilter) ([]StoredEvent, error) {
	var where []string
	var args []any
	choose := func(condition string, value any) {
		args = append(args, value)
		where = append(where, condition+" $"+strconv.Itoa(len(args)))
	}
	for column, value := range map[string]string{
		"account_id": f.AccountID, "subject_id": f.SubjectID, "client_id": f.ClientID,
		"kind": string(f.Kind), "outcome": f.Outcome,
	} {
		if value != "" {
			choose(column+" =", value)
		}
	}
	if f.ActorID != "" { // written as in the index audit_events_by_actor
		where = append(where, "actor_kind = 'user' AND actor_id <> subject_id")
		choose("actor_id =", f.ActorID)
	}
	if len(f.Kinds) > 0 {
		where = append(where, "kind IN ("+marks(len(args), len(f.Kinds))+")")
		for _, k := range f.Kinds {
			args = append(args, string(k))
		}
	}
	// Ids sort by time, but not within a millisecond: they choose the part of the
	// index, and at is exact.
	if !f.Since.IsZero() {
		choose("id >=", firstTimeID(f.Since))
		choose("at >=", micros(f.Since))
	}
	if !f.Until.IsZero() {
		choose("id <", firstTimeID(f.Until.Add(time.Millisecond)))
		choose("at <", micros(f.Until))
	}
	if f.After != "" {
		choose("id <", f.After)
	}
	order := `DESC`
	if f.Newer != "" {
		choose("id >", f.Newer)
		order = `ASC`
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	text := `SELECT ` + eventColumns + `, ` + auditKeyColumn + ` FROM audit_events`
	if len(where) > 0 {
		text += ` WHERE ` + strings.Join(where, ` AND `)
	}
	args = append(args, f.Limit)
	events, err := many(ctx, db.reader, db.scanEvent, text+` ORDER BY id `+order+` LIMIT $`+strconv.Itoa(len(args)), args...)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return events, nil
}

func (db *DB) scanEvent(r row) (e StoredEvent, err error) {
	var detail, key string
	err = r.Scan(&e.ID, atTime(&e.At), &e.AccountID, &e.Kind, &e.Outcome, &e.Actor.Kind, &e.Actor.ID, &e.Actor.Network,
		&e.Actor.UserAgent, &e.Actor.RequestID, &e.SubjectID, &e.SessionID, &e.GrantID, &e.ClientID, &e.Reason, &detail, &key)
	if err == nil && detail != "" {
		err = json.Unmarshal([]byte(detail), &e.Detail)
	}
	if err == nil {
		db.show(&e, key)
	}
	return e, err
}
