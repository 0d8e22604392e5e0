package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"stile/config"
	"stile/seal"
	"stile/storage"
)

const applyHelp = `Make the installation what the files say: accounts with their products, device
groups, users, seats and policy, and clients. All of it is done, or nothing.
Applying the same again changes nothing.

What a file leaves out stays as it is; only --prune removes, and only from lists
that are there: [] is an empty one. A policy that requires two-step verification
is refused while a device group falls short.

  accounts:
    - name: Example Support        # known by its name
      language: en                 # en, fr, it, de, es, pt or nl
      time_zone: Europe/Berlin
      suspended: false
      products: [Console, Reports]
      device_groups:
        - {name: Desks, client_version: "4.3", client_build: 1580}
      users:
        - email: ann@example.com   # known by the address
          name: Ann Agent
          roles: [member, admin]   # or helpdesk, auditor
          seats: [Console]         # these, and no other ones
          language: fr
          time_zone: Europe/Paris
          disabled: false
          password_hash: ...       # of the first password; never replaces one
      policy:
        two_step: required         # or optional
        from: 2026-12-24T06:00:00Z # when that begins; at once without it
        products: [Console]        # whom it covers; [] is everyone
        waive_first: false
        client_version: "4.3"
        client_build: 1575
        reenrolment: email         # email, recovery-code or admin
        trusted_browser_days: 14   # at most 30; 0 is not at all
        lifetimes: {two_step_idle: 1h, two_step_absolute: 12h, password_idle: 8h,
                    password_absolute: 7d, grant_idle: 14d, grant_absolute: 90d,
                    two_step_grant_absolute: 30d, cooldown: 24h}
      clients: []                  # for this account's people alone; as below
  clients:
    - client_id: console           # known by it; the rest is RFC 7591 metadata
      client_name: Console
      redirect_uris: [https://console.example.com/callback]
      grant_types: [authorization_code, refresh_token]
      client_secret_file: console.secret   # beside this file; kept if left out
      third_party: false
      disabled: false`

func (p *program) apply() *cobra.Command {
	var prune []string
	c := p.verb("apply FILE...", "Make accounts, products, users, seats, device groups, policies and clients what files say",
		"  stile apply --dry-run accounts.yaml\n  stile apply accounts.yaml clients.yaml --prune user",
		cobra.MinimumNArgs(1), func(ctx context.Context, files []string) error {
			// The files first: what is wrong in them is found without a database.
			want, places, err := readDesired(files)
			if err != nil {
				return err
			}
			o := storage.ApplyOptions{DryRun: p.dryRun}
			for _, kind := range prune {
				o.Prune = append(o.Prune, storage.Kind(strings.ReplaceAll(kind, "-", " ")))
			}
			return p.work(func(ctx context.Context, db *storage.DB, cfg *config.Config, _ []string) error {
				o.Tell = p.tells(db, cfg)
				if err := places.secrets(db, &want); err != nil {
					return err
				}
				changes, err := db.Apply(ctx, want, o, by())
				if err != nil {
					return places.explain(err)
				}
				return p.printChanges(changes, p.dryRun)
			})(ctx, nil)
		})
	c.Long = applyHelp
	p.dryRunFlag(c)
	c.Flags().StringSliceVar(&prune, "prune", nil, "also remove what the files don't name, of the kinds given: account, product, device-group, user, client")
	return c
}

func (p *program) printChanges(changes []storage.Change, dryRun bool) error {
	if p.json {
		if changes == nil {
			changes = []storage.Change{}
		}
		return p.document(struct {
			DryRun  bool             `json:"dry_run"`
			Changes []storage.Change `json:"changes"`
		}{dryRun, changes})
	}
	if len(changes) == 0 {
		_, err := fmt.Fprintln(p.out, "nothing to change")
		return err
	}
	var t table
	for _, c := range changes {
		t.row(c.Action, string(c.Kind), c.Name)
		for _, f := range c.Fields {
			t.row("", "", fmt.Sprintf("  %s: %s -> %s", f.Field, orDash(f.Was), orDash(f.Is)))
		}
	}
	return p.print(nil, t)
}

// readDesired reads the files into one wish. Every fault in any of them is said.
func readDesired(files []string) (storage.Desired, *places, error) {
	var all storage.Desired
	at := &places{line: map[record]string{}, dir: map[string]string{}}
	var faults []error
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		var d storage.Desired
		lines, err := config.Decode(name, text, &d)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		faults = append(faults, checkLanguages(name, lines, d)...)
		at.note(name, lines, d)
		all.Accounts = joined(all.Accounts, d.Accounts)
		all.Clients = joined(all.Clients, d.Clients)
	}
	return all, at, errors.Join(faults...)
}

// joined appends a list to another. Two that are left out are one left out, but
// one that is empty is given.
func joined[T any](a, b []T) []T {
	if a == nil {
		return b
	}
	return append(a, b...)
}

// checkLanguages finds languages that pages and mails do not exist in.
func checkLanguages(file string, lines config.Lines, d storage.Desired) []error {
	var faults []error
	check := func(tag, path string, args ...any) {
		if err := checkLanguage(tag); err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", file, lines[fmt.Sprintf(path, args...)], err))
		}
	}
	for i, a := range d.Accounts {
		check(a.Language, "accounts[%d].language", i)
		for j, u := range a.Users {
			check(u.Language, "accounts[%d].users[%d].language", i, j)
		}
	}
	return faults
}

// secrets reads the files that clients name for their secrets.
func (at *places) secrets(db *storage.DB, want *storage.Desired) error {
	var faults []error
	each := func(clients []storage.DesiredClient) {
		for i := range clients {
			c := &clients[i]
			if c.SecretFile == "" {
				continue
			}
			secret, err := readSecret(at.beside(c.ID, c.SecretFile))
			if err != nil {
				faults = append(faults, fmt.Errorf("%sclient %q: client_secret_file: %w", at.of(record{kind: storage.KindClient, name: c.ID}), c.ID, err))
				continue
			}
			c.SecretHash = db.HashClientSecret(c.ID, secret)
		}
	}
	each(want.Clients)
	for i := range want.Accounts {
		each(want.Accounts[i].Clients)
	}
	return errors.Join(faults...)
}

// beside makes a path relative to the file that names it.
func (at *places) beside(clientID, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(at.dir[clientID], path)
}

// minClientSecret is the least length of a client's secret: it is stored under
// one keyed hash, which guesses must not reach.
const minClientSecret = 32

func readSecret(path string) (seal.Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	secret, err := firstLine(f, path)
	if err == nil && len(secret) < minClientSecret {
		err = fmt.Errorf("%s: a client's secret has at least %d characters, made at random", path, minClientSecret)
	}
	return secret, err
}
