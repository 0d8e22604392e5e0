package storage

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"stile/audit"
	"stile/device"
)

// applier is one run of Apply, in its transaction.
type applier struct {
	db       *DB
	tx       *sql.Tx
	by       audit.Actor
	prune    []Kind
	tell     func(Account, []User) RoleJudge
	told     RoleJudge // of the account at hand; may be nil
	mails    []Mail    // of it
	changes  []Change
	policyOf string // account whose policy is being changed
}

// prunes tells whether what a list of the kind doesn't name is removed. Nothing
// is where the list is left out.
func prunes[T any](a *applier, k Kind, list []T) bool {
	return list != nil && slices.Contains(a.prune, k)
}

// apply brings everything into being before what names it, and removes it after.
func (a *applier) apply(ctx context.Context, want Desired) error {
	named := map[string]bool{}
	for _, w := range want.Accounts {
		account, err := a.account(ctx, w)
		if err != nil {
			return aboutRecord(KindAccount, w.Name, err)
		}
		named[account.ID] = true
		if err := a.inside(ctx, account, w); err != nil {
			return fmt.Errorf("account %q: %w", w.Name, err)
		}
	}
	if err := a.clients(ctx, Account{}, want.Clients); err != nil {
		return err
	}
	if !prunes(a, KindAccount, want.Accounts) {
		return nil
	}
	all, err := many(ctx, a.tx, scanAccount, `SELECT `+accountColumns+` FROM accounts a ORDER BY a.name`)
	if err != nil {
		return err
	}
	for _, account := range all {
		if named[account.ID] {
			continue
		}
		if err := a.db.deleteAccount(ctx, a.tx, account.ID, a.by); err != nil {
			return err
		}
		a.changed(KindAccount, account.Name, deleted, nil, nil)
	}
	return nil
}

func (a *applier) account(ctx context.Context, w DesiredAccount) (Account, error) {
	old, err := one(ctx, a.tx, scanAccount, `SELECT `+accountColumns+` FROM accounts a WHERE a.name = $1`, w.Name)
	change := func(x *Account) error {
		x.Name, x.Language, x.TimeZone = w.Name, cmp.Or(w.Language, x.Language), cmp.Or(w.TimeZone, x.TimeZone)
		switch now := a.db.now(); {
		case w.Suspended == nil, *w.Suspended == (x.SuspendedAt != nil):
		case *w.Suspended:
			x.SuspendedAt = &now
		default:
			x.SuspendedAt = nil
		}
		return nil
	}
	if errors.Is(err, ErrNotFound) {
		var fresh Account
		_ = change(&fresh)
		if fresh, err = a.db.createAccount(ctx, a.tx, fresh, a.by); err == nil {
			a.changed(KindAccount, w.Name, created, nil, nil)
		}
		return fresh, err
	}
	if err != nil {
		return Account{}, err
	}
	account, err := a.db.updateAccount(ctx, a.tx, old.ID, change, a.by)
	if err == nil {
		a.changed(KindAccount, w.Name, updated, accountFields(old), accountFields(account))
	}
	return account, err
}

// inside does what belongs to one account: device groups before the policy that
// looks at them, products before the seats and policies that name them.
func (a *applier) inside(ctx context.Context, account Account, w DesiredAccount) error {
	before := len(a.changes)
	products, err := a.products(ctx, account, w.Products)
	if err != nil {
		return err
	}
	if err := a.deviceGroups(ctx, account, w.DeviceGroups); err != nil {
		return err
	}
	if err := a.begin(ctx, account); err != nil {
		return err
	}
	if err := a.users(ctx, account, w.Users, products); err != nil {
		return err
	}
	if err := a.end(ctx); err != nil {
		return err
	}
	if w.Policy != nil {
		if err := a.policy(ctx, account, *w.Policy, products); err != nil {
			return err
		}
	}
	if prunes(a, KindProduct, w.Products) {
		for name, id := range products {
			if slices.Contains(w.Products, name) {
				continue
			}
			if err := a.db.deleteProduct(ctx, a.tx, account.ID, id, nil, a.by); err != nil {
				return aboutRecord(KindProduct, name, err)
			}
			a.changed(KindProduct, account.Name+" / "+name, deleted, nil, nil)
		}
	}
	if err := a.clients(ctx, account, w.Clients); err != nil {
		return err
	}
	return a.fit(ctx, account, a.changes[before:])
}

// fit looks at how many the account has of what was made, now that what is
// pruned is gone.
func (a *applier) fit(ctx context.Context, account Account, changes []Change) error {
	made := map[Kind]bool{}
	for _, c := range changes {
		if c.Action != created || bounded[c.Kind] == "" || made[c.Kind] {
			continue
		}
		made[c.Kind] = true
		if err := fits(ctx, a.tx, account.ID, c.Kind); err != nil {
			return err
		}
	}
	return nil
}

// products returns the ids of all products by their names.
func (a *applier) products(ctx context.Context, account Account, want []string) (map[string]string, error) {
	have, err := products(ctx, a.tx, account.ID)
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, p := range have {
		ids[p.Name] = p.ID
	}
	for _, name := range want {
		if ids[name] != "" {
			continue
		}
		p, err := a.db.createProduct(ctx, a.tx, Product{AccountID: account.ID, Name: name}, a.by)
		if err != nil {
			return nil, err
		}
		ids[name] = p.ID
		a.changed(KindProduct, account.Name+" / "+name, created, nil, nil)
	}
	return ids, nil
}

// idsOf returns the ids of products that are named.
func idsOf(products map[string]string, names []string) ([]string, error) {
	var ids []string
	for _, name := range names {
		id := products[name]
		if id == "" {
			return nil, fmt.Errorf("product %q: %w", name, ErrNotFound)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (a *applier) deviceGroups(ctx context.Context, account Account, want []DesiredDeviceGroup) error {
	have, err := deviceGroups(ctx, a.tx, account.ID)
	if err != nil {
		return err
	}
	byName := map[string]DeviceGroup{}
	for _, g := range have {
		byName[g.Name] = g
	}
	for _, w := range want {
		has, err := device.Parse(w.Version, w.Build)
		if err != nil {
			return aboutRecord(KindDeviceGroup, w.Name, err)
		}
		old, there := byName[w.Name]
		delete(byName, w.Name)
		if there && old.Has.String() == has.String() {
			continue
		}
		g := old
		g.AccountID, g.Name, g.Has = account.ID, w.Name, has
		if _, err := a.db.saveDeviceGroup(ctx, a.tx, g, a.by); err != nil {
			return err
		}
		name := account.Name + " / " + w.Name
		if !there {
			a.changed(KindDeviceGroup, name, created, nil, nil)
			continue
		}
		a.changed(KindDeviceGroup, name, updated, map[string]string{"version": old.Has.String()}, map[string]string{"version": has.String()})
	}
	if !prunes(a, KindDeviceGroup, want) {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if err := a.db.deleteDeviceGroup(ctx, a.tx, account.ID, byName[name].ID, nil, a.by); err != nil {
			return err
		}
		a.changed(KindDeviceGroup, account.Name+" / "+name, deleted, nil, nil)
	}
	return nil
}

func (a *applier) policy(ctx context.Context, account Account, w DesiredPolicy, products map[string]string) error {
	var old Policy
	a.policyOf = account.ID
	p, err := a.db.updatePolicy(ctx, a.tx, account.ID, func(s AccountState) (Policy, error) {
		old = s.Policy
		return w.over(s.Policy, products)
	}, a.by, nil)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for name, id := range products {
		names[id] = name
	}
	a.changed(KindPolicy, account.Name, updated, policyFields(old, names), policyFields(p, names))
	return nil
}

// over returns the policy with what is desired in its place.
func (w DesiredPolicy) over(p Policy, products map[string]string) (Policy, error) {
	var err error
	switch w.TwoStep {
	case "":
	case "required", "optional":
		p.TwoStep = w.TwoStep == "required"
	default:
		return p, fmt.Errorf("policy: two_step %q: use required or optional", w.TwoStep)
	}
	if !w.From.IsZero() {
		p.From = w.From
	}
	if w.Products != nil {
		if p.Products, err = idsOf(products, w.Products); err != nil {
			return p, fmt.Errorf("policy: %w", err)
		}
	}
	if w.WaiveFirst != nil {
		p.WaiveFirst = *w.WaiveFirst
	}
	if w.Version != "" {
		if p.Required, err = device.Parse(w.Version, w.Build); err != nil {
			return p, fmt.Errorf("policy: %w", err)
		}
	}
	p.Reenrolment = cmp.Or(w.Reenrolment, p.Reenrolment)
	if w.TrustDays != nil {
		p.SetTrustDays(*w.TrustDays)
	}
	desired, mine := w.Lifetimes.fields(), p.Lifetimes.fields()
	for i, d := range desired {
		*mine[i] = cmp.Or(*d, *mine[i])
	}
	return p, nil
}
