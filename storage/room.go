package storage

import (
	"context"
	"fmt"
)

// MaxPerAccount is how many products, device groups and clients an account has
// at most, of each. Pages, policies and seats list products and groups as a whole.
const MaxPerAccount = 500

// FullError says that an account has as many of a kind as it may have.
type FullError struct {
	Kind Kind // [KindProduct], [KindDeviceGroup] or [KindClient]
	Most int
}

func (e FullError) Error() string {
	return fmt.Sprintf("an account has at most %d %ss: remove one that is no longer needed first", e.Most, e.Kind)
}

// bounded are the tables of what an account has a bounded number of.
var bounded = map[Kind]string{KindProduct: "products", KindDeviceGroup: "device_groups", KindClient: "clients"}

// fits fails with [FullError] if an account has more of a kind than it may. It
// is asked after a record was made, by who holds the account's lock.
func fits(ctx context.Context, q queryer, accountID string, kind Kind) error {
	n, err := one(ctx, q, scanInt, `SELECT count(*) FROM `+bounded[kind]+` WHERE account_id = $1`, accountID)
	if err == nil && n > MaxPerAccount {
		err = FullError{kind, MaxPerAccount}
	}
	return err
}
