package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"stile/audit"
)

// self is the kind of the actor who signs up: nobody is known yet.
const self = ""

// signUpPace is the count of what an account sends to people who sign up. It is
// apart from that of invitations: strangers hold no admin's up.
const signUpPace = "sign_ups_sent|"

// SignUp is [DB.Invite] for somebody who asks for it himself. An open invitation
// by somebody else who may still invite keeps its sender, and all that it gives,
// and has the new link: no stranger takes anything from it. Bounds for the address
// are the caller's; it fails with [LimitedError] while too many of the account's
// messages wait, and with [ErrNotFound] if the account is suspended.
func (db *DB) SignUp(ctx context.Context, i InvitationToSend, may MayInvite, by audit.Actor) error {
	by.Kind, by.ID = self, ""
	return db.write(ctx, func(tx *sql.Tx) error {
		account, err := db.lockAccount(ctx, tx, i.AccountID)
		if err == nil {
			err = account.admits()
		}
		if err == nil {
			err = i.check(account.ID, nil)
		}
		if err != nil {
			return err
		}
		open, err := one(ctx, tx, scanInvitation, `SELECT `+invitationColumns+` FROM invitations
			WHERE account_id = $1 AND email = $2 AND inviter_kind <> $3 AND expires_at > $4`, i.AccountID, i.Email, self, micros(db.now()))
		if err == nil {
			err = stands(ctx, tx, open, account, may)
		}
		switch {
		case err == nil:
			i.Invitation, i.Mail = open, i.Mail.until(open.ExpiresAt)
		case !errors.Is(err, ErrNotFound):
			return fmt.Errorf("invitation: %w", err)
		}
		_, err = db.invite(ctx, tx, []InvitationToSend{i}, by)
		return err
	})
}
