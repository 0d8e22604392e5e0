package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// On PostgreSQL the tables may belong to another role than the program's:
// migrations and pruning work as the owner, and the program's role can add to
// the audit log and read it, but neither change it nor remove from it.

// ErrForbidden says that the database does not let this role do it.
var ErrForbidden = errors.New("only the owner of the database may do that: set database_owner")

// appendOnly are the tables that the program's role can only add to.
var appendOnly = []string{"audit_events", "audit_seals"}

// marksTable is written with each seal, and nothing is removed from it.
const marksTable = "audit_marks"

// gooseTable is written by migrations only.
const gooseTable = "goose_db_version"

// asOwner returns a pool that works as the owner of the tables, the program's
// own one if no other is set, and what ends it.
func (db *DB) asOwner(ctx context.Context) (pool *sql.DB, done func(), err error) {
	if db.owner == "" {
		return db.writer, func() {}, nil
	}
	_, pool, err = db.dialect.open(ctx, db.owner, new(atomic.Int64))
	if err != nil {
		return nil, nil, fmt.Errorf("database_owner: %w", err)
	}
	return pool, func() { _ = pool.Close() }, nil
}

// AuditProtected tells whether the database refuses this program changes of the
// audit log.
func (db *DB) AuditProtected(ctx context.Context) (bool, error) {
	if db.Embedded() {
		return false, nil
	}
	role, err := one(ctx, db.reader, scanText, `SELECT current_user`)
	if err != nil {
		return false, err
	}
	why, err := unprotected(ctx, db.reader, role)
	return why == "", err
}

// hidden tells that a table is not there yet, or not granted yet.
func (db *DB) hidden(err error) bool {
	return db.dialect.noTable(err) || db.owner != "" && db.dialect.forbidden(err)
}

// unprotected says why a role can change the audit log, or "".
func unprotected(ctx context.Context, q queryer, role string) (why string, err error) {
	for _, table := range appendOnly {
		may, err := one(ctx, q, scanBool, `SELECT has_table_privilege($1, $2, 'UPDATE') OR has_table_privilege($1, $2, 'DELETE')
			OR has_table_privilege($1, $2, 'TRUNCATE') OR has_any_column_privilege($1, $2, 'UPDATE')
			OR EXISTS (SELECT 1 FROM pg_class WHERE oid = to_regclass($2) AND pg_has_role($1, relowner, 'MEMBER'))`, role, table)
		if err != nil {
			return "", err
		}
		if may {
			return "the role " + role + " can change the table " + table, nil
		}
	}
	return "", nil
}

// grant lets the program's role do what it needs in the owner's tables, and no
// more. Several programs may do so at once.
func grant(ctx context.Context, owner *sql.DB, role string) error {
	tx, err := owner.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it has nothing to do
	// Two that grant on one table at once would fail.
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(7415944)`); err != nil {
		return err
	}
	schema, err := one(ctx, tx, scanText, `SELECT current_schema()`)
	if err != nil {
		return err
	}
	tables, err := many(ctx, tx, scanText, `SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tableowner = current_user ORDER BY 1`, schema)
	if err != nil {
		return err
	}
	to := pgx.Identifier{role}.Sanitize()
	texts := []string{"GRANT USAGE ON SCHEMA " + pgx.Identifier{schema}.Sanitize() + " TO " + to}
	for _, table := range tables {
		name := pgx.Identifier{schema, table}.Sanitize()
		rights := "SELECT, INSERT, UPDATE, DELETE"
		switch table {
		case appendOnly[0], appendOnly[1]:
			rights = "SELECT, INSERT"
		case marksTable:
			rights = "SELECT, INSERT, UPDATE"
		case gooseTable:
			rights = "SELECT"
		}
		texts = append(texts, "REVOKE ALL ON "+name+" FROM "+to, "GRANT "+rights+" ON "+name+" TO "+to)
	}
	for _, text := range texts {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	why, err := unprotected(ctx, tx, role)
	if err == nil && why != "" {
		err = errors.New(why + " whatever is granted: use a role that is no superuser and not a member of the owner")
	}
	if err != nil {
		return err
	}
	return tx.Commit()
}

// ownsTables refuses a database whose tables belong to the program's role.
func ownsTables(ctx context.Context, owner *sql.DB, role string) error {
	name, err := one(ctx, owner, scanText, `SELECT CAST(current_user AS TEXT)`)
	if err != nil {
		return err
	}
	if name == role {
		return fmt.Errorf("database_owner: is the role %s of database too: use two roles", role)
	}
	n, err := one(ctx, owner, scanInt, `SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tableowner = $1`, role)
	if err == nil && n > 0 {
		err = fmt.Errorf("database_owner: the tables belong to %s: as a superuser run REASSIGN OWNED BY %s TO %s in this database", role,
			pgx.Identifier{role}.Sanitize(), pgx.Identifier{name}.Sanitize())
	}
	return err
}
