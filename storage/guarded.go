package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A guarded write changes something only if it is still as it was read, and
// writes what belongs to the change (audit line, token, message) only then.
//
// On PostgreSQL it is one statement, so that it costs one round trip and one
// commit:
//
//	WITH guard AS (UPDATE … WHERE … RETURNING …),
//	     r1 AS (INSERT INTO audit_events (…) SELECT … WHERE EXISTS (SELECT 1 FROM guard))
//	SELECT … FROM guard
//
// On the embedded database it is the same pieces in one immediate transaction.
// All pieces of the one statement see the rows as they were before it: no two
// may change the same row, and none sees what another did.
type guarded struct {
	// text is the conditional UPDATE, DELETE or INSERT … SELECT … WHERE …,
	// without RETURNING. Its condition is the guard.
	//
	// On PostgreSQL a statement that had to wait for its row looks at that row
	// anew, but at all others as they were when it began. A subquery of the
	// condition that ends in {hold x} locks the row of its table x before: who
	// changes that row waits for the statement, or the statement for him.
	text string
	args []any
	// returning lists columns of the changed row for into; empty for none.
	returning string
	into      []any
	// riders are written if the guard changed at least one row.
	riders []rider
}

// rider is a row or statement that rides along with a guarded write.
type rider struct {
	insert // a row, unless text is given
	// text is an UPDATE or DELETE whose condition ends in AND {guard}.
	text string
	args []any
	// must says that nothing stands, the guard's change neither, unless text
	// changes a row.
	must bool
}

// insert is a new row: one list of columns, one of values.
type insert struct {
	table   string
	columns string // separated by commas
	values  []any
	suffix  string // ON CONFLICT …, or nothing
}

// ride makes a rider of a new row.
func ride(i insert) rider { return rider{insert: i} }

// alsoRun makes a rider of an UPDATE or DELETE, see rider.text.
func alsoRun(text string, args ...any) rider { return rider{text: text, args: args} }

// mustRun makes a rider of an UPDATE or DELETE that has to change a row, see
// rider.must.
func mustRun(text string, args ...any) rider { return rider{text: text, args: args, must: true} }

// write runs the rider by itself, within a transaction, and returns how many
// rows it changed.
func (r rider) write(ctx context.Context, q queryer) (int64, error) {
	if r.text == "" {
		return 1, r.add(ctx, q)
	}
	return run(ctx, q, alone(r.text), r.args...)
}

// writeAll runs riders by themselves, within a transaction.
func writeAll(ctx context.Context, q queryer, riders ...rider) error {
	for _, r := range riders {
		if err := mustChange(r.write(ctx, q)); err != nil && (r.must || !errors.Is(err, ErrConflict)) {
			return err
		}
	}
	return nil
}

// mustChange is ErrConflict for a statement that has changed nothing.
func mustChange(n int64, err error) error {
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// alone is the text of a rider that depends on no other write.
func alone(text string) string { return strings.ReplaceAll(text, "{guard}", "TRUE") }

// add inserts the row within a transaction.
func (i insert) add(ctx context.Context, q queryer) error {
	_, err := q.ExecContext(ctx, i.render(0, ""), i.values...)
	return err
}

// in is add as a transaction of its own, for write.
func (i insert) in(ctx context.Context) func(*sql.Tx) error {
	return func(tx *sql.Tx) error { return i.add(ctx, tx) }
}

// render writes the INSERT with placeholders after the first offset ones. With
// a condition the row is selected, not given, so that it depends on it.
func (i insert) render(offset int, condition string) string {
	source := "VALUES (" + marks(offset, len(i.values)) + ")"
	if condition != "" {
		source = "SELECT " + marks(offset, len(i.values)) + " WHERE " + condition
	}
	return strings.TrimSpace("INSERT INTO " + i.table + " (" + i.columns + ") " + source + " " + i.suffix)
}

// marks lists n placeholders after the first offset ones: $3, $4, $5.
func marks(offset, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = "$" + strconv.Itoa(offset+i+1)
	}
	return strings.Join(list, ", ")
}

// shift renumbers the placeholders of a statement that gets its arguments
// after offset others. No text of this package has a $ but in a placeholder.
func shift(text string, offset int) string {
	if offset == 0 {
		return text
	}
	var shifted strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		shifted.WriteString(before)
		if !found {
			return shifted.String()
		}
		end := 0
		for end < len(after) && '0' <= after[end] && after[end] <= '9' {
			end++
		}
		n, _ := strconv.Atoi(after[:end])
		shifted.WriteString("$" + strconv.Itoa(n+offset))
		text = after[end:]
	}
}

// hold finds where a guard holds rows of another table, see guarded.text.
var hold = regexp.MustCompile(`\{hold (\w+)\}`)

// guard runs a guarded write and tells whether the guard let it through. If
// not, nothing has changed, and the caller reads again to learn why.
func (db *DB) guard(ctx context.Context, g guarded) (bool, error) {
	if g.returning == "" {
		g.returning = "1"
	}
	var won bool
	err := db.retry(func() (err error) {
		if db.dialect.oneStatement() && !rehearsed(ctx) {
			won, err = db.guardInOne(ctx, g)
		} else {
			won, err = db.guardInTransaction(ctx, g)
		}
		return err
	})
	return won && err == nil, err
}

func (db *DB) guardInOne(ctx context.Context, g guarded) (bool, error) {
	var text strings.Builder
	names := make([]string, max(1, len(g.into)))
	for n := range names {
		names[n] = fmt.Sprintf("c%d", n+1)
	}
	columns := strings.Join(names, ", ")
	// Not FOR SHARE: those who share could come so thick that who changes the
	// row never has his turn.
	condition := hold.ReplaceAllString(g.text, "FOR NO KEY UPDATE OF $1")
	fmt.Fprintf(&text, "WITH guard (%s) AS (%s RETURNING %s)", columns, condition, g.returning)
	args := append([]any(nil), g.args...)
	musts := 0
	// PostgreSQL runs what the last SELECT doesn't read from the last to the
	// first. Written backwards, rows are locked in the order given.
	for n := len(g.riders) - 1; n >= 0; n-- {
		r := g.riders[n]
		part := strings.ReplaceAll(shift(r.text, len(args)), "{guard}", "EXISTS (SELECT 1 FROM guard)")
		values := r.args
		if r.text == "" {
			part, values = r.render(len(args), "EXISTS (SELECT 1 FROM guard)"), r.values
		}
		if r.must {
			// A division by zero undoes the statement.
			part += " RETURNING 1"
			columns += fmt.Sprintf(", 1 / (SELECT count(*) FROM r%d)", n+1)
			musts++
		}
		fmt.Fprintf(&text, ", r%d AS (%s)", n+1, part)
		args = append(args, values...)
	}
	fmt.Fprintf(&text, " SELECT %s FROM guard", columns)
	into := append(slices.Clone(g.into), discard(len(names)-len(g.into)+musts)...)
	won, err := found(ctx, db.writer, into, text.String(), args...)
	if err != nil && musts > 0 && db.dialect.undone(err) {
		return false, nil
	}
	return won, err
}

// discard makes n places for columns that nobody wants.
func discard(n int) []any {
	places := make([]any, n)
	for i := range places {
		places[i] = new(int64)
	}
	return places
}

func (db *DB) guardInTransaction(ctx context.Context, g guarded) (bool, error) {
	tx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it has nothing to do
	if len(g.into) == 0 {
		g.into = discard(1)
	}
	text := hold.ReplaceAllString(g.text, "") // nobody else writes
	won, err := found(ctx, tx, g.into, text+" RETURNING "+g.returning, g.args...)
	if err != nil || !won {
		return false, err
	}
	if err := writeAll(ctx, tx, g.riders...); err != nil {
		if errors.Is(err, ErrConflict) {
			err = nil
		}
		return false, err
	}
	return true, commit(ctx, tx)
}

// found runs the statement to its end and tells whether a row came back.
func found(ctx context.Context, q queryer, into []any, text string, args ...any) (bool, error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	won := false
	for rows.Next() {
		won = true
		if err := rows.Scan(into...); err != nil {
			return false, err
		}
	}
	return won, rows.Err()
}
