package storage

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"stile/audit"
)

// ImportRow is one user as a list wants it. Empty fields leave what a member
// has; nil Roles and Products too, while an empty list of Products takes all
// seats. Who is invited has the default role member.
type ImportRow struct {
	Line     int    // in the list, for messages
	Email    string // canonical, see package address
	Name     string
	Roles    []string
	Products []string // ids
	Language string
	TimeZone string
	// Link is sent if the address belongs to no member of the account. Of its
	// invitation only InvitedBy and ExpiresAt count.
	Link InvitationToSend
}

// ImportResult counts what became of the rows.
type ImportResult struct {
	Invited   int
	Changed   int
	Unchanged int // members, and open invitations, that were so already
	// SentBy is when the last message goes out; zero if all do at once.
	SentBy time.Time
}

// RowError is what is wrong with one row.
type RowError struct {
	Line int
	Err  error
}

func (e RowError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong.
func (e RowError) Unwrap() error { return e.Err }

// RowErrors are the rows that stand in the way of a list, by line.
type RowErrors []RowError

// MaxImport is how many rows one import takes, and how many can be invited at once.
const MaxImport = 10_000

// maxRowErrors is how many wrong rows are told of.
const maxRowErrors = 100

func (e RowErrors) Error() string {
	lines := make([]string, len(e))
	for n, row := range e {
		lines[n] = row.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns all of them.
func (e RowErrors) Unwrap() []error {
	all := make([]error, len(e))
	for n, row := range e {
		all[n] = row
	}
	return all
}

// ImportUsers brings members of an account to what the rows say, and invites
// everybody else, in one transaction: all rows or none. Whether an address has a
// user in another account plays no part. It fails with [RowErrors], and with
// [ErrLastAdmin] if nobody were left who administers the account. Messages go
// out at a pace, as those of [DB.Invite].
//
// Judges are asked of each role that is given or taken, in the transaction.
//
// Rows are read and written some hundred at a time, and only what differs, so
// that a list that is imported again writes nothing and mails nobody.
func (db *DB) ImportUsers(ctx context.Context, accountID string, rows []ImportRow, by audit.Actor, judges ...RoleJudge) (ImportResult, error) {
	if len(rows) > MaxImport {
		return ImportResult{}, fmt.Errorf("import: %d rows: at most %d at once", len(rows), MaxImport)
	}
	return writing(ctx, db, func(tx *sql.Tx) (ImportResult, error) {
		for _, j := range judges {
			j.Begin()
		}
		if _, err := db.lockAccount(ctx, tx, accountID); err != nil {
			return ImportResult{}, err
		}
		i := importer{db: db, tx: tx, by: by, accountID: accountID, now: db.now(), judges: judges}
		if err := i.read(ctx, rows); err != nil {
			return ImportResult{}, err
		}
		for _, w := range rows {
			i.decide(w)
		}
		if len(i.wrong) > 0 {
			return ImportResult{}, i.wrong
		}
		err := i.write(ctx)
		return i.result, err
	})
}

// RoleJudge says who may give and take roles, and what people are told of it.
// Begin is called before a try; there may be more than one.
type RoleJudge interface {
	Begin()
	// Judge is asked of a user whose roles change, before and after. One who is
	// made was nobody before, one who is removed is nobody after. One who is
	// invited was nobody before, and has no id yet.
	Judge(before, after User) ([]Mail, error)
	// End returns what is to be told of all of them.
	End() []Mail
}

// importer is one run of ImportUsers, in its transaction.
type importer struct {
	db        *DB
	tx        *sql.Tx
	by        audit.Actor
	accountID string
	now       time.Time
	judges    []RoleJudge

	products []Product
	members  map[string]User            // by address
	seats    map[string]map[string]bool // products held, by user
	open     map[string]Invitation      // by address

	lines  map[string]int // where an address stood first
	wrong  RowErrors
	result ImportResult

	users   []User
	demoted bool // somebody administers no longer
	given   []insert
	taken   map[string][]string // users whose seats are taken, by product
	events  []insert
	invited []InvitationToSend
	mails   []Mail
}

// read gets what the account has of those who are listed.
func (i *importer) read(ctx context.Context, rows []ImportRow) (err error) {
	emails := make([]string, len(rows))
	for n, w := range rows {
		emails[n] = w.Email
	}
	slices.Sort(emails)
	emails = slices.Compact(emails)
	if i.products, err = products(ctx, i.tx, i.accountID); err != nil {
		return err
	}
	users, err := manyOf(ctx, i.tx, scanUser, emails, `SELECT `+userColumns+` FROM users u WHERE u.account_id = $1 AND u.email IN ({keys})`, i.accountID)
	if err != nil {
		return err
	}
	i.members, i.seats, i.taken, i.lines = map[string]User{}, map[string]map[string]bool{}, map[string][]string{}, map[string]int{}
	var ids []string
	for _, u := range users {
		i.members[u.Email], i.seats[u.ID] = u, map[string]bool{}
		ids = append(ids, u.ID)
	}
	type seat struct{ user, product string }
	seats, err := manyOf(ctx, i.tx, func(r row) (s seat, err error) { return s, r.Scan(&s.user, &s.product) },
		ids, `SELECT user_id, product_id FROM seats WHERE user_id IN ({keys})`)
	if err != nil {
		return err
	}
	for _, s := range seats {
		i.seats[s.user][s.product] = true
	}
	open, err := manyOf(ctx, i.tx, scanInvitation, emails, `SELECT `+invitationColumns+` FROM invitations
		WHERE account_id = $1 AND expires_at > $2 AND email IN ({keys})`, i.accountID, micros(i.now))
	if err != nil {
		return err
	}
	i.open = map[string]Invitation{}
	for _, o := range open {
		i.open[o.Email] = o
	}
	return nil
}

// decide says what becomes of one row.
func (i *importer) decide(w ImportRow) {
	var err error
	if first, twice := i.lines[w.Email]; twice {
		err = fmt.Errorf("address %q stands in line %d already: %w", w.Email, first, ErrExists)
	} else {
		i.lines[w.Email] = w.Line
		if u, is := i.members[w.Email]; is {
			err = i.change(u, w)
		} else {
			err = i.invite(w)
		}
	}
	if err != nil && len(i.wrong) < maxRowErrors {
		i.wrong = append(i.wrong, RowError{Line: w.Line, Err: err})
	}
}

// change brings a member to what a row says.
func (i *importer) change(old User, w ImportRow) error {
	u := old
	u.Name, u.Language, u.TimeZone = cmp.Or(w.Name, u.Name), cmp.Or(w.Language, u.Language), cmp.Or(w.TimeZone, u.TimeZone)
	if len(w.Roles) > 0 {
		u.Roles = w.Roles
	}
	if err := u.checkWith(w.Products, i.products); err != nil {
		return err
	}
	fields := changedFields(map[string]bool{
		"name": u.Name != old.Name, "roles": !slices.Equal(u.Roles, old.Roles),
		"language": u.Language != old.Language, "time_zone": u.TimeZone != old.TimeZone,
	})
	if !slices.Equal(u.Roles, old.Roles) {
		if err := i.judge(old, u); err != nil {
			return err
		}
	}
	if fields != "" {
		i.users = append(i.users, u)
		i.events = append(i.events, i.db.event(userEvent(audit.UserChanged, u, updated, fields, i.by)))
		i.demoted = i.demoted || old.administers() && !u.administers()
	}
	if seats := i.reseat(u, w.Products); fields == "" && !seats {
		i.result.Unchanged++
	} else {
		i.result.Changed++
	}
	return nil
}

func (i *importer) judge(before, after User) error {
	for _, j := range i.judges {
		mails, err := j.Judge(before, after)
		if err != nil {
			return err
		}
		i.mails = append(i.mails, mails...)
	}
	return nil
}

// reseat tells whether a member's seats differ from those wanted.
func (i *importer) reseat(u User, want []string) bool {
	if want == nil {
		return false
	}
	changed := false
	for _, p := range i.products {
		wanted, held := slices.Contains(want, p.ID), i.seats[u.ID][p.ID]
		if wanted == held {
			continue
		}
		changed = true
		reason := deleted
		if wanted {
			reason = created
			i.given = append(i.given, insert{
				table: "seats", columns: "user_id, product_id, account_id, created_at",
				values: []any{u.ID, p.ID, i.accountID, micros(i.now)}, suffix: "ON CONFLICT (user_id, product_id) DO NOTHING",
			})
		} else {
			i.taken[p.ID] = append(i.taken[p.ID], u.ID)
		}
		i.events = append(i.events, i.db.seatEvent(i.accountID, u.ID, p.ID, reason, i.by))
	}
	return changed
}

// invite makes an invitation of a row, unless the same one is open.
func (i *importer) invite(w ImportRow) error {
	t := w.Link
	t.AccountID, t.Email, t.Name, t.Roles, t.Products, t.Language, t.TimeZone = i.accountID, w.Email, w.Name, w.Roles, w.Products, w.Language, w.TimeZone
	if len(t.Roles) == 0 {
		t.Roles = []string{RoleMember}
	}
	if t.LinkHash == "" {
		return errors.New("without a link to invite with")
	}
	if err := t.user().checkWith(t.Products, i.products); err != nil {
		return err
	}
	if o, is := i.open[t.Email]; is && !o.SelfAsked() && o.same(t.Invitation) {
		i.result.Unchanged++
		return nil
	}
	if err := i.judge(User{}, t.user()); err != nil {
		return err
	}
	i.result.Invited++
	i.invited = append(i.invited, t)
	return nil
}

// same tells whether two invitations make the same user.
func (i Invitation) same(o Invitation) bool {
	return i.Name == o.Name && i.Language == o.Language && i.TimeZone == o.TimeZone &&
		slices.Equal(i.Roles, o.Roles) && slices.Equal(slices.Sorted(slices.Values(i.Products)), slices.Sorted(slices.Values(o.Products)))
}

// write does what was decided.
func (i *importer) write(ctx context.Context) error {
	if err := i.writeUsers(ctx); err != nil {
		return err
	}
	for _, product := range slices.Sorted(maps.Keys(i.taken)) {
		if err := runOf(ctx, i.tx, i.taken[product], `DELETE FROM seats WHERE product_id = $1 AND user_id IN ({keys})`, product); err != nil {
			return err
		}
	}
	for _, rows := range [][]insert{i.given, i.events} {
		if err := addAll(ctx, i.tx, rows); err != nil {
			return err
		}
	}
	if i.demoted {
		if err := adminsLeft(ctx, i.tx, i.accountID); err != nil {
			return err
		}
	}
	for _, j := range i.judges {
		i.mails = append(i.mails, j.End()...)
	}
	err := i.db.send(ctx, i.tx, i.mails)
	if err != nil || len(i.invited) == 0 {
		return err
	}
	if err := i.bound(ctx); err != nil {
		return err
	}
	i.result.SentBy, err = i.db.invite(ctx, i.tx, i.invited, i.by)
	return err
}

// bound fails for the rows whose address the account may not write to again yet.
func (i *importer) bound(ctx context.Context) error {
	refused, err := i.db.bookInvitations(ctx, i.tx, i.invited)
	if err != nil {
		return err
	}
	for _, t := range i.invited {
		if limited, is := refused[t.Email]; is && len(i.wrong) < maxRowErrors {
			i.wrong = append(i.wrong, RowError{Line: i.lines[t.Email], Err: limited})
		}
	}
	if len(i.wrong) > 0 {
		return i.wrong
	}
	return nil
}

// writeUsers stores members that differ. Their rows are locked in order of
// their ids, as by everybody who locks more than one.
func (i *importer) writeUsers(ctx context.Context) error {
	slices.SortFunc(i.users, func(a, b User) int { return strings.Compare(a.ID, b.ID) })
	for some := range slices.Chunk(i.users, batchRows) {
		args := []any{micros(i.now)}
		var values []string
		for _, u := range some {
			values = append(values, "("+marks(len(args), 5)+")")
			args = append(args, u.ID, u.Name, asJSON(u.Roles), u.Language, u.TimeZone)
		}
		if _, err := run(ctx, i.tx, `WITH wanted (id, name, roles, language, time_zone) AS (VALUES `+strings.Join(values, ", ")+`)
			UPDATE users SET name = w.name, roles = w.roles, language = w.language, time_zone = w.time_zone,
				words_of = users.email || ' ' || w.name, updated_at = $1
			FROM wanted w WHERE users.id = w.id`, args...); err != nil {
			return err
		}
	}
	return putWords(ctx, i.tx, i.users...)
}
