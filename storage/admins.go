package storage

import (
	"context"
	"fmt"
	"slices"
)

// maxAdminsTold is how many of an account's admins are told of something by mail.
const maxAdminsTold = 20

// Told are those admins who are told of something by mail, without some of them.
func Told(admins []User, without ...string) []User {
	told := slices.DeleteFunc(slices.Clone(admins), func(u User) bool { return slices.Contains(without, u.ID) })
	return told[:min(len(told), maxAdminsTold)]
}

// Admins lists the active administrators of an account by name.
func (db *DB) Admins(ctx context.Context, accountID string) ([]User, error) {
	return admins(ctx, db.reader, accountID)
}

func admins(ctx context.Context, q queryer, accountID string) ([]User, error) {
	some, err := many(ctx, q, scanUser, `SELECT `+userColumns+` FROM users u
		WHERE u.account_id = $1 AND u.roles <> '["`+RoleMember+`"]' AND u.disabled_at IS NULL ORDER BY u.name, u.id`, accountID)
	if err != nil {
		return nil, fmt.Errorf("admins: %w", err)
	}
	var admins []User
	for _, u := range some {
		if u.administers() {
			admins = append(admins, u)
		}
	}
	return admins, nil
}
