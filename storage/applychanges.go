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
	c := Change{Kind: kind, Name: name, Action: action}
	all := maps.Clone(was)
	maps.Copy(all, is)
	for _, field := range slices.Sorted(maps.Keys(all)) {
		if was[field] != is[field] {
			c.Fields = append(c.Fields, FieldChange{field, was[field], is[field]})
		}
	}
	if action == updated && c.Fields == nil {
		return
	}
	a.changes = append(a.changes, c)
}

// What a list of differences shows of each record.

func accountFields(a Account) map[string]string {
	return map[string]string{"language": a.Language, "time_zone": a.TimeZone, "suspended": strconv.FormatBool(a.SuspendedAt != nil)}
}

func userFields(u User) map[string]string {
	return map[string]string{
		"name": u.Name, "roles": strings.Join(u.Roles, " "), "language": u.Language, "time_zone": u.TimeZone,
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
	}
	if p.TwoStep {
		f["two_step"] = "required"
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
