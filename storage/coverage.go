package storage

import (
	"context"
	"fmt"
	"time"
)

// Coverage says how many users a policy is for, and how they stand to it. Who is
// disabled is not counted.
type Coverage struct {
	Users    int // of the account
	Covered  int // of them
	Enrolled int // of the covered: with an authenticator app or a passkey
	ToEnrol  int // of the covered: without one
	SignedIn int // of the covered: with a session in use
}

// Coverage returns how many users of an account a policy covers, as if it were on.
func (db *DB) Coverage(ctx context.Context, accountID string, p Policy) (Coverage, error) {
	now := db.now()
	l := p.filled(db.defaults).Lifetimes
	users := `(SELECT count(*) FROM users u WHERE u.account_id = $1 AND u.disabled_at IS NULL`
	args := []any{accountID, micros(now), micros(now.Add(-max(l.TwoStepIdle, l.PasswordIdle)))}
	covered := users
	if set, everyone := p.holders(); !everyone {
		covered += ` AND ` + shift(set.has(), len(args))
		args = append(args, set.args...)
	}
	// For the sessions of each user: EXISTS would let PostgreSQL read all of them.
	c, err := one(ctx, db.reader, func(r row) (c Coverage, err error) {
		return c, r.Scan(&c.Users, &c.Covered, &c.Enrolled, &c.SignedIn)
	}, `SELECT `+users+`), `+covered+`),
		`+covered+` AND `+enrolled(accountID).has()+`),
		`+covered+` AND (SELECT s.id FROM sessions s WHERE s.user_id = u.id AND s.ended_at IS NULL AND s.expires_at > $2 AND s.seen_at > $3 LIMIT 1) IS NOT NULL)`, args...)
	if err != nil {
		return Coverage{}, fmt.Errorf("coverage: %w", err)
	}
	c.ToEnrol = c.Covered - c.Enrolled
	return c, nil
}

// SeatCounts returns how many active users hold a seat of each of an account's
// products, by the product's id. A product without any is left out.
func (db *DB) SeatCounts(ctx context.Context, accountID string) (map[string]int, error) {
	type held struct {
		product string
		users   int
	}
	list, err := many(ctx, db.reader, func(r row) (h held, err error) { return h, r.Scan(&h.product, &h.users) },
		`SELECT s.product_id, count(*) FROM products p JOIN seats s ON s.product_id = p.id JOIN users u ON u.id = s.user_id
		WHERE p.account_id = $1 AND u.disabled_at IS NULL GROUP BY s.product_id`, accountID)
	if err != nil {
		return nil, fmt.Errorf("seats: %w", err)
	}
	counts := make(map[string]int, len(list))
	for _, h := range list {
		counts[h.product] = h.users
	}
	return counts, nil
}

// AccountClients lists the clients that are bound to an account by id, those
// after an id, at most limit.
func (db *DB) AccountClients(ctx context.Context, accountID, after string, limit int) ([]Client, error) {
	return many(ctx, db.reader, scanClient, `SELECT `+clientColumns+` FROM clients c
		WHERE c.account_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3`, accountID, after, limit)
}

// ClientUsers returns how many users of an account have a grant by which a
// client can get tokens now, and when it last did; nil for never.
func (db *DB) ClientUsers(ctx context.Context, accountID, clientID string) (users int, lastUsed *time.Time, err error) {
	type use struct {
		users int
		last  *time.Time
	}
	u, err := one(ctx, db.reader, func(r row) (u use, err error) { return u, r.Scan(&u.users, atNullTime(&u.last)) },
		`SELECT count(DISTINCT x.user_id), max(x.rotated_at) FROM `+liveGrants, clientID, accountID, micros(db.now()))
	if err != nil {
		return 0, nil, fmt.Errorf("users of client %q: %w", clientID, err)
	}
	return u.users, u.last, nil
}
