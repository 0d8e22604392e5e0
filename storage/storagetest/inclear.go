package storagetest

import (
	"database/sql"
	"strings"
	"testing"
)

// NothingInClear fails a test, at its end, if the audit log of a database then
// has a network in clear that is somebody's who is known, see [storage.User.Acting].
// It is called once the database is there, and before it is closed.
func NothingInClear(t testing.TB, url string) {
	t.Helper()
	t.Cleanup(func() {
		raw := Raw(t, url)
		defer raw.Close()
		if lines := inClear(t, raw); len(lines) > 0 {
			t.Errorf("S03 in clear in the audit log: %s", strings.Join(lines, ", "))
		}
	})
}

func inClear(t testing.TB, raw *sql.DB) (lines []string) {
	t.Helper()
	rows, err := raw.Query(`SELECT DISTINCT kind || ' by ' || actor_kind || ' ' || reason FROM audit_events e
		WHERE network <> '' AND network NOT LIKE 'p1.%' AND (actor_kind = 'user' OR actor_kind = 'client' AND grant_id <> ''
			OR actor_kind = '' AND EXISTS (SELECT 1 FROM users u WHERE u.id = e.subject_id))`)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var line string
		must(t, rows.Scan(&line))
		lines = append(lines, line)
	}
	must(t, rows.Err())
	return lines
}
