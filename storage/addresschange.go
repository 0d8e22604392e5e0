package storage

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"stile/audit"
)

// A user's address opens the way to a new password, so another one counts only
// once its mailbox was shown to be his: a message there has a link, whose hash
// waits beside the address. What ends the user's sessions voids it.

// formerKept is how long notices go to an address that a user had before, and
// how long a new address alone replaces no authenticator.
const formerKept = 7 * day

// maxMoves is how often a user may change the address in that time: who was
// there first must be heard, so none of them is forgotten for a newer one.
const maxMoves = 5

// FormerAddress is an address that a user had.
type FormerAddress struct {
	Email string    `json:"email"`
	Left  time.Time `json:"left"`
}

// AddressSettles is until when the user's address is too new to replace an
// authenticator by itself; zero: it isn't.
func (u User) AddressSettles(now time.Time) time.Time {
	if at := u.EmailChangedAt; at != nil && at.Add(formerKept).After(now) {
		return at.Add(formerKept)
	}
	return time.Time{}
}

// Moved is the user with another address, as it is stored from now on.
func (u User) Moved(email string, now time.Time) User {
	former := []FormerAddress{{Email: u.Email, Left: now}}
	for _, f := range u.FormerEmails {
		if f.Left.Add(formerKept).After(now) && f.Email != email && f.Email != u.Email {
			former = append(former, f)
		}
	}
	u.Email, u.FormerEmails, u.EmailVerifiedAt, u.EmailChangedAt = email, former, nil, &now
	return u
}

// AlsoTold lists the addresses beside the present one to which notices about the
// user go: those that were the user's within seven days.
func (u User) AlsoTold(now time.Time) []string {
	var list []string
	for _, f := range u.FormerEmails {
		if f.Left.Add(formerKept).After(now) {
			list = append(list, f.Email)
		}
	}
	return list
}

// former is how the former addresses are stored.
func (u User) former() any {
	if len(u.FormerEmails) == 0 {
		return nil
	}
	return asJSON(u.FormerEmails)
}

// AddressChange is another address that a user asks for.
type AddressChange struct {
	Own       Own
	Email     string // canonical
	Hash      string // of the link that its mailbox gets
	ExpiresAt time.Time
	Event     audit.Event
	Mails     []Mail
}

// AskAddress stores the address that a user asks for, with the messages about
// it; an earlier one no longer counts. Whether somebody has it plays no part. It
// fails with ErrConflict for somebody who is not as he was let in, and with
// [ErrTooMany] after five changes in a week.
func (db *DB) AskAddress(ctx context.Context, c AddressChange) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.lockOwn(ctx, tx, c.Own)
		if err != nil {
			return err
		}
		if len(u.AlsoTold(db.now())) >= maxMoves {
			return ErrTooMany
		}
		err = insert{
			table: "address_changes", columns: "user_id, hash, email, epoch, created_at, expires_at",
			values: []any{u.ID, c.Hash, c.Email, u.Epoch, micros(db.now()), micros(c.ExpiresAt)},
			suffix: `ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, email = excluded.email, epoch = excluded.epoch,
				created_at = excluded.created_at, expires_at = excluded.expires_at, used_at = NULL`,
		}.add(ctx, tx)
		if err != nil {
			return err
		}
		return db.tell(ctx, tx, c.Event, c.Mails)
	})
	return about("address", err)
}

// PendingAddress is an address that waits for its mailbox.
type PendingAddress struct {
	UserID, Email string
	ExpiresAt     time.Time
	usedAt        *time.Time
	stale         bool // the user has changed since
}

const pendingAddress = `SELECT c.user_id, c.email, c.expires_at, c.used_at, u.epoch <> c.epoch FROM address_changes c
	JOIN users u ON u.id = c.user_id`

func scanPending(r row) (p PendingAddress, err error) {
	return p, r.Scan(&p.UserID, &p.Email, atTime(&p.ExpiresAt), atNullTime(&p.usedAt), &p.stale)
}

// AddressAsked returns the address that a user waits for. It fails with
// ErrNotFound if there is none, or no longer.
func (db *DB) AddressAsked(ctx context.Context, userID string) (PendingAddress, error) {
	p, err := one(ctx, db.reader, scanPending, pendingAddress+` WHERE c.user_id = $1 AND u.epoch = c.epoch AND c.used_at IS NULL AND c.expires_at > $2`, userID, micros(db.now()))
	return p, about("address", err)
}

// AddressByLink returns the address that a link is about. It fails with ErrSpent
// or ErrExpired for a link that was used or is too old, and with ErrNotFound for
// one that never was, was followed by a newer one, or whose user has changed since.
func (db *DB) AddressByLink(ctx context.Context, hash string) (PendingAddress, error) {
	p, err := db.addressByLink(ctx, db.reader, hash)
	return p, about("address", err)
}

func (db *DB) addressByLink(ctx context.Context, q queryer, hash string) (PendingAddress, error) {
	p, err := one(ctx, q, scanPending, pendingAddress+` WHERE c.hash = $1`, hash)
	switch {
	case err != nil:
	case p.usedAt != nil: // this is what changed the user
		err = ErrSpent
	case !p.ExpiresAt.After(db.now()):
		err = ErrExpired
	case p.stale:
		err = ErrNotFound
	}
	return p, err
}

// AddressConfirmation is what a link of an [AddressChange] allows, in a session
// of its user.
type AddressConfirmation struct {
	Own  Own
	Hash string
	// OldBrowser has the session, which goes on under NewBrowser.
	OldBrowser, NewBrowser string
	Event                  audit.Event
	Mails                  []Mail
}

// ConfirmAddress spends a link and gives its user the address. It is verified
// by that. All other sessions, trusted browsers, grants and sign-ins under way end, and what
// was sent to the address before. It fails as [DB.AddressByLink] does, also for
// another user's link; with ErrExists if somebody has the address; and with
// ErrConflict for somebody who is not as he was let in.
func (db *DB) ConfirmAddress(ctx context.Context, c AddressConfirmation) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		p, err := db.addressByLink(ctx, tx, c.Hash)
		if err == nil && p.UserID != c.Own.UserID {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		u, err := db.lockOwn(ctx, tx, c.Own)
		if err != nil {
			return err
		}
		now := db.now()
		if err := mustChange(run(ctx, tx, `UPDATE address_changes SET used_at = $2 WHERE hash = $1 AND user_id = $3 AND epoch = $4
			AND used_at IS NULL AND expires_at > $2`, c.Hash, micros(now), u.ID, u.Epoch)); err != nil {
			return err
		}
		moved := u.Moved(p.Email, now)
		moved.EmailVerifiedAt = &now
		moved.Epoch++
		if err := db.saveUser(ctx, tx, u, moved); err != nil {
			return err
		}
		if err := moveBrowser(ctx, tx, c.OldBrowser, c.NewBrowser); err != nil {
			return err
		}
		n, err := endUser(ctx, tx, u.ID, c.NewBrowser, "address_changed", micros(now))
		if err != nil {
			return err
		}
		return db.tell(ctx, tx, n.in(c.Event), c.Mails)
	})
	return about("address", err)
}

// forgetFormer removes the former addresses whose time is over.
func (db *DB) forgetFormer(ctx context.Context) error {
	for {
		var n int64
		err := db.retry(func() (err error) {
			n, err = run(ctx, db.writer, `UPDATE users SET former_emails = NULL WHERE id IN (SELECT id FROM users
				WHERE former_emails IS NOT NULL AND email_changed_at <= $1 LIMIT $2)`, micros(db.now().Add(-formerKept)), janitorBatch)
			return err
		})
		if err != nil {
			return fmt.Errorf("removing former addresses: %w", err)
		}
		if n < janitorBatch {
			return nil
		}
	}
}

// copies are a message and what goes to the user's former addresses of it.
func (m Mail) copies() []Mail {
	list := []Mail{m}
	for _, to := range m.Also {
		if to == m.To || to == "" || slices.ContainsFunc(list, func(c Mail) bool { return c.To == to }) {
			continue
		}
		c := m
		c.ID, c.To, c.Also, c.NotMe = "", to, nil, nil // the same link: it works once
		list = append(list, c)
	}
	return list
}
