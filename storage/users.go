package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"stile/address"
	"stile/audit"
	"stile/seal"
)

// Roles of users in their account.
const (
	RoleMember   = "member"
	RoleAdmin    = "admin"    // everything
	RoleHelpdesk = "helpdesk" // helps users; changes no policy
	RoleAuditor  = "auditor"  // reads everything, changes nothing
)

// Roles lists all of them.
func Roles() []string { return []string{RoleMember, RoleAdmin, RoleHelpdesk, RoleAuditor} }

// CreateUser makes a user. Password is a PHC string, or empty for one who sets
// it later; an empty ID is filled in, and Roles default to member. Whoever judges
// says who is told.
func (db *DB) CreateUser(ctx context.Context, u User, by audit.Actor, judges ...RoleJudge) (User, error) {
	return writing(ctx, db, func(tx *sql.Tx) (User, error) {
		made, err := db.createUser(ctx, tx, u, by)
		if err == nil {
			err = db.judge(ctx, tx, User{}, made, judges)
		}
		return made, err
	})
}

// judge asks of one user, and sends what there is to say.
func (db *DB) judge(ctx context.Context, tx *sql.Tx, before, after User, judges []RoleJudge) error {
	for _, j := range judges {
		j.Begin()
		mails, err := j.Judge(before, after)
		if err == nil {
			err = db.send(ctx, tx, append(mails, j.End()...))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) createUser(ctx context.Context, tx *sql.Tx, u User, by audit.Actor) (User, error) {
	if len(u.Roles) == 0 {
		u.Roles = []string{RoleMember}
	}
	if err := u.check(); err != nil {
		return User{}, err
	}
	if u.ID == "" {
		u.ID = randomID()
	}
	if u.AuditKey == "" {
		u.AuditKey = seal.NewPersonalKey()
	}
	u.CreatedAt, u.Epoch, u.PasswordVersion = db.now(), 1, 0
	if u.Password != "" {
		u.PasswordVersion = 1
	}
	now := micros(u.CreatedAt)
	err := insert{
		table: "users", columns: `id, account_id, email, name, roles, language, time_zone, password, password_version,
		epoch, enhanced, email_verified_at, disabled_at, created_at, updated_at, words_of, audit_key`,
		values: []any{
			u.ID, u.AccountID, u.Email, u.Name, asJSON(u.Roles), u.Language, u.TimeZone, u.Password, u.PasswordVersion,
			u.Epoch, u.Enhanced, nullMicros(u.EmailVerifiedAt), nullMicros(u.DisabledAt), now, now, u.wordsOf(), u.AuditKey,
		},
	}.add(ctx, tx)
	if err == nil {
		err = putWords(ctx, tx, u)
	}
	if err == nil {
		err = db.tell(ctx, tx, userEvent(audit.UserChanged, u, created, "", by), nil)
	}
	return u, db.unique(err, "user %q", u.Email)
}

func (u User) check() error {
	canonical, err := address.Canonical(u.Email)
	if err != nil {
		return err
	}
	if canonical != u.Email {
		return fmt.Errorf("user %q: the address is not in its canonical form %q", u.Email, canonical)
	}
	if err := checkName("user", u.Name); err != nil {
		return err
	}
	for _, r := range u.Roles {
		if !slices.Contains(Roles(), r) {
			return fmt.Errorf("user %q: role %q: use %s", u.Email, r, strings.Join(Roles(), ", "))
		}
	}
	if err := checkPlace(u.Language, u.TimeZone); err != nil {
		return fmt.Errorf("user %q: %w", u.Email, err)
	}
	return nil
}

// administers tells whether the user has an administrator's rights now.
func (u User) administers() bool {
	return u.DisabledAt == nil && slices.Contains(u.Roles, RoleAdmin)
}

// UpdateUser changes a user's address, name, roles, language, time zone, wish
// for two-step verification, or disables one. change may run more than once.
//
// Another address has to be verified anew, and ends all sessions and grants, as
// disabling does. It fails with [ErrLastAdmin] if the account would be left
// without an administrator.
func (db *DB) UpdateUser(ctx context.Context, id string, change func(*User) error, by audit.Actor, mails ...Mail) (User, error) {
	return writing(ctx, db, func(tx *sql.Tx) (User, error) { return db.updateUser(ctx, tx, id, change, by, mails...) })
}

func (db *DB) updateUser(ctx context.Context, tx *sql.Tx, id string, change func(*User) error, by audit.Actor, mails ...Mail) (User, error) {
	old, err := db.lockUser(ctx, tx, id)
	if err != nil {
		return User{}, err
	}
	u := old
	u.Roles = slices.Clone(old.Roles)
	if err := change(&u); err != nil {
		return User{}, err
	}
	if err := u.check(); err != nil {
		return User{}, err
	}
	moved, disabled := u.Email != old.Email, u.DisabledAt != nil && old.DisabledAt == nil
	if moved {
		to := u.Email
		u.Email = old.Email
		u = u.Moved(to, db.now())
	}
	if moved || disabled {
		u.Epoch++
	}
	fields := changedFields(map[string]bool{
		"email": moved, "name": u.Name != old.Name, "roles": !slices.Equal(u.Roles, old.Roles),
		"language": u.Language != old.Language, "time_zone": u.TimeZone != old.TimeZone, "enhanced": u.Enhanced != old.Enhanced,
		"disabled": (u.DisabledAt == nil) != (old.DisabledAt == nil),
	})
	if fields == "" {
		return old, nil
	}
	if err := db.saveUser(ctx, tx, old, u); err != nil {
		return User{}, err
	}
	if old.administers() && !u.administers() {
		if err := adminsLeft(ctx, tx, u.AccountID); err != nil {
			return User{}, err
		}
	}
	event := userEvent(audit.UserChanged, u, updated, fields, by)
	switch {
	case disabled:
		return u, db.endAndTell(ctx, tx, event, "user_disabled", mails)
	case moved:
		return u, db.endAndTell(ctx, tx, event, "address_changed", mails)
	}
	return u, db.tell(ctx, tx, event, mails)
}

// saveUser writes a changed user, with the words that belong to the new name.
func (db *DB) saveUser(ctx context.Context, tx *sql.Tx, old, u User) error {
	_, err := run(ctx, tx, `UPDATE users SET email = $2, name = $3, roles = $4, language = $5, time_zone = $6, enhanced = $7, epoch = $8,
		email_verified_at = $9, email_changed_at = $10, disabled_at = $11, updated_at = $12, words_of = $13, former_emails = $14 WHERE id = $1`,
		u.ID, u.Email, u.Name, asJSON(u.Roles), u.Language, u.TimeZone, u.Enhanced, u.Epoch,
		nullMicros(u.EmailVerifiedAt), nullMicros(u.EmailChangedAt), nullMicros(u.DisabledAt), micros(db.now()), u.wordsOf(), u.former())
	if err == nil && u.wordsOf() != old.wordsOf() {
		err = putWords(ctx, tx, u)
	}
	return db.unique(err, "user %q", u.Email)
}

// DeleteUser removes a user with everything that belongs to one. The id is
// never used again. It fails with [ErrLastAdmin] as UpdateUser does. Whoever
// judges says who is told.
func (db *DB) DeleteUser(ctx context.Context, id string, by audit.Actor, judges ...RoleJudge) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.deleteUser(ctx, tx, id, by)
		if err == nil {
			err = db.judge(ctx, tx, u, User{}, judges)
		}
		return err
	})
}

func (db *DB) deleteUser(ctx context.Context, tx *sql.Tx, id string, by audit.Actor) (User, error) {
	u, err := db.lockUser(ctx, tx, id)
	if err == nil {
		err = db.removeUser(ctx, tx, u)
	}
	if err != nil {
		return User{}, err
	}
	return u, db.tell(ctx, tx, userEvent(audit.UserChanged, u, deleted, "", by), nil)
}

// removeUser removes one who is locked.
func (db *DB) removeUser(ctx context.Context, tx *sql.Tx, u User) error {
	if _, err := run(ctx, tx, `DELETE FROM users WHERE id = $1`, u.ID); err != nil || !u.administers() {
		return err
	}
	return adminsLeft(ctx, tx, u.AccountID)
}

// Users lists an account's users by address, those after an address, at most
// limit; of all accounts if accountID is empty.
func (db *DB) Users(ctx context.Context, accountID, after string, limit int) ([]User, error) {
	if accountID == "" {
		return many(ctx, db.reader, scanUser, `SELECT `+userColumns+` FROM users u WHERE u.email > $1 ORDER BY u.email LIMIT $2`, after, limit)
	}
	return many(ctx, db.reader, scanUser, `SELECT `+userColumns+` FROM users u
		WHERE u.account_id = $1 AND u.email > $2 ORDER BY u.email LIMIT $3`, accountID, after, limit)
}

// ResetAuthenticator takes away a user's authenticator app, passkeys and recovery
// codes, so that the next sign-in enrols anew. All sessions and grants end.
func (db *DB) ResetAuthenticator(ctx context.Context, userID string, by audit.Actor, mails ...Mail) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.lockUser(ctx, tx, userID)
		if err != nil {
			return err
		}
		return db.resetAuthenticator(ctx, tx, u, by, mails)
	})
}

// resetAuthenticator resets that of a user who is locked.
func (db *DB) resetAuthenticator(ctx context.Context, tx *sql.Tx, u User, by audit.Actor, mails []Mail) error {
	now := micros(db.now())
	ended, err := run(ctx, tx, `UPDATE authenticators SET state = 'reset', data = '', ended_at = $2
		WHERE user_id = $1 AND state IN ('active', 'suspended')`, u.ID, now)
	if err != nil {
		return err
	}
	if _, err := run(ctx, tx, `DELETE FROM passkeys WHERE user_id = $1`, u.ID); err != nil {
		return err
	}
	if ended == 0 {
		return fmt.Errorf("authenticator of user %s: %w", u.ID, ErrNotFound)
	}
	if _, err := run(ctx, tx, `UPDATE users SET epoch = epoch + 1, updated_at = $2 WHERE id = $1`, u.ID, now); err != nil {
		return err
	}
	return db.endAndTell(ctx, tx, userEvent(audit.AuthenticatorEnded, u, "reset", "", by), "authenticator_reset", mails)
}

// SignOutUser ends all sessions, grants and pending sign-ins of a user.
func (db *DB) SignOutUser(ctx context.Context, userID string, by audit.Actor, mails ...Mail) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.lockUser(ctx, tx, userID)
		if err != nil {
			return err
		}
		if _, err := run(ctx, tx, `UPDATE users SET epoch = epoch + 1, updated_at = $2 WHERE id = $1`, userID, micros(db.now())); err != nil {
			return err
		}
		return db.endAndTell(ctx, tx, userEvent(audit.SessionEnded, u, "signed_out_everywhere", "", by), "signed_out_everywhere", mails)
	})
}

// lockUser returns a user and holds back everyone else who changes this one, or
// what the account has set up, until the transaction ends.
func (db *DB) lockUser(ctx context.Context, tx *sql.Tx, id string) (User, error) {
	accountID, err := one(ctx, tx, scanText, `SELECT account_id FROM users WHERE id = $1`, id)
	if err == nil {
		_, err = db.lockAccount(ctx, tx, accountID)
	}
	var u User
	if err == nil {
		_, err = run(ctx, tx, `UPDATE users SET updated_at = $2 WHERE id = $1`, id, micros(db.now()))
	}
	if err == nil {
		u, err = one(ctx, tx, scanUser, `SELECT `+userColumns+` FROM users u WHERE u.id = $1`, id)
	}
	if errors.Is(err, ErrNotFound) {
		return User{}, fmt.Errorf("user %q: %w", id, ErrNotFound)
	}
	return u, err
}

// adminsLeft fails with ErrLastAdmin if an account, which the transaction has
// locked, has no active administrator.
func adminsLeft(ctx context.Context, tx *sql.Tx, accountID string) error {
	// Written as in the index users_with_roles.
	some, err := many(ctx, tx, func(r row) (u User, err error) { return u, r.Scan(fromJSON(&u.Roles)) },
		`SELECT roles FROM users WHERE account_id = $1 AND roles <> '["member"]' AND disabled_at IS NULL`, accountID)
	if err == nil && !slices.ContainsFunc(some, User.administers) {
		err = ErrLastAdmin
	}
	return err
}

// endAndTell ends what the user of the event holds, and tells.
func (db *DB) endAndTell(ctx context.Context, tx *sql.Tx, e audit.Event, reason string, mails []Mail) error {
	ended, err := endUser(ctx, tx, e.SubjectID, "", reason, micros(db.now()))
	if err != nil {
		return err
	}
	return db.tell(ctx, tx, ended.in(e), mails)
}

// tell writes the event of a change and queues the messages about it.
func (db *DB) tell(ctx context.Context, tx *sql.Tx, e audit.Event, mails []Mail) error {
	riders, err := db.enqueueAll(mails)
	if err != nil {
		return err
	}
	return writeAll(ctx, tx, append(riders, ride(db.event(e)))...)
}

// send queues messages.
func (db *DB) send(ctx context.Context, tx *sql.Tx, mails []Mail) error {
	riders, err := db.enqueueAll(mails)
	if err != nil {
		return err
	}
	return writeAll(ctx, tx, riders...)
}

func userEvent(kind audit.Kind, u User, reason, fields string, by audit.Actor) audit.Event {
	e := u.About(audit.Event{Kind: kind, Actor: by, Reason: reason})
	if fields != "" {
		e.Detail = map[string]string{"fields": fields}
	}
	return e
}

// GiveSeat lets a user hold a seat of a product of the same account. A seat
// that is held already stays as it is.
func (db *DB) GiveSeat(ctx context.Context, userID, productID string, by audit.Actor) error {
	return db.write(ctx, func(tx *sql.Tx) error { return db.giveSeat(ctx, tx, userID, productID, by) })
}

func (db *DB) giveSeat(ctx context.Context, tx *sql.Tx, userID, productID string, by audit.Actor) error {
	given, err := run(ctx, tx, `INSERT INTO seats (user_id, product_id, account_id, created_at)
		SELECT u.id, p.id, u.account_id, CAST($3 AS BIGINT) FROM users u JOIN products p ON p.account_id = u.account_id WHERE u.id = $1 AND p.id = $2
		ON CONFLICT (user_id, product_id) DO NOTHING`, userID, productID, micros(db.now()))
	var accountID string
	if err == nil {
		accountID, err = one(ctx, tx, scanText, `SELECT account_id FROM seats WHERE user_id = $1 AND product_id = $2`, userID, productID)
	}
	if err != nil {
		return fmt.Errorf("seat of product %q for user %q: %w", productID, userID, err)
	}
	if given == 0 {
		return nil
	}
	return db.seatEvent(accountID, userID, productID, created, by).add(ctx, tx)
}

// TakeSeat takes a seat away from a user.
func (db *DB) TakeSeat(ctx context.Context, userID, productID string, by audit.Actor) error {
	return db.write(ctx, func(tx *sql.Tx) error { return db.takeSeat(ctx, tx, userID, productID, by) })
}

func (db *DB) takeSeat(ctx context.Context, tx *sql.Tx, userID, productID string, by audit.Actor) error {
	taken, err := one(ctx, tx, scanText, `DELETE FROM seats WHERE user_id = $1 AND product_id = $2 RETURNING account_id`, userID, productID)
	if err != nil {
		return fmt.Errorf("seat of product %q for user %q: %w", productID, userID, err)
	}
	return db.seatEvent(taken, userID, productID, deleted, by).add(ctx, tx)
}

func (db *DB) seatEvent(accountID, userID, productID, reason string, by audit.Actor) insert {
	return db.event(audit.Event{
		Kind: audit.SeatChanged, Actor: by, AccountID: accountID, SubjectID: userID, Reason: reason,
		Detail: map[string]string{"product": productID},
	})
}
