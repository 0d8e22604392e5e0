package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"stile/audit"
)

// LinkPurpose is what a link is for that was asked for with an address. It is
// part of the link's key, so that one of a kind is never taken for another.
type LinkPurpose string

// The purposes.
const (
	ResetLink  LinkPurpose = "password-reset" // choose a new password
	UnlockLink LinkPurpose = "unlock"         // sign in in this browser, after too many wrong passwords
)

// AddressLink is a link that was asked for with an address. That of an address
// which is nobody's has a row and a message like all others; the message has no
// address, so it is dropped.
type AddressLink struct {
	Purpose   LinkPurpose
	Address   string // keyed hash of the canonical address
	Hash      string
	UserID    string // empty for nobody's
	Epoch     int64  // the user's as it was read
	ExpiresAt time.Time
	Mail      Mail
	Event     audit.Event
}

// SendLink stores a link with the message that brings it. An earlier one for the
// same purpose and address no longer works.
func (db *DB) SendLink(ctx context.Context, l AddressLink) error {
	var user any
	if l.UserID != "" {
		user = l.UserID
	}
	link := insert{
		table: "address_links", columns: "purpose, address, hash, user_id, epoch, created_at, expires_at",
		values: []any{string(l.Purpose), l.Address, l.Hash, user, l.Epoch, micros(db.now()), micros(l.ExpiresAt)},
		suffix: `ON CONFLICT (purpose, address) DO UPDATE SET hash = excluded.hash, user_id = excluded.user_id, epoch = excluded.epoch,
			created_at = excluded.created_at, expires_at = excluded.expires_at, used_at = NULL`,
	}
	return db.write(ctx, func(tx *sql.Tx) error {
		if err := link.add(ctx, tx); err != nil {
			return fmt.Errorf("link: %w", err)
		}
		return db.tell(ctx, tx, l.Event, []Mail{l.Mail})
	})
}

// LinkOwner returns whose link this is. It writes nothing. It fails with
// [ErrSpent] or [ErrExpired] for one that was used or is too old, and with
// [ErrNotFound] for one that never was, was followed by a newer one, or whose
// user has changed since or may not sign in.
func (db *DB) LinkOwner(ctx context.Context, purpose LinkPurpose, hash string) (Person, error) {
	userID, epoch, err := db.addressLink(ctx, db.reader, purpose, hash)
	if err != nil {
		return Person{}, err
	}
	p, err := db.PersonByID(ctx, userID)
	if err == nil && (p.User.Epoch != epoch || !p.Active()) {
		err = fmt.Errorf("link: %w", ErrNotFound)
	}
	if err != nil {
		return Person{}, err
	}
	return p, nil
}

// SpendLink uses a link that changes nothing about its user. It fails as
// LinkOwner does; of all who try, one gets no error.
func (db *DB) SpendLink(ctx context.Context, purpose LinkPurpose, hash string, by audit.Actor) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		u, err := db.spendAddressLink(ctx, tx, purpose, hash)
		if err != nil {
			return err
		}
		by = u.Acting(by)
		return db.tell(ctx, tx, userEvent(audit.LinkUsed, u, string(purpose), "", by), nil)
	})
}

func (db *DB) addressLink(ctx context.Context, q queryer, purpose LinkPurpose, hash string) (userID string, epoch int64, err error) {
	var ends time.Time
	var used *time.Time
	_, err = one(ctx, q, func(r row) (struct{}, error) {
		return struct{}{}, r.Scan(&userID, &epoch, atTime(&ends), atNullTime(&used))
	}, `SELECT COALESCE(user_id, ''), epoch, expires_at, used_at FROM address_links WHERE hash = $1 AND purpose = $2`, hash, string(purpose))
	switch {
	case err != nil:
	case used != nil:
		err = ErrSpent
	case !ends.After(db.now()):
		err = ErrExpired
	case userID == "": // its message went nowhere
		err = ErrNotFound
	}
	if err != nil {
		return "", 0, fmt.Errorf("link: %w", err)
	}
	return userID, epoch, nil
}

// spendAddressLink uses a link and returns its user, who is locked from then on:
// the condition of the statement decides, whatever was read before.
func (db *DB) spendAddressLink(ctx context.Context, tx *sql.Tx, purpose LinkPurpose, hash string) (User, error) {
	userID, epoch, err := db.addressLink(ctx, tx, purpose, hash)
	if err != nil {
		return User{}, err
	}
	u, err := db.lockUser(ctx, tx, userID)
	if err != nil {
		return User{}, err
	}
	now := micros(db.now())
	err = mustChange(run(ctx, tx, `UPDATE address_links SET used_at = $3 WHERE hash = $1 AND purpose = $2 AND user_id = $4
		AND used_at IS NULL AND expires_at > $3`, hash, string(purpose), now, u.ID))
	if errors.Is(err, ErrConflict) {
		if _, _, err = db.addressLink(ctx, tx, purpose, hash); err == nil {
			err = ErrConflict
		}
	}
	if err == nil && (u.DisabledAt != nil || u.Epoch != epoch) {
		err = fmt.Errorf("link: %w", ErrNotFound)
	}
	var account Account
	if err == nil {
		account, err = one(ctx, tx, scanAccount, `SELECT `+accountColumns+` FROM accounts a WHERE a.id = $1`, u.AccountID)
	}
	if err == nil {
		err = account.admits()
	}
	return u, err
}
