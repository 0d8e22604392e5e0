package storage

import (
	"database/sql"
	"testing"
)

func TestShiftRenumbersPlaceholders(t *testing.T) {
	for in, want := range map[string]string{
		"a = $1 AND b = $2 OR c = $1": "a = $4 AND b = $5 OR c = $4",
		"$10 $9":                      "$13 $12",
		"nothing":                     "nothing",
	} {
		if got := shift(in, 3); got != want {
			t.Errorf("shift(%q) = %q, want %q", in, got, want)
		}
	}
	if got := marks(2, 3); got != "$3, $4, $5" {
		t.Errorf("marks = %q", got)
	}
	i := insert{table: "t", columns: "a, b", values: []any{1, 2}}
	if got := i.render(0, ""); got != "INSERT INTO t (a, b) VALUES ($1, $2)" {
		t.Error(got)
	}
	i.suffix = "ON CONFLICT (a) DO NOTHING"
	if got := i.render(3, "TRUE"); got != "INSERT INTO t (a, b) SELECT $4, $5 WHERE TRUE ON CONFLICT (a) DO NOTHING" {
		t.Error(got)
	}
}

// Pragmas returns a setting of both handles of an embedded database.
func Pragmas(t *testing.T, db *DB, name string) (values []string) {
	t.Helper()
	for _, handle := range []*sql.DB{db.reader, db.writer} {
		v, err := one(t.Context(), handle, scanText, "PRAGMA "+name)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	return values
}
