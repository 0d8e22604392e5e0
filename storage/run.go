package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// queryer is a pool or a transaction.
type queryer interface {
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}

// row is one result row, to be scanned once.
type row interface{ Scan(dest ...any) error }

// one reads the first row. Without any it fails with ErrNotFound.
func one[T any](ctx context.Context, q queryer, scan func(row) (T, error), text string, args ...any) (T, error) {
	v, err := scan(q.QueryRowContext(ctx, text, args...))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return v, err
}

// many reads all rows.
func many[T any](ctx context.Context, q queryer, scan func(row) (T, error), text string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// run executes a statement and returns how many rows it changed.
func run(ctx context.Context, q queryer, text string, args ...any) (int64, error) {
	result, err := q.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func scanInt(r row) (n int64, err error)   { return n, r.Scan(&n) }
func scanBool(r row) (b bool, err error)   { return b, r.Scan(&b) }
func scanText(r row) (s string, err error) { return s, r.Scan(&s) }

// attempts bounds how often a transaction is run when the database asks for it
// (serialization failure, deadlock, busy file).
const attempts = 3

// retry runs f again while the database says that the same may succeed.
func (db *DB) retry(f func() error) error {
	var err error
	for range attempts {
		if err = f(); err == nil || !db.dialect.again(err) {
			break
		}
	}
	return err
}

// write runs f in one transaction and commits it unless f fails. f may run up
// to three times, so it must not keep anything from an earlier run. It must
// not use db.reader: the embedded database has one connection for writing.
func (db *DB) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	return db.writeBy(ctx, db.writer, f)
}

// writeBy is write by another role of the database, see owner.go.
func (db *DB) writeBy(ctx context.Context, pool *sql.DB, f func(tx *sql.Tx) error) error {
	return db.retry(func() error {
		tx, err := pool.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // after Commit it has nothing to do
		if err := f(tx); err != nil {
			return err
		}
		return commit(ctx, tx)
	})
}

// commit ends a transaction that did what it should.
func commit(ctx context.Context, tx *sql.Tx) error {
	if rehearsed(ctx) {
		return tx.Rollback()
	}
	return tx.Commit()
}

type rehearsal struct{}

// Rehearsal is a context under which every change is undone once it was made.
// Methods fail as they would, and return what they would, so that whoever asks
// learns what would become of it.
func Rehearsal(ctx context.Context) context.Context { return context.WithValue(ctx, rehearsal{}, true) }

func rehearsed(ctx context.Context) bool { return ctx.Value(rehearsal{}) != nil }

// writing is write for what returns a value.
func writing[T any](ctx context.Context, db *DB, f func(tx *sql.Tx) (T, error)) (v T, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		v, err = f(tx)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return v, nil
}

// unique turns a broken unique index into ErrExists and a reference to a row
// that isn't there into ErrNotFound; what names the record for the reader.
func (db *DB) unique(err error, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	switch {
	case err == nil:
		return nil
	case db.dialect.exists(err):
		return fmt.Errorf("%s: %w", what, ErrExists)
	case db.dialect.dangling(err):
		return fmt.Errorf("%s: %w: something that it names is not there", what, ErrNotFound)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// The forms of values in columns: arguments are made by micros, nullMicros and
// asJSON, and results read by atTime, atNullTime and fromJSON.

// micros is how a time is stored.
func micros(t time.Time) int64 { return t.UnixMicro() }

// nullMicros is how a time that may be missing is stored.
func nullMicros(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMicro()
}

// atTime scans a column into t.
func atTime(t *time.Time) sql.Scanner { return timeColumn{t: t} }

// atNullTime scans a column that may be NULL into t.
func atNullTime(t **time.Time) sql.Scanner { return timeColumn{p: t} }

type timeColumn struct {
	t *time.Time
	p **time.Time
}

// Scan implements [sql.Scanner].
func (c timeColumn) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		if c.p == nil {
			return errors.New("storage: time is NULL")
		}
		*c.p = nil
	case int64:
		t := time.UnixMicro(v).UTC()
		if c.p != nil {
			*c.p = &t
			break
		}
		*c.t = t
	default:
		return fmt.Errorf("storage: time is %T", src)
	}
	return nil
}

// asJSON is how lists and settings are stored. Unlike a [driver.Valuer] by
// value it keeps nil lists as [] would be read: null decodes to nil.
func asJSON(v any) driver.Valuer { return jsonValue{v} }

type jsonValue struct{ v any }

// Value implements [driver.Valuer].
func (j jsonValue) Value() (driver.Value, error) {
	text, err := json.Marshal(j.v)
	return string(text), err
}

// fromJSON scans a column of asJSON into v, a pointer.
func fromJSON(v any) sql.Scanner { return jsonColumn{v} }

type jsonColumn struct{ v any }

// Scan implements [sql.Scanner].
func (c jsonColumn) Scan(src any) error {
	switch text := src.(type) {
	case string:
		return json.Unmarshal([]byte(text), c.v)
	case []byte:
		return json.Unmarshal(text, c.v)
	case nil: // an outer join without a partner
		return nil
	}
	return fmt.Errorf("storage: JSON is %T", src)
}

// bindTo names the record that a sealed value belongs to, so that it doesn't
// open in another row, column or account.
func bindTo(table, id, accountID string) string { return table + "|" + id + "|" + accountID }

// timeID returns a UUID of version 7 at the database's clock. They sort by time, so
// the newest rows lie together.
func timeID(at time.Time) string {
	id := uuid.New()
	ms := at.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	id[6] = id[6]&0x0f | 0x70
	return id.String()
}

// randomID returns a UUID of version 4: it tells nothing, and is never reused.
func randomID() string { return uuid.NewString() }
