package storage

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// ClientPerson is somebody who uses a client: with a grant by which it can get
// tokens now, or with a consent.
type ClientPerson struct {
	User      User       // the password is left out
	SignedIn  *time.Time // when the oldest of the grants was given; nil without one
	UsedAt    *time.Time // when tokens were last given; nil without a grant
	Scope     string     // what the user has allowed; empty without a consent
	AllowedAt *time.Time // when; nil without a consent
}

// liveGrants are the grants x by which the client $1 can get tokens of the users of
// the account $2 now, $3.
const liveGrants = `grants x WHERE x.client_id = $1 AND x.account_id = $2 AND x.ended_at IS NULL AND x.code_used_at IS NOT NULL AND x.expires_at > $3`

// ClientPeople lists the users of an account who use a client by address, those
// after an address, at most limit.
func (db *DB) ClientPeople(ctx context.Context, accountID, clientID, after string, limit int) ([]ClientPerson, error) {
	args := []any{clientID, accountID, micros(db.now())}
	uses := `SELECT x.user_id FROM ` + liveGrants + ` UNION SELECT x.user_id FROM consents x WHERE x.client_id = $1`
	few := ` ORDER BY x.user_id LIMIT ` + strconv.Itoa(smallSet) + `) few)`
	n, err := one(ctx, db.reader, scanInt, `SELECT (SELECT count(*) FROM (SELECT 1 FROM `+liveGrants+few+` +
		(SELECT count(*) FROM (SELECT 1 FROM consents x WHERE x.client_id = $1`+few, args...)
	if err != nil {
		return nil, fmt.Errorf("people of client %q: %w", clientID, err)
	}
	// Few are looked up one by one; of many, each page is near the one before.
	// SQLite keeps the order of a CROSS JOIN, and EXISTS would let PostgreSQL read
	// all grants and consents.
	from, condition := `(`+uses+`) d CROSS JOIN users u`, `u.id = d.user_id`
	if n >= smallSet {
		from = `users u`
		condition = `((SELECT x.id FROM ` + liveGrants + ` AND x.user_id = u.id LIMIT 1) IS NOT NULL OR c.user_id IS NOT NULL)`
	}
	list, err := many(ctx, db.reader, func(r row) (p ClientPerson, err error) {
		err = r.Scan(append(userDest(&p.User), atNullTime(&p.SignedIn), atNullTime(&p.UsedAt), &p.Scope, atNullTime(&p.AllowedAt))...)
		p.User.Password = ""
		return p, err
	}, `SELECT `+userColumns+`, (SELECT min(x.created_at) FROM `+liveGrants+` AND x.user_id = u.id), (SELECT max(x.rotated_at) FROM `+liveGrants+` AND x.user_id = u.id),
		COALESCE(c.scope, ''), c.granted_at
		FROM `+from+` LEFT JOIN consents c ON c.user_id = u.id AND c.client_id = $1
		WHERE u.account_id = $2 AND u.email > $4 AND `+condition+` ORDER BY u.email LIMIT $5`, append(args, after, limit)...)
	if err != nil {
		return nil, fmt.Errorf("people of client %q: %w", clientID, err)
	}
	return list, nil
}
