package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stile/audit"
)

// A grant is judged at each use by what is true then: the view brings the
// person, the account's policy, the client and the session in one statement, the
// caller's pure function decides, and one guarded write takes effect only if all
// of that is still as it was read. What the function refuses is refused; storage
// itself refuses only what is spent, expired or over.

// rereads bounds how often a grant is read again because it changed under a decision.
const rereads = 3

// Issue is an authorization code to be handed out.
type Issue struct {
	// Grant with everything that the request and the session decide. Storage
	// sets its id and CreatedAt. Evidence and ACR are the session's, never more.
	Grant    Grant
	CodeHash string // see [seal.HashToken]
	// What was read for the decision: it must still be so.
	Epoch, PolicyVersion, ClientVersion int64
	Touch                               bool        // the user was there: the session's idle time begins anew
	Event                               audit.Event // gets the grant's id
}

// IssueCode stores a grant and its code, in one statement, and returns the
// grant's id. The row of the session is what it queues at: a session that ends
// takes the grant along, or prevents it. The user's row is held as well, because
// a session may outlive what ends the user's grants, such as another
// authenticator that was set up in it. It fails with ErrConflict if session,
// user, policy or client are no longer as they were read, and with ErrSpent if
// the request got its code before.
func (db *DB) IssueCode(ctx context.Context, i Issue) (string, error) {
	now := db.now()
	g := i.Grant
	g.ID = randomID()
	i.Event.GrantID = g.ID
	won, err := db.guard(ctx, guarded{
		text: `UPDATE sessions SET seen_at = CASE WHEN $1 AND seen_at <= $2 THEN $3 ELSE seen_at END
			WHERE id = $4 AND user_id = $5 AND ended_at IS NULL AND expires_at > $3
			AND EXISTS (SELECT 1 FROM users u JOIN accounts a ON a.id = u.account_id JOIN policies p ON p.account_id = u.account_id
				WHERE u.id = sessions.user_id AND u.account_id = $6 AND u.epoch = $7 AND p.version = $8 AND u.disabled_at IS NULL AND a.suspended_at IS NULL {hold u})
			AND EXISTS (SELECT 1 FROM clients c WHERE c.id = $9 AND c.version = $10 AND c.disabled_at IS NULL)`,
		args: []any{
			i.Touch, micros(now.Add(-touchEvery)), micros(now), g.SessionID, g.UserID,
			g.AccountID, i.Epoch, i.PolicyVersion, g.ClientID, i.ClientVersion,
		},
		riders: []rider{
			ride(insert{
				table: "grants",
				columns: `id, account_id, client_id, user_id, session_id, request_id, scope, claims, nonce, evidence, acr, offline, trusted_id,
					code_hash, code_redirect_uri, code_challenge, code_expires_at, generation, rotated_at, idle_at, expires_at, ended_reason, created_at`,
				values: []any{
					g.ID, g.AccountID, g.ClientID, g.UserID, g.SessionID, g.RequestID, g.Scope, g.Claims, g.Nonce, asJSON(g.Evidence), g.ACR, g.Offline, g.TrustedID,
					i.CodeHash, g.Code.RedirectURI, g.Code.Challenge, micros(g.Code.ExpiresAt), 0, micros(now), micros(g.Code.ExpiresAt), micros(g.Code.ExpiresAt), "", micros(now),
				},
			}),
			ride(db.event(i.Event)),
		},
	})
	switch {
	case err != nil && db.dialect.exists(err):
		err = ErrSpent
	case err == nil && !won:
		err = ErrConflict
	}
	if err != nil {
		return "", fmt.Errorf("code: %w", err)
	}
	return g.ID, nil
}

// Redemption is what a code is exchanged for.
type Redemption struct {
	AccessHash  string
	AccessScope string
	AccessUntil time.Time
	// Refresh makes the first refresh token, generation 1. It ends at IdleAt if
	// it isn't used, and the grant at ExpiresAt. Without it, the grant ends with
	// the access token.
	Refresh           bool
	IdleAt, ExpiresAt time.Time
	// Event is that of the exchange. With a refusal it may be a TokenRefused that
	// says why.
	Event audit.Event
}

// RedeemCode exchanges an authorization code, once. It reads everything, lets
// decide judge, and writes once. decide is pure and may run again; the code is
// spent even if it refuses, and its error is returned. A code that is used a
// second time ends the grant and all that it gave, writes to the user, and fails
// with ErrSpent. A code whose time is over fails with ErrExpired, one of a
// session that has ended with ErrEnded, an unknown one with ErrNotFound.
func (db *DB) RedeemCode(ctx context.Context, codeHash string, decide func(GrantView) (Redemption, error)) (GrantView, error) {
	for range rereads {
		v, err := db.grantView(ctx, `g.code_hash = $2`, codeHash)
		if err != nil {
			return GrantView{}, fmt.Errorf("code: %w", err)
		}
		won, err := db.redeem(ctx, &v, decide)
		if err != nil {
			return GrantView{}, fmt.Errorf("code: %w", err)
		}
		if won {
			return v, nil
		}
	}
	return GrantView{}, fmt.Errorf("code: %w", ErrConflict)
}

// redeem tries once. Neither won nor an error: read again.
func (db *DB) redeem(ctx context.Context, v *GrantView, decide func(GrantView) (Redemption, error)) (won bool, err error) {
	now := db.now()
	g := &v.Grant
	if g.Code.UsedAt != nil {
		return false, db.endReused(ctx, *v, "code_reused")
	}
	var r Redemption
	switch {
	case g.EndedAt != nil:
		err = ErrEnded
	case !g.Code.ExpiresAt.After(now):
		err = ErrExpired
	case !v.SessionLive:
		err = ErrEnded
	default:
		r, err = decide(*v)
	}
	if err != nil {
		return db.refuseCode(ctx, *v, r.Event, err)
	}
	next := *g
	next.Code.UsedAt = &now
	next.RotatedAt, next.IdleAt, next.ExpiresAt = now, r.AccessUntil, r.AccessUntil
	if r.Refresh {
		next.Generation, next.IdleAt, next.ExpiresAt = 1, r.IdleAt, r.ExpiresAt
	}
	write := guarded{
		text: `UPDATE grants SET code_used_at = $1, generation = $2, rotated_at = $1, idle_at = $3, expires_at = $4
			WHERE id = $5 AND code_used_at IS NULL AND ended_at IS NULL AND code_expires_at > $1`,
		args:   []any{micros(now), next.Generation, micros(next.IdleAt), micros(next.ExpiresAt), g.ID},
		riders: []rider{ride(accessToken(g.ID, r.AccessHash, r.AccessScope, now, r.AccessUntil)), ride(db.event(v.of(r.Event)))},
	}
	write.unchanged(*v, true, now)
	if won, err = db.guard(ctx, write); won {
		*g = next
	}
	return won, err
}

// refuseCode spends a code that gives nothing, and returns why it does not.
func (db *DB) refuseCode(ctx context.Context, v GrantView, e audit.Event, why error) (bool, error) {
	now := micros(db.now())
	if e.Kind != audit.TokenRefused {
		e = audit.Event{Kind: audit.TokenRefused, Actor: e.Actor, Reason: refusedReason(why)}
	}
	e.Outcome = audit.Refused
	won, err := db.guard(ctx, guarded{
		text: `UPDATE grants SET code_used_at = $1, ended_at = COALESCE(ended_at, $1),
			ended_reason = CASE WHEN ended_at IS NULL THEN 'code_refused' ELSE ended_reason END WHERE id = $2 AND code_used_at IS NULL`,
		args:   []any{now, v.Grant.ID},
		riders: []rider{ride(db.event(v.of(e)))},
	})
	if err == nil && won {
		err = why
	}
	return false, err
}

// refusedReason is the reason of a refusal that is not decide's.
func refusedReason(why error) string {
	switch {
	case errors.Is(why, ErrExpired):
		return "code_expired"
	case errors.Is(why, ErrEnded):
		return "session_ended"
	}
	return "code_refused"
}

// endReused ends a grant because what works once was used again, tells the
// user, and returns ErrSpent. A grant that has ended already stays as it is.
func (db *DB) endReused(ctx context.Context, v GrantView, reason string) error {
	now := db.now()
	mail, err := db.enqueue(v.reuseMail(now))
	if err != nil {
		return err
	}
	if _, err := db.endGrant(ctx, v.Grant.ID, reason, ride(mail),
		ride(db.event(v.of(audit.Event{Kind: audit.GrantEnded, Outcome: audit.Refused, Actor: audit.System, Reason: reason})))); err != nil {
		return err
	}
	return ErrSpent
}

// EndGrant ends a grant: its refresh and access tokens work no more. One that
// has ended or never was is left as it is.
func (db *DB) EndGrant(ctx context.Context, grantID, reason string, by audit.Actor) error {
	v, err := db.grantView(ctx, `g.id = $2`, grantID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil {
		_, err = db.endGrant(ctx, grantID, reason, ride(db.event(v.of(audit.Event{Kind: audit.GrantEnded, Actor: by, Reason: reason}))))
	}
	if err != nil {
		return fmt.Errorf("grant: %w", err)
	}
	return nil
}

func (db *DB) endGrant(ctx context.Context, grantID, reason string, riders ...rider) (bool, error) {
	return db.guard(ctx, guarded{
		text:   `UPDATE grants SET ended_at = $1, ended_reason = $2 WHERE id = $3 AND ended_at IS NULL`,
		args:   []any{micros(db.now()), reason, grantID},
		riders: riders,
	})
}
