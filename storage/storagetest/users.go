package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/storage"
)

var userPromises = []promise{
	{"TestPersonIsOneStatement", onePerson},
	{"TestI06_OneUserOfEachAddress", oneAddress},
	{"TestPasswordEndsWhatItOpened", passwordEnds},
	{"TestResetAuthenticatorEndsIt", resetEnds},
	{"TestSignOutUserEndsAll", signOutEnds},
	{"TestDisabledUserIsOut", disabledOut},
	{"TestN04_TwoAdminsDemoteEachOther", lastAdmin},
	{"TestUsersAreListedByAddress", listUsers},
}

func onePerson(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	a := account(t, db, "A")
	u := member(t, db, a, "agent@example.com", storage.RoleMember, storage.RoleAdmin)
	var seats []string
	for _, name := range []string{"Desk", "Console", "Phone"} {
		p := got(db.CreateProduct(ctx, storage.Product{AccountID: a.ID, Name: name}, By))(t)
		must(t, db.GiveSeat(ctx, u.ID, p.ID, By))
		seats = append(seats, p.ID)
	}
	slices.Sort(seats)
	totp(t, raw, u, "t-1", Ring().Seal(seal.PurposeTOTPKey, "authenticators|t-1|"+a.ID, []byte("key")))
	for n, state := range []string{"active", "suspended", "replaced"} {
		kind, id := "totp", fmt.Sprintf("t-%d", n+2)
		if state == "active" {
			kind = "recovery"
		}
		must(t, second(raw.Exec(`INSERT INTO authenticators (id, account_id, user_id, kind, state, data, last_step, created_at)
			VALUES ($1, $2, $3, $4, $5, '', 0, 0)`, id, a.ID, u.ID, kind, state)))
	}
	for n := range 4 {
		must(t, second(raw.Exec(`INSERT INTO recovery_codes (authenticator_id, hash, used_at) VALUES ('t-2', $1, $2)`, fmt.Sprint(n), map[bool]any{true: 1}[n == 0])))
	}
	before := db.Statements()
	p := got(db.PersonByEmail(ctx, u.Email))(t)
	if sent := db.Statements() - before; sent != 1 {
		t.Errorf("a person takes %d statements", sent)
	}
	if byID := got(db.PersonByID(ctx, u.ID))(t); byID.User.Email != p.User.Email || byID.TOTP.Key != p.TOTP.Key {
		t.Errorf("by id: %+v", byID)
	}
	if p.User.Name != "agent" || p.Account.Name != "A" || p.Policy.Version != 1 || !p.Active() || !slices.Equal(p.User.Roles, u.Roles) {
		t.Errorf("person = %+v", p)
	}
	if p.TOTP == nil || p.TOTP.Key.Reveal() != "key" || p.TOTP.LastStep != 7 || !p.Suspended || p.RecoveryID != "t-2" || p.RecoveryLeft != 3 {
		t.Errorf("authenticators: %+v, suspended %v, recovery %s of %d", p.TOTP, p.Suspended, p.RecoveryID, p.RecoveryLeft)
	}
	want := []authn.Authenticator{
		{ID: "password-1", Method: authn.Password},
		{ID: "t-1", Method: authn.TOTP},
		{ID: "t-3", Method: authn.TOTP, Suspended: true},
		{ID: "t-2", Method: authn.Recovery},
	}
	if s := p.Subject; s.ID != u.ID || s.AccountID != a.ID || s.Epoch != 1 || !slices.Equal(s.Seats, seats) || !slices.Equal(s.Authenticators, want) {
		t.Errorf("subject = %+v", s)
	}
	if text := fmt.Sprintf("%v %+v", p, *p.TOTP); strings.Contains(text, "107 101 121") || strings.Contains(text, "key}") {
		t.Errorf("the key is printed: %s", text)
	}
	if _, err := db.PersonByEmail(ctx, "nobody@example.com"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func oneAddress(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	a, b := account(t, db, "A"), account(t, db, "B")
	u := member(t, db, a, "mike@xn--bcher-kva.example")
	if _, err := db.CreateUser(ctx, storage.User{AccountID: b.ID, Email: u.Email, Name: "Other"}, By); !errors.Is(err, storage.ErrExists) {
		t.Errorf("the same address in another account: %v", err)
	}
	// No other spelling gets in beside it.
	for _, other := range []string{"Mike@xn--bcher-kva.example", "mike@bücher.example", "mike@XN--BCHER-KVA.example", "mıke@xn--bcher-kva.example", " mike@xn--bcher-kva.example", "M <mike@xn--bcher-kva.example>"} {
		if _, err := db.CreateUser(ctx, storage.User{AccountID: b.ID, Email: other, Name: "Other"}, By); err == nil {
			t.Errorf("%q is stored as it is", other)
		}
		if _, err := db.UpdateUser(ctx, u.ID, func(u *storage.User) error { u.Email = other; return nil }, By); err == nil {
			t.Errorf("%q is stored as it is by a change", other)
		}
	}
	for _, bad := range []storage.User{{Email: "x@example.com"}, {Email: "x@example.com", Name: "X", Roles: []string{"owner"}}, {Email: "x@example.com", Name: "X", TimeZone: "X"}} {
		bad.AccountID = a.ID
		if _, err := db.CreateUser(ctx, bad, By); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if _, err := db.CreateUser(ctx, storage.User{AccountID: "none", Email: "x@example.com", Name: "X"}, By); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a user of no account: %v", err)
	}
}

// held gives a user two sessions and two grants, beside somebody else's.
func held(t *testing.T, e Engine) (*storage.DB, storage.User, func() (mine, others int)) {
	t.Helper()
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	a := account(t, db, "A")
	u, other := member(t, db, a, "agent@example.com"), member(t, db, a, "other@example.com", storage.RoleAdmin)
	must(t, second(db.CreateClient(t.Context(), webClient(db, "console"), By)))
	for n, who := range []storage.User{u, u, other} {
		session(t, raw, who, fmt.Sprintf("s%d", n))
		grant(t, raw, who, "console", fmt.Sprintf("g%d", n))
	}
	return db, u, func() (int, int) { return live(t, raw, u), live(t, raw, other) }
}

// allEnded checks that a user's sessions and grants ended, that those of others
// did not, and that pending sign-ins are void.
func allEnded(t *testing.T, db *storage.DB, u storage.User, count func() (int, int), line string) {
	t.Helper()
	if mine, others := count(); mine != 0 || others != 2 {
		t.Errorf("%d of the user's sessions and grants live, %d of 2 of another's", mine, others)
	}
	if p := got(db.PersonByID(t.Context(), u.ID))(t); p.Subject.Epoch != u.Epoch+1 {
		t.Errorf("epoch %d, was %d", p.Subject.Epoch, u.Epoch)
	}
	lines := got(db.Events(t.Context(), storage.EventFilter{SubjectID: u.ID}))(t)
	i := slices.IndexFunc(lines, func(e storage.StoredEvent) bool { return string(e.Kind)+" "+e.Reason == line })
	if i < 0 || lines[i].Detail["sessions_ended"] != "2" || lines[i].Detail["grants_ended"] != "2" || lines[i].AccountID != u.AccountID || lines[i].Actor.ID != By.ID {
		t.Errorf("no line %q that counts what ended in %+v", line, lines)
	}
	if n := got(db.OutboxLength(t.Context()))(t); n != 1 {
		t.Errorf("%d messages wait, want 1", n)
	}
}

func passwordEnds(t *testing.T, e Engine) {
	db, u, count := held(t, e)
	ctx := t.Context()
	must(t, db.SetPassword(ctx, u.ID, "$argon2id$second", By, storage.Mail{Kind: "password_changed", To: u.Email}))
	allEnded(t, db, u, count, "password.changed updated")
	p := got(db.PersonByID(ctx, u.ID))(t)
	if p.User.Password != "$argon2id$second" || p.User.PasswordVersion != 2 || p.User.PasswordResetAt == nil || !p.Subject.Has(authn.Password) ||
		p.Subject.Authenticators[0].ID != "password-2" {
		t.Errorf("user = %+v, subject = %+v", p.User, p.Subject)
	}
	self := audit.Actor{Kind: "user", ID: u.ID}
	other := member(t, db, p.Account, "self@example.com")
	self.ID = other.ID
	must(t, db.SetPassword(ctx, other.ID, "$argon2id$own", self))
	if p := got(db.PersonByID(ctx, other.ID))(t); p.User.PasswordResetAt != nil {
		t.Error("one's own change counts as a reset")
	}
	if err := db.SetPassword(ctx, "nobody", "x", By); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("nobody's password: %v", err)
	}
}

func resetEnds(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	u := person(t, db, "agent@example.com")
	if err := db.ResetAuthenticator(ctx, u.ID, By); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("reset of nothing: %v", err)
	}
	totp(t, raw, u, "t-1", Ring().Seal(seal.PurposeTOTPKey, "authenticators|t-1|"+u.AccountID, []byte("key")))
	session(t, raw, u, "s1")
	must(t, db.ResetAuthenticator(ctx, u.ID, By, storage.Mail{Kind: "reset", To: u.Email}))
	p := got(db.PersonByID(ctx, u.ID))(t)
	if p.TOTP != nil || p.Suspended || p.Subject.Has(authn.TOTP) || p.Subject.Epoch != u.Epoch+1 || live(t, raw, u) != 0 {
		t.Errorf("after a reset: %+v", p)
	}
	var keys int
	must(t, raw.QueryRow(`SELECT count(*) FROM authenticators WHERE data <> ''`).Scan(&keys))
	if keys != 0 {
		t.Error("the key of an authenticator that is over is kept")
	}
	if got := events(t, db, storage.EventFilter{SubjectID: u.ID, Kind: audit.AuthenticatorEnded}); !slices.Equal(got, []string{"authenticator.ended reset"}) {
		t.Errorf("events: %v", got)
	}
}

func signOutEnds(t *testing.T, e Engine) {
	db, u, count := held(t, e)
	must(t, db.SignOutUser(t.Context(), u.ID, By, storage.Mail{Kind: "signed_out", To: u.Email}))
	allEnded(t, db, u, count, "session.ended signed_out_everywhere")
}

func disabledOut(t *testing.T, e Engine) {
	db, u, count := held(t, e)
	ctx := t.Context()
	now := NewClock().Now()
	disable := func(u *storage.User) error { u.DisabledAt = &now; return nil }
	must(t, second(db.UpdateUser(ctx, u.ID, disable, By, storage.Mail{Kind: "disabled", To: u.Email})))
	allEnded(t, db, u, count, "user.changed updated")
	if p := got(db.PersonByID(ctx, u.ID))(t); p.Active() {
		t.Error("a disabled user is active")
	}
	before := len(events(t, db, storage.EventFilter{}))
	must(t, second(db.UpdateUser(ctx, u.ID, disable, By)))
	if after := len(events(t, db, storage.EventFilter{})); after != before {
		t.Error("a change to what it is already was written down")
	}
	// Another address is another mailbox: not verified, and all ends.
	moved := got(db.UpdateUser(ctx, u.ID, func(u *storage.User) error { u.Email, u.DisabledAt = "new@example.com", nil; return nil }, By))(t)
	if moved.EmailChangedAt == nil || moved.EmailVerifiedAt != nil || moved.Epoch != u.Epoch+2 {
		t.Errorf("after a change of address: %+v", moved)
	}
	a := got(db.UpdateAccount(ctx, u.AccountID, func(a *storage.Account) error { a.SuspendedAt = &now; return nil }, By))(t)
	if p := got(db.PersonByID(ctx, u.ID))(t); p.Active() || a.SuspendedAt == nil {
		t.Error("a user of a suspended account is active")
	}
}

func lastAdmin(t *testing.T, e Engine) {
	dbs, clock := e.openTwice(t)
	ctx := t.Context()
	now := clock.Now()
	acts := map[string]func(db *storage.DB, id string) error{
		"demotes": func(db *storage.DB, id string) error {
			return second(db.UpdateUser(ctx, id, func(u *storage.User) error { u.Roles = []string{storage.RoleMember}; return nil }, By))
		},
		"disables": func(db *storage.DB, id string) error {
			return second(db.UpdateUser(ctx, id, func(u *storage.User) error { u.DisabledAt = &now; return nil }, By))
		},
		"deletes": func(db *storage.DB, id string) error { return db.DeleteUser(ctx, id, By) },
	}
	for name, act := range acts {
		for round := range 8 {
			a := account(t, dbs[0], fmt.Sprintf("%s %d", name, round))
			var admins [2]storage.User
			for n := range admins {
				admins[n] = member(t, dbs[0], a, fmt.Sprintf("%s-%d-%d@example.com", name, round, n), storage.RoleAdmin)
			}
			member(t, dbs[0], a, fmt.Sprintf("%s-%d-m@example.com", name, round))
			errs := together(2, dbs, func(i int, db *storage.DB) error { return act(db, admins[i].ID) })
			refused := 0
			for _, err := range errs {
				if errors.Is(err, storage.ErrLastAdmin) {
					refused++
				} else if err != nil {
					t.Error(err)
				}
			}
			left := 0
			for _, u := range got(dbs[1].Users(ctx, a.ID, "", 10))(t) {
				if u.DisabledAt == nil && slices.Contains(u.Roles, storage.RoleAdmin) {
					left++
				}
			}
			if refused != 1 || left != 1 {
				t.Errorf("%s, round %d: %d refused, %d administrators left", name, round, refused, left)
			}
		}
	}
}

func listUsers(t *testing.T, e Engine) {
	db, _ := e.open(t)
	a, b := account(t, db, "A"), account(t, db, "B")
	for n := range 5 {
		member(t, db, []storage.Account{a, b}[n%2], fmt.Sprintf("u%d@example.com", n))
	}
	page := func(accountID, after string, limit int) (list string) {
		for _, u := range got(db.Users(t.Context(), accountID, after, limit))(t) {
			list += u.Email[:2]
		}
		return list
	}
	if got := page(a.ID, "", 2) + "," + page(a.ID, "u2@example.com", 2) + "," + page("", "u0@example.com", 9) + "," + page(b.ID, "z", 9); got != "u0u2,u4,u1u2u3u4," {
		t.Errorf("pages: %s", got)
	}
}
