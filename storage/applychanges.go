package storage

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// aboutRecord says which record an error is of, unless it does so itself.
func aboutRecord(kind Kind, name string, err error) error {
	if strings.HasPrefix(err.Error(), string(kind)+" ") {
		return err
	}
	return fmt.Errorf("%s %q: %w", kind, name, err)
}

// changed adds a difference to the list; an update in which all fields are as
// they were is none.
func (a *applier) changed(kind Kind, name, action string, was, is map[string]string) {
	a.changes = append(a.changes, difference(kind, name, action, was, is)...)
}

// difference is a list of one, or of none if an update left all as it was.
func difference(kind Kind, name, action string, was, is map[string]string) []Change {
	c := Change{Kind: kind, Name: name, Action: action}
	all := map[string]string{}
	maps.Copy(all, was)
	maps.Copy(all, is)
	for _, field := range slices.Sorted(maps.Keys(all)) {
		if was[field] != is[field] {
			c.Fields = append(c.Fields, FieldChange{field, was[field], is[field]})
		}
	}
	if action == updated && c.Fields == nil {
		return nil
	}
	return []Change{c}
}

// Difference is what a change of one record by itself would be among the
// changes of [DB.Apply]: was is nil for a record that is made, is for one that
// is removed. account names the account that it is in.
func Difference[T Account | Product | DeviceGroup | User](account string, was, is *T) []Change {
	kind, name, before := listed(account, was)
	switch {
	case was == nil:
		kind, name, _ = listed(account, is)
		return difference(kind, name, created, nil, nil)
	case is == nil:
		return difference(kind, name, deleted, nil, nil)
	}
	_, _, after := listed(account, is)
	return difference(kind, name, updated, before, after)
}

// listed returns how a list of differences names a record, and its fields.
func listed[T any](account string, record *T) (Kind, string, map[string]string) {
	switch r := any(record).(type) {
	case *Account:
		if r != nil {
			return KindAccount, r.Name, accountFields(*r)
		}
	case *Product:
		if r != nil {
			return KindProduct, account + " / " + r.Name, map[string]string{"name": r.Name}
		}
	case *DeviceGroup:
		if r != nil {
			return KindDeviceGroup, account + " / " + r.Name, map[string]string{"name": r.Name, "version": r.Has.String()}
		}
	case *User:
		if r != nil {
			return KindUser, account + " / " + r.Email, userFields(*r)
		}
	}
	return "", "", nil
}

// Difference is what a change of the account's policy to p would be among the
// changes of [DB.Apply].
func (s AccountState) Difference(p Policy) []Change {
	names := map[string]string{}
	for _, product := range s.Products {
		names[product.ID] = product.Name
	}
	return difference(KindPolicy, s.Account.Name, updated, policyFields(s.Policy, names), policyFields(p, names))
}

// What a list of differences shows of each record.

func accountFields(a Account) map[string]string {
	return map[string]string{"name": a.Name, "language": a.Language, "time_zone": a.TimeZone, "suspended": strconv.FormatBool(a.SuspendedAt != nil)}
}

func userFields(u User) map[string]string {
	return map[string]string{
		"email": u.Email, "name": u.Name, "roles": strings.Join(u.Roles, " "), "language": u.Language, "time_zone": u.TimeZone,
		"disabled": strconv.FormatBool(u.DisabledAt != nil),
	}
}

func policyFields(p Policy, products map[string]string) map[string]string {
	var names []string
	for _, id := range p.Products {
		names = append(names, products[id])
	}
	f := map[string]string{
		"two_step": "optional", "products": strings.Join(sorted(names), ", "), "waive_first": strconv.FormatBool(p.WaiveFirst),
		"client_version": p.Required.String(), "reenrolment": string(p.Reenrolment),
		"trusted_browser_days": strconv.Itoa(p.TrustDays()),
	}
	if p.TwoStep {
		f["two_step"] = "required"
	}
	if !p.From.IsZero() {
		f["from"] = p.From.Format(time.RFC3339)
	}
	text, _ := json.Marshal(p.Lifetimes) // numbers always encode
	var lifetimes map[string]time.Duration
	_ = json.Unmarshal(text, &lifetimes)
	for name, n := range lifetimes {
		f[name] = n.String()
	}
	return f
}

func clientFields(c Client) map[string]string {
	f := map[string]string{"third_party": strconv.FormatBool(c.ThirdParty), "disabled": strconv.FormatBool(c.Disabled)}
	text, _ := json.Marshal(c.Metadata) // holds nothing that doesn't encode
	var metadata map[string]json.RawMessage
	_ = json.Unmarshal(text, &metadata)
	for name, value := range metadata {
		f[name] = string(value)
	}
	return f
}
