package storage

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"stile/audit"
	"stile/authn"
)

// A session is one signed-in user of one browser, which is named by the hash of
// its cookie. The cookie gets a new value whenever more is proven and whenever
// another of the browser's users is chosen, and takes every live session of the
// browser along; the session's id stays, because grants and the sid of tokens
// hang on it. So one value of the cookie never stands for two users one after
// the other: a form that one of them was shown does nothing to the other.

const (
	// maxSessions bounds the live sessions of one user: the oldest ends.
	maxSessions = 50
	// touchEvery is how often a session's last use is written at most.
	touchEvery = time.Minute
)

// Completion ends a sign-in in a session.
type Completion struct {
	SignIn   SignIn // as read
	Evidence authn.Evidence
	// SessionID is the live session of the same user that the browser has, as
	// [DB.OpenSignIn] returned it: it goes on with the new evidence. Empty: a new one.
	SessionID string
	// OldBrowser is the hash of the cookie that the browser has, empty for none,
	// NewBrowser of the one that it gets.
	OldBrowser, NewBrowser string
	ExpiresAt              time.Time // absolute limit
	// Enhance turns on two-step verification by the user's own wish, and tells so.
	Enhance bool
	// Trust makes the browser a trusted one; nil for not. TrustedID is the trusted
	// browser that it is already, empty for none.
	Trust              *NewTrust
	TrustedID          string
	Network, UserAgent string
	Mails              []Mail
	Event              audit.Event // gets the session's id
}

// CompleteSignIn ends a sign-in, once, in a session of the user, which becomes
// the browser's present one. The old cookie is void from then on: its other live
// sessions belong to the new one. Of more than 50 sessions of the user the
// oldest end. It fails with ErrConflict if the sign-in, the user or the session
// is not as it was read, and if the sign-in was completed before.
func (db *DB) CompleteSignIn(ctx context.Context, c Completion) (Session, error) {
	if c.NewBrowser == "" || c.NewBrowser == c.OldBrowser {
		return Session{}, errors.New("session: the browser needs a new cookie")
	}
	now := db.now()
	s := Session{
		ID: c.SessionID, Browser: c.NewBrowser, AccountID: c.SignIn.AccountID, UserID: c.SignIn.UserID, Evidence: c.Evidence,
		Network: c.Network, UserAgent: c.UserAgent, CreatedAt: now, ChosenAt: now, SeenAt: now, ExpiresAt: c.ExpiresAt,
	}
	mails, err := db.enqueueAll(c.Mails)
	if err != nil {
		return Session{}, err
	}
	if s.TrustedID = c.TrustedID; c.Trust != nil {
		s.TrustedID = randomID()
	}
	var put rider
	if s.ID == "" {
		s.ID = randomID()
		put = ride(insert{
			table:   "sessions",
			columns: "id, browser, account_id, user_id, evidence, network, user_agent, trusted_id, created_at, chosen_at, seen_at, expires_at, ended_reason",
			values: []any{
				s.ID, s.Browser, s.AccountID, s.UserID, asJSON(s.Evidence), s.Network, s.UserAgent, s.TrustedID,
				micros(now), micros(now), micros(now), micros(s.ExpiresAt), "",
			},
		})
	} else {
		put = mustRun(`UPDATE sessions SET browser = $1, evidence = $2, network = $3, user_agent = $4, chosen_at = $5, seen_at = $5, expires_at = $6, trusted_id = $10
			WHERE id = $7 AND browser = $8 AND user_id = $9 AND ended_at IS NULL AND expires_at > $5 AND {guard}`,
			s.Browser, asJSON(s.Evidence), s.Network, s.UserAgent, micros(now), micros(s.ExpiresAt), s.ID, c.OldBrowser, s.UserID, s.TrustedID)
	}
	c.Event.SessionID = s.ID
	riders := []rider{
		// Its secrets have served.
		mustRun(`UPDATE sign_ins SET completed_at = $1, version = version + 1, secrets = ''
			WHERE id = $2 AND binding = $3 AND user_id = $4 AND epoch = $5 AND version = $6 AND completed_at IS NULL AND expires_at > $1 AND {guard}`,
			micros(now), c.SignIn.Key.ID, c.SignIn.Key.Binding, s.UserID, c.SignIn.Epoch, c.SignIn.Version),
		put,
	}
	riders = append(riders, moveSessions(c, s, now)...)
	riders = append(riders, trimSessions(c, s, now))
	riders = append(append(riders, mails...), ride(db.event(c.Event)))
	if c.Evidence.Level() >= authn.LevelMFA {
		// Its owner has the second factor: nobody waits for another device.
		riders = append(riders, alsoRun(`DELETE FROM device_waits WHERE user_id = $1 AND cancelled_at IS NULL AND {guard}`, s.UserID))
	}
	if c.Enhance {
		riders = append(riders, ride(db.event(enhancedEvent(User{ID: s.UserID, AccountID: s.AccountID}, true, c.Event.Actor))))
	}
	write := guarded{
		text: `UPDATE users SET signed_in_at = $1, enhanced = enhanced OR $5, factor_proven_at = CASE WHEN $6 THEN $1 ELSE factor_proven_at END
			WHERE id = $2 AND account_id = $3 AND epoch = $4 AND disabled_at IS NULL
			AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = users.account_id AND a.suspended_at IS NULL)`,
		args:   []any{micros(now), s.UserID, s.AccountID, c.SignIn.Epoch, c.Enhance, c.Evidence.Level() >= authn.LevelMFA},
		riders: riders,
	}
	if c.Trust != nil {
		if err := db.trust(&write, c, s.TrustedID, now); err != nil {
			return Session{}, err
		}
	}
	won, err := db.guard(ctx, write)
	if err == nil && !won {
		err = ErrConflict
	}
	if err != nil {
		return Session{}, fmt.Errorf("session: %w", err)
	}
	return s, nil
}

// moveSessions gives the browser's sessions of other users the new cookie. One
// of the same user that this sign-in did not go on with is left behind: it ends.
func moveSessions(c Completion, s Session, now time.Time) []rider {
	if c.OldBrowser == "" {
		return nil
	}
	return []rider{
		alsoRun(`UPDATE sessions SET browser = $1, chosen_at = 0 WHERE browser = $2 AND user_id <> $3 AND ended_at IS NULL AND {guard}`,
			c.NewBrowser, c.OldBrowser, s.UserID),
		alsoRun(`UPDATE sessions SET ended_at = $1, ended_reason = 'replaced'
			WHERE browser = $2 AND user_id = $3 AND id <> $4 AND ended_at IS NULL AND {guard}`,
			micros(now), c.OldBrowser, s.UserID, s.ID),
	}
}

// trimSessions ends the user's sessions beyond the newest. Their grants end with
// them, see [GrantView.SessionLive].
func trimSessions(c Completion, s Session, now time.Time) rider {
	return alsoRun(`UPDATE sessions SET ended_at = $1, ended_reason = 'too_many' WHERE id IN (SELECT x.id FROM sessions x
		WHERE x.user_id = $2 AND x.id <> $3 AND x.browser <> $4 AND x.ended_at IS NULL
		ORDER BY x.seen_at DESC, x.id DESC LIMIT 1000 OFFSET `+strconv.Itoa(maxSessions-1)+`) AND {guard}`,
		micros(now), s.UserID, s.ID, c.OldBrowser)
}

// Session returns the browser's present session with everything that decides
// about its user, and the scope that the user has granted the client. It is one
// statement. It fails with ErrNotFound if there is none, if it has ended, or if
// its absolute limit has passed: another user's session of the same browser never
// steps in. The idle limit is the policy's, and for the caller to apply.
func (db *DB) Session(ctx context.Context, browser, clientID string) (SessionView, error) {
	v, err := one(ctx, db.reader, db.scanSessionView, `SELECT `+sessionViewColumns+` WHERE s.id = (`+presentSession("y.id", "$1")+`)`, browser, clientID)
	if err == nil && !v.Session.ExpiresAt.After(db.now()) {
		err = ErrNotFound
	}
	if err != nil {
		return SessionView{}, fmt.Errorf("session: %w", err)
	}
	return v, nil
}

// BrowserSessions returns all live sessions of a browser, one for each user,
// the present one first.
func (db *DB) BrowserSessions(ctx context.Context, browser string) ([]SessionView, error) {
	all, err := many(ctx, db.reader, db.scanSessionView, `SELECT `+sessionViewColumns+`
		WHERE s.browser = $1 AND s.ended_at IS NULL AND s.expires_at > $3 ORDER BY s.chosen_at DESC, s.seen_at DESC, s.id DESC`, browser, "", micros(db.now()))
	if err != nil {
		return nil, fmt.Errorf("sessions: %w", err)
	}
	return all, nil
}

// ChooseSession makes a live session of the browser its present one. The browser
// gets a new cookie. It fails with ErrConflict if the session is not the browser's
// (any more).
func (db *DB) ChooseSession(ctx context.Context, oldBrowser, newBrowser, sessionID string) error {
	now := micros(db.now())
	err := db.write(ctx, func(tx *sql.Tx) error {
		if err := moveBrowser(ctx, tx, oldBrowser, newBrowser); err != nil {
			return err
		}
		if _, err := run(ctx, tx, `UPDATE sessions SET chosen_at = 0 WHERE browser = $1 AND chosen_at > 0`, newBrowser); err != nil {
			return err
		}
		return mustChange(run(ctx, tx, `UPDATE sessions SET chosen_at = $3, seen_at = $3 WHERE browser = $1 AND id = $2 AND expires_at > $3`,
			newBrowser, sessionID, now))
	})
	return about("session", err)
}

// moveBrowser gives a browser a new cookie: its live sessions go on under that. It
// fails with ErrConflict if it has none under the old one.
func moveBrowser(ctx context.Context, tx *sql.Tx, oldBrowser, newBrowser string) error {
	if newBrowser == "" || newBrowser == oldBrowser {
		return errors.New("session: the browser needs a new cookie")
	}
	return mustChange(run(ctx, tx, `UPDATE sessions SET browser = $1 WHERE browser = $2 AND ended_at IS NULL`, newBrowser, oldBrowser))
}

// TouchSession notes that the session's user was there, at most once a minute.
func (db *DB) TouchSession(ctx context.Context, sessionID string) error {
	now := db.now()
	err := db.touch(ctx, `UPDATE sessions SET seen_at = $2 WHERE id = $1 AND ended_at IS NULL AND seen_at <= $3`,
		sessionID, micros(now), micros(now.Add(-touchEvery)))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

func (db *DB) touch(ctx context.Context, text string, args ...any) error {
	err := db.retry(func() error {
		n, err := run(ctx, db.writer, text, args...)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

// EndSessions signs everybody out of a browser: its sessions end, and their
// grants but for those with offline access. Each session has its line in the
// audit log. Where there is none, nothing happens.
func (db *DB) EndSessions(ctx context.Context, browser, reason string, by audit.Actor) error {
	return db.endSessions(ctx, `browser = $1`, browser, reason, by)
}

// EndSession is [DB.EndSessions] for one session.
func (db *DB) EndSession(ctx context.Context, sessionID, reason string, by audit.Actor) error {
	return db.endSessions(ctx, `id = $1`, sessionID, reason, by)
}

func (db *DB) endSessions(ctx context.Context, where, arg, reason string, by audit.Actor) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		now := micros(db.now())
		type signedIn struct {
			id   string
			user User
		}
		sessions, err := many(ctx, tx, func(r row) (s signedIn, err error) {
			return s, r.Scan(&s.id, &s.user.AccountID, &s.user.ID, &s.user.AuditKey)
		}, `UPDATE sessions SET ended_at = $2, ended_reason = $3 WHERE `+where+` AND ended_at IS NULL RETURNING id, account_id, user_id,
			COALESCE((SELECT u.audit_key FROM users u WHERE u.id = sessions.user_id), '')`, arg, now, reason)
		if err != nil {
			return err
		}
		for _, s := range sessions {
			n, err := run(ctx, tx, `UPDATE grants SET ended_at = $1, ended_reason = $2 WHERE session_id = $3 AND NOT offline AND ended_at IS NULL`,
				now, reason, s.id)
			if err != nil {
				return err
			}
			event := ended{grants: n}.in(s.user.About(audit.Event{Kind: audit.SessionEnded, Actor: by, SessionID: s.id, Reason: reason}))
			if err := db.event(event).add(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	return nil
}

// ended counts what ended in one act.
type ended struct{ sessions, grants, trusted int64 }

// in adds the counts to an event's detail.
func (n ended) in(e audit.Event) audit.Event {
	e.Detail = maps.Clone(e.Detail)
	for name, count := range map[string]int64{"sessions_ended": n.sessions, "grants_ended": n.grants, "trusted_browsers_ended": n.trusted} {
		if count > 0 {
			if e.Detail == nil {
				e.Detail = map[string]string{}
			}
			e.Detail[name] = strconv.FormatInt(count, 10)
		}
	}
	return e
}

// endUser ends all grants and trusted browsers of a user, and the sessions but
// for those of one browser (empty: all). Within the transaction the user's row was changed first.
func endUser(ctx context.Context, tx *sql.Tx, userID, except, reason string, now int64) (n ended, err error) {
	return endUserBut(ctx, tx, userID, except, "", reason, now)
}

// endUserBut is endUser, which lets the grants of one session live (empty: none).
func endUserBut(ctx context.Context, tx *sql.Tx, userID, except, session, reason string, now int64) (n ended, err error) {
	n.sessions, err = run(ctx, tx, `UPDATE sessions SET ended_at = $1, ended_reason = $2
		WHERE user_id = $3 AND browser <> $4 AND ended_at IS NULL`, now, reason, userID, except)
	if err != nil {
		return n, err
	}
	n.grants, err = run(ctx, tx, `UPDATE grants SET ended_at = $1, ended_reason = $2 WHERE user_id = $3 AND ended_at IS NULL
		AND session_id <> $4`, now, reason, userID, cmp.Or(session, "none"))
	if err != nil {
		return n, err
	}
	n.trusted, err = run(ctx, tx, `UPDATE trusted_browsers SET ended_at = $1, ended_reason = $2
		WHERE user_id = $3 AND ended_at IS NULL AND expires_at > $1`, now, reason, userID)
	return n, err
}

// presentSession selects a column, with the alias y, of the session of the user
// that a browser is in the hands of. The others of the browser wait to be chosen:
// none of them takes the place of one that ended.
func presentSession(column, browser string) string {
	return `SELECT ` + column + ` FROM sessions y WHERE y.browser = ` + browser + ` AND y.ended_at IS NULL AND y.chosen_at > 0`
}

const (
	sessionColumns = `COALESCE(s.id, ''), COALESCE(s.browser, ''), COALESCE(s.account_id, ''), COALESCE(s.user_id, ''), s.evidence,
	COALESCE(s.network, ''), COALESCE(s.user_agent, ''), COALESCE(s.trusted_id, ''), COALESCE(s.created_at, 0), COALESCE(s.chosen_at, 0), COALESCE(s.seen_at, 0),
	COALESCE(s.expires_at, 0), s.ended_at, COALESCE(s.ended_reason, '')`

	// sessionViewColumns needs the client's id as $2.
	sessionViewColumns = sessionColumns + `, ` + personColumns + `, COALESCE(k.scope, ''), ` + trustedColumns + `
	FROM sessions s JOIN users u ON u.id = s.user_id ` + personJoins + `
	LEFT JOIN consents k ON k.user_id = s.user_id AND k.client_id = $2` + trustedJoin + `s.trusted_id`
)

func sessionDest(s *Session) []any {
	return []any{
		&s.ID, &s.Browser, &s.AccountID, &s.UserID, fromJSON(&s.Evidence), &s.Network, &s.UserAgent, &s.TrustedID,
		atTime(&s.CreatedAt), atTime(&s.ChosenAt), atTime(&s.SeenAt), atTime(&s.ExpiresAt), atNullTime(&s.EndedAt), &s.EndedReason,
	}
}

func (db *DB) scanSessionView(r row) (v SessionView, err error) {
	var p personRow
	var trusted TrustedBrowser
	dest := append(append(sessionDest(&v.Session), p.dest()...), &v.Consent)
	if err := r.Scan(append(dest, trusted.dest()...)...); err != nil {
		return v, err
	}
	v.Person, err = p.person(db)
	trusted.in(&v.Person)
	return v, err
}
