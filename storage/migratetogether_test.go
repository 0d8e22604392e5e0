package storage

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
)

// overtaken is a schema of which somebody else applies a part as soon as it is read.
type overtaken struct {
	fs.FS
	once *sync.Once
	by   func()
}

func (o overtaken) Open(name string) (fs.File, error) {
	if name == "0001_a.sql" {
		o.once.Do(o.by)
	}
	return o.FS.Open(name)
}

// Whoever is overtaken by another program looks again, and goes on from there; a
// migration that fails by itself is tried once.
func TestMigrateIsOvertaken(t *testing.T) {
	open := func(name string) *sql.DB {
		t.Helper()
		db, err := sql.Open("sqlite", "file:"+name+"?_pragma=busy_timeout(5000)&_txlock=immediate")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	table := func(name string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE " + name + " (x TEXT);\n")}
	}
	file := filepath.Join(t.TempDir(), "stile.db")
	db, other := open(file), open(file)
	schema := fstest.MapFS{"0001_a.sql": table("a"), "0002_b.sql": table("b")}
	overtakes := func() {
		if err := gooseUp(t.Context(), other, fstest.MapFS{"0001_a.sql": schema["0001_a.sql"]}, gooseSQLite); err != nil {
			t.Error(err)
		}
	}
	var once sync.Once
	if err := (sqliteDialect{}).migrate(t.Context(), db, overtaken{schema, &once, overtakes}); err != nil {
		t.Fatal(err)
	}
	if v, err := (sqliteDialect{}).version(t.Context(), db); v != 2 || err != nil {
		t.Errorf("version %d, %v", v, err)
	}
	var one, all atomic.Int64
	schema["0003_a.sql"] = table("a") // is there
	_ = gooseUp(t.Context(), db, counting{schema, &one}, gooseSQLite)
	if err := (sqliteDialect{}).migrate(t.Context(), db, counting{schema, &all}); err == nil || all.Load() != one.Load() {
		t.Errorf("%v after reading it %d times, not %d", err, all.Load(), one.Load())
	}
}

// counting counts how often the last migration is read.
type counting struct {
	fs.FS
	tries *atomic.Int64 // the files are read side by side
}

func (c counting) Open(name string) (fs.File, error) {
	if name == "0003_a.sql" {
		c.tries.Add(1)
	}
	return c.FS.Open(name)
}
