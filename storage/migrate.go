package storage

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate brings the schema to the version that this program knows, and makes
// what a new database needs. Of several programs at once one does it and the
// others wait. A newer schema is refused: an old program could read it wrongly.
func (db *DB) Migrate(ctx context.Context) error {
	if db.ring == nil {
		return errors.New("database: no master key to seal with")
	}
	owner, done, err := db.asOwner(ctx)
	if err != nil {
		return err
	}
	defer done()
	have, want, err := db.status(ctx, owner)
	if err != nil {
		return err
	}
	if have > want {
		return fmt.Errorf("database: the schema has version %d, this program knows %d: run the newer program, or restore a backup from before the upgrade", have, want)
	}
	if err := db.migrateBy(ctx, owner, have < want); err != nil {
		return err
	}
	if err := db.makeRoot(ctx); err != nil {
		return err
	}
	if 0 < have && have < chainVersion && chainVersion <= want {
		if err := db.beginChain(ctx); err != nil {
			return db.auditError(err)
		}
	}
	if 0 < have && have < marksVersion && marksVersion <= want {
		if err := db.beginMarks(ctx); err != nil {
			return db.auditError(err)
		}
	}
	return db.writeWords(ctx)
}

// chainVersion is the migration that began the chain of the audit log.
const chainVersion = 3

// marksVersion is the migration that gave each chain a mark.
const marksVersion = 12

// migrateBy changes the schema as its owner, and lets the program work with it.
func (db *DB) migrateBy(ctx context.Context, owner *sql.DB, changes bool) error {
	var role string
	if db.owner != "" {
		var err error
		if role, err = one(ctx, db.reader, scanText, `SELECT CAST(current_user AS TEXT)`); err == nil {
			err = ownsTables(ctx, owner, role)
		}
		if err != nil {
			return err
		}
	}
	if changes {
		if err := db.dialect.migrate(ctx, owner, db.schema); err != nil {
			return fmt.Errorf("database: migration: %w", err)
		}
	}
	if db.owner == "" {
		return nil
	}
	if err := grant(ctx, owner, role); err != nil {
		return fmt.Errorf("database_owner: rights of the program's role: %w", err)
	}
	have, want, err := db.Status(ctx)
	if err == nil && have != want {
		err = errors.New("database_owner: leads to another database or schema than database")
	}
	return err
}

// Status returns the version that the schema has, 0 for none, and the one that
// this program wants. It writes nothing.
func (db *DB) Status(ctx context.Context) (have, want int64, err error) {
	return db.status(ctx, db.reader)
}

func (db *DB) status(ctx context.Context, q queryer) (have, want int64, err error) {
	have, err = one(ctx, q, scanInt, `SELECT COALESCE(max(version_id), 0) FROM goose_db_version WHERE is_applied`)
	if err != nil && !db.hidden(err) {
		return 0, 0, fmt.Errorf("database: version of the schema: %w", err)
	}
	names, err := fs.Glob(db.schema, "*.sql")
	if err != nil {
		return 0, 0, err
	}
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return 0, 0, fmt.Errorf("database: migration %s: %w", name, err)
		}
		want = max(want, version)
	}
	return have, want, nil
}

// Empty tells whether nothing was ever stored here, so that a new master key
// can be made without losing anything. A database that can't be read is not empty.
func (db *DB) Empty(ctx context.Context) bool {
	n, err := one(ctx, db.reader, scanInt, `SELECT count(*) FROM roots`)
	return n == 0 && (err == nil || db.dialect.noTable(err))
}

// gooseEngine is what the migration runner must know of an engine.
type gooseEngine struct {
	name    string // in the migrations, see onlyFor
	dialect goose.Dialect
	locked  bool // hold an advisory lock of the session
}

var (
	gooseSQLite   = gooseEngine{name: "sqlite", dialect: goose.DialectSQLite3}
	goosePostgres = gooseEngine{name: "postgres", dialect: goose.DialectPostgres, locked: true}
)

func gooseUp(ctx context.Context, db *sql.DB, schema fs.FS, e gooseEngine) error {
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if e.locked {
		// Asks again each second, for five minutes.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(e.dialect, db, onlyFor{schema, e.name}, options...)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// onlyFor are the migrations as one engine gets them: a line that ends in
// "-- only: sqlite" or "-- only: postgres" is empty for the other one.
type onlyFor struct {
	fs.FS
	engine string
}

var onlyLine = regexp.MustCompile(`(?m)^(.*)-- only: (\w+)$`)

// Open implements [fs.FS].
func (o onlyFor) Open(name string) (fs.File, error) {
	f, err := o.FS.Open(name)
	if err != nil || name == "." {
		return f, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	text = onlyLine.ReplaceAllFunc(text, func(line []byte) []byte {
		parts := onlyLine.FindSubmatch(line)
		if string(parts[2]) == o.engine {
			return parts[1]
		}
		return nil
	})
	return filtered{f, bytes.NewReader(text)}, nil
}

// filtered is an open file with another text.
type filtered struct {
	fs.File
	text io.Reader
}

// Read implements [fs.File].
func (f filtered) Read(b []byte) (int, error) { return f.text.Read(b) }
