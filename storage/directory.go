package storage

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// UserState chooses users by how they stand to an account's policy.
type UserState string

// The states. Who is disabled has no other one.
const (
	StateCovered    UserState = "covered"     // by the policy, if it is on
	StateEnrolled   UserState = "enrolled"    // covered, with an authenticator app or a passkey
	StateToEnrol    UserState = "to-enrol"    // covered, without a passkey or an app that takes codes
	StateNotCovered UserState = "not-covered" // by the policy, even if it is on
	StateDisabled   UserState = "disabled"
)

// UserStates lists all of them.
func UserStates() []UserState {
	return []UserState{StateCovered, StateEnrolled, StateToEnrol, StateNotCovered, StateDisabled}
}

// UserFilter chooses users of one account. Zero fields choose all of them.
type UserFilter struct {
	AccountID string
	Text      string // words; each must begin a word of the address or the name
	State     UserState
	Role      string
	ProductID string // who holds a seat of it
	Policy    Policy // whom it covers, for State and [UserRow.Covered]; as if it were on
	After     string // address of the last user of the page before
	Limit     int    // 50 if zero, at most 500
}

// UserRow is what an administrator sees of a user. The password is left out.
type UserRow struct {
	User         User
	HasPassword  bool
	Products     []string   // ids of the products that the user holds seats of
	TOTP         bool       // has an authenticator app that takes codes
	TOTPSince    *time.Time // when it was connected
	PasskeySince *time.Time // when the first of the present passkeys was made; nil: there is none
	Suspended    bool       // has an app that takes none after too many wrong ones
	RecoveryLeft int        // recovery codes that are unused
	Covered      bool       // active, and of those whom the policy covers
}

// EnrolledSince is when the present second factor was registered, of several the
// app; nil: there is none.
func (r UserRow) EnrolledSince() *time.Time {
	if r.TOTP {
		return r.TOTPSince
	}
	return r.PasskeySince
}

// ToEnrol tells whether the user has to register a second factor as soon as the
// policy holds.
func (r UserRow) ToEnrol() bool { return r.Covered && r.EnrolledSince() == nil }

const (
	userRowColumns = userColumns + `,
	COALESCE((SELECT string_agg(s.product_id, ' ' ORDER BY s.product_id) FROM seats s WHERE s.user_id = u.id), ''),
	t.created_at,
	(SELECT min(k.created_at) FROM authenticators k WHERE k.user_id = u.id AND k.kind = 'passkey' AND k.state = 'active'),
	(SELECT min(x.id) FROM authenticators x WHERE x.user_id = u.id AND x.kind = 'totp' AND x.state = 'suspended') IS NOT NULL,
	(SELECT count(*) FROM authenticators r JOIN recovery_codes c ON c.authenticator_id = r.id
		WHERE r.user_id = u.id AND r.kind = 'recovery' AND r.state = 'active' AND c.used_at IS NULL)`
	// The account bounds what PostgreSQL reads where it reads t as a whole.
	userRowJoins = `LEFT JOIN authenticators t ON t.user_id = u.id AND t.account_id = u.account_id AND t.kind = 'totp' AND t.state = 'active'`
)

// scanUserRow reads userRowColumns.
func (p Policy) scanUserRow(r row) (u UserRow, err error) {
	var products string
	if err := r.Scan(append(userDest(&u.User), &products, atNullTime(&u.TOTPSince), atNullTime(&u.PasskeySince), &u.Suspended, &u.RecoveryLeft)...); err != nil {
		return u, err
	}
	u.HasPassword, u.User.Password = u.User.Password != "", ""
	u.Products = strings.Fields(products)
	u.TOTP = u.TOTPSince != nil
	u.Covered = u.User.DisabledAt == nil && (len(p.Products) == 0 ||
		slices.ContainsFunc(u.Products, func(id string) bool { return slices.Contains(p.Products, id) }))
	return u, nil
}

// Member returns one user of an account. It fails with ErrNotFound for a user
// of another account just as for one who is not there.
func (db *DB) Member(ctx context.Context, accountID, userID string, p Policy) (UserRow, error) {
	u, err := one(ctx, db.reader, p.scanUserRow, `SELECT `+userRowColumns+` FROM users u `+userRowJoins+`
		WHERE u.id = $1 AND u.account_id = $2`, userID, accountID)
	if err != nil {
		return UserRow{}, fmt.Errorf("user %q: %w", userID, err)
	}
	return u, nil
}

// Directory lists an account's users by address.
func (db *DB) Directory(ctx context.Context, f UserFilter) ([]UserRow, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 500)
	q := directoryQuery{args: []any{f.AccountID, f.After}}
	words, err := soughtWords(f.Text)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	if words == nil && strings.TrimSpace(f.Text) != "" {
		return nil, nil // signs alone are in no word
	}
	for _, w := range words {
		q.among(`user_words x WHERE x.account_id = $1 AND x.word >= $2 AND x.word < $3`, f.AccountID, w, w+lastRune)
	}
	if f.ProductID != "" {
		q.among(`seats x WHERE x.product_id = $1`, f.ProductID)
	}
	if f.Role != "" {
		q.role(f.Role)
	}
	if err := q.state(f); err != nil {
		return nil, err
	}
	users, err := db.directory(ctx, q, f)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	return users, nil
}

// directoryQuery is a choice of users of the account $1 after the address $2.
type directoryQuery struct {
	where []string
	args  []any
	sets  []userSet
}

// userSet is a set of users that an index gives, and that may be small.
type userSet struct {
	from string // table x with a condition, its arguments from $1
	args []any
}

// and adds a condition on the user u, with its arguments from $1.
func (q *directoryQuery) and(condition string, args ...any) {
	q.where = append(q.where, shift(condition, len(q.args)))
	q.args = append(q.args, args...)
}

// among wants the user in a set.
func (q *directoryQuery) among(from string, args ...any) {
	q.sets = append(q.sets, userSet{from, args})
}

// role looks into the list of roles as it is stored: their names are few, and
// none is part of another with its quotes.
func (q *directoryQuery) role(role string) {
	if role != RoleMember {
		q.where = append(q.where, `u.roles <> '["member"]'`) // of the index users_with_roles
	}
	q.and(`u.roles LIKE $1`, `%"`+role+`"%`)
}

func (q *directoryQuery) state(f UserFilter) error {
	enrolled := enrolled(f.AccountID)
	switch f.State {
	case "":
		return nil
	case StateDisabled:
		q.where = append(q.where, `u.disabled_at IS NOT NULL`)
		return nil
	case StateEnrolled:
		q.sets = append(q.sets, enrolled)
	case StateToEnrol:
		q.and(`NOT `+enrolled.has(), enrolled.args...)
	case StateCovered, StateNotCovered:
	default:
		return fmt.Errorf("users: state %q: use one of %v", f.State, UserStates())
	}
	q.where = append(q.where, `u.disabled_at IS NULL`)
	covered, everyone := f.Policy.holders()
	switch {
	case everyone && f.State == StateNotCovered:
		q.where = append(q.where, `FALSE`)
	case everyone:
	case f.State == StateNotCovered:
		q.and(`NOT `+covered.has(), covered.args...)
	default:
		q.sets = append(q.sets, covered)
	}
	return nil
}

// enrolled are the users of an account with a second factor that works.
func enrolled(accountID string) userSet {
	return userSet{`authenticators x WHERE x.account_id = $1 AND x.kind IN ` + secondFactors + ` AND x.state = '` + stateActive + `'`, []any{accountID}}
}

// holders are the users with a seat of a product that a policy names; it covers
// everyone if it names none.
func (p Policy) holders() (set userSet, everyone bool) {
	for _, id := range p.Products {
		set.args = append(set.args, id)
	}
	set.from = `seats x WHERE x.product_id IN (` + marks(0, len(set.args)) + `)`
	return set, len(p.Products) == 0
}

// has is the condition that the user u is in the set.
func (s userSet) has() string { return `EXISTS (SELECT 1 FROM ` + s.from + ` AND x.user_id = u.id)` }

// smallSet is up to how many rows a set is gone through as a whole, instead of
// going through the account's users by address and looking each up in the set.
const smallSet = 2000

// directory runs a query. The smallest set, if it is small, is where it begins:
// the embedded database does not know by itself which one that is.
func (db *DB) directory(ctx context.Context, q directoryQuery, f UserFilter) ([]UserRow, error) {
	begin, least := -1, int64(smallSet)
	for i, s := range q.sets {
		n, err := one(ctx, db.reader, scanInt, `SELECT count(*) FROM (SELECT 1 FROM `+s.from+` LIMIT `+strconv.Itoa(smallSet)+`) few`, s.args...)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, nil
		}
		if n < least {
			begin, least = i, n
		}
	}
	from := `users u`
	for i, s := range q.sets {
		if i != begin {
			q.and(s.has(), s.args...)
			continue
		}
		// SQLite keeps the order of a CROSS JOIN.
		from = `(SELECT DISTINCT x.user_id FROM ` + shift(s.from, len(q.args)) + `) d CROSS JOIN users u`
		q.args = append(q.args, s.args...)
		q.where = append(q.where, `u.id = d.user_id`)
	}
	text := `SELECT ` + userRowColumns + ` FROM ` + from + ` ` + userRowJoins + ` WHERE u.account_id = $1 AND u.email > $2`
	for _, condition := range q.where {
		text += ` AND ` + condition
	}
	q.args = append(q.args, f.Limit)
	return many(ctx, db.reader, f.Policy.scanUserRow, text+` ORDER BY u.email LIMIT $`+strconv.Itoa(len(q.args)), q.args...)
}

// Addresses returns the addresses of an account's users by their ids; those of
// other accounts, and who is gone, are left out.
func (db *DB) Addresses(ctx context.Context, accountID string, ids []string) (map[string]string, error) {
	type entry struct{ id, email string }
	list, err := manyOf(ctx, db.reader, func(r row) (e entry, err error) { return e, r.Scan(&e.id, &e.email) }, ids,
		`SELECT id, email FROM users WHERE account_id = $1 AND id IN ({keys})`, accountID)
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	found := make(map[string]string, len(list))
	for _, e := range list {
		found[e.id] = e.email
	}
	return found, nil
}
