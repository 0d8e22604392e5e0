package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"stile/address"
	"stile/config"
	"stile/device"
	"stile/storage"
)

// record is something that a file names.
type record struct {
	kind    storage.Kind
	account string // name of the account that it is in; empty outside
	name    string
}

// places knows where the files name what, so that errors about records can say
// the line.
type places struct {
	line map[record]string // "file.yaml:12: "
	dir  map[string]string // folder of the file that names a client
}

// note remembers the places of one file.
func (at *places) note(file string, lines config.Lines, d storage.Desired) {
	put := func(r record, path string, args ...any) {
		at.line[r] = fmt.Sprintf("%s:%d: ", file, lines[fmt.Sprintf(path, args...)])
	}
	for i, a := range d.Accounts {
		put(record{storage.KindAccount, "", a.Name}, "accounts[%d]", i)
		put(record{storage.KindPolicy, a.Name, ""}, "accounts[%d].policy", i)
		for j, name := range a.Products {
			put(record{storage.KindProduct, a.Name, name}, "accounts[%d].products[%d]", i, j)
		}
		for j, g := range a.DeviceGroups {
			put(record{storage.KindDeviceGroup, a.Name, g.Name}, "accounts[%d].device_groups[%d]", i, j)
		}
		for j, u := range a.Users {
			put(record{storage.KindUser, a.Name, u.Email}, "accounts[%d].users[%d]", i, j)
			if canonical, err := address.Canonical(u.Email); err == nil {
				put(record{storage.KindUser, a.Name, canonical}, "accounts[%d].users[%d]", i, j)
			}
		}
		for j, c := range a.Clients {
			put(record{kind: storage.KindClient, name: c.ID}, "accounts[%d].clients[%d]", i, j)
			at.dir[c.ID] = filepath.Dir(file)
		}
	}
	for i, c := range d.Clients {
		put(record{kind: storage.KindClient, name: c.ID}, "clients[%d]", i)
		at.dir[c.ID] = filepath.Dir(file)
	}
}

// of returns the place of a record, or nothing.
func (at *places) of(r record) string { return at.line[r] }

// mention finds the records that an error names: user "ann@example.com".
var mention = regexp.MustCompile(`\b(account|product|device group|user|client) ("(?:[^"\\]|\\.)*")`)

// explain puts the place in front of each fault.
func (at *places) explain(err error) error {
	var below device.BelowError
	policy := errors.As(err, &below)
	var faults []error
	for text := range strings.SplitSeq(err.Error(), "\n") {
		faults = append(faults, errors.New(at.find(text, policy || strings.Contains(text, "policy"))+text))
	}
	return errors.Join(faults...)
}

// find returns the place of the innermost record that a text names.
func (at *places) find(text string, policy bool) string {
	place, account := "", ""
	for _, m := range mention.FindAllStringSubmatch(text, -1) {
		name, err := strconv.Unquote(m[2])
		if err != nil {
			continue
		}
		r := record{storage.Kind(m[1]), account, name}
		if r.kind == storage.KindAccount {
			account = name
		}
		if r.kind == storage.KindAccount || r.kind == storage.KindClient {
			r.account = ""
		}
		if found := at.line[r]; found != "" {
			place = found
		} else if found := at.anywhere(r); found != "" {
			place = found
		}
	}
	if found := at.line[record{storage.KindPolicy, account, ""}]; policy && found != "" {
		place = found
	}
	return place
}

// anywhere finds a record that an error names without its account. Of several
// of one name none is it for sure.
func (at *places) anywhere(r record) (place string) {
	for other, line := range at.line {
		if other.kind == r.kind && other.name == r.name {
			if place != "" {
				return ""
			}
			place = line
		}
	}
	return place
}
