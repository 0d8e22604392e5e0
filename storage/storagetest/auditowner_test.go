package storagetest

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"stile/storage"
)

// On PostgreSQL the tables belong to another role, and the program's can't
// change what is written.
func TestN06_ProgramsRoleOnlyAdds(t *testing.T) {
	owner := Server.Empty(t)
	as := func(user string) string {
		u := got(url.Parse(owner))(t)
		q := u.Query()
		q.Set("user", user)
		u.RawQuery = q.Encode()
		return u.String()
	}
	role := "program_" + random()
	super := Raw(t, owner)
	must(t, second(super.Exec(`CREATE ROLE `+role+` LOGIN`)))
	must(t, second(super.Exec(`CREATE ROLE `+role+`_owner LOGIN`)))
	must(t, second(super.Exec(`GRANT CREATE, USAGE ON SCHEMA public TO `+role+`_owner`)))
	program := as(role)
	owner = as(role + "_owner")
	dropRoles(t, super, role, role+"_owner")
	clock := NewClock()
	open := func(url, owner string) (*storage.DB, error) {
		db, err := storage.Open(t.Context(), url, storage.Options{Ring: Ring(), Now: clock.Now, Owner: owner})
		if err == nil {
			t.Cleanup(func() { _ = db.Close() })
			err = db.Migrate(t.Context())
		}
		return db, err
	}
	if _, err := open(owner, owner); err == nil || !strings.Contains(err.Error(), "use two roles") {
		t.Errorf("the owner is the program: %v", err)
	}
	if _, err := open(as("postgres"), owner); err == nil || !strings.Contains(err.Error(), "no superuser") {
		t.Errorf("the program is a superuser: %v", err)
	}
	errs := together(6, [2]*storage.DB{}, func(int, *storage.DB) error { _, err := open(program, owner); return err })
	must(t, errors.Join(errs...))
	db := got(open(program, owner))(t)
	ctx := t.Context()
	if protected := got(db.AuditProtected(ctx))(t); !protected {
		t.Error("it is not protected")
	}
	a := account(t, db, "A")
	member(t, db, a, "agent@example.com")
	must(t, db.DeleteAccount(ctx, a.ID, By))
	if n := got(db.SealAudit(ctx, time.Time{}))(t); n < 3 {
		t.Errorf("%d events were sealed", n)
	}
	raw := Raw(t, program)
	for _, text := range []string{
		`UPDATE audit_events SET reason = 'x'`, `DELETE FROM audit_events`, `TRUNCATE audit_events`, `DROP TABLE audit_events`,
		`DELETE FROM audit_marks`, `TRUNCATE audit_marks`, `UPDATE audit_seals SET hash = 'x'`, `DELETE FROM audit_seals`, `TRUNCATE audit_seals`, `DROP TABLE audit_seals`,
		`ALTER TABLE audit_events ADD COLUMN x TEXT`, `GRANT ALL ON audit_events TO ` + role, `UPDATE goose_db_version SET version_id = 0`,
		`CREATE TRIGGER x BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
	} {
		if _, err := raw.Exec(text); err == nil || !strings.Contains(err.Error(), "42501") {
			if !strings.HasPrefix(text, "GRANT") { // a warning, and nothing is granted
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	if protected := got(db.AuditProtected(ctx))(t); !protected {
		t.Error("it is not protected any more")
	}
	// Without the owner's role nothing is pruned; with it, it is.
	clock.Move(500 * 24 * time.Hour)
	alone := got(open(program, ""))(t)
	must(t, alone.RemoveExpired(ctx))
	if err := alone.PruneAudit(ctx); !errors.Is(err, storage.ErrForbidden) {
		t.Errorf("pruning by the program's role: %v", err)
	}
	if n := len(got(db.Events(ctx, storage.EventFilter{}))(t)); n < 3 {
		t.Errorf("%d events are left", n)
	}
	must(t, db.RemoveExpired(ctx))
	if n := len(got(db.Events(ctx, storage.EventFilter{}))(t)); n != 0 {
		t.Errorf("%d events are left", n)
	}
	r := got(db.VerifyAudit(ctx, a.ID, storage.AuditCheck{}))(t)
	if r.Faulty != 0 || r.Pruned == 0 {
		t.Errorf("report = %+v", r)
	}
	// One role for all.
	both := got(open(Server.Fresh(t), ""))(t)
	if protected := got(both.AuditProtected(ctx))(t); protected {
		t.Error("a superuser's is protected")
	}
}

// dropRoles removes roles, which all databases of a server have in common.
func dropRoles(t *testing.T, super *sql.DB, roles ...string) {
	t.Cleanup(func() {
		for _, role := range roles {
			for _, text := range []string{`DROP OWNED BY ` + role + ` CASCADE`, `DROP ROLE ` + role} {
				if _, err := super.ExecContext(context.WithoutCancel(t.Context()), text); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// Tables that the program's role made are handed over first.
func TestN06_OwnerOfAnOlderDatabase(t *testing.T) {
	url := Server.Fresh(t)
	owner := strings.Replace(url, "user=postgres", "user=owner_"+random(), 1)
	name := owner[strings.Index(owner, "user=owner_")+5:]
	name, _, _ = strings.Cut(name, "&")
	super := Raw(t, url)
	must(t, second(super.Exec(`CREATE ROLE `+name+` LOGIN`)))
	dropRoles(t, super, name)
	db, err := storage.Open(t.Context(), url, storage.Options{Ring: Ring(), Now: NewClock().Now, Owner: owner})
	must(t, err)
	defer db.Close()
	if err := db.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "REASSIGN OWNED BY") {
		t.Errorf("Migrate = %v", err)
	}
	if _, err := storage.Open(t.Context(), SQLite(t), storage.Options{Ring: Ring(), Now: NewClock().Now, Owner: owner}); err == nil {
		t.Error("an embedded database has an owner")
	}
}
