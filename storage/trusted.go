package storage

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"stile/audit"
	"stile/authn"
)

// A trusted browser is a row that only the browser can find: by a token in its
// cookie. It says that its user gave a second factor there, and wants not to be
// asked again for a while. What that is worth is for package authn to say, each
// time anew. Whatever ends one raises the user's epoch or the policy's version,
// so that no decision made before outlives it.

// maxTrusted bounds the trusted browsers of one user: the oldest ends.
const maxTrusted = 20

// TrustedBrowser is a browser that its user trusts.
type TrustedBrowser struct {
	ID                 string
	Network, UserAgent string // where the second factor was given
	Since, Until       time.Time
}

// Trust is what decides about it.
func (b TrustedBrowser) Trust() authn.Trust {
	return authn.Trust{ID: b.ID, Since: b.Since, Until: b.Until}
}

// NewTrust is a browser that is trusted from the end of a sign-in on.
type NewTrust struct {
	Hash     string // see [seal.HashToken]
	Replaces string // hash of the token that the browser had before for this user; empty for none
	Until    time.Time
	// PolicyVersion is that of the policy that allows it: it must still be so.
	PolicyVersion int64
	Mails         []Mail
}

// noTrust is what an account says that wants no trusted browsers, whatever the
// installation's default is.
const noTrust = -1

// TrustDays is for how many days a browser may be trusted; 0 for not at all.
func (p Policy) TrustDays() int { return int(max(0, p.TrustFor) / day) }

// SetTrustDays sets them.
func (p *Policy) SetTrustDays(n int) {
	if p.TrustFor = time.Duration(n) * day; n == 0 {
		p.TrustFor = noTrust
	}
}

const (
	trustedColumns = `COALESCE(b.id, ''), COALESCE(b.network, ''), COALESCE(b.user_agent, ''), COALESCE(b.created_at, 0), COALESCE(b.expires_at, 0)`

	// trustedJoin brings the trusted browser b that a row names to the user u.
	trustedJoin = ` LEFT JOIN trusted_browsers b ON b.user_id = u.id AND b.ended_at IS NULL AND b.id = `
)

func (b *TrustedBrowser) dest() []any {
	return []any{&b.ID, &b.Network, &b.UserAgent, atTime(&b.Since), atTime(&b.Until)}
}

// in makes a person one who is in this browser.
func (b TrustedBrowser) in(p *Person) {
	if b.ID != "" {
		p.Trusted, p.Subject.Trusted = &b, b.Trust()
	}
}

// trust adds to the end of a sign-in that its browser is a trusted one from then
// on. The token that it had before is void. It is not done if the policy is no
// longer the one that allows it: it would outlive the change.
func (db *DB) trust(w *guarded, c Completion, id string, now time.Time) error {
	t, s := *c.Trust, c.SignIn
	mails, err := db.enqueueAll(t.Mails)
	if err != nil {
		return err
	}
	w.text += shift(` AND EXISTS (SELECT 1 FROM policies p WHERE p.account_id = users.account_id AND p.version = $1 {hold p})`, len(w.args))
	w.args = append(w.args, t.PolicyVersion)
	e := audit.Event{
		Kind: audit.BrowserTrusted, Actor: c.Event.Actor, AccountID: s.AccountID, SubjectID: s.UserID, SessionID: c.Event.SessionID,
		ClientID: c.Event.ClientID, Detail: map[string]string{"trusted_browser": id, "until": t.Until.UTC().Format(time.RFC3339)},
	}
	w.riders = append(append(w.riders, mails...), ride(db.event(e)),
		ride(insert{
			table:   "trusted_browsers",
			columns: "id, account_id, user_id, hash, network, user_agent, created_at, expires_at, ended_reason",
			values:  []any{id, s.AccountID, s.UserID, t.Hash, c.Network, c.UserAgent, micros(now), micros(t.Until), ""},
		}),
		alsoRun(`UPDATE trusted_browsers SET ended_at = $1, ended_reason = CASE hash WHEN $3 THEN 'renewed' ELSE 'too_many' END
			WHERE user_id = $2 AND ended_at IS NULL AND id <> $4 AND (hash = $3 OR id IN (SELECT x.id FROM trusted_browsers x
				WHERE x.user_id = $2 AND x.ended_at IS NULL AND x.hash <> $3 AND x.id <> $4
				ORDER BY x.created_at DESC, x.id DESC LIMIT 1000 OFFSET `+strconv.Itoa(maxTrusted-1)+`)) AND {guard}`,
			micros(now), s.UserID, t.Replaces, id))
	return nil
}

// OwnTrusted lists the trusted browsers of a user whose own time is not over,
// the newest first. What today's policy says is for the caller to apply.
func (db *DB) OwnTrusted(ctx context.Context, userID string) ([]TrustedBrowser, error) {
	list, err := many(ctx, db.reader, func(r row) (b TrustedBrowser, err error) { return b, r.Scan(b.dest()...) },
		`SELECT `+trustedColumns+` FROM trusted_browsers b WHERE b.user_id = $1 AND b.ended_at IS NULL AND b.expires_at > $2
		ORDER BY b.created_at DESC, b.id`, userID, micros(db.now()))
	return list, about("trusted browsers", err)
}

// ForgetTrusted ends a trusted browser of a user, all of them if id is empty,
// and the sign-ins under way. Sessions and grants that stand on it are asked for
// the second factor from then on. It fails with ErrNotFound if there is none, and
// with ErrConflict for somebody who is not as he was let in.
func (db *DB) ForgetTrusted(ctx context.Context, own Own, id string, e audit.Event) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.lockOwn(ctx, tx, own)
		if err != nil {
			return err
		}
		n, err := run(ctx, tx, `UPDATE trusted_browsers SET ended_at = $1, ended_reason = 'user'
			WHERE user_id = $2 AND ended_at IS NULL AND expires_at > $1 AND ($3 = '' OR id = $3)`, micros(db.now()), u.ID, id)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err == nil {
			_, err = run(ctx, tx, `UPDATE users SET epoch = epoch + 1 WHERE id = $1`, u.ID)
		}
		if err != nil {
			return err
		}
		return db.tell(ctx, tx, ended{trusted: n}.in(e), nil)
	})
	return about("trusted browser", err)
}

// shortenTrust lets the trusted browsers of an account end as its policy says
// now, where that is sooner: a longer time set later brings none back.
func shortenTrust(ctx context.Context, tx *sql.Tx, accountID string, before, after Policy) error {
	if max(0, after.TrustFor) >= max(0, before.TrustFor) {
		return nil
	}
	_, err := run(ctx, tx, `UPDATE trusted_browsers SET expires_at = created_at + $2
		WHERE account_id = $1 AND ended_at IS NULL AND expires_at > created_at + $2`, accountID, max(0, after.TrustFor).Microseconds())
	return err
}
