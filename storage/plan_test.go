package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"modernc.org/sqlite"

	"stile/audit"
	"stile/device"
	"stile/seal"
)

// TestQ11_AdministrationIsAnsweredFromIndexes asks the embedded database how it
// answers what an administrator asks: never by going through all of a table
// that grows. What the other engine does is counted in storagetest.
func TestQ11_AdministrationIsAnsweredFromIndexes(t *testing.T) {
	db, sent := recorded(t)
	ctx := t.Context()
	a, err := db.CreateAccount(ctx, Account{Name: "A"}, audit.System)
	desk, err2 := db.CreateProduct(ctx, Product{AccountID: a.ID, Name: "Desk"}, audit.System)
	group, err3 := db.SaveDeviceGroup(ctx, DeviceGroup{AccountID: a.ID, Group: device.Group{Name: "Office", Has: DefaultPolicy().Required}}, audit.System)
	if err := errors.Join(err, err2, err3, crowded(ctx, db, a.ID, desk.ID)); err != nil {
		t.Fatal(err)
	}
	p := DefaultPolicy()
	some := p
	some.Products = []string{desk.ID}
	now := db.now()
	directory := func(f UserFilter) func() error {
		return func() error {
			f.AccountID = a.ID
			found, err := db.Directory(ctx, f)
			if err == nil && len(found) == 0 {
				err = errors.New("nobody is found")
			}
			return err
		}
	}
	log := func(f EventFilter) func() error {
		return func() error {
			f.AccountID = a.ID
			_, err := db.Events(ctx, f)
			return err
		}
	}
	for _, way := range []struct {
		name   string
		sorted bool // a page comes in the order of an index
		do     func() error
	}{
		{"first page", true, directory(UserFilter{})},
		{"further page", true, directory(UserFilter{After: "u2000@example.com"})},
		{"many of a word", true, directory(UserFilter{Text: "example.com"})},
		{"few of a word", false, directory(UserFilter{Text: "u2001 example"})},
		{"few of two words", false, directory(UserFilter{Text: "u2001 u2001@example.com"})},
		{"covered", true, directory(UserFilter{State: StateCovered, Policy: p})},
		{"covered by product", false, directory(UserFilter{State: StateCovered, Policy: some})},
		{"not covered", true, directory(UserFilter{State: StateNotCovered, Policy: some})},
		{"enrolled", false, directory(UserFilter{State: StateEnrolled, Policy: p})},
		{"to enrol", true, directory(UserFilter{State: StateToEnrol, Policy: p})},
		{"disabled", true, directory(UserFilter{State: StateDisabled, Policy: p})},
		{"holders", false, directory(UserFilter{ProductID: desk.ID})},
		{"helpdesk", true, directory(UserFilter{Role: RoleHelpdesk})},
		{"member", false, func() error { _, err := db.Member(ctx, a.ID, "u2001", p); return err }},
		{"coverage", false, func() error { _, err := db.Coverage(ctx, a.ID, p); return err }},
		{"coverage by product", false, func() error { _, err := db.Coverage(ctx, a.ID, some); return err }},
		{"seats", false, func() error { _, err := db.SeatCounts(ctx, a.ID); return err }},
		{"clients", true, func() error { _, err := db.AccountClients(ctx, a.ID, "", 50); return err }},
		{"use of a client", false, func() error { _, _, err := db.ClientUsers(ctx, a.ID, "desktop"); return err }},
		{"people of a client", false, func() error { _, err := db.ClientPeople(ctx, a.ID, "few", "", 50); return err }},
		{"people of a common client", true, func() error {
			found, err := db.ClientPeople(ctx, a.ID, "common", "u2000@example.com", 50)
			if err == nil && (len(found) != 50 || found[0].Scope != "openid" || found[0].User.Email != "u2001@example.com") {
				err = fmt.Errorf("found %d", len(found))
			}
			return err
		}},
		{"device group", false, func() error {
			_, err := db.UpdateDeviceGroup(ctx, a.ID, group.ID, func(g *DeviceGroup) error { g.Name = "Field"; return nil }, audit.System)
			return err
		}},
		{"log", true, log(EventFilter{})},
		{"log of a kind", true, log(EventFilter{Kind: audit.UserChanged})},
		{"log of a while", true, log(EventFilter{Since: now.Add(-time.Hour), Until: now, After: timeID(now)})},
		{"log of kinds", false, log(EventFilter{Kinds: []audit.Kind{audit.SignInFailed, audit.ProofRefused}})},
		{"log of a user", false, log(EventFilter{SubjectID: "u2001"})},
		{"log of a client", true, log(EventFilter{ClientID: "desktop", Outcome: audit.OK})},
		{"newer lines", true, log(EventFilter{Newer: db.LogPosition()})},
		{"newer lines of a kind", true, log(EventFilter{Newer: db.LogPosition(), Kind: audit.SignInFailed})},
		{"sign-ins", false, func() error { _, err := db.SignInsByDay(ctx, a.ID, now.Add(-30*day), now, time.UTC); return err }},
		{"enrolment", false, func() error { _, err := db.EnrolmentByDay(ctx, a.ID, now.Add(-30*day), now, time.UTC); return err }},
		{"demotion", false, func() error {
			_, err := db.UpdateUser(ctx, "u1", func(u *User) error { u.Roles = []string{RoleMember}; return nil }, audit.System)
			if errors.Is(err, ErrLastAdmin) {
				err = nil
			}
			return err
		}},
		{"switch and notice", false, func() error {
			_, err := db.UpdatePolicy(ctx, a.ID, func(s AccountState) (Policy, error) { s.Policy.TwoStep = true; return s.Policy, nil }, audit.System)
			if err == nil {
				_, err = db.AnnounceNext(ctx, 10, func(u UserRow, _ Account, _ Policy) Mail { return Mail{Kind: "x", To: u.User.Email} })
			}
			return err
		}},
		{"words", false, func() error { return db.writeWords(ctx) }},
	} {
		sent.list = nil
		if err := way.do(); err != nil {
			t.Errorf("%s: %v", way.name, err)
		}
		if len(sent.list) == 0 {
			t.Errorf("%s: no statement was seen", way.name)
		}
		for _, s := range sent.list {
			for _, step := range s.plan(t, sent.plain) {
				if whole(step) || way.sorted && strings.Contains(step, "TEMP B-TREE FOR ORDER BY") {
					t.Errorf("%s: %s\nin %s", way.name, step, s.text[:min(len(s.text), 1000)])
				}
			}
		}
	}
}

// whole tells whether a step of a plan goes through a whole table, and not only
// through what another step has chosen.
func whole(step string) bool {
	of, scan := strings.CutPrefix(step, "SCAN ")
	if !scan {
		return false
	}
	for _, chosen := range []string{"d", "few", "changes", "sums", "held", "CONSTANT ROW", "(subquery"} {
		if of == chosen || strings.HasPrefix(of, chosen+" ") || strings.HasPrefix(of, chosen+"-") {
			return false
		}
	}
	for _, todo := range []string{"VALUES CLAUSE", "users_without_words", "announcements_open"} { // empty at most times
		if strings.HasSuffix(of, todo) {
			return false
		}
	}
	return true
}

// crowded adds users to an account as many as make what is common and what is
// rare differ.
func crowded(ctx context.Context, db *DB, accountID, productID string) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		for _, text := range []string{
			`INSERT INTO users (id, account_id, email, name, roles, language, time_zone, password, password_version, epoch, enhanced, disabled_at, created_at, updated_at)
				SELECT 'u' || i, $1, 'u' || i || '@example.com', 'Name', CASE i WHEN 1 THEN '["admin"]' WHEN 2 THEN '["helpdesk"]' ELSE '["member"]' END,
				'', '', '', 0, 1, FALSE, CASE WHEN i = 3 THEN 1 END, 0, 0 FROM n`,
			`INSERT INTO user_words (account_id, word, user_id) SELECT $1, 'u' || i, 'u' || i FROM n UNION ALL SELECT $1, 'u' || i || '@example.com', 'u' || i FROM n
				UNION ALL SELECT $1, 'example.com', 'u' || i FROM n`,
			`INSERT INTO authenticators (id, account_id, user_id, kind, state, data, last_step, created_at) SELECT 't' || i, $1, 'u' || i, 'totp', 'active', '', 0, 0 FROM n WHERE i < 100`,
			`INSERT INTO seats (user_id, product_id, account_id, created_at) SELECT 'u' || i, '` + productID + `', $1, 0 FROM n WHERE i < 100`,
			`INSERT INTO clients (id, account_id, metadata, secret, third_party, version, created_at, updated_at) SELECT CASE i WHEN 1 THEN 'few' ELSE 'common' END, $1, '{}', '', TRUE, 1, 0, 0 FROM n WHERE i < 3`,
			`INSERT INTO consents (user_id, client_id, scope, granted_at) SELECT 'u' || i, 'common', 'openid', 0 FROM n WHERE $1 <> ''`,
		} {
			into, rest, _ := strings.Cut(text, "SELECT")
			if _, err := run(ctx, tx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) `+into+`SELECT`+rest, accountID); err != nil {
				return err
			}
		}
		return nil
	})
}

// statements are what a database was sent.
type statements struct {
	mu    sync.Mutex
	list  []statement
	plain *sql.DB // that nothing is kept of
}

type statement struct {
	text string
	args []any
}

// plan is how the embedded database would go about a statement.
func (s statement) plan(t *testing.T, db *sql.DB) []string {
	t.Helper()
	steps, err := many(t.Context(), db, func(r row) (step string, err error) {
		var id, parent, unused int
		return step, r.Scan(&id, &parent, &unused, &step)
	}, `EXPLAIN QUERY PLAN `+s.text, s.args...)
	if err != nil {
		t.Errorf("plan of %s: %v", s.text, err)
	}
	return steps
}

// recorded opens an embedded database that keeps what it is sent.
func recorded(t *testing.T) (*DB, *statements) {
	t.Helper()
	key := seal.Key{ID: "test"}
	for i := range key.Secret {
		key.Secret[i] = byte(i)
	}
	ring, err := seal.NewRing(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "stile.db")
	at := time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)
	db, err := Open(t.Context(), "sqlite:"+path, Options{Ring: ring, Now: func() time.Time { return at }})
	if err == nil {
		err = db.Migrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	sent := &statements{plain: db.reader}
	plain, writer := db.reader, db.writer
	for _, h := range []struct {
		db   **sql.DB
		mode string
	}{{&db.reader, ""}, {&db.writer, "_txlock=immediate&"}} {
		c, err := sqlite.NewConnector("file:" + path + "?" + h.mode + sqlitePragmas)
		if err != nil {
			t.Fatal(err)
		}
		*h.db = sql.OpenDB(recorder{c, sent})
	}
	db.writer.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = errors.Join(db.Close(), plain.Close(), writer.Close()) })
	return db, sent
}

type recorder struct {
	driver.Connector
	sent *statements
}

func (r recorder) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := r.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return recordedConn{conn.(fullConn), r.sent}, nil
}

type recordedConn struct {
	fullConn
	sent *statements
}

func (c recordedConn) keep(text string, args []driver.NamedValue) {
	s := statement{text: text}
	for _, a := range args {
		s.args = append(s.args, a.Value)
	}
	c.sent.mu.Lock()
	defer c.sent.mu.Unlock()
	c.sent.list = append(c.sent.list, s)
}

func (c recordedConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	c.keep(text, args)
	return c.fullConn.ExecContext(ctx, text, args)
}

func (c recordedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.keep(text, args)
	return c.fullConn.QueryContext(ctx, text, args)
}
