package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

var importPromises = []promise{
	{"TestImportChangesMembersAndInvitesOthers", importBoth},
	{"TestN07_ImportIsAllOrNothing", importAll},
	{"TestN07_ImportAgainWritesNothing", importAgain},
	{"TestN04_ImportKeepsAnAdministrator", importAdmins},
	{"TestN07_ImportOfTenThousandRows", importMany},
}

// listed is a row of an import that can be invited.
func listed(line int, email string) storage.ImportRow {
	return storage.ImportRow{Line: line, Email: email, Link: storage.InvitationToSend{
		Invitation: storage.Invitation{InvitedBy: "admin"}, LinkHash: "link of " + email, Mail: storage.Mail{Kind: "invitation", To: email},
	}}
}

func importBoth(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	a := account(t, db, "A")
	desk := got(db.CreateProduct(ctx, storage.Product{AccountID: a.ID, Name: "Desk"}, By))(t)
	phone := got(db.CreateProduct(ctx, storage.Product{AccountID: a.ID, Name: "Phone"}, By))(t)
	member(t, db, a, "admin@example.com", storage.RoleAdmin)
	changed, kept := member(t, db, a, "changed@example.com"), member(t, db, a, "kept@example.com")
	for _, u := range []storage.User{changed, kept} {
		must(t, db.GiveSeat(ctx, u.ID, desk.ID, By))
	}
	row := listed(2, changed.Email)
	row.Name, row.Roles, row.Products, row.Language, row.TimeZone = "Changed Name", []string{storage.RoleMember, storage.RoleAdmin}, []string{phone.ID}, "fr", "Europe/Paris"
	fresh := listed(3, "fresh@example.com")
	fresh.Name, fresh.Products = "Fresh", []string{desk.ID, phone.ID}
	r := got(db.ImportUsers(ctx, a.ID, []storage.ImportRow{row, fresh, listed(4, kept.Email)}, By))(t)
	if r != (storage.ImportResult{Invited: 1, Changed: 1, Unchanged: 1}) {
		t.Errorf("result = %+v", r)
	}
	p := got(db.PersonByID(ctx, changed.ID))(t)
	if p.User.Name != "Changed Name" || !slices.Equal(p.User.Roles, row.Roles) || p.User.Language != "fr" || p.User.TimeZone != "Europe/Paris" ||
		!slices.Equal(p.Subject.Seats, []string{phone.ID}) || p.User.Epoch != changed.Epoch || p.User.Password != changed.Password {
		t.Errorf("changed: %+v, seats %v", p.User, p.Subject.Seats)
	}
	if found := got(db.Directory(ctx, storage.UserFilter{AccountID: a.ID, Text: "name"}))(t); len(found) != 1 || found[0].User.ID != changed.ID {
		t.Errorf("the new name finds %+v", found)
	}
	if p := got(db.PersonByID(ctx, kept.ID))(t); p.User.Name != kept.Name || !slices.Equal(p.Subject.Seats, []string{desk.ID}) {
		t.Errorf("kept: %+v, seats %v", p.User, p.Subject.Seats)
	}
	lines := events(t, db, storage.EventFilter{SubjectID: changed.ID})
	slices.Sort(lines)
	if !slices.Equal(lines, []string{"seat.changed created", "seat.changed created", "seat.changed deleted", "user.changed created", "user.changed updated"}) {
		t.Errorf("events: %v", lines)
	}
	updates := got(db.Events(ctx, storage.EventFilter{SubjectID: changed.ID, Kind: audit.UserChanged}))(t)
	if !slices.ContainsFunc(updates, func(e storage.StoredEvent) bool { return e.Detail["fields"] == "language name roles time_zone" }) {
		t.Errorf("fields: %+v", updates)
	}
	u := got(db.AcceptInvitation(ctx, "link of fresh@example.com", "$argon2id$new", mayInvite, By))(t)
	if p := got(db.PersonByID(ctx, u.ID))(t); len(p.Subject.Seats) != 2 || p.User.Name != "Fresh" {
		t.Errorf("invited: %+v, seats %v", p.User, p.Subject.Seats)
	}
	// An empty list of seats takes all.
	row = listed(2, changed.Email)
	row.Products = []string{}
	must(t, second(db.ImportUsers(ctx, a.ID, []storage.ImportRow{row}, By)))
	if p := got(db.PersonByID(ctx, changed.ID))(t); len(p.Subject.Seats) != 0 || p.User.Name != "Changed Name" {
		t.Errorf("after an empty list: %+v, seats %v", p.User, p.Subject.Seats)
	}
}

func importAll(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	a, b := account(t, db, "A"), account(t, db, "B")
	member(t, db, a, "admin@example.com", storage.RoleAdmin)
	u := member(t, db, a, "known@example.com")
	foreign := got(db.CreateProduct(ctx, storage.Product{AccountID: b.ID, Name: "Desk"}, By))(t)
	before := len(got(db.Events(ctx, storage.EventFilter{}))(t))
	good := listed(2, u.Email)
	good.Name = "Another Name"
	row := func(line int, email string, change func(*storage.ImportRow)) storage.ImportRow {
		r := listed(line, email)
		change(&r)
		return r
	}
	_, err := db.ImportUsers(ctx, a.ID, []storage.ImportRow{
		good, listed(3, "fresh@example.com"),
		row(4, "a@example.com", func(r *storage.ImportRow) { r.Roles = []string{"owner"} }),
		row(5, "B@example.com", func(*storage.ImportRow) {}),
		row(6, "c@example.com", func(r *storage.ImportRow) { r.Products = []string{foreign.ID} }),
		row(7, "admin@example.com", func(r *storage.ImportRow) { r.Name = "a\u202eb" }),
		row(8, u.Email, func(*storage.ImportRow) {}),
		row(9, "d@example.com", func(r *storage.ImportRow) { r.Link.LinkHash = "" }),
	}, By)
	var wrong storage.RowErrors
	if !errors.As(err, &wrong) {
		t.Fatalf("import: %v", err)
	}
	var lines []int
	for _, w := range wrong {
		lines = append(lines, w.Line)
	}
	if !slices.Equal(lines, []int{4, 5, 6, 7, 8, 9}) {
		t.Errorf("wrong lines %v: %v", lines, err)
	}
	var first storage.RowError
	if !errors.As(err, &first) || first.Line != 4 || !errors.Is(err, storage.ErrNotFound) || !errors.Is(err, storage.ErrExists) {
		t.Errorf("errors: %v", err)
	}
	if p := got(db.PersonByID(ctx, u.ID))(t); p.User.Name != u.Name {
		t.Errorf("half of a list stands: %+v", p.User)
	}
	open := got(db.Invitations(ctx, a.ID, "", 10))(t)
	if after := len(got(db.Events(ctx, storage.EventFilter{}))(t)); len(open) != 0 || after != before || got(db.OutboxLength(ctx))(t) != 0 {
		t.Errorf("invitations %+v, %d events more", open, after-before)
	}
	if _, err := db.ImportUsers(ctx, a.ID, make([]storage.ImportRow, storage.MaxImport+1), By); err == nil {
		t.Error("a longer list is taken")
	}
	if _, err := db.ImportUsers(ctx, "none", []storage.ImportRow{good}, By); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("an account that isn't there: %v", err)
	}
}

func importAgain(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	a := account(t, db, "A")
	member(t, db, a, "admin@example.com", storage.RoleAdmin)
	desk := got(db.CreateProduct(ctx, storage.Product{AccountID: a.ID, Name: "Desk"}, By))(t)
	rows := []storage.ImportRow{listed(2, "fresh@example.com"), listed(3, "admin@example.com")}
	for n := range rows {
		rows[n].Name, rows[n].Products = "Name", []string{desk.ID}
	}
	if r := got(db.ImportUsers(ctx, a.ID, rows, By))(t); r != (storage.ImportResult{Invited: 1, Changed: 1}) {
		t.Errorf("first: %+v", r)
	}
	before := len(got(db.Events(ctx, storage.EventFilter{}))(t))
	rows[0].Link.LinkHash = "another"
	if r := got(db.ImportUsers(ctx, a.ID, rows, By))(t); r != (storage.ImportResult{Unchanged: 2}) {
		t.Errorf("again: %+v", r)
	}
	if after := len(got(db.Events(ctx, storage.EventFilter{}))(t)); after != before || got(db.OutboxLength(ctx))(t) != 1 {
		t.Errorf("the same list again writes %d events", after-before)
	}
	must(t, accepted(t, db, "link of fresh@example.com"))
}

func importAdmins(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	a := account(t, db, "A")
	one, two := member(t, db, a, "one@example.com", storage.RoleAdmin), member(t, db, a, "two@example.com")
	role := func(line int, u storage.User, role string) storage.ImportRow {
		r := listed(line, u.Email)
		r.Roles = []string{role}
		return r
	}
	if _, err := db.ImportUsers(ctx, a.ID, []storage.ImportRow{role(2, one, storage.RoleMember)}, By); !errors.Is(err, storage.ErrLastAdmin) {
		t.Errorf("nobody left: %v", err)
	}
	// One who is only invited doesn't administer yet.
	fresh := listed(3, "fresh@example.com")
	fresh.Roles = []string{storage.RoleAdmin}
	if _, err := db.ImportUsers(ctx, a.ID, []storage.ImportRow{role(2, one, storage.RoleMember), fresh}, By); !errors.Is(err, storage.ErrLastAdmin) {
		t.Errorf("an invited one left: %v", err)
	}
	// The order of the lines doesn't matter.
	must(t, second(db.ImportUsers(ctx, a.ID, []storage.ImportRow{role(2, one, storage.RoleMember), role(3, two, storage.RoleAdmin)}, By)))
	if p := got(db.PersonByID(ctx, two.ID))(t); !slices.Equal(p.User.Roles, []string{storage.RoleAdmin}) {
		t.Errorf("roles: %v", p.User.Roles)
	}
}

// importMany proves that the longest list is taken in a bounded time and number
// of statements.
func importMany(t *testing.T, e Engine) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	db, clock := e.open(t)
	ctx := t.Context()
	a := account(t, db, "A")
	desk := got(db.CreateProduct(ctx, storage.Product{AccountID: a.ID, Name: "Desk"}, By))(t)
	rows := make([]storage.ImportRow, storage.MaxImport)
	for n := range rows {
		rows[n] = listed(n+2, fmt.Sprintf("u%05d@example.com", n))
		rows[n].Products = []string{desk.ID}
		if n%20 == 0 {
			member(t, db, a, rows[n].Email)
			rows[n].Name = "Imported"
		}
	}
	before := db.Statements()
	r := got(db.ImportUsers(ctx, a.ID, rows, By))(t)
	wait := r.SentBy.Sub(clock.Now()) // 200 an hour, of which 20 go at once
	r.SentBy = time.Time{}
	if r != (storage.ImportResult{Invited: storage.MaxImport - storage.MaxImport/20, Changed: storage.MaxImport / 20}) || wait < 50*time.Hour || wait > 54*time.Hour {
		t.Errorf("result = %+v", r)
	}
	if sent := db.Statements() - before; sent > 2400 {
		t.Errorf("%d statements", sent)
	}
}
