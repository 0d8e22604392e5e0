package storage

import (
	"context"
	"fmt"
)

// Inviter is who sent an invitation, as everything is now: a user or a client of
// the account, or whoever signed up. Without any it is the operator.
type Inviter struct {
	User   *User
	Client *Client
	Self   *Self
}

// Self is who asked for an invitation to an account himself; see [DB.SignUp].
type Self struct {
	Account Account
	Email   string // canonical
}

// MayInvite tells whether somebody may invite to roles now.
type MayInvite func(by Inviter, roles []string) bool

// stands fails with ErrNotFound for an invitation whose sender may no longer
// invite, or give its roles: one who lost the role, a service that lost its
// scope, or whoever is gone.
func stands(ctx context.Context, q queryer, i Invitation, account Account, may MayInvite) error {
	var by Inviter
	var err error
	switch i.inviter.Kind {
	case self:
		by.Self = &Self{Account: account, Email: i.Email}
	case "user":
		var u User
		u, err = one(ctx, q, scanUser, `SELECT `+userColumns+` FROM users u WHERE u.id = $1 AND u.account_id = $2`, i.inviter.ID, i.AccountID)
		by.User = &u
	case "client":
		var c Client
		c, err = client(ctx, q, i.inviter.ID)
		if err == nil && c.AccountID != i.AccountID {
			err = ErrNotFound
		}
		by.Client = &c
	}
	if err == nil && !may(by, i.Roles) {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("whoever sent the invitation: %w", err)
	}
	return nil
}
