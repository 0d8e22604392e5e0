package storage

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"stile/audit"
)

// NotMePath is the path of our own that the link of a notice leads to, with the
// token in its query.
const NotMePath = "/not-me"

// notMeLink is the purpose of links that take back what a message told of.
const notMeLink = "not_me"

// notMeLife is how long such a link works.
const notMeLife = 7 * 24 * time.Hour

// NotMe is the link in a message with which its reader says that it was somebody
// else. It is stored with the message.
type NotMe struct {
	LinkHash          string
	AccountID, UserID string // whom it is about, whoever reads it
	// AuthenticatorID is what was registered then; empty for other acts.
	AuthenticatorID string
	// AdminID is the admin of the account who is told; empty where the message goes
	// to the one whom it is about.
	AdminID string
}

func (db *DB) notMeRow(n NotMe) insert {
	return db.linkRow(link{
		Hash: n.LinkHash, Purpose: notMeLink, AccountID: n.AccountID, UserID: n.UserID, AuthenticatorID: n.AuthenticatorID,
		RecipientID: n.AdminID,
		ExpiresAt:   db.now().Add(notMeLife),
	})
}

// NotMeByLink returns whom a link is about, and whether it was sent to an admin. It
// fails with ErrNotFound, ErrSpent
// or ErrExpired; with ErrNotFound also where it was sent to an admin who is none
// any more.
func (db *DB) NotMeByLink(ctx context.Context, linkHash string) (about Person, toAdmin bool, err error) {
	l, admin, err := db.findNotMe(ctx, db.reader, linkHash)
	if err != nil {
		return Person{}, false, err
	}
	about, err = db.PersonByID(ctx, l.UserID)
	return about, admin != nil, err
}

// findNotMe reads a link and the admin who has it; nil where it was sent to the
// one whom it is about. What somebody was told as an admin is of no use later.
func (db *DB) findNotMe(ctx context.Context, q queryer, linkHash string) (link, *User, error) {
	l, err := db.findLink(ctx, q, notMeLink, linkHash)
	if err != nil || l.RecipientID == "" {
		return l, nil, err
	}
	admin, err := one(ctx, q, scanUser, `SELECT `+userColumns+` FROM users u WHERE u.id = $1 AND u.account_id = $2`, l.RecipientID, l.AccountID)
	if err == nil && !admin.administers() {
		err = fmt.Errorf("link: %w", ErrNotFound)
	}
	return l, &admin, err
}

// SayNotMe takes back what a message told of, once: all sessions, grants and
// sign-ins under way of the user end, and an authenticator that was registered
// then takes no more codes, nor does what was registered since, recovery codes
// among it: whoever connected one can replace it. A wait for another device is stopped. It fails as
// [DB.NotMeByLink] does.
func (db *DB) SayNotMe(ctx context.Context, linkHash string, by audit.Actor, mails ...Mail) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		l, admin, err := db.findNotMe(ctx, tx, linkHash)
		if err != nil {
			return err
		}
		if admin != nil {
			by = admin.Acting(by)
		}
		u, err := db.lockUser(ctx, tx, l.UserID)
		if err != nil {
			return err
		}
		if err := db.spendLink(ctx, tx, l); err != nil {
			return err
		}
		now, reason := micros(db.now()), "told"
		if _, err := run(ctx, tx, `UPDATE users SET epoch = epoch + 1 WHERE id = $1`, u.ID); err != nil {
			return err
		}
		// A passkey that was never wanted is of no use to anybody: it goes, and so do
		// the recovery codes that were made with it or later. An app stays, so that
		// what takes its place still has to be more than a first one, but forgets its
		// key: no new password makes it take codes again. What was registered later
		// may have been by the same stranger, with what this gave, and goes too,
		// unless somebody has reset it all meanwhile.
		suspended, err := run(ctx, tx, `UPDATE authenticators SET state = CASE kind WHEN '`+kindTOTP+`' THEN '`+stateSuspended+`' ELSE '`+stateRemoved+`' END,
			ended_at = CASE kind WHEN '`+kindTOTP+`' THEN ended_at ELSE CAST($3 AS BIGINT) END, data = ''
			WHERE user_id = $2 AND state IN ('`+stateActive+`', '`+stateSuspended+`') AND created_at >= (SELECT x.created_at FROM authenticators x
				WHERE x.id = $1 AND x.user_id = $2 AND x.state IN ('`+stateActive+`', '`+stateSuspended+`', '`+stateReplaced+`'))`, l.AuthenticatorID, u.ID, now)
		if err == nil {
			_, err = run(ctx, tx, `DELETE FROM passkeys WHERE user_id = $1 AND authenticator_id IN (SELECT x.id FROM authenticators x
				WHERE x.user_id = $1 AND x.state = '`+stateRemoved+`')`, u.ID)
		}
		if err == nil && suspended > 0 {
			err = holdPlace(ctx, tx, u, now)
		}
		if err != nil {
			return err
		}
		stopped, err := stopWait(ctx, tx, u, db.now())
		switch {
		case err != nil:
			return err
		case suspended > 0:
			reason = "authenticator_suspended"
		case stopped:
			reason = "wait_stopped"
		}
		n, err := endUser(ctx, tx, u.ID, "", "not_me", now)
		if err != nil {
			return err
		}
		return db.tell(ctx, tx, n.in(userEvent(audit.NotMeSaid, u, reason, "", by)), mails)
	})
	return about("notice", err)
}

// holdPlace gives a user who is left without any second factor an app that takes
// no codes: what comes next takes the place of one, and has to be more than a
// first one, whatever it was that was denied.
func holdPlace(ctx context.Context, tx *sql.Tx, u User, now int64) error {
	_, err := run(ctx, tx, `INSERT INTO authenticators (id, account_id, user_id, kind, state, data, last_step, created_at)
		SELECT $1, u.account_id, u.id, '`+kindTOTP+`', '`+stateSuspended+`', '', 0, $3 FROM users u
		WHERE u.id = $2 AND NOT EXISTS (SELECT 1 FROM authenticators x WHERE x.user_id = u.id AND x.kind IN `+secondFactors+`
			AND x.state IN ('`+stateActive+`', '`+stateSuspended+`'))`, randomID(), u.ID, now)
	return err
}
