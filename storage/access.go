package storage

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"stile/audit"
)

// mailGrantReused tells a user that a client's code or refresh token came a
// second time. The worker that sends it adds what every message has.
const mailGrantReused = "grant-reused"

// AccessView is a live access token with all that decides about its grant.
type AccessView struct {
	GrantView
	Scope     string // of the token, within the grant's
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// GrantByAccess finds the grant of an access token by its hash, in one
// statement. It fails with ErrNotFound if there is none, if its time is over, or
// if the grant, or the session that it hangs on, has ended. What the person's
// policy says now is for the caller to judge.
func (db *DB) GrantByAccess(ctx context.Context, hash string) (AccessView, error) {
	v, err := one(ctx, db.reader, func(r row) (v AccessView, err error) {
		v.GrantView, err = db.scanGrantView(r, &v.Scope, atTime(&v.IssuedAt), atTime(&v.ExpiresAt))
		return v, err
	}, `SELECT `+grantViewColumns+`, w.scope, w.issued_at, w.expires_at FROM access_tokens w JOIN grants g ON g.id = w.grant_id `+grantViewJoins+`
	WHERE w.hash = $2 AND w.expires_at > $1`, micros(db.now()), hash)
	if err == nil && !v.holds() {
		err = ErrNotFound
	}
	if err != nil {
		return AccessView{}, fmt.Errorf("access token: %w", err)
	}
	return v, nil
}

// Grant finds a grant that gave tokens, by its id, in one statement. It fails
// with ErrNotFound if there is none, or if it or the session that it hangs on
// has ended or its time is over.
func (db *DB) Grant(ctx context.Context, id string) (GrantView, error) {
	v, err := db.grantView(ctx, `g.id = $2`, id)
	if err == nil && (!v.holds() || v.over(db.now())) {
		err = ErrNotFound
	}
	if err != nil {
		return GrantView{}, fmt.Errorf("grant: %w", err)
	}
	return v, nil
}

// holds tells whether neither the grant has ended nor a session that it needs.
func (v GrantView) holds() bool {
	return v.Grant.EndedAt == nil && (v.Grant.Offline || v.SessionLive)
}

// over tells whether one of the grant's own limits has passed.
func (v GrantView) over(now time.Time) bool {
	return v.Grant.Code.UsedAt == nil || !v.Grant.IdleAt.After(now) || !v.Grant.ExpiresAt.After(now)
}

// accessToken is the row of an access token.
func accessToken(grantID, hash, scope string, now, until time.Time) insert {
	return insert{
		table:   "access_tokens",
		columns: "hash, grant_id, scope, issued_at, expires_at",
		values:  []any{hash, grantID, scope, micros(now), micros(until)},
	}
}

// unchanged adds to a write on grants that all that a decision was made from is
// still as it was read, and that the session is live if the grant needs one.
func (w *guarded) unchanged(v GrantView, session bool, now time.Time) {
	and := func(condition string, args ...any) {
		w.text += shift(" AND "+condition, len(w.args))
		w.args = append(w.args, args...)
	}
	p := v.Person
	and(`EXISTS (SELECT 1 FROM users u JOIN accounts a ON a.id = u.account_id JOIN policies p ON p.account_id = u.account_id
		JOIN clients c ON c.id = grants.client_id
		WHERE u.id = grants.user_id AND u.epoch = $1 AND u.disabled_at IS NULL AND a.suspended_at IS NULL
		AND p.version = $2 AND c.version = $3 AND c.disabled_at IS NULL AND u.enhanced = $4 AND `+seatsColumn+` = $5)`,
		p.User.Epoch, p.Policy.Version, v.Client.Version, p.User.Enhanced, p.seats)
	and(`COALESCE((SELECT k.scope FROM consents k WHERE k.user_id = grants.user_id AND k.client_id = grants.client_id), '') = $1`, v.Consent)
	if session {
		and(`EXISTS (SELECT 1 FROM sessions s WHERE s.id = grants.session_id AND s.user_id = grants.user_id
			AND s.ended_at IS NULL AND s.expires_at > $1)`, micros(now))
	}
}

// of completes an event that is about the grant.
func (v GrantView) of(e audit.Event) audit.Event {
	g := v.Grant
	e = v.Person.User.About(e)
	e.Actor = v.Person.User.Through(e.Actor)
	e.SessionID, e.GrantID, e.ClientID = g.SessionID, g.ID, g.ClientID
	return e
}

func (v GrantView) reuseMail(now time.Time) Mail {
	u, a := v.Person.User, v.Person.Account
	return Mail{
		Kind: mailGrantReused,
		To:   u.Email,
		Also: u.AlsoTold(now),
		Lang: cmp.Or(u.Language, a.Language),
		Data: map[string]string{
			"client":  cmp.Or(v.Client.Metadata.Name, v.Client.ID),
			"account": a.Name,
			"at":      now.Format(time.RFC3339),
			"zone":    cmp.Or(u.TimeZone, a.TimeZone),
		},
	}
}

// grantView reads a grant with everything that decides about it. where has its
// argument as $2.
func (db *DB) grantView(ctx context.Context, where, arg string) (GrantView, error) {
	return one(ctx, db.reader, func(r row) (GrantView, error) { return db.scanGrantView(r) },
		`SELECT `+grantViewColumns+` FROM grants g `+grantViewJoins+` WHERE `+where, micros(db.now()), arg)
}

const (
	// grantViewColumns needs the time as $1.
	grantViewColumns = `g.id, g.account_id, g.client_id, g.user_id, g.session_id, g.request_id, g.scope, g.claims, g.nonce, g.evidence, g.acr, g.offline, g.trusted_id,
	g.code_redirect_uri, g.code_challenge, g.code_expires_at, g.code_used_at, g.generation, g.rotated_at, g.idle_at, g.expires_at,
	g.ended_at, g.ended_reason, g.created_at, ` + clientColumns + `,
	s.id IS NOT NULL AND s.ended_at IS NULL AND s.expires_at > $1, COALESCE(k.scope, ''), ` + trustedColumns + `, ` + personColumns

	// grantViewJoins follows the tables that the grant is found by: PostgreSQL
	// puts no more than eight tables in another order than the one written.
	grantViewJoins = `JOIN clients c ON c.id = g.client_id JOIN users u ON u.id = g.user_id ` + personJoins + `
	LEFT JOIN sessions s ON s.id = g.session_id AND s.user_id = g.user_id
	LEFT JOIN consents k ON k.user_id = g.user_id AND k.client_id = g.client_id` + trustedJoin + `g.trusted_id`
)

func (db *DB) scanGrantView(r row, more ...any) (v GrantView, err error) {
	g := &v.Grant
	var p personRow
	var trusted TrustedBrowser
	dest := []any{
		&g.ID, &g.AccountID, &g.ClientID, &g.UserID, &g.SessionID, &g.RequestID, &g.Scope, &g.Claims, &g.Nonce, fromJSON(&g.Evidence), &g.ACR, &g.Offline, &g.TrustedID,
		&g.Code.RedirectURI, &g.Code.Challenge, atTime(&g.Code.ExpiresAt), atNullTime(&g.Code.UsedAt), &g.Generation, atTime(&g.RotatedAt), atTime(&g.IdleAt),
		atTime(&g.ExpiresAt), atNullTime(&g.EndedAt), &g.EndedReason, atTime(&g.CreatedAt),
	}
	dest = append(append(append(dest, clientDest(&v.Client)...), &v.SessionLive, &v.Consent), trusted.dest()...)
	if err := r.Scan(append(append(dest, p.dest()...), more...)...); err != nil {
		return v, err
	}
	v.Person, err = p.person(db)
	trusted.in(&v.Person)
	return v, err
}
