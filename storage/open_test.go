package storage_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stile/storage"
	"stile/storage/storagetest"
)

func open(t *testing.T, url string) (*storage.DB, error) {
	t.Helper()
	db, err := storage.Open(t.Context(), url, storage.Options{Ring: storagetest.Ring(), Now: time.Now})
	if err == nil {
		t.Cleanup(func() { _ = db.Close() })
	}
	return db, err
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for url, says := range map[string]string{
		"":                               "use sqlite:PATH or postgres://",
		"mysql://root:hunter2@localhost": `unknown kind "mysql"`,
		"stile.db":                       "use sqlite:PATH or postgres://",
		"sqlite:":                        "needs the path of a file",
		"sqlite::memory:":                "needs the path of a file",
		"sqlite:" + dir + "/no/such/x":   "the folder must exist",
		"sqlite:" + dir:                  "is a directory",
		"sqlite:" + text:                 "not a database",
		"postgres://user:hunter2@127.0.0.1:1/x?connect_timeout=1":                 "is the server running",
		"postgres://user:hunter2@127.0.0.1:notaport/x":                            "can't be read",
		"postgres://user:hunter2@127.0.0.1/x?pool_max_conns=0":                    "use a number from 1",
		"postgres://user:hunter2@127.0.0.1/x?sslmode=maybe":                       "can't be read",
		"postgres://user:hunter2@127.0.0.1/x?sslrootcert=/none&sslmode=verify-ca": "can't be read",
	} {
		_, err := open(t, url)
		if err == nil || !strings.HasPrefix(err.Error(), "database") || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", url, err, says)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the password is in the error: %v", url, err)
		}
	}
}

func TestOpenMakesAFileThatOthersCannotRead(t *testing.T) {
	// Characters that would end or change the name inside a URI.
	path := filepath.Join(t.TempDir(), "a b?mode=memory&x=%41#1.db")
	db, err := open(t, "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if !strings.HasPrefix(f, path) {
			t.Errorf("%s was made", f)
		}
		info, err := os.Stat(f)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info.Mode(), err)
		}
	}
}

func TestQ06_EmbeddedDatabaseIsDurable(t *testing.T) {
	url := storagetest.SQLite(t)
	db, err := open(t, url)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		for _, got := range storage.Pragmas(t, db, pragma) {
			if got != want {
				t.Errorf("%s = %s, want %s", pragma, got, want)
			}
		}
	}
}

func TestQ06_ReadOnlyDatabase(t *testing.T) {
	if os.Getuid() == 0 {
		t.Log("root may write anything: only the folder is checked")
	}
	if _, err := open(t, "sqlite:/proc/stile.db"); err == nil || !strings.Contains(err.Error(), "the folder must exist and be writable") {
		t.Errorf("a folder that takes no files: %v", err)
	}
}
