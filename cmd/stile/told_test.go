package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"stile/storage/storagetest"
	"stile/templates"
)

// Whoever's roles or address an operator changes is told, and so are the admins where
// somebody becomes one or is none any more; by a command as by a file.
func TestPeopleAreToldOfRolesThatChange(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	do := func(args ...string) {
		t.Helper()
		p := program{env: os.Environ(), now: time.Now, err: os.Stderr, out: io.Discard}
		if code := run(t.Context(), p, append(args, "--config", config)); code != exitDone {
			t.Fatalf("%v: exit %d", args, code)
		}
	}
	apply := func(text string, more ...string) {
		t.Helper()
		file := filepath.Join(dir, "apply.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		do(append([]string{"apply", file}, more...)...)
	}
	raw := storagetest.Raw(t, "sqlite:"+filepath.Join(dir, "stile.db"))
	told := func(what string, want ...templates.MailKind) { // to whom is sealed
		t.Helper()
		rows, err := raw.QueryContext(t.Context(), `SELECT kind FROM outbox ORDER BY kind`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var have []templates.MailKind
		for rows.Next() {
			var line templates.MailKind
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			have = append(have, line)
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s: %v, want %v", what, have, want)
		}
		if _, err := raw.ExecContext(t.Context(), `DELETE FROM outbox`); err != nil {
			t.Fatal(err)
		}
	}
	do("migrate")
	apply(`accounts: [{name: Acme, users: [
		{email: ann@example.com, name: Ann, roles: [member, admin]}, {email: bob@example.com, name: Bob}, {email: eve@example.com, name: Eve}]}]`)
	told("people who are new")

	do("user", "update", "bob@example.com", "--role", "member", "--role", "admin", "--dry-run")
	told("a dry run")
	do("user", "update", "bob@example.com", "--role", "member", "--role", "admin")
	told("a command", templates.MailAdminsChanged, templates.MailRolesChanged)
	do("user", "update", "eve@example.com", "--role", "member", "--role", "auditor")
	told("no admin", templates.MailRolesChanged)
	do("user", "update", "eve@example.com", "--name", "Eva")
	told("no role")

	change := `accounts: [{name: Acme, users: [{email: bob@example.com, roles: [member]}, {email: eve@example.com, disabled: true}]}]`
	apply(change, "--dry-run")
	told("a file in a dry run")
	apply(change)
	told("a file", templates.MailAdminsChanged, templates.MailAdminsChanged,
		templates.MailRolesChanged, templates.MailUserDisabled)
	apply(change)
	told("the same file again")

	do("user", "create", "--account", "Acme", "--email", "kim@example.com", "--name", "Kim", "--no-password")
	told("one more member")
	do("user", "create", "--account", "Acme", "--email", "may@example.com", "--name", "May", "--role", "admin", "--no-password", "--dry-run")
	told("an admin more in a dry run")
	do("user", "create", "--account", "Acme", "--email", "may@example.com", "--name", "May", "--role", "admin", "--no-password")
	told("one more admin", templates.MailAdminsChanged) // Ann
	do("user", "delete", "kim@example.com", "--yes")
	told("one member less")
	do("user", "delete", "may@example.com", "--yes", "--dry-run")
	told("an admin less in a dry run")
	do("user", "delete", "may@example.com", "--yes")
	told("one admin less", templates.MailAdminsChanged, templates.MailAdminsChanged)
	list := filepath.Join(dir, "list.csv")
	if err := os.WriteFile(list, []byte("email,name,roles,products,language,time_zone\nian@example.com,Ian,admin,,,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	do("user", "import", list, "--account", "Acme")
	told("an admin who is invited", templates.MailInvitation) // who has not come yet
	apply(`accounts: [{name: Acme, users: [{email: zoe@example.com, roles: [admin]}]}]`)
	told("an admin of a file", templates.MailAdminsChanged)
	do("user", "update", "zoe@example.com", "--email", "zoey@example.com", "--dry-run")
	do("user", "update", "zoe@example.com", "--email", "Zoe@example.com")
	told("no other address")
	do("user", "update", "zoe@example.com", "--email", "zoey@example.com")
	told("another address", templates.MailAddressChanged, templates.MailAddressChanged) // at both
	do("user", "update", "zoey@example.com", "--email", "zoe@example.com")
	told("the address of before", templates.MailAddressChanged, templates.MailAddressChanged)
	apply(`accounts: [{name: Acme, users: [{email: ann@example.com}]}]`, "--prune", "user")
	told("those that a file has not", templates.MailAdminsChanged, templates.MailAdminsChanged)
}
