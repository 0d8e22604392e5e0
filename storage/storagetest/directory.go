package storagetest

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/device"
	"stile/storage"
)

var directoryPromises = []promise{
	{"TestPolicyCountsWhomItCovers", coverage},
	{"TestDirectoryChoosesUsers", directory},
	{"TestDirectoryFindsWords", directoryWords},
	{"TestWordsOfUsersFromAnOlderProgram", olderWords},
	{"TestN01_MemberOfAnotherAccountIsNotThere", otherAccounts},
	{"TestN01_AddressesAreOfTheAccountsUsers", addresses},
	{"TestRolesAreKnown", roles},
	{"TestClientsOfAnAccountAndWhoUsesThem", clientUse},
}

func addresses(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	a, other := account(t, db, "A"), account(t, db, "Other")
	ids, wanted := []string{"", "nobody", "cli test"}, map[string]string{}
	for n := range 1100 { // more than one statement asks for
		if n%100 == 0 {
			u := member(t, db, a, fmt.Sprintf("u%d@example.com", n))
			ids, wanted[u.ID] = append(ids, u.ID, u.ID), u.Email
		}
		ids = append(ids, fmt.Sprint("gone ", n))
	}
	stranger := member(t, db, other, "stranger@example.com")
	member(t, db, a, "unasked@example.com")
	if found := got(db.Addresses(ctx, a.ID, append(ids, stranger.ID)))(t); !maps.Equal(found, wanted) {
		t.Errorf("found %v, want %v", found, wanted)
	}
	if found := got(db.Addresses(ctx, a.ID, nil))(t); len(found) != 0 {
		t.Errorf("of no ids: %v", found)
	}
}

// staff is an account whose people stand to its policy in every way there is:
// enrolled, to enrol and disabled, each with and without a seat of Desk.
type staff struct {
	storage.Account
	desk  storage.Product
	users map[string]storage.User
}

func newStaff(t testing.TB, db *storage.DB, raw *sql.DB, clock *Clock, name string) staff {
	t.Helper()
	ctx := t.Context()
	s := staff{Account: account(t, db, name), users: map[string]storage.User{}}
	s.desk = got(db.CreateProduct(ctx, storage.Product{AccountID: s.ID, Name: "Desk"}, By))(t)
	for i, who := range []string{"enrolled", "enrolled_desk", "new", "new_desk", "off", "off_desk"} {
		u := member(t, db, s.Account, fmt.Sprintf("%s.%s@example.com", who, strings.ToLower(name)))
		if strings.HasPrefix(who, "enrolled") {
			totp(t, raw, u, fmt.Sprint(name, i), "")
		}
		if strings.HasSuffix(who, "_desk") {
			must(t, db.GiveSeat(ctx, u.ID, s.desk.ID, By))
		}
		if strings.HasPrefix(who, "off") {
			now := clock.Now()
			u = got(db.UpdateUser(ctx, u.ID, func(u *storage.User) error { u.DisabledAt = &now; return nil }, By))(t)
		}
		s.users[who] = u
	}
	return s
}

// policy is one that covers the holders of Desk, or everyone.
func (s staff) policy(desk bool) storage.Policy {
	p := storage.DefaultPolicy()
	if desk {
		p.Products = []string{s.desk.ID}
	}
	return p
}

func coverage(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	a := newStaff(t, db, raw, clock, "A")
	newStaff(t, db, raw, clock, "B")
	for _, who := range []string{"new", "new_desk", "enrolled"} {
		for n := range 2 { // two sessions are one user
			session(t, raw, a.users[who], fmt.Sprint(who, n))
		}
		must(t, second(raw.Exec(`UPDATE sessions SET seen_at = $1`, clock.Now().UnixMicro())))
	}
	look := func(want storage.Coverage, desk bool) {
		t.Helper()
		if c := got(db.Coverage(t.Context(), a.ID, a.policy(desk)))(t); c != want {
			t.Errorf("coverage = %+v, want %+v", c, want)
		}
	}
	look(storage.Coverage{Users: 4, Covered: 4, Enrolled: 2, ToEnrol: 2, SignedIn: 3}, false)
	look(storage.Coverage{Users: 4, Covered: 2, Enrolled: 1, ToEnrol: 1, SignedIn: 1}, true)
	must(t, second(raw.Exec(`UPDATE authenticators SET state = 'suspended' WHERE user_id = $1`, a.users["enrolled"].ID)))
	clock.Move(9 * time.Hour) // longer than any session lasts without use
	look(storage.Coverage{Users: 4, Covered: 4, Enrolled: 1, ToEnrol: 3}, false)
}

// locals lists the local parts of the addresses, to the account's name.
func locals(rows []storage.UserRow) string {
	var list []string
	for _, r := range rows {
		local, _, _ := strings.Cut(r.User.Email, ".")
		list = append(list, local)
	}
	return strings.Join(list, " ")
}

func directory(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	a, b := newStaff(t, db, raw, clock, "A"), newStaff(t, db, raw, clock, "B")
	for role, who := range map[string]string{storage.RoleHelpdesk: "new", storage.RoleAuditor: "off"} {
		must(t, second(db.UpdateUser(ctx, a.users[who].ID, func(u *storage.User) error { u.Roles = append(u.Roles, role); return nil }, By)))
	}
	everyone, desk := a.policy(false), a.policy(true)
	for i, c := range []struct {
		f    storage.UserFilter
		want string
	}{
		{storage.UserFilter{}, "enrolled enrolled_desk new new_desk off off_desk"},
		{storage.UserFilter{Limit: 2}, "enrolled enrolled_desk"},
		{storage.UserFilter{Limit: 2, After: a.users["enrolled_desk"].Email}, "new new_desk"},
		{storage.UserFilter{State: storage.StateCovered, Policy: everyone}, "enrolled enrolled_desk new new_desk"},
		{storage.UserFilter{State: storage.StateEnrolled, Policy: everyone}, "enrolled enrolled_desk"},
		{storage.UserFilter{State: storage.StateToEnrol, Policy: everyone}, "new new_desk"},
		{storage.UserFilter{State: storage.StateNotCovered, Policy: everyone}, ""},
		{storage.UserFilter{State: storage.StateDisabled, Policy: everyone}, "off off_desk"},
		{storage.UserFilter{State: storage.StateCovered, Policy: desk}, "enrolled_desk new_desk"},
		{storage.UserFilter{State: storage.StateEnrolled, Policy: desk}, "enrolled_desk"},
		{storage.UserFilter{State: storage.StateToEnrol, Policy: desk}, "new_desk"},
		{storage.UserFilter{State: storage.StateToEnrol, Policy: desk, After: a.users["new_desk"].Email}, ""},
		{storage.UserFilter{State: storage.StateNotCovered, Policy: desk}, "enrolled new"},
		{storage.UserFilter{ProductID: a.desk.ID}, "enrolled_desk new_desk off_desk"},
		{storage.UserFilter{ProductID: a.desk.ID, State: storage.StateToEnrol, Policy: everyone}, "new_desk"},
		{storage.UserFilter{ProductID: b.desk.ID}, ""},
		{storage.UserFilter{Role: storage.RoleHelpdesk}, "new"},
		{storage.UserFilter{Role: storage.RoleAuditor}, "off"},
		{storage.UserFilter{Role: storage.RoleAdmin}, ""},
		{storage.UserFilter{Role: storage.RoleMember, Limit: 1}, "enrolled"},
		{storage.UserFilter{Role: storage.RoleHelpdesk, Text: "new", State: storage.StateToEnrol, Policy: everyone}, "new"},
	} {
		c.f.AccountID = a.ID
		if list := locals(got(db.Directory(ctx, c.f))(t)); list != c.want {
			t.Errorf("%d: %+v: %s, want %s", i, c.f, list, c.want)
		}
	}
	if _, err := db.Directory(ctx, storage.UserFilter{AccountID: a.ID, State: "unheard-of"}); err == nil {
		t.Error("an unknown state is taken")
	}

	// What a row says.
	must(t, second(raw.Exec(`INSERT INTO authenticators (id, account_id, user_id, kind, state, data, last_step, created_at) VALUES ('r', $1, $2, 'recovery', 'active', '', 0, 0)`,
		a.ID, a.users["enrolled_desk"].ID)))
	must(t, second(raw.Exec(`INSERT INTO recovery_codes (authenticator_id, hash, used_at) VALUES ('r', '1', NULL), ('r', '2', 5), ('r', '3', NULL)`)))
	u := got(db.Member(ctx, a.ID, a.users["enrolled_desk"].ID, desk))(t)
	if !u.TOTP || u.TOTPSince == nil || u.Suspended || !u.Covered || u.RecoveryLeft != 2 || !slices.Equal(u.Products, []string{a.desk.ID}) || u.ToEnrol() {
		t.Errorf("member = %+v", u)
	}
	if !u.HasPassword || u.User.Password != "" {
		t.Error("a row shows a record of the password")
	}
	must(t, second(raw.Exec(`UPDATE authenticators SET state = 'suspended' WHERE kind = 'totp'`)))
	passkeysCount(t, db, raw, a, u.User.ID, desk)
	if u = got(db.Member(ctx, a.ID, u.User.ID, desk))(t); u.TOTP || u.TOTPSince != nil || !u.Suspended || !u.ToEnrol() {
		t.Errorf("suspended = %+v", u)
	}
	if u = got(db.Member(ctx, a.ID, a.users["off_desk"].ID, desk))(t); u.Covered {
		t.Error("who is disabled is covered")
	}
}

func directoryWords(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	a, b := account(t, db, "A"), account(t, db, "B")
	add := func(a storage.Account, email, name string) storage.User {
		t.Helper()
		return got(db.CreateUser(ctx, storage.User{AccountID: a.ID, Email: email, Name: name}, By))(t)
	}
	zoe := add(a, "zoe.o-brien@support.example", "Zoë O’Brien-Łukasz")
	add(a, "jose@sales.example", "José  Ａｌｖａｒｅｚ")
	add(a, "ivan@support.example", "Иван Ёлкин")
	add(a, "li@support.example", "李 小龙")
	add(b, "zoe@support.example", "Zoe Other")
	find := func(text, want string) {
		t.Helper()
		var list []string
		for _, r := range got(db.Directory(ctx, storage.UserFilter{AccountID: a.ID, Text: text}))(t) {
			local, _, _ := strings.Cut(r.User.Email, "@")
			list = append(list, local)
		}
		if found := strings.Join(list, " "); found != want {
			t.Errorf("%q finds %q, want %q", text, found, want)
		}
	}
	find("zoe", "zoe.o-brien")
	find("ZOË", "zoe.o-brien")
	find("zo", "zoe.o-brien")
	find("oe", "")
	find("o’brien", "zoe.o-brien")
	find("brien", "zoe.o-brien")
	find("zoe.o-brien@support.example", "zoe.o-brien")
	find("zoe.o-", "zoe.o-brien")
	find("@support.example", "ivan li zoe.o-brien")
	find("support zoe", "zoe.o-brien")
	find("  support\tlukasz ", "")
	find("łuk", "zoe.o-brien")
	find("support jose", "")
	find("alvarez jose", "jose")
	find("елк", "ivan")
	find("小", "li")
	find("  ", "ivan jose li zoe.o-brien")
	find("@", "")
	find("%", "")
	find(strings.Repeat("zoe ", 10), "zoe.o-brien")
	find(strings.Repeat("z", 200), "")

	// Another name is found by its own words, and a user who is gone by none.
	must(t, second(db.UpdateUser(ctx, zoe.ID, func(u *storage.User) error { u.Name, u.Email = "Ada", "ada@sales.example"; return nil }, By)))
	find("brien", "")
	find("zoe", "")
	find("ada sales", "ada")
	must(t, db.DeleteUser(ctx, zoe.ID, By))
	find("ada", "")
	// Names that were made to be long or to have many words.
	add(a, "long@sales.example", strings.Repeat("\ufdfa", 200))
	add(a, "many@sales.example", strings.TrimSpace(strings.Repeat("x ", 100)))
	find("long", "long")
}

// olderWords writes users as a program does that knows nothing of words.
func olderWords(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	a := account(t, db, "A")
	const n = 230 // more than a batch or two
	for i := range n {
		must(t, second(raw.Exec(`INSERT INTO users (id, account_id, email, name, roles, language, time_zone, password, password_version, epoch, enhanced, created_at, updated_at)
			VALUES ($1, $2, $3, 'Old Name', '["member"]', '', '', '', 0, 1, FALSE, 0, 0)`, fmt.Sprintf("u%03d", i), a.ID, fmt.Sprintf("u%03d@example.com", i))))
	}
	found := func(text string) int {
		t.Helper()
		return len(got(db.Directory(ctx, storage.UserFilter{AccountID: a.ID, Text: text, Limit: 500}))(t))
	}
	if found("old") != 0 {
		t.Fatal("words were written by nobody")
	}
	errs := together(4, [2]*storage.DB{db, Open(t, url, clock.Now)}, func(_ int, db *storage.DB) error { return db.Migrate(ctx) })
	must(t, errors.Join(errs...))
	if k := found("old"); k != n {
		t.Errorf("after Migrate %d users are found, want %d", k, n)
	}
	must(t, second(raw.Exec(`UPDATE users SET name = 'Another' WHERE id = 'u007'`)))
	must(t, db.RemoveExpired(ctx))
	if found("another") != 1 || found("old") != n-1 {
		t.Error("a change by an older replica is not found")
	}
}

func otherAccounts(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	a, b := newStaff(t, db, raw, clock, "A"), newStaff(t, db, raw, clock, "B")
	group := got(db.SaveDeviceGroup(ctx, storage.DeviceGroup{AccountID: b.ID, Group: device.Group{Name: "Office", Has: version("4.3", 1575)}}, By))(t)
	change := func(g *storage.DeviceGroup) error { g.Name = "Taken over"; return nil }
	before := len(events(t, db, storage.EventFilter{Limit: 1000}))
	for what, f := range map[string]func(id string) error{
		"user":  func(id string) error { return second(db.Member(ctx, a.ID, id, a.policy(false))) },
		"group": func(id string) error { return second(db.UpdateDeviceGroup(ctx, a.ID, id, change, By)) },
	} {
		theirs := map[string]string{"user": b.users["new"].ID, "group": group.ID}[what]
		other, none := f(theirs), f("nobody")
		if !errors.Is(other, storage.ErrNotFound) || !errors.Is(none, storage.ErrNotFound) {
			t.Errorf("%s: %v and %v", what, other, none)
		} else if strings.ReplaceAll(other.Error(), theirs, "nobody") != none.Error() {
			t.Errorf("%s: %q is not as %q", what, other, none)
		}
	}
	if after := len(events(t, db, storage.EventFilter{Limit: 1000})); after != before {
		t.Error("a change that was refused is in the log")
	}

	changed := got(db.UpdateDeviceGroup(ctx, b.ID, group.ID, func(g *storage.DeviceGroup) error {
		g.Has, g.AccountID = version("4.2", 1570), a.ID
		return nil
	}, By))(t)
	if list := got(db.DeviceGroups(ctx, b.ID))(t); len(list) != 1 || list[0].Has.String() != "4.2 build 1570" || changed.AccountID != b.ID {
		t.Errorf("groups = %+v", list)
	}
	before = len(events(t, db, storage.EventFilter{Kind: audit.DeviceGroupChanged}))
	must(t, second(db.UpdateDeviceGroup(ctx, b.ID, group.ID, func(*storage.DeviceGroup) error { return nil }, By)))
	if after := len(events(t, db, storage.EventFilter{Kind: audit.DeviceGroupChanged})); after != before {
		t.Error("no change was written down as one")
	}
}

func roles(t *testing.T, e Engine) {
	db, _ := e.open(t)
	a := account(t, db, "A")
	for _, role := range storage.Roles() {
		member(t, db, a, role+"@example.com", role)
	}
	_, err := db.CreateUser(t.Context(), storage.User{AccountID: a.ID, Email: "x@example.com", Name: "X", Roles: []string{"root"}}, By)
	if err == nil || !strings.Contains(err.Error(), "helpdesk") {
		t.Errorf("an unknown role: %v", err)
	}
	// Neither helps where an administrator is needed.
	admin := got(db.Directory(t.Context(), storage.UserFilter{AccountID: a.ID, Role: storage.RoleAdmin}))(t)[0].User
	if err := db.DeleteUser(t.Context(), admin.ID, By); !errors.Is(err, storage.ErrLastAdmin) {
		t.Errorf("the last administrator is removed: %v", err)
	}
}

func clientUse(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	a, b := newStaff(t, db, raw, clock, "A"), newStaff(t, db, raw, clock, "B")
	for id, accountID := range map[string]string{"desktop": "", "a1": a.ID, "a2": a.ID, "a3": a.ID, "b1": b.ID} {
		c := webClient(db, id)
		c.AccountID = accountID
		must(t, second(db.CreateClient(ctx, c, By)))
	}
	page := func(accountID, after string, limit int) (list string) {
		for _, c := range got(db.AccountClients(ctx, accountID, after, limit))(t) {
			list += c.ID + " "
		}
		return list
	}
	if list := page(a.ID, "", 2) + "," + page(a.ID, "a2", 2) + "," + page("", "", 9); list != "a1 a2 ,a3 ," {
		t.Errorf("pages of clients: %s", list)
	}
	if n, last, err := db.ClientUsers(ctx, a.ID, "desktop"); n != 0 || last != nil || err != nil {
		t.Errorf("a client nobody uses: %d, %v, %v", n, last, err)
	}
	now := clock.Now().UnixMicro()
	for i, g := range []struct{ owner, client string }{{"new", "desktop"}, {"new", "desktop"}, {"enrolled", "desktop"}, {"off", "desktop"}, {"new_desk", "a1"}} {
		grant(t, raw, a.users[g.owner], g.client, fmt.Sprint("g", i))
		must(t, second(raw.Exec(`UPDATE grants SET code_used_at = 1, rotated_at = $1 WHERE id = $2`, now+int64(i), fmt.Sprint("g", i))))
	}
	grant(t, raw, b.users["new"], "desktop", "other")
	must(t, second(raw.Exec(`UPDATE grants SET ended_at = 1 WHERE id = 'g3'`)))
	n, last, err := db.ClientUsers(ctx, a.ID, "desktop")
	if n != 2 || last == nil || last.UnixMicro() != now+2 || err != nil {
		t.Errorf("users of a client: %d, %v, %v", n, last, err)
	}
	// Who has allowed something is among them, without a grant, too; those of others are not.
	for who, scope := range map[string]string{"new": "openid", "off": "email"} {
		must(t, second(raw.Exec(`INSERT INTO consents (user_id, client_id, scope, granted_at) VALUES ($1, 'desktop', $2, 7)`, a.users[who].ID, scope)))
	}
	must(t, second(raw.Exec(`INSERT INTO consents (user_id, client_id, scope, granted_at) VALUES ($1, 'desktop', 'openid', 7)`, b.users["off"].ID)))
	people := func(after string, limit int) (list string) {
		for _, p := range got(db.ClientPeople(ctx, a.ID, "desktop", after, limit))(t) {
			list += fmt.Sprintf("%s %t %t %s,", p.User.Name, p.SignedIn != nil && p.UsedAt != nil, p.AllowedAt != nil, p.Scope)
			if p.User.Password != "" {
				t.Error("with the password")
			}
		}
		return list
	}
	first := got(db.ClientPeople(ctx, a.ID, "desktop", "", 1))(t)
	if all, rest := people("", 9), people(first[0].User.Email, 9); all != people("", 1)+rest ||
		!strings.Contains(","+all, ",new.a true true openid,") || !strings.Contains(","+all, ",off.a false true email,") ||
		!strings.Contains(","+all, ",enrolled.a true false ,") || strings.Count(all, ",") != 3 {
		t.Errorf("people of a client: %s\nthen %s", all, rest)
	}
}

// passkeysCount shows that a passkey is a second factor as an app is, and takes it
// away again. All apps are suspended.
func passkeysCount(t *testing.T, db *storage.DB, raw *sql.DB, a staff, userID string, desk storage.Policy) {
	t.Helper()
	must(t, second(raw.Exec(`INSERT INTO authenticators (id, account_id, user_id, kind, state, data, last_step, created_at) VALUES ('k', $1, $2, 'passkey', 'active', '', 0, 7)`, a.ID, userID)))
	must(t, second(raw.Exec(`INSERT INTO passkeys (authenticator_id, account_id, user_id, credential, public_key, counter, transports, synced, backed_up, name)
		VALUES ('k', $1, $2, 'c', 'p', 0, '[]', FALSE, FALSE, 'key')`, a.ID, userID)))
	u := got(db.Member(t.Context(), a.ID, userID, desk))(t)
	if u.TOTP || u.PasskeySince == nil || u.EnrolledSince() != u.PasskeySince || u.ToEnrol() {
		t.Errorf("with a passkey: %+v", u)
	}
	if c := got(db.Coverage(t.Context(), a.ID, desk))(t); c.Enrolled != 1 || c.ToEnrol != c.Covered-1 {
		t.Errorf("coverage %+v", c)
	}
	for state, want := range map[storage.UserState]bool{storage.StateEnrolled: true, storage.StateToEnrol: false} {
		list := got(db.Directory(t.Context(), storage.UserFilter{AccountID: a.ID, State: state, Policy: desk}))(t)
		if has := slices.ContainsFunc(list, func(r storage.UserRow) bool { return r.User.ID == userID }); has != want {
			t.Errorf("%s: %v, want %v", state, has, want)
		}
	}
	must(t, second(raw.Exec(`DELETE FROM authenticators WHERE id = 'k'`)))
}
