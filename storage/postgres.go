package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresDialect is a PostgreSQL server, or what speaks like one: one pool,
// READ COMMITTED, nothing kept in the server's sessions.
type postgresDialect struct{}

func (postgresDialect) open(ctx context.Context, text string, sent *atomic.Int64) (reader, writer *sql.DB, err error) {
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, nil, fmt.Errorf("database: the URL can't be read: use postgres://USER@HOST:5432/NAME?sslmode=require: %w", withoutURL(err))
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 3 * time.Second
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "stile"
	}
	// A few connections for each processor keep the server busy; more would only
	// wait in it. The name is the one of pgx's own pool.
	connections := max(8, 4*runtime.GOMAXPROCS(0))
	if given, ok := config.RuntimeParams["pool_max_conns"]; ok {
		delete(config.RuntimeParams, "pool_max_conns")
		if connections, err = strconv.Atoi(given); err != nil || connections < 1 {
			return nil, nil, fmt.Errorf("database: pool_max_conns=%s: use a number from 1", given)
		}
	}
	config.Tracer = counter{sent}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	if err := db.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("database: %w: is the server running, and the URL right?", withoutURL(err)), db.Close())
	}
	return db, db, nil
}

// withoutURL drops what a driver's error quotes of the URL, password included.
func withoutURL(err error) error {
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		if inner := parse.Unwrap(); inner != nil {
			return errors.New("connection settings are not valid")
		}
	}
	return err
}

func (postgresDialect) oneStatement() bool { return true }

func (postgresDialect) exists(err error) bool { return sqlState(err) == "23505" }

func (postgresDialect) dangling(err error) bool { return sqlState(err) == "23503" }

func (postgresDialect) again(err error) bool {
	switch sqlState(err) {
	case "40001", "40P01": // serialization failure, deadlock: rolled back for certain
		return true
	}
	return false
}

func (postgresDialect) undone(err error) bool { return sqlState(err) == "22012" } // division by zero

func (postgresDialect) noTable(err error) bool { return sqlState(err) == "42P01" }

func (postgresDialect) forbidden(err error) bool { return sqlState(err) == "42501" }

func (postgresDialect) migrate(ctx context.Context, db *sql.DB, schema fs.FS) error {
	return gooseUp(ctx, db, schema, goosePostgres)
}

func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// counter counts what is sent, see [DB.Statements].
type counter struct{ sent *atomic.Int64 }

// TraceQueryStart implements [pgx.QueryTracer].
func (c counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.sent.Add(1)
	return ctx
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
