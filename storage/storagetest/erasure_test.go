package storagetest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"stile/audit"
	"stile/storage"
)

// An id is random, not made of the address, and never given twice, to the same
// address neither.
func TestS05_IDsOfUsersAreRandomAndNeverReused(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		seen := map[string]bool{h.User.ID: true}
		v4 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
		for range 20 {
			u := h.NewUser(t, "again@example.com")
			if seen[u.ID] || !v4.MatchString(u.ID) || strings.Contains(u.ID, "@") {
				t.Errorf("id %q", u.ID)
			}
			seen[u.ID] = true
			must(t, h.DB.DeleteUser(t.Context(), u.ID, By))
		}
	})
}

// A user who is deleted is in no table but the audit log, which holds neither
// address nor name and still verifies; the same address is somebody new.
func TestS03_DeletedUserLeavesNoAddressOrName(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		const email, name = "quirin@erase.example", "Quirin Unverwechselbar"
		u := got(h.DB.CreateUser(ctx, storage.User{AccountID: h.Account.ID, Email: email, Name: name, Password: "$argon2id$of-no-use"}, By))(t)
		s := h.beginAs(t, u.ID)
		must(t, second(h.DB.CompleteSignIn(ctx, h.Completion(s))))
		must(t, h.DB.Record(ctx, audit.Event{Kind: audit.SignInFailed, Outcome: audit.Refused, AccountID: h.Account.ID, SubjectID: u.ID}))
		h.seal(t)
		must(t, h.DB.DeleteUser(ctx, u.ID, By))
		h.seal(t)
		same(t, "the audit log", h.faults(t, nil))
		tables := h.tables(t)
		if len(tables) < 20 {
			t.Fatalf("tables: %v", tables)
		}
		for _, table := range tables {
			for _, row := range h.rows(t, table) {
				text := strings.ToLower(row)
				if strings.Contains(text, "quirin") || strings.Contains(text, "unverwechselbar") {
					t.Errorf("%s still says: %s", table, row)
				}
				if strings.Contains(row, u.ID) && !strings.HasPrefix(table, "audit_") {
					t.Errorf("%s still has the id: %s", table, row)
				}
			}
		}
		if anew := h.NewUser(t, email); anew.ID == u.ID {
			t.Error("the same address got the same id")
		}
	})
}

// tables are the names of all tables.
func (h *House) tables(t *testing.T) []string {
	t.Helper()
	text := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'`
	if !strings.HasPrefix(h.URL, "sqlite:") {
		text = `SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()`
	}
	rows := got(h.raw.QueryContext(t.Context(), text))(t)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var name string
		must(t, rows.Scan(&name))
		all = append(all, name)
	}
	must(t, rows.Err())
	return all
}

// rows are all rows of a table, as text.
func (h *House) rows(t *testing.T, table string) []string {
	t.Helper()
	rows := got(h.raw.QueryContext(t.Context(), `SELECT * FROM `+table))(t)
	defer rows.Close()
	columns := got(rows.Columns())(t)
	var all []string
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		must(t, rows.Scan(into...))
		for i, v := range values {
			if b, is := v.([]byte); is {
				values[i] = string(b)
			}
		}
		all = append(all, fmt.Sprint(values...))
	}
	must(t, rows.Err())
	return all
}
