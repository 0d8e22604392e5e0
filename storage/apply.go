package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"stile/address"
	"stile/audit"
)

// Desired is what an installation is to hold, as a file says it. What is left
// out stays as it is; a list that is given is the whole list.
type Desired struct {
	Accounts []DesiredAccount `yaml:"accounts"`
	Clients  []DesiredClient  `yaml:"clients"` // of the whole installation
}

// DesiredAccount is known by its name.
type DesiredAccount struct {
	Name         string               `yaml:"name"`
	Language     string               `yaml:"language"`
	TimeZone     string               `yaml:"time_zone"`
	Suspended    *bool                `yaml:"suspended"`
	Products     []string             `yaml:"products"` // names
	DeviceGroups []DesiredDeviceGroup `yaml:"device_groups"`
	Users        []DesiredUser        `yaml:"users"`
	Policy       *DesiredPolicy       `yaml:"policy"`
	Clients      []DesiredClient      `yaml:"clients"`
}

// DesiredDeviceGroup is known by its name in the account.
type DesiredDeviceGroup struct {
	Name    string `yaml:"name"`
	Version string `yaml:"client_version"`
	Build   int    `yaml:"client_build"`
}

// DesiredUser is known by the address. PasswordHash, a PHC string, is the first
// password of a user who is made; it never replaces one.
type DesiredUser struct {
	Email        string   `yaml:"email"`
	Name         string   `yaml:"name"`
	Roles        []string `yaml:"roles"`
	Seats        []string `yaml:"seats"` // names of products
	Language     string   `yaml:"language"`
	TimeZone     string   `yaml:"time_zone"`
	Disabled     *bool    `yaml:"disabled"`
	PasswordHash string   `yaml:"password_hash"`
}

// DesiredPolicy changes what it names.
type DesiredPolicy struct {
	TwoStep     string      `yaml:"two_step"` // required or optional
	From        time.Time   `yaml:"from"`     // from when it is required
	Products    []string    `yaml:"products"` // names; an empty list covers everyone
	WaiveFirst  *bool       `yaml:"waive_first"`
	Version     string      `yaml:"client_version"`
	Build       int         `yaml:"client_build"`
	Reenrolment Reenrolment `yaml:"reenrolment"`
	TrustDays   *int        `yaml:"trusted_browser_days"`
	Lifetimes   Lifetimes   `yaml:"lifetimes"`
}

// DesiredClient is known by its client_id. Its metadata is replaced as a whole;
// ThirdParty and Disabled, false at first, stay as they are if they are left out.
type DesiredClient struct {
	ID         string `yaml:"client_id"`
	ThirdParty *bool  `yaml:"third_party"`
	Disabled   *bool  `yaml:"disabled"`
	// SecretFile is for the caller, who reads it and sets SecretHash; see
	// [DB.HashClientSecret]. A client that is there keeps its secret without one.
	SecretFile string `yaml:"client_secret_file"`
	SecretHash string `yaml:"-"`
	Metadata   `yaml:",inline"`
}

// Kind is a kind of record that Apply makes and removes.
type Kind string

// The kinds of records.
const (
	KindAccount     Kind = "account"
	KindProduct     Kind = "product"
	KindDeviceGroup Kind = "device group"
	KindUser        Kind = "user"
	KindSeat        Kind = "seat"
	KindPolicy      Kind = "policy"
	KindClient      Kind = "client"
)

// Prunable are the kinds that ApplyOptions.Prune may name.
var Prunable = []Kind{KindAccount, KindProduct, KindDeviceGroup, KindUser, KindClient}

// ApplyOptions say how far Apply goes.
type ApplyOptions struct {
	// DryRun finds out what would change, or fail, and changes nothing.
	DryRun bool
	// Prune lists the kinds of which everything is removed that isn't named:
	// accounts in the installation, the others in the accounts that are named,
	// and clients of the installation. Of a list that is left out nothing is
	// removed, and it must not be left out everywhere; an empty one removes all.
	Prune []Kind
	// Tell makes what says whom to tell of roles that change in an account, and of
	// who is switched off; admins are those before. Without it nobody is told.
	Tell func(a Account, admins []User) RoleJudge
}

// Change is one difference between what was there and what was desired.
type Change struct {
	Kind   Kind          `json:"kind"`
	Name   string        `json:"name"`   // with the account's name before it
	Action string        `json:"action"` // created, updated or deleted
	Fields []FieldChange `json:"fields,omitempty"`
}

// FieldChange is a field that was updated.
type FieldChange struct {
	Field string `json:"field"`
	Was   string `json:"was"`
	Is    string `json:"is"`
}

// errDryRun rolls a dry run back.
var errDryRun = errors.New("dry run")

// Apply makes the installation what is desired, all of it in one transaction or
// nothing, and returns what it changed. Applying the same again changes nothing.
// An error names the record that it is about. A policy that requires two-step
// verification is refused as [DB.UpdatePolicy] refuses it, after the device
// groups were brought to what is desired.
func (db *DB) Apply(ctx context.Context, want Desired, o ApplyOptions, by audit.Actor) ([]Change, error) {
	if err := want.check(o); err != nil {
		return nil, err
	}
	var a applier // of the last attempt; none if no transaction could begin
	err := db.write(ctx, func(tx *sql.Tx) error {
		a = applier{db: db, tx: tx, by: by, prune: o.Prune, tell: o.Tell}
		if err := a.apply(ctx, want); err != nil {
			return err
		}
		if o.DryRun {
			return errDryRun
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		if !o.DryRun {
			err = errors.Join(err, db.policyRefused(ctx, a.policyOf, err, by))
		}
		return nil, err
	}
	return a.changes, nil
}

// check refuses what contradicts itself, before anything is touched.
func (d Desired) check(o ApplyOptions) error {
	for _, k := range o.Prune {
		if !slices.Contains(Prunable, k) {
			return fmt.Errorf("prune %q: use %v", k, Prunable)
		}
		if !d.lists(k) {
			return fmt.Errorf("prune %q: no list of that kind is given; write an empty one, [], to remove all", k)
		}
	}
	accounts, users, clients := map[string]bool{}, map[string]bool{}, map[string]bool{}
	client := func(c DesiredClient) string { return c.ID }
	errs := []error{
		once(accounts, KindAccount, d.Accounts, func(a DesiredAccount) string { return a.Name }),
		once(clients, KindClient, d.Clients, client),
	}
	for _, a := range d.Accounts {
		errs = append(errs,
			once(map[string]bool{}, KindProduct, a.Products, func(p string) string { return p }),
			once(map[string]bool{}, KindDeviceGroup, a.DeviceGroups, func(g DesiredDeviceGroup) string { return g.Name }),
			once(users, KindUser, a.Users, func(u DesiredUser) string {
				if canonical, err := address.Canonical(u.Email); err == nil {
					return canonical
				}
				return u.Email
			}),
			once(clients, KindClient, a.Clients, client))
	}
	return errors.Join(errs...)
}

// lists tells whether a list of the kind is given at all.
func (d Desired) lists(k Kind) bool {
	inside := func(given func(DesiredAccount) bool) bool { return slices.ContainsFunc(d.Accounts, given) }
	switch k {
	case KindAccount:
		return d.Accounts != nil
	case KindProduct:
		return inside(func(a DesiredAccount) bool { return a.Products != nil })
	case KindDeviceGroup:
		return inside(func(a DesiredAccount) bool { return a.DeviceGroups != nil })
	case KindUser:
		return inside(func(a DesiredAccount) bool { return a.Users != nil })
	case KindClient:
		return d.Clients != nil || inside(func(a DesiredAccount) bool { return a.Clients != nil })
	default: // seats and the policy belong to what lists them
		return false
	}
}

// once fails if a name is missing or was seen before.
func once[T any](seen map[string]bool, kind Kind, list []T, name func(T) string) error {
	var errs []error
	for _, v := range list {
		n := name(v)
		switch {
		case n == "":
			errs = append(errs, fmt.Errorf("a %s without a name", kind))
		case seen[n]:
			errs = append(errs, fmt.Errorf("%s %q is there twice", kind, n))
		}
		seen[n] = true
	}
	return errors.Join(errs...)
}
