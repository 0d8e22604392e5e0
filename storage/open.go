// Package storage owns every SQL statement and every transaction.
//
// Rules that the files of this package share:
//
//   - One use case is one method of [DB], and one method is one transaction. No
//     transaction type is exported, so nobody composes half a use case. A method
//     that must judge what it has just read takes a pure function, which may run
//     more than once and does no input or output.
//   - Single use is a row count: a conditional UPDATE, or a unique index, in the
//     transaction that hands out what was bought. Nothing is read first and
//     written later on the strength of that reading alone; see [DB.guard] for
//     the form of the writes that are run most.
//   - One text for both engines. Placeholders are $1, $2…; times are microseconds
//     since 1970 in UTC; lists and settings are JSON that only Go looks into.
//     What differs stands in sqlite.go, postgres.go and guarded.go.
//   - A change and its line in the audit log are written together or not at all.
//   - Where two rows are locked, the order is account, user, session, grant. A
//     change to what an account has set up begins with lockAccount.
//
// What is secret but must be read again (keys of authenticators, signing keys,
// messages) is sealed for its table, row and account; see [seal.Ring]. Tokens
// are stored as their hashes only.
package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"stile/limit"
	"stile/seal"
	"stile/storage/migrations"
)

// What methods of this package fail with, wrapped in words that say what was
// looked for. Anything else that they return means that the database did not
// answer as it should: the state is then unknown, and trying again is safe.
var (
	// ErrNotFound says that there is no such record, or none that is live.
	ErrNotFound = errors.New("not found")
	// ErrExists says that the name, address or id belongs to another record.
	ErrExists = errors.New("exists already")
	// ErrConflict says that the record changed since it was read: read it again.
	ErrConflict = errors.New("changed meanwhile")
	// ErrSpent says that what works once has been used before.
	ErrSpent = errors.New("used already")
	// ErrLastAdmin says that the change would leave an account without an
	// active administrator.
	ErrLastAdmin = errors.New("the account needs at least one active administrator")
	// ErrInUse says that something else still names the record.
	ErrInUse = errors.New("still in use")
)

// Options are what a database needs to know of the program around it.
type Options struct {
	// Ring seals and opens what is secret. Without one only the methods work
	// that look at the schema: Status, Empty, Ping.
	Ring *seal.Ring
	// Now is the clock. Results are cut to microseconds.
	Now func() time.Time
	// Logger gets what an operator should know and no caller can act on; nil
	// for none.
	Logger *slog.Logger
	// Defaults fill in what an account's policy leaves open. Zero fields of it
	// are taken from [DefaultPolicy].
	Defaults Policy
	// Owner is the URL of the same PostgreSQL database as the role that owns the
	// tables, for migrations and pruning; empty if url is of that role.
	Owner string
	// AuditFor is how long events are kept; zero for 400 days.
	AuditFor time.Duration
	// Limits bounds invitations: of one account, of which EmailSentAccount says how
	// many go out in a time, a tenth of them at once, the others one by one; and to
	// one address. Zero for the defaults.
	Limits limit.Figures
}

// DB is one open database. It is safe for concurrent use.
type DB struct {
	dialect  dialect
	reader   *sql.DB // the same as writer on PostgreSQL
	writer   *sql.DB
	ring     *seal.Ring
	hasher   atomic.Pointer[seal.Hasher]
	now      func() time.Time
	log      *slog.Logger
	defaults Policy
	auditFor time.Duration
	limits   limit.Figures
	owner    string        // URL, see owner.go
	schema   fs.FS         // migrations; replaced in tests
	sent     *atomic.Int64 // statements
}

// dialect is what differs between the engines.
type dialect interface {
	// open connects, and counts in sent each statement that goes out.
	open(ctx context.Context, url string, sent *atomic.Int64) (reader, writer *sql.DB, err error)
	// oneStatement tells that a guarded write is one statement with CTEs.
	oneStatement() bool
	// exists recognises a broken unique index or primary key.
	exists(error) bool
	// dangling recognises a reference to a row that isn't there.
	dangling(error) bool
	// again recognises failures after which the same transaction may succeed.
	again(error) bool
	// undone recognises a guarded write whose rider had to change a row and
	// did not, see rider.must.
	undone(error) bool
	// noTable recognises a query of a table that was never made.
	noTable(error) bool
	// forbidden recognises a statement that the role may not run.
	forbidden(error) bool
	// migrate runs the migrations so that two programs at once do it once.
	migrate(ctx context.Context, db *sql.DB, schema fs.FS) error
}

// Open opens the database that url names: sqlite:PATH for the embedded one, or
// postgres://… . It makes nothing but the file of an embedded database; see
// [DB.Migrate]. It fails, in words for the operator, if the database can't be
// reached or holds secrets that o.Ring doesn't open.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	db := &DB{
		ring:     o.Ring,
		now:      func() time.Time { return o.Now().UTC().Truncate(time.Microsecond) },
		log:      o.Logger,
		defaults: o.Defaults.filled(DefaultPolicy()),
		auditFor: o.AuditFor,
		limits:   o.Limits,
		owner:    o.Owner,
		schema:   migrations.Files,
		sent:     new(atomic.Int64),
	}
	if o.Now == nil {
		return nil, errors.New("storage: no clock")
	}
	if db.log == nil {
		db.log = slog.New(slog.DiscardHandler)
	}
	if db.limits == (limit.Figures{}) {
		db.limits = limit.Defaults()
	}
	if db.auditFor == 0 {
		db.auditFor = 400 * 24 * time.Hour
	}
	switch scheme, _, _ := strings.Cut(url, ":"); scheme {
	case "sqlite":
		db.dialect = sqliteDialect{}
		if o.Owner != "" {
			return nil, errors.New("database_owner: is for PostgreSQL: an embedded database has no roles")
		}
	case "postgres", "postgresql":
		db.dialect = postgresDialect{}
	default:
		// The rest of the URL may hold a password.
		return nil, fmt.Errorf("database: unknown kind %q: use sqlite:PATH or postgres://USER@HOST/NAME", scheme)
	}
	var err error
	if db.reader, db.writer, err = db.dialect.open(ctx, url, db.sent); err != nil {
		return nil, err
	}
	if err := db.openRoot(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Close gives the connections back. Methods called later fail.
func (db *DB) Close() error {
	if db.reader == db.writer {
		return db.writer.Close()
	}
	return errors.Join(db.reader.Close(), db.writer.Close())
}

// Ping fails if the database does not answer.
func (db *DB) Ping(ctx context.Context) error {
	_, err := one(ctx, db.reader, scanInt, `SELECT 1`)
	return err
}

// Statements returns how many statements this handle has sent. Tests hold the
// frequent use cases to a number. BEGIN and COMMIT count on PostgreSQL, where
// each is a round trip.
func (db *DB) Statements() int64 { return db.sent.Load() }

// Embedded tells that the database is a file that this program runs itself.
func (db *DB) Embedded() bool { return !db.dialect.oneStatement() }
