package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

var invitationPromises = []promise{
	{"TestI07_InvitationMakesOneUserOnce", invitationOnce},
	{"TestI07_InvitationAcceptedByManyAtOnce", invitationRaced},
	{"TestI07_LinkThatDoesNotWork", deadLinks},
	{"TestN02_InvitationStandsAsLongAsItsSender", sentBySomebodyGone},
	{"TestN02_SignUpIsAnInvitationToOneself", signUp},
	{"TestI07_SignUpsAndTheirLinksAtOnce", signUpRaced},
	{"TestJ04_SignUpsHaveAPaceOfTheirOwn", signUpPaced},
	{"TestI01_InvitedAddressHasAUserElsewhere", invitedElsewhere},
	{"TestN01_InvitationOfAnotherAccount", foreignInvitation},
	{"TestInvitationsAreListedByAddress", listInvitations},
	{"TestInviteIsAllOrNothing", inviteAll},
	{"TestJ04_CrowdOfMessagesIsSpread", crowdSpread},
	{"TestJ04_InvitationsKeepToTheAccountsPace", invitationsPaced},
	{"TestRaceOfInvitingAndAccepting", inviteAgainstAccept},
}

// invited is an invitation by a link.
func invited(a storage.Account, email, link string) storage.InvitationToSend {
	return storage.InvitationToSend{
		Invitation: storage.Invitation{AccountID: a.ID, Email: email, Name: "Iris Invited", Roles: []string{storage.RoleMember}, InvitedBy: "admin"},
		LinkHash:   link, Mail: storage.Mail{Kind: "invitation", To: email, Data: map[string]string{"link": link}},
	}
}

// invite sends one invitation.
func invite(t testing.TB, db *storage.DB, a storage.Account, email, link string) {
	t.Helper()
	must(t, db.Invite(t.Context(), []storage.InvitationToSend{invited(a, email, link)}, By))
}

// accepted is the error of an acceptance.
func accepted(t testing.TB, db *storage.DB, link string) error {
	return second(db.AcceptInvitation(t.Context(), link, "$argon2id$new", mayInvite, By))
}

func invitationOnce(t *testing.T, e Engine) {
	db, clock := e.open(t)
	ctx := t.Context()
	a := account(t, db, "A")
	desk := got(db.CreateProduct(ctx, storage.Product{AccountID: a.ID, Name: "Desk"}, By))(t)
	gone := got(db.CreateProduct(ctx, storage.Product{AccountID: a.ID, Name: "Gone"}, By))(t)
	i := invited(a, "iris@example.com", "link")
	i.Products, i.Language, i.TimeZone = []string{desk.ID, gone.ID}, "de", "Europe/Berlin"
	must(t, db.Invite(ctx, []storage.InvitationToSend{i}, By))
	must(t, db.DeleteProduct(ctx, a.ID, gone.ID, nil, By))

	for range 3 { // looking spends nothing
		found, state, err := db.InvitationByLink(ctx, "link", mayInvite)
		must(t, err)
		if found.Email != i.Email || found.InvitedBy != "admin" || found.ID == "" || !found.ExpiresAt.Equal(clock.Now().Add(7*24*time.Hour)) ||
			state.Account.ID != a.ID || state.Policy.Version != 1 || len(state.Products) != 1 {
			t.Fatalf("invitation = %+v of %+v", found, state)
		}
	}
	if _, err := db.PersonByEmail(ctx, i.Email); !errors.Is(err, storage.ErrNotFound) {
		t.Fatalf("there is a user before the invitation is accepted: %v", err)
	}
	u := got(db.AcceptInvitation(ctx, "link", "$argon2id$new", mayInvite, audit.Actor{Network: "192.0.2.7"}))(t)
	p := got(db.PersonByEmail(ctx, i.Email))(t)
	if p.User.ID != u.ID || p.User.Name != "Iris Invited" || p.User.Password != "$argon2id$new" || p.User.EmailVerifiedAt == nil ||
		!slices.Equal(p.Subject.Seats, []string{desk.ID}) || p.User.Language != "de" || p.User.TimeZone != "Europe/Berlin" || p.User.SignedInAt != nil {
		t.Errorf("user = %+v, seats %v", p.User, p.Subject.Seats)
	}
	if _, state, err := db.InvitationByLink(ctx, "link", mayInvite); !errors.Is(err, storage.ErrSpent) || state.Account.Name != "A" {
		t.Errorf("a link that was used: %v, account %q", err, state.Account.Name)
	}
	if err := accepted(t, db, "link"); !errors.Is(err, storage.ErrSpent) {
		t.Errorf("again: %v", err)
	}
	if open := got(db.Invitations(ctx, a.ID, "", 10))(t); len(open) != 0 {
		t.Errorf("open after it was accepted: %+v", open)
	}
	lines := got(db.Events(ctx, storage.EventFilter{SubjectID: u.ID, Kind: audit.InvitationAccepted}))(t)
	if len(lines) != 1 || lines[0].Actor.ID != u.ID || lines[0].Actor.Network != "192.0.2.7" || lines[0].Detail["roles"] != "member" {
		t.Errorf("events = %+v", lines)
	}
	// A user who goes can be invited anew.
	must(t, db.DeleteUser(ctx, u.ID, By))
	clock.Move(time.Minute)
	invite(t, db, a, i.Email, "second")
	must(t, accepted(t, db, "second"))
}

// invitationRaced proves that a link makes one user, whoever asks and where.
func invitationRaced(t *testing.T, e Engine) {
	dbs, _ := e.openTwice(t)
	ctx := t.Context()
	a := account(t, dbs[0], "A")
	for n := range Rounds(5) {
		email := fmt.Sprintf("iris%d@example.com", n)
		invite(t, dbs[0], a, email, email)
		errs := together(Callers, dbs, func(i int, db *storage.DB) error {
			return second(db.AcceptInvitation(ctx, email, fmt.Sprint("$argon2id$", i), mayInvite, By))
		})
		winner := oneWinner(t, errs, storage.ErrSpent)
		if p := got(dbs[1].PersonByEmail(ctx, email))(t); p.User.Password != fmt.Sprint("$argon2id$", winner) {
			t.Errorf("the password is %s, the winner was %d", p.User.Password, winner)
		}
	}
	if users := got(dbs[0].Users(ctx, a.ID, "", 100))(t); len(users) != Rounds(5) {
		t.Errorf("%d users", len(users))
	}
}

func deadLinks(t *testing.T, e Engine) {
	db, clock := e.open(t)
	ctx := t.Context()
	a := account(t, db, "A")
	dead := func(what, link string, want error) {
		t.Helper()
		if _, _, err := db.InvitationByLink(ctx, link, mayInvite); !errors.Is(err, want) {
			t.Errorf("%s: found: %v, want %v", what, err, want)
		}
		if err := accepted(t, db, link); !errors.Is(err, want) {
			t.Errorf("%s: accepted: %v, want %v", what, err, want)
		}
	}
	dead("never sent", "none", storage.ErrNotFound)
	dead("empty", "", storage.ErrNotFound)

	invite(t, db, a, "iris@example.com", "first")
	clock.Move(time.Minute)
	invite(t, db, a, "iris@example.com", "second")
	dead("replaced", "first", storage.ErrNotFound)
	open := got(db.Invitations(ctx, a.ID, "", 10))(t)
	must(t, db.WithdrawInvitation(ctx, a.ID, open[0].ID, By))
	dead("withdrawn", "second", storage.ErrNotFound)
	if err := db.WithdrawInvitation(ctx, a.ID, open[0].ID, By); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("withdrawn twice: %v", err)
	}

	clock.Move(time.Minute)
	invite(t, db, a, "iris@example.com", "third")
	now := clock.Now()
	suspend := func(at *time.Time) {
		must(t, second(db.UpdateAccount(ctx, a.ID, func(a *storage.Account) error { a.SuspendedAt = at; return nil }, By)))
	}
	suspend(&now)
	dead("account suspended", "third", storage.ErrNotFound)
	suspend(nil)
	clock.Move(7*24*time.Hour - time.Second)
	must(t, second(db.OutboxLength(ctx)))
	if _, _, err := db.InvitationByLink(ctx, "third", mayInvite); err != nil {
		t.Errorf("a second before its end: %v", err)
	}
	clock.Move(time.Second)
	dead("after seven days", "third", storage.ErrExpired)
	if open := got(db.Invitations(ctx, a.ID, "", 10))(t); len(open) != 0 {
		t.Errorf("open after its end: %+v", open)
	}
	must(t, db.RemoveExpired(ctx))
	dead("removed", "third", storage.ErrNotFound)
	if users := got(db.Users(ctx, "", "", 10))(t); len(users) != 0 {
		t.Errorf("users were made: %+v", users)
	}
}

// invitedElsewhere proves that who invites learns nothing of other accounts.
func invitedElsewhere(t *testing.T, e Engine) {
	db, clock := e.open(t)
	ctx := t.Context()
	a, b := account(t, db, "A"), account(t, db, "B")
	member(t, db, b, "known@example.com")
	var statements []int64
	for _, email := range []string{"known@example.com", "fresh@example.com"} {
		before := db.Statements()
		invite(t, db, a, email, email)
		statements = append(statements, db.Statements()-before)
	}
	if statements[0] != statements[1] {
		t.Errorf("statements: %v", statements)
	}
	clock.Move(time.Minute)
	rows := []storage.ImportRow{{Line: 2, Email: "known@example.com", Name: "New Name", Link: invited(a, "", "imported")}}
	if r := got(db.ImportUsers(ctx, a.ID, rows, By))(t); r.Invited != 1 || r.Changed != 0 {
		t.Errorf("import: %+v", r)
	}
	if open := got(db.Invitations(ctx, a.ID, "", 10))(t); len(open) != 2 {
		t.Errorf("open: %+v", open)
	}
	if err := accepted(t, db, "imported"); !errors.Is(err, storage.ErrExists) {
		t.Errorf("accepted: %v", err)
	}
	p := got(db.PersonByEmail(ctx, "known@example.com"))(t)
	if p.User.AccountID != b.ID || p.User.Password != "$argon2id$first" || p.User.Name != "known" {
		t.Errorf("the user of the other account was touched: %+v", p.User)
	}
	if _, _, err := db.InvitationByLink(ctx, "imported", mayInvite); err != nil {
		t.Errorf("a refused acceptance has spent the link: %v", err)
	}
}

func foreignInvitation(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	a, b := account(t, db, "A"), account(t, db, "B")
	invite(t, db, a, "iris@example.com", "link")
	open := got(db.Invitations(ctx, a.ID, "", 10))(t)
	if err := db.WithdrawInvitation(ctx, b.ID, open[0].ID, By); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("withdrawn by another account: %v", err)
	}
	if list := got(db.Invitations(ctx, b.ID, "", 10))(t); len(list) != 0 {
		t.Errorf("listed for another account: %+v", list)
	}
	invite(t, db, b, "iris@example.com", "other") // replaces nothing of account A
	must(t, second(db.AcceptInvitation(ctx, "link", "$argon2id$a", mayInvite, By)))
	if p := got(db.PersonByEmail(ctx, "iris@example.com"))(t); p.User.AccountID != a.ID {
		t.Errorf("a user of account %s", p.Account.Name)
	}
	desk := got(db.CreateProduct(ctx, storage.Product{AccountID: b.ID, Name: "Desk"}, By))(t)
	i := invited(a, "x@example.com", "x")
	i.Products = []string{desk.ID}
	if err := db.Invite(ctx, []storage.InvitationToSend{i}, By); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("with another account's product: %v", err)
	}
}

func listInvitations(t *testing.T, e Engine) {
	db, _ := e.open(t)
	a := account(t, db, "A")
	for _, name := range []string{"c", "a", "b"} {
		invite(t, db, a, name+"@example.com", name)
	}
	var pages []string
	for after := ""; ; {
		page := got(db.Invitations(t.Context(), a.ID, after, 2))(t)
		if len(page) == 0 {
			break
		}
		for _, i := range page {
			pages = append(pages, i.Email)
		}
		pages, after = append(pages, "|"), page[len(page)-1].Email
	}
	if !slices.Equal(pages, []string{"a@example.com", "b@example.com", "|", "c@example.com", "|"}) {
		t.Errorf("pages: %v", pages)
	}
}

// inviteAgainstAccept proves that of a new invitation and the acceptance of the
// old one, neither breaks the other.
func inviteAgainstAccept(t *testing.T, e Engine) {
	dbs, clock := e.openTwice(t)
	ctx := t.Context()
	a := account(t, dbs[0], "A")
	for n := range Rounds(5) {
		email := fmt.Sprintf("iris%d@example.com", n)
		invite(t, dbs[0], a, email, email+"-0")
		clock.Move(time.Minute)
		made := 0
		for i, err := range together(16, dbs, func(i int, db *storage.DB) error {
			if i%4 == 1 {
				return db.Invite(ctx, []storage.InvitationToSend{invited(a, email, fmt.Sprint(email, "-", i))}, By)
			}
			return accepted(t, db, email+"-0")
		}) {
			switch {
			case err == nil && i%4 != 1:
				made++
			case errors.As(err, new(storage.LimitedError)) && i%4 == 1:
			case err != nil && !isOneOf(err, []error{storage.ErrSpent, storage.ErrNotFound}):
				t.Errorf("caller %d: %v", i, err)
			}
		}
		_, err := dbs[0].PersonByEmail(ctx, email)
		if made > 1 || (made == 1) != (err == nil) {
			t.Errorf("%d acceptances, user: %v", made, err)
		}
	}
}

// sentBySomebodyGone proves that nobody leaves himself, or another, a way back in.
func sentBySomebodyGone(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	a := account(t, db, "A")
	must(t, second(db.CreateUser(ctx, storage.User{AccountID: a.ID, Email: "boss@example.com", Name: "Boss", Roles: []string{storage.RoleAdmin}}, By)))
	gone := got(db.CreateUser(ctx, storage.User{AccountID: a.ID, Email: "gone@example.com", Name: "Gone", Roles: []string{storage.RoleAdmin}}, By))(t)
	app := got(db.CreateClient(ctx, storage.Client{
		ID: "sync", AccountID: a.ID, SecretHash: "x", Metadata: storage.Metadata{Name: "Sync", GrantTypes: []string{storage.GrantClientCredentials}, Scope: "stile.read stile.users"},
	}, By))(t)
	for link, by := range map[string]audit.Actor{"user": {Kind: "user", ID: gone.ID}, "client": {Kind: "client", ID: app.ID}, "cli": By} {
		i := invited(a, link+"@example.com", link)
		i.Roles = []string{storage.RoleMember, storage.RoleAuditor}
		must(t, db.Invite(ctx, []storage.InvitationToSend{i, invited(a, "plain."+link+"@example.com", "plain "+link)}, by))
		if _, _, err := db.InvitationByLink(ctx, link, mayInvite); err != nil {
			t.Errorf("%s at first: %v", link, err)
		}
	}
	give := func(roles ...string) {
		must(t, second(db.UpdateUser(ctx, gone.ID, func(u *storage.User) error { u.Roles = roles; return nil }, By)))
	}
	give(storage.RoleMember)
	must(t, second(db.UpdateClient(ctx, app.ID, func(c *storage.Client) error { c.Metadata.Scope = "stile.read"; return nil }, By)))
	for _, link := range []string{"user", "client"} {
		if _, _, err := db.InvitationByLink(ctx, link, mayInvite); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s, whose sender lost the right, looks: %v", link, err)
		}
		if err := accepted(t, db, link); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s, whose sender lost the right: %v", link, err)
		}
		if err := accepted(t, db, "plain "+link); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("a member's, by %s: %v", link, err)
		}
	}
	give(storage.RoleAdmin)
	for _, link := range []string{"user", "cli"} {
		if err := accepted(t, db, link); err != nil {
			t.Errorf("%s, whose sender has the right: %v", link, err)
		}
	}
}

// mayInvite is what package manage would say.
func mayInvite(by storage.Inviter, roles []string) bool {
	switch {
	case by.User != nil:
		return by.User.DisabledAt == nil && slices.Contains(by.User.Roles, storage.RoleAdmin)
	case by.Client != nil:
		return !by.Client.Disabled && !slices.Contains(roles, storage.RoleAdmin) && strings.Contains(by.Client.Metadata.Scope, "stile.users")
	}
	return true
}
