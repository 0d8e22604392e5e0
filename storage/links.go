package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A link is what a message lets its reader do once: the hash of a random value
// that only the message has. What it is for is part of its key, so that a link
// of one kind is never taken for another.

// invitationLink is the purpose of links that make a user.
const invitationLink = "invitation"

// link is a row of links.
type link struct {
	Hash            string
	Purpose         string
	AccountID       string
	InvitationID    string // empty for links about something else, and once it is used
	UserID          string // empty for links about something else
	AuthenticatorID string // empty for links about something else
	RecipientID     string // who may use it, if not whom it is about
	ExpiresAt       time.Time
	UsedAt          *time.Time
}

func (db *DB) linkRow(l link) insert {
	none := func(id string) any {
		if id == "" {
			return nil
		}
		return id
	}
	return insert{
		table: "links", columns: "hash, purpose, account_id, invitation_id, user_id, authenticator_id, recipient_id, created_at, expires_at",
		values: []any{
			l.Hash, l.Purpose, l.AccountID, none(l.InvitationID), none(l.UserID), none(l.AuthenticatorID), none(l.RecipientID),
			micros(db.now()), micros(l.ExpiresAt),
		},
	}
}

// findLink reads a link. With ErrSpent or ErrExpired, which say that it does not
// work, it comes along.
func (db *DB) findLink(ctx context.Context, q queryer, purpose, hash string) (link, error) {
	l, err := one(ctx, q, func(r row) (l link, err error) {
		return l, r.Scan(&l.Hash, &l.Purpose, &l.AccountID, &l.InvitationID, &l.UserID, &l.AuthenticatorID, &l.RecipientID, atTime(&l.ExpiresAt), atNullTime(&l.UsedAt))
	}, `SELECT hash, purpose, account_id, COALESCE(invitation_id, ''), COALESCE(user_id, ''), COALESCE(authenticator_id, ''), COALESCE(recipient_id, ''), expires_at, used_at
		FROM links WHERE hash = $1 AND purpose = $2`, hash, purpose)
	switch {
	case err != nil:
	case l.UsedAt != nil:
		err = ErrSpent
	case !l.ExpiresAt.After(db.now()):
		err = ErrExpired
	}
	if err != nil {
		return l, fmt.Errorf("link: %w", err)
	}
	return l, nil
}

// spendLink uses a link. Of all who try, one gets no error: the condition of the
// statement decides, whatever was read before.
func (db *DB) spendLink(ctx context.Context, q queryer, l link) error {
	now := micros(db.now())
	err := mustChange(run(ctx, q, `UPDATE links SET used_at = $3, invitation_id = NULL
		WHERE hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3`, l.Hash, l.Purpose, now))
	if !errors.Is(err, ErrConflict) {
		return err
	}
	if _, err = db.findLink(ctx, q, l.Purpose, l.Hash); err == nil {
		err = fmt.Errorf("link: %w", ErrConflict)
	}
	return err
}
