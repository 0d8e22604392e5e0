// Package storagetest proves that a database does what package storage
// promises, on each engine: [Run] is the contract, method by method. It also
// gives other packages databases for their tests, see [SQLite] and [Postgres].
package storagetest

import (
	"crypto/sha256"
	"database/sql"
	"hash"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // for Raw

	"stile/audit"
	"stile/seal"
	"stile/storage"
)

// SQLite returns the URL of a database file that only this test uses.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "stile.db")
}

// Ring returns the master key that tests seal with.
func Ring() *seal.Ring {
	r, err := seal.NewRing(Key("test"))
	if err != nil {
		panic(err) // a fault of this function
	}
	return r
}

// Key returns a master key of this name. The same name is always the same key.
func Key(name string) seal.Key {
	k := seal.Key{ID: name}
	h := newHash()
	h.Write([]byte(name))
	copy(k.Secret[:], h.Sum(nil))
	return k
}

// Clock is a clock that stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock at a fixed time.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)}
}

// Now is the time it shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Move moves it.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Open opens a database, migrated, until the test is over.
func Open(t testing.TB, url string, now func() time.Time) *storage.DB {
	t.Helper()
	db, err := storage.Open(t.Context(), url, storage.Options{Ring: Ring(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// Raw opens the same database beside package storage, to look at it or to do
// damage.
func Raw(t testing.TB, url string) *sql.DB {
	t.Helper()
	driver, name := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, name = "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// By is who acts in tests.
var By = audit.Actor{Kind: "cli", ID: "test"}

// must fails the test at once.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// got is must for what returns a value.
func got[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return v
	}
}

func newHash() hash.Hash { return sha256.New() }
