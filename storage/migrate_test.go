package storage

import (
	"io/fs"
	"testing"
	"testing/fstest"
)

func TestMigrationsOfOneEngine(t *testing.T) {
	schema := fstest.MapFS{"0001_x.sql": {Data: []byte("both, -- of them\n  a -- only: sqlite\n  b -- only: postgres\nend\n")}}
	for engine, want := range map[string]string{
		"sqlite":   "both, -- of them\n  a \n\nend\n",
		"postgres": "both, -- of them\n\n  b \nend\n",
	} {
		only := onlyFor{schema, engine}
		text, err := fs.ReadFile(only, "0001_x.sql")
		if string(text) != want || err != nil {
			t.Errorf("%s: %q, %v", engine, text, err)
		}
		if names, err := fs.Glob(only, "*.sql"); len(names) != 1 || err != nil {
			t.Errorf("%s: %v, %v", engine, names, err)
		}
	}
}
