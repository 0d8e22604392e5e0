package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"stile/address"
)

// users makes administrators first, so that one can take over from another.
func (a *applier) users(ctx context.Context, account Account, want []DesiredUser, products map[string]string) error {
	admin := func(u DesiredUser) int {
		if slices.Contains(u.Roles, RoleAdmin) && (u.Disabled == nil || !*u.Disabled) {
			return 0
		}
		return 1
	}
	named := map[string]bool{}
	for _, w := range slices.SortedStableFunc(slices.Values(want), func(x, y DesiredUser) int { return admin(x) - admin(y) }) {
		id, err := a.user(ctx, account, w)
		if err == nil && w.Seats != nil {
			err = a.seats(ctx, account, id, w, products)
		}
		if err != nil {
			return aboutRecord(KindUser, w.Email, err)
		}
		named[id] = true
	}
	if !prunes(a, KindUser, want) {
		return nil
	}
	all, err := many(ctx, a.tx, scanUser, `SELECT `+userColumns+` FROM users u WHERE u.account_id = $1 ORDER BY u.email`, account.ID)
	if err != nil {
		return err
	}
	for _, u := range all {
		if named[u.ID] {
			continue
		}
		was, err := a.db.deleteUser(ctx, a.tx, u.ID, a.by)
		if err == nil {
			err = a.judge(was, User{})
		}
		if err != nil {
			return aboutRecord(KindUser, u.Email, err)
		}
		a.changed(KindUser, account.Name+" / "+u.Email, deleted, nil, nil)
	}
	return nil
}

// begin gets ready to tell people of an account what becomes of roles.
func (a *applier) begin(ctx context.Context, account Account) error {
	a.told, a.mails = nil, nil
	if a.tell == nil {
		return nil
	}
	before, err := admins(ctx, a.tx, account.ID)
	if err == nil {
		a.told = a.tell(account, before)
		a.told.Begin()
	}
	return err
}

func (a *applier) judge(before, after User) error {
	if a.told == nil {
		return nil
	}
	mails, err := a.told.Judge(before, after)
	a.mails = append(a.mails, mails...)
	return err
}

func (a *applier) end(ctx context.Context) error {
	if a.told == nil {
		return nil
	}
	return a.db.send(ctx, a.tx, append(a.mails, a.told.End()...))
}

func (a *applier) user(ctx context.Context, account Account, w DesiredUser) (id string, err error) {
	email, err := address.Canonical(w.Email)
	if err != nil {
		return "", err
	}
	name := account.Name + " / " + email
	change := func(u *User) error {
		u.Name, u.Language, u.TimeZone = cmp.Or(w.Name, u.Name, email), cmp.Or(w.Language, u.Language), cmp.Or(w.TimeZone, u.TimeZone)
		if w.Roles != nil {
			u.Roles = w.Roles
		}
		switch now := a.db.now(); {
		case w.Disabled == nil, *w.Disabled == (u.DisabledAt != nil):
		case *w.Disabled:
			u.DisabledAt = &now
		default:
			u.DisabledAt = nil
		}
		return nil
	}
	old, err := one(ctx, a.tx, scanUser, `SELECT `+userColumns+` FROM users u WHERE u.email = $1`, email)
	if errors.Is(err, ErrNotFound) {
		u := User{AccountID: account.ID, Email: email, Password: w.PasswordHash}
		_ = change(&u)
		if u, err = a.db.createUser(ctx, a.tx, u, a.by); err == nil {
			err = a.judge(User{}, u)
		}
		if err == nil {
			a.changed(KindUser, name, created, nil, nil)
		}
		return u.ID, err
	}
	if err != nil {
		return "", err
	}
	if old.AccountID != account.ID {
		return "", fmt.Errorf("in another account: %w", ErrExists)
	}
	u, err := a.db.updateUser(ctx, a.tx, old.ID, change, a.by)
	if err == nil {
		err = a.judge(old, u)
	}
	if err == nil {
		a.changed(KindUser, name, updated, userFields(old), userFields(u))
	}
	return old.ID, err
}

func (a *applier) seats(ctx context.Context, account Account, userID string, w DesiredUser, products map[string]string) error {
	want, err := idsOf(products, w.Seats)
	if err != nil {
		return err
	}
	have, err := many(ctx, a.tx, scanText, `SELECT product_id FROM seats WHERE user_id = $1`, userID)
	if err != nil {
		return err
	}
	for _, product := range slices.Sorted(maps.Keys(products)) {
		id := products[product]
		name := account.Name + " / " + w.Email + " / " + product
		switch wanted, held := slices.Contains(want, id), slices.Contains(have, id); {
		case wanted && !held:
			if err := a.db.giveSeat(ctx, a.tx, userID, id, a.by); err != nil {
				return err
			}
			a.changed(KindSeat, name, created, nil, nil)
		case held && !wanted:
			if err := a.db.takeSeat(ctx, a.tx, userID, id, a.by); err != nil {
				return err
			}
			a.changed(KindSeat, name, deleted, nil, nil)
		}
	}
	return nil
}

// clients makes those of an account, or of the whole installation.
func (a *applier) clients(ctx context.Context, account Account, want []DesiredClient) error {
	prefix := ""
	if account.ID != "" {
		prefix = account.Name + " / "
	}
	named := map[string]bool{}
	for _, w := range want {
		if err := a.client(ctx, account, prefix, w); err != nil {
			return aboutRecord(KindClient, w.ID, err)
		}
		named[w.ID] = true
	}
	if !prunes(a, KindClient, want) {
		return nil
	}
	all, err := many(ctx, a.tx, scanClient, `SELECT `+clientColumns+` FROM clients c WHERE COALESCE(c.account_id, '') = $1 ORDER BY c.id`, account.ID)
	if err != nil {
		return err
	}
	for _, c := range all {
		if named[c.ID] {
			continue
		}
		if err := a.db.deleteClient(ctx, a.tx, c.ID, nil, a.by); err != nil {
			return err
		}
		a.changed(KindClient, prefix+c.ID, deleted, nil, nil)
	}
	return nil
}

func (a *applier) client(ctx context.Context, account Account, prefix string, w DesiredClient) error {
	change := func(c *Client) error {
		c.Metadata = w.Metadata
		if w.ThirdParty != nil {
			c.ThirdParty = *w.ThirdParty
		}
		if w.Disabled != nil {
			c.Disabled = *w.Disabled
		}
		c.SecretHash = cmp.Or(w.SecretHash, c.SecretHash)
		if c.Metadata.Filled().Public() {
			c.SecretHash = ""
		}
		return nil
	}
	old, err := client(ctx, a.tx, w.ID)
	if errors.Is(err, ErrNotFound) {
		c := Client{ID: w.ID, AccountID: account.ID}
		_ = change(&c)
		if _, err := a.db.createClient(ctx, a.tx, c, a.by); err != nil {
			return err
		}
		a.changed(KindClient, prefix+w.ID, created, nil, nil)
		return nil
	}
	if err != nil {
		return err
	}
	if old.AccountID != account.ID {
		return fmt.Errorf("of another account, or of none: %w", ErrExists)
	}
	c, err := a.db.updateClient(ctx, a.tx, w.ID, change, a.by)
	if err != nil {
		return err
	}
	was, is := clientFields(old), clientFields(c)
	if c.SecretHash != old.SecretHash {
		was["secret"], is["secret"] = "one", "another"
	}
	a.changed(KindClient, prefix+w.ID, updated, was, is)
	return nil
}
