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
	"stile/seal"
)

// InvitationPath is the path of our own that the link of an invitation leads to,
// with the token in the query.
const InvitationPath = "/invitation"

// InvitationLife is how long an invitation can be accepted.
const InvitationLife = 7 * day

// Invitation is somebody who may become a user of an account. Whether the
// address has a user elsewhere plays no part until it is accepted: who invites
// learns nothing about other accounts.
type Invitation struct {
	ID        string
	AccountID string
	Email     string // canonical, see package address
	Name      string // empty for the address
	Roles     []string
	Products  []string // ids; seats that the user gets
	Language  string
	TimeZone  string
	InvitedBy string // name of whoever invited
	inviter   audit.Actor
	CreatedAt time.Time
	ExpiresAt time.Time
}

// InvitationToSend is an invitation with the message that brings its link. ID
// and CreatedAt are filled in, and ExpiresAt if it is zero, in the message too.
type InvitationToSend struct {
	Invitation
	LinkHash string
	Mail     Mail
}

const invitationColumns = `account_id, email, id, name, roles, products, language, time_zone, invited_by, inviter_kind, inviter_id, created_at, expires_at`

func scanInvitation(r row) (i Invitation, err error) {
	return i, r.Scan(&i.AccountID, &i.Email, &i.ID, &i.Name, fromJSON(&i.Roles), fromJSON(&i.Products), &i.Language, &i.TimeZone,
		&i.InvitedBy, &i.inviter.Kind, &i.inviter.ID, atTime(&i.CreatedAt), atTime(&i.ExpiresAt))
}

// SelfAsked tells whether somebody signed up, and nobody has invited him.
func (i Invitation) SelfAsked() bool { return i.inviter.Kind == self }

// user is whom an invitation becomes.
func (i Invitation) user() User {
	return User{
		AccountID: i.AccountID, Email: i.Email, Name: cmp.Or(i.Name, i.Email), Roles: i.Roles,
		Language: i.Language, TimeZone: i.TimeZone,
	}
}

// Invite invites all on a list, which is of one account, or nobody. The newer
// one of two invitations of an account to one address replaces the older, whose
// link no longer works. It fails with [ErrNotFound] for products that the account
// doesn't have, and with [ErrExists] for an address that is listed twice; an
// address that has a user, in this account or another, is no error. Messages go
// out at a pace, see [Options]; it fails with [LimitedError] while more of the
// account's wait than go out in the life of an invitation, or while an address has
// got as many from the account as an address may.
func (db *DB) Invite(ctx context.Context, list []InvitationToSend, by audit.Actor) error {
	switch {
	case len(list) == 0:
		return nil
	case len(list) > MaxImport:
		return fmt.Errorf("invitations: %d: at most %d at once", len(list), MaxImport)
	}
	accountID := list[0].AccountID
	return db.write(ctx, func(tx *sql.Tx) error {
		if _, err := db.lockAccount(ctx, tx, accountID); err != nil {
			return err
		}
		known, err := products(ctx, tx, accountID)
		if err != nil {
			return err
		}
		seen := map[string]bool{}
		for _, i := range list {
			if err := i.check(accountID, known); err != nil {
				return err
			}
			if seen[i.Email] {
				return fmt.Errorf("invitation of %q: listed twice: %w", i.Email, ErrExists)
			}
			seen[i.Email] = true
		}
		refused, err := db.bookInvitations(ctx, tx, list)
		if err != nil {
			return err
		}
		for _, i := range list {
			if limited, is := refused[i.Email]; is {
				return fmt.Errorf("invitation of %q: %w", i.Email, limited)
			}
		}
		_, err = db.invite(ctx, tx, list, by)
		return err
	})
}

func (i InvitationToSend) check(accountID string, known []Product) error {
	switch {
	case i.AccountID != accountID:
		return fmt.Errorf("invitation of %q: of another account than the first", i.Email)
	case i.LinkHash == "":
		return fmt.Errorf("invitation of %q: without a link", i.Email)
	}
	return i.user().checkWith(i.Products, known)
}

// checkWith is check with the seats that the user is to hold.
func (u User) checkWith(seats []string, known []Product) error {
	if err := u.check(); err != nil {
		return err
	}
	for _, id := range seats {
		if !slices.ContainsFunc(known, func(p Product) bool { return p.ID == id }) {
			return fmt.Errorf("product %q: %w", id, ErrNotFound)
		}
	}
	return nil
}

// unsend drops the messages of invitations that wait to be sent.
const unsend = `DELETE FROM outbox WHERE id IN ({keys})`

// invite stores invitations that were checked, to addresses that differ, in an
// account that the transaction has locked.
// Their messages go out at the account's pace; a link works for its time from
// then on. sentBy is when the last of them is due; zero if all are at once.
func (db *DB) invite(ctx context.Context, tx *sql.Tx, list []InvitationToSend, by audit.Actor) (sentBy time.Time, err error) {
	now, accountID := db.now(), list[0].AccountID
	key := invitationPace
	if by.Kind == self {
		key = signUpPace
	}
	turn, err := db.pace(ctx, tx, key+accountID, db.limits.EmailSentAccount, len(list), now)
	if err != nil {
		return sentBy, err
	}
	var emails []string
	var invitations, links, mails, events []insert
	for n, i := range list {
		sentBy = turn(n)
		i.ID, i.CreatedAt, i.Mail.DueAt = timeID(now), now, sentBy
		i.Mail.ID = i.ID // so that it goes with the invitation while it waits
		if i.inviter.Kind == self {
			i.inviter = by
		}
		if i.ExpiresAt.IsZero() {
			i.ExpiresAt = sentBy.Add(InvitationLife)
			i.Mail = i.Mail.until(i.ExpiresAt)
		}
		mail, err := db.enqueue(i.Mail)
		if err != nil {
			return sentBy, err
		}
		emails = append(emails, i.Email)
		invitations = append(invitations, insert{
			table: "invitations", columns: invitationColumns,
			values: []any{
				i.AccountID, i.Email, i.ID, i.Name, asJSON(i.Roles), asJSON(i.Products), i.Language, i.TimeZone, i.InvitedBy,
				i.inviter.Kind, i.inviter.ID, micros(now), micros(i.ExpiresAt),
			},
		})
		links = append(links, db.linkRow(link{
			Hash: i.LinkHash, Purpose: invitationLink, AccountID: i.AccountID, InvitationID: i.ID, ExpiresAt: i.ExpiresAt,
		}))
		mails = append(mails, mail)
		events = append(events, db.event(invitationEvent(audit.InvitationSent, i.Invitation, by)))
	}
	replaced, err := manyOf(ctx, tx, scanText, emails, `DELETE FROM invitations WHERE account_id = $1 AND email IN ({keys}) RETURNING id`, accountID)
	if err == nil {
		err = runOf(ctx, tx, replaced, unsend)
	}
	if err != nil {
		return sentBy, err
	}
	for _, rows := range [][]insert{invitations, links, mails, events} {
		if err := addAll(ctx, tx, rows); err != nil {
			return sentBy, db.unique(err, "invitations")
		}
	}
	if !sentBy.After(now) {
		sentBy = time.Time{}
	}
	return sentBy, nil
}

// until makes the message, and what it says, hold until a time.
func (m Mail) until(t time.Time) Mail {
	m.ExpiresAt, m.Data = t, maps.Clone(m.Data)
	if m.Data != nil {
		m.Data["until"] = t.Format(time.RFC3339)
	}
	return m
}

// DueAt is when the message of the invitation goes out, or did.
func (i Invitation) DueAt() time.Time {
	if due := i.ExpiresAt.Add(-InvitationLife); due.After(i.CreatedAt) {
		return due
	}
	return i.CreatedAt
}

func invitationEvent(kind audit.Kind, i Invitation, by audit.Actor) audit.Event {
	e := audit.Event{
		Kind: kind, Actor: by, AccountID: i.AccountID,
		Detail: map[string]string{"invitation": i.ID, "roles": strings.Join(i.Roles, " "), "products": strings.Join(i.Products, " ")},
	}
	if by.Kind == self {
		e.Reason = "sign_up"
	}
	return e
}

// Invitations lists an account's open invitations by address, those after an
// address, at most limit.
func (db *DB) Invitations(ctx context.Context, accountID, after string, limit int) ([]Invitation, error) {
	return many(ctx, db.reader, scanInvitation, `SELECT `+invitationColumns+` FROM invitations
		WHERE account_id = $1 AND email > $2 AND expires_at > $3 ORDER BY email LIMIT $4`, accountID, after, micros(db.now()), limit)
}

// InvitationByLink finds the invitation that a link is for, and what decides
// about the password that is set with it. It writes nothing. It fails with
// [ErrSpent] or [ErrExpired], which come with the account, so that the reader can
// be told whom to ask; and with [ErrNotFound] for a link that was withdrawn or
// replaced, or never was, whose account is suspended, or whose sender may no
// longer invite.
func (db *DB) InvitationByLink(ctx context.Context, linkHash string, may MayInvite) (Invitation, AccountState, error) {
	l, refused := db.findLink(ctx, db.reader, invitationLink, linkHash)
	if l.AccountID == "" {
		return Invitation{}, AccountState{}, refused
	}
	state, err := db.AccountState(ctx, l.AccountID)
	if err == nil {
		err = state.Account.admits()
	}
	if err != nil {
		return Invitation{}, AccountState{}, err
	}
	if refused != nil {
		return Invitation{}, AccountState{Account: state.Account}, refused
	}
	i, err := invitation(ctx, db.reader, l)
	if err == nil {
		err = stands(ctx, db.reader, i, state.Account, may)
	}
	return i, state, err
}

func invitation(ctx context.Context, q queryer, l link) (Invitation, error) {
	i, err := one(ctx, q, scanInvitation, `SELECT `+invitationColumns+` FROM invitations WHERE id = $1`, l.InvitationID)
	if err != nil {
		return Invitation{}, fmt.Errorf("invitation: %w", err)
	}
	return i, nil
}

// admits fails for an account that is suspended: its links rest.
func (a Account) admits() error {
	if a.SuspendedAt != nil {
		return fmt.Errorf("account suspended: %w", ErrNotFound)
	}
	return nil
}

// AcceptInvitation spends a link and makes the user with a password, a PHC
// string, and the seats of those products that are still there. The address
// counts as verified, since only its mailbox had the link. Nobody is signed in.
// It fails as InvitationByLink does, and with [ErrExists] if the address has a
// user by now; then nothing changes.
func (db *DB) AcceptInvitation(ctx context.Context, linkHash, phc string, may MayInvite, by audit.Actor, mails ...Mail) (User, error) {
	if phc == "" {
		return User{}, errors.New("invitation: no password")
	}
	return writing(ctx, db, func(tx *sql.Tx) (User, error) {
		// The account is locked before the link, as when one invites.
		l, err := db.findLink(ctx, tx, invitationLink, linkHash)
		if err != nil {
			return User{}, err
		}
		account, err := db.lockAccount(ctx, tx, l.AccountID)
		if err == nil {
			err = account.admits()
		}
		if err != nil {
			return User{}, err
		}
		if l, err = db.findLink(ctx, tx, invitationLink, linkHash); err != nil {
			return User{}, err
		}
		i, err := invitation(ctx, tx, l)
		if err == nil {
			err = stands(ctx, tx, i, account, may)
		}
		if err == nil {
			err = db.spendLink(ctx, tx, l)
		}
		if err == nil {
			_, err = run(ctx, tx, `DELETE FROM invitations WHERE id = $1`, i.ID)
		}
		if err != nil {
			return User{}, err
		}
		u, err := db.welcome(ctx, tx, i, phc, by)
		if err != nil {
			return User{}, err
		}
		return u, db.send(ctx, tx, mails)
	})
}

// welcome makes the user of an invitation.
func (db *DB) welcome(ctx context.Context, tx *sql.Tx, i Invitation, phc string, by audit.Actor) (User, error) {
	now := db.now()
	u := i.user()
	u.ID, u.AuditKey, u.Password, u.EmailVerifiedAt = randomID(), seal.NewPersonalKey(), phc, &now
	by = u.Acting(by)
	u, err := db.createUser(ctx, tx, u, by)
	if err != nil {
		return User{}, err
	}
	there, err := products(ctx, tx, i.AccountID)
	if err != nil {
		return User{}, err
	}
	for _, p := range there {
		if slices.Contains(i.Products, p.ID) {
			if err := db.giveSeat(ctx, tx, u.ID, p.ID, by); err != nil {
				return User{}, err
			}
		}
	}
	event := invitationEvent(audit.InvitationAccepted, i, by)
	event.SubjectID = u.ID
	return u, db.event(event).add(ctx, tx)
}

// WithdrawInvitation takes an open invitation back: its link no longer works.
// One of another account is not found.
func (db *DB) WithdrawInvitation(ctx context.Context, accountID, id string, by audit.Actor) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		if _, err := db.lockAccount(ctx, tx, accountID); err != nil {
			return err
		}
		i, err := one(ctx, tx, scanInvitation, `DELETE FROM invitations WHERE account_id = $1 AND id = $2 AND expires_at > $3
			RETURNING `+invitationColumns, accountID, id, micros(db.now()))
		if err != nil {
			return fmt.Errorf("invitation %q: %w", id, err)
		}
		if err := runOf(ctx, tx, []string{i.ID}, unsend); err != nil {
			return err
		}
		return db.event(invitationEvent(audit.InvitationWithdrawn, i, by)).add(ctx, tx)
	})
}
