package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"stile/authn"
	"stile/seal"
)

// Person is everything that decides about one user, read in one statement, so
// that a decision never mixes two moments.
type Person struct {
	User    User
	Account Account
	Policy  Policy // as it holds now, see [Policy.At]
	// Subject is what package authn sees of the person.
	Subject authn.Subject
	// Products are the names of the products that the person holds seats of.
	Products []string
	// TOTP is the active authenticator app; nil without one.
	TOTP *TOTP
	// Suspended says that an authenticator app takes no codes after too many
	// wrong ones. It is among the subject's authenticators.
	Suspended bool
	// Passkeys is how many passkeys the person has.
	Passkeys int
	// RecoveryID is the present set of recovery codes, RecoveryLeft how many of
	// it are unused; empty and 0 without one.
	RecoveryID   string
	RecoveryLeft int
	// Trusted is the trusted browser that the session, grant or sign-in is of with
	// which the person was read; nil without one. The subject has it too.
	Trusted *TrustedBrowser

	seats string // as they were read, see seatsColumn
}

// TOTP is an active authenticator app.
type TOTP struct {
	ID       string
	Key      seal.Secret // the shared key's bytes
	LastStep int64       // the newest time step that was accepted
}

// Active tells whether the person may sign in at all: neither the user is
// disabled nor the account suspended.
func (p Person) Active() bool {
	return p.User.DisabledAt == nil && p.Account.SuspendedAt == nil
}

// PersonByEmail finds a person by the canonical form of the address, see
// package address. It fails with ErrNotFound.
func (db *DB) PersonByEmail(ctx context.Context, email string) (Person, error) {
	return db.person(ctx, db.reader, `u.email = $1`, email)
}

// PersonByID finds a person by the user's id. It fails with ErrNotFound.
func (db *DB) PersonByID(ctx context.Context, userID string) (Person, error) {
	return db.person(ctx, db.reader, `u.id = $1`, userID)
}

func (db *DB) person(ctx context.Context, q queryer, where string, args ...any) (Person, error) {
	return one(ctx, q, func(r row) (Person, error) {
		var p personRow
		if err := r.Scan(p.dest()...); err != nil {
			return Person{}, err
		}
		return p.person(db)
	}, `SELECT `+personColumns+` FROM users u `+personJoins+` WHERE `+where, args...)
}

// personColumns and personJoins bring a person into any statement that has the
// users table as u; scan them with personRow. They use the names a, p, t and r.
const (
	personColumns = userColumns + `, ` + accountColumns + `, p.version, p.settings,
	` + seatsColumn + `,
	COALESCE(t.id, ''), COALESCE(t.data, ''), COALESCE(t.last_step, 0),
	COALESCE((SELECT min(x.id) FROM authenticators x WHERE x.user_id = u.id AND x.kind = 'totp' AND x.state = 'suspended'), ''),
	COALESCE((SELECT string_agg(CASE WHEN y.synced THEN '+' ELSE '-' END || y.authenticator_id, ' ' ORDER BY y.authenticator_id)
		FROM passkeys y JOIN authenticators z ON z.id = y.authenticator_id AND z.state = 'active' WHERE y.user_id = u.id), ''),
	COALESCE(r.id, ''),
	(SELECT count(*) FROM recovery_codes c WHERE c.authenticator_id = r.id AND c.used_at IS NULL)`

	personJoins = `JOIN accounts a ON a.id = u.account_id
	JOIN policies p ON p.account_id = u.account_id
	LEFT JOIN authenticators t ON t.user_id = u.id AND t.kind = 'totp' AND t.state = 'active'
	LEFT JOIN authenticators r ON r.user_id = u.id AND r.kind = 'recovery' AND r.state = 'active'`
)

// seatsColumn lists the seats of the user u, in an order of the database's: the
// same seats are the same text.
const seatsColumn = `COALESCE((SELECT string_agg(s.product_id || ' ' || n.name, '` + seatBreak + `' ORDER BY s.product_id)
	FROM seats s JOIN products n ON n.id = s.product_id WHERE s.user_id = u.id), '')`

// seatBreak stands between the seats of a person; names are of one line.
const seatBreak = "\n"

// personRow takes the columns of personColumns, in that order.
type personRow struct {
	p         Person
	policy    int64
	totp      TOTP
	sealed    string // its key
	suspended string // id of a TOTP authenticator
	passkeys  string // ids, with a + before those that may be copied, else a -
}

// dest lists where Scan puts the columns.
func (r *personRow) dest() []any {
	list := append(userDest(&r.p.User), accountDest(&r.p.Account)...)
	return append(list, &r.policy, fromJSON(&r.p.Policy), &r.p.seats,
		&r.totp.ID, &r.sealed, &r.totp.LastStep, &r.suspended, &r.passkeys, &r.p.RecoveryID, &r.p.RecoveryLeft)
}

// person completes what was scanned: opens the key and fills in the defaults.
func (r *personRow) person(db *DB) (Person, error) {
	p := r.p
	now := db.now()
	p.Policy = p.Policy.filled(db.defaults).At(now)
	p.Policy.Version = r.policy
	u := p.User
	p.Subject = authn.Subject{ID: u.ID, AccountID: u.AccountID, Epoch: u.Epoch, Own: u.Enhanced, Exposed: u.PasswordExposedAt != nil, At: now}
	p.Subject.CheckUp = u.CheckAt != nil && !u.CheckAt.After(now)
	for seat := range strings.SplitSeq(p.seats, seatBreak) {
		if id, name, ok := strings.Cut(seat, " "); ok {
			p.Subject.Seats, p.Products = append(p.Subject.Seats, id), append(p.Products, name)
		}
	}
	slices.Sort(p.Subject.Seats)
	slices.Sort(p.Products)
	has := func(id string, m authn.Method, suspended bool) {
		p.Subject.Authenticators = append(p.Subject.Authenticators, authn.Authenticator{ID: id, Method: m, Suspended: suspended})
	}
	if u.Password != "" {
		has(authn.PasswordID(u.PasswordVersion), authn.Password, false)
	}
	if r.totp.ID != "" {
		key, err := db.ring.Open(seal.PurposeTOTPKey, bindTo("authenticators", r.totp.ID, u.AccountID), r.sealed)
		if err != nil {
			return Person{}, fmt.Errorf("authenticator %s: %w", r.totp.ID, err)
		}
		r.totp.Key = seal.Secret(key)
		p.TOTP = &r.totp
		has(r.totp.ID, authn.TOTP, false)
	}
	if r.suspended != "" {
		p.Suspended = true
		has(r.suspended, authn.TOTP, true)
	}
	for key := range strings.FieldsSeq(r.passkeys) {
		p.Passkeys++
		has(key[1:], Passkey{Synced: key[0] == '+'}.method(), false)
	}
	if p.RecoveryID != "" {
		has(p.RecoveryID, authn.Recovery, false)
	}
	return p, nil
}

// User is a person in one account.
type User struct {
	ID        string // also the sub of tokens; never reused
	AccountID string
	Email     string // canonical, see package address
	Name      string
	Language  string // BCP 47; empty for the account's
	TimeZone  string // IANA name; empty for the account's
	Roles     []string
	// Password is a PHC string; empty for a user who has none yet.
	Password        string
	PasswordVersion int64
	// Epoch rises with each change of password or authenticator, and voids
	// sign-ins that began before.
	Epoch int64
	// Enhanced is the user's own wish for two-step verification.
	Enhanced        bool
	EmailVerifiedAt *time.Time
	EmailChangedAt  *time.Time
	// AuditKey is the user's own for what the audit log hides, see [User.Acting].
	AuditKey string
	// FormerEmails are the addresses of the last days, the newest first; see
	// [User.AlsoTold].
	FormerEmails    []FormerAddress
	PasswordResetAt *time.Time
	// PasswordExposedAt is when it was noticed that somebody else knows the
	// password; nil once there is another.
	PasswordExposedAt *time.Time
	// CooldownUntil ends the time in which an authenticator that was replaced
	// without the old one does not open sensitive acts.
	CooldownUntil *time.Time
	DisabledAt    *time.Time
	// FactorProvenAt is the last sign-in in which a second factor was proven.
	FactorProvenAt *time.Time
	// CheckAt is when the user is next asked whether what protects the sign-in is
	// still right; nil: never.
	CheckAt    *time.Time
	SignedInAt *time.Time
	CreatedAt  time.Time
}

const userColumns = `u.id, u.account_id, u.email, u.name, u.language, u.time_zone, u.roles, u.password, u.password_version,
	u.epoch, u.enhanced, u.email_verified_at, u.email_changed_at, u.password_reset_at, u.cooldown_until, u.disabled_at, u.signed_in_at, u.created_at, u.password_exposed_at,
	u.factor_proven_at, u.check_at, u.former_emails, u.audit_key`

func userDest(u *User) []any {
	return []any{
		&u.ID, &u.AccountID, &u.Email, &u.Name, &u.Language, &u.TimeZone, fromJSON(&u.Roles), &u.Password, &u.PasswordVersion,
		&u.Epoch, &u.Enhanced, atNullTime(&u.EmailVerifiedAt), atNullTime(&u.EmailChangedAt), atNullTime(&u.PasswordResetAt),
		atNullTime(&u.CooldownUntil), atNullTime(&u.DisabledAt), atNullTime(&u.SignedInAt), atTime(&u.CreatedAt), atNullTime(&u.PasswordExposedAt),
		atNullTime(&u.FactorProvenAt), atNullTime(&u.CheckAt), fromJSON(&u.FormerEmails), &u.AuditKey,
	}
}

func scanUser(r row) (u User, err error) { return u, r.Scan(userDest(&u)...) }

// Account is a customer organisation.
type Account struct {
	ID       string
	Name     string // unique in the installation
	Language string // BCP 47; empty for none
	TimeZone string // IANA name; empty for UTC
	// SuspendedAt begins a pause: nobody of the account signs in or gets tokens,
	// but nothing ends. When it is lifted, sessions and grants whose own time is
	// not over work again; [DB.SignOutUser] ends them for good.
	SuspendedAt *time.Time
	CreatedAt   time.Time
}

const accountColumns = `a.id, a.name, a.language, a.time_zone, a.suspended_at, a.created_at`

func accountDest(a *Account) []any {
	return []any{&a.ID, &a.Name, &a.Language, &a.TimeZone, atNullTime(&a.SuspendedAt), atTime(&a.CreatedAt)}
}

func scanAccount(r row) (a Account, err error) { return a, r.Scan(accountDest(&a)...) }
