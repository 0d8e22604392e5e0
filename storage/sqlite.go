package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// sqliteDialect is the embedded database: one file, written by one connection
// at a time and read by several.
type sqliteDialect struct{}

// What every connection begins with: acknowledged work survives a loss of
// power, references are checked, and a lock of another process is waited for.
const sqlitePragmas = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"

func (sqliteDialect) open(ctx context.Context, text string, sent *atomic.Int64) (reader, writer *sql.DB, err error) {
	name := strings.TrimPrefix(text, "sqlite:")
	if name == "" || strings.HasPrefix(name, ":") {
		return nil, nil, errors.New("database: sqlite: needs the path of a file, such as sqlite:stile.db")
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, nil, fmt.Errorf("database: %w", err)
	}
	// Made here so that nobody else can read it; the files beside it follow.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("database: %w: the folder must exist and be writable", err)
	}
	if err := file.Close(); err != nil {
		return nil, nil, fmt.Errorf("database: %w", err)
	}
	base := "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?"
	w, err := sqlite.NewConnector(base + "_txlock=immediate&" + sqlitePragmas)
	if err != nil {
		return nil, nil, fmt.Errorf("database %s: %w", name, err)
	}
	r, err := sqlite.NewConnector(base + sqlitePragmas + "&_pragma=query_only(1)")
	if err != nil {
		return nil, nil, fmt.Errorf("database %s: %w", name, err)
	}
	writer, reader = sql.OpenDB(counted{w, sent}), sql.OpenDB(counted{r, sent})
	writer.SetMaxOpenConns(1)
	reader.SetMaxOpenConns(max(4, runtime.GOMAXPROCS(0)))
	reader.SetMaxIdleConns(max(4, runtime.GOMAXPROCS(0)))
	for _, db := range []*sql.DB{writer, reader} { // the writer first: it sets the journal
		if err := db.PingContext(ctx); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("database %s: %w", name, err), writer.Close(), reader.Close())
		}
		// A file that is no database shows at its first reading.
		if _, err := one(ctx, db, scanInt, `SELECT count(*) FROM sqlite_master`); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("database %s: %w", name, err), writer.Close(), reader.Close())
		}
	}
	sent.Store(0)
	return reader, writer, nil
}

func (sqliteDialect) oneStatement() bool { return false }

func (sqliteDialect) exists(err error) bool {
	code := sqliteCode(err)
	return code == codes.SQLITE_CONSTRAINT_UNIQUE || code == codes.SQLITE_CONSTRAINT_PRIMARYKEY
}

func (sqliteDialect) dangling(err error) bool {
	return sqliteCode(err) == codes.SQLITE_CONSTRAINT_FOREIGNKEY
}

func (sqliteDialect) again(err error) bool {
	primary := sqliteCode(err) & 0xff
	return primary == codes.SQLITE_BUSY || primary == codes.SQLITE_LOCKED
}

// undone is never asked: here the transaction is rolled back.
func (sqliteDialect) undone(error) bool { return false }

func (sqliteDialect) noTable(err error) bool {
	// SQLite has no code of its own for this.
	return sqliteCode(err) == codes.SQLITE_ERROR && strings.Contains(err.Error(), "no such table")
}

// forbidden is nothing here: the embedded database has no roles.
func (sqliteDialect) forbidden(error) bool { return false }

func (d sqliteDialect) migrate(ctx context.Context, db *sql.DB, schema fs.FS) error {
	// Each migration is one immediate transaction. Of two programs at once the
	// slower one finds a table there already, rolls back, and looks again, for
	// as long as the other one gets on.
	for {
		before, err := d.version(ctx, db)
		if err != nil {
			return err
		}
		failure := gooseUp(ctx, db, schema, gooseSQLite)
		if failure == nil {
			return nil
		}
		if after, err := d.version(ctx, db); err != nil || after == before {
			return failure
		}
	}
}

// version is the last migration that was applied: below 0 before the first, and
// another number once there is a table to write it in.
func (d sqliteDialect) version(ctx context.Context, db *sql.DB) (int64, error) {
	v, err := one(ctx, db, scanInt, `SELECT COALESCE(max(version_id), -1) FROM goose_db_version`)
	if d.noTable(err) {
		return -2, nil
	}
	return v, err
}

func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// counted counts the statements that pass through a driver's connections.
type counted struct {
	driver.Connector
	sent *atomic.Int64
}

// Connect implements [driver.Connector].
func (c counted) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := conn.(fullConn)
	if !ok {
		return nil, errors.New("storage: the driver's connection lacks a method that is counted on")
	}
	return countedConn{full, c.sent}, nil
}

// fullConn is what database/sql makes use of in the driver's connections.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type countedConn struct {
	fullConn
	sent *atomic.Int64
}

// ExecContext implements [driver.ExecerContext].
func (c countedConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	c.sent.Add(1)
	return c.fullConn.ExecContext(ctx, text, args)
}

// QueryContext implements [driver.QueryerContext].
func (c countedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.sent.Add(1)
	return c.fullConn.QueryContext(ctx, text, args)
}
