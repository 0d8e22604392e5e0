package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"stile/audit"
	"stile/device"
	"stile/storage"
)

var applyPromises = []promise{
	{"TestApplyMakesWhatIsDesired", applyTwice},
	{"TestApplyDryRunChangesNothing", applyDry},
	{"TestApplyIsAllOrNothing", applyBroken},
	{"TestApplyLeavesClientsAsTheyAre", applyClients},
	{"TestApplyWithoutDatabase", applyNowhere},
	{"TestApplyPrunesWhatIsNamed", applyPrune},
	{"TestApplyPrunesNoListThatIsLeftOut", applyPruneLeftOut},
	{"TestN03_ApplyLooksAtDeviceGroups", applyGate},
	{"TestN04_ApplyKeepsAnAdministrator", applyAdmins},
	{"TestB02_ApplyRefusesRedirectURIs", applyRedirects},
}

func yes() *bool { v := true; return &v }

// desired is an installation with one of everything.
func desired(db *storage.DB) storage.Desired {
	return storage.Desired{
		Accounts: []storage.DesiredAccount{{
			Name: "Example Support", Language: "en", TimeZone: "Europe/Rome",
			Products:     []string{"Console", "Desk"},
			DeviceGroups: []storage.DesiredDeviceGroup{{Name: "Office", Version: "4.3", Build: 1575}, {Name: "Field", Version: "4.10", Build: 1}},
			Users: []storage.DesiredUser{
				{Email: "agent@example.com", Name: "Agent", Seats: []string{"Desk"}, PasswordHash: "$argon2id$x"},
				{Email: "Admin@Example.com", Name: "Admin", Roles: []string{storage.RoleMember, storage.RoleAdmin}, Seats: []string{"Console", "Desk"}},
			},
			Policy:  &storage.DesiredPolicy{TwoStep: "required", Products: []string{"Desk"}, WaiveFirst: yes(), Lifetimes: storage.Lifetimes{TwoStepIdle: 1800e9}},
			Clients: []storage.DesiredClient{{ID: "desk", Metadata: storage.Metadata{TokenEndpointAuthMethod: storage.AuthNone, RedirectURIs: []string{"https://desk.example.com/cb"}}}},
		}},
		Clients: []storage.DesiredClient{{
			ID: "console", ThirdParty: yes(), SecretHash: db.HashClientSecret("console", "s"),
			Metadata: storage.Metadata{Name: "Console", RedirectURIs: []string{"https://console.example.com/cb"}},
		}},
	}
}

// summary writes a list of changes so that it can be compared.
func summary(changes []storage.Change) string {
	var lines []string
	for _, c := range changes {
		line := fmt.Sprintf("%s %s %s", c.Action, c.Kind, c.Name)
		for _, f := range c.Fields {
			line += fmt.Sprintf(" [%s: %s -> %s]", f.Field, f.Was, f.Is)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func apply(t testing.TB, db *storage.DB, want storage.Desired, o storage.ApplyOptions) string {
	t.Helper()
	return summary(got(db.Apply(t.Context(), want, o, By))(t))
}

func expect(t testing.TB, what, got, want string) {
	t.Helper()
	if want = strings.TrimSpace(want); got != want {
		t.Errorf("%s:\n%s\nwant:\n%s", what, got, want)
	}
}

func applyTwice(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	want := desired(db)
	expect(t, "first", apply(t, db, want, storage.ApplyOptions{}), `
created account Example Support
created product Example Support / Console
created product Example Support / Desk
created device group Example Support / Office
created device group Example Support / Field
created user Example Support / admin@example.com
created seat Example Support / Admin@Example.com / Console
created seat Example Support / Admin@Example.com / Desk
created user Example Support / agent@example.com
created seat Example Support / agent@example.com / Desk
updated policy Example Support [products:  -> Desk] [two_step: optional -> required] [two_step_idle: 1h0m0s -> 30m0s] [waive_first: false -> true]
created client Example Support / desk
created client console`)
	before := len(events(t, db, storage.EventFilter{Limit: 1000}))
	expect(t, "second", apply(t, db, want, storage.ApplyOptions{}), "")
	if after := len(events(t, db, storage.EventFilter{Limit: 1000})); after != before {
		t.Errorf("applying again wrote %d events", after-before)
	}

	p := got(db.PersonByEmail(ctx, "admin@example.com"))(t)
	if !p.Policy.TwoStep || p.Policy.Version != 2 || len(p.Subject.Seats) != 2 || !p.Policy.Covers(p.Subject) || p.Account.TimeZone != "Europe/Rome" {
		t.Errorf("person = %+v", p)
	}
	if p.Policy.Lifetimes.TwoStepIdle.Minutes() != 30 || p.Policy.Lifetimes.TwoStepAbsolute.Hours() != 12 {
		t.Errorf("lifetimes = %+v", p.Policy.Lifetimes)
	}

	// Some of it changes: what isn't named stays.
	a := &want.Accounts[0]
	a.TimeZone, a.Suspended = "Europe/Paris", yes()
	a.DeviceGroups[0].Build = 1
	a.Users[0].Name, a.Users[0].Seats, a.Users[0].Disabled, a.Users[0].PasswordHash = "Agent 2", []string{}, yes(), "$argon2id$other"
	a.Users[1].Seats, a.Users[1].Roles = nil, nil
	a.Policy = &storage.DesiredPolicy{Products: []string{}}
	a.Clients[0].RedirectURIs = append(a.Clients[0].RedirectURIs, "https://desk.example.com/2")
	want.Clients[0].SecretHash = db.HashClientSecret("console", "other")
	want.Clients[0].Name = ""
	expect(t, "third", apply(t, db, want, storage.ApplyOptions{}), `
updated account Example Support [suspended: false -> true] [time_zone: Europe/Rome -> Europe/Paris]
updated device group Example Support / Office [version: 4.3 build 1575 -> 4.3 build 1]
updated user Example Support / agent@example.com [disabled: false -> true] [name: Agent -> Agent 2]
deleted seat Example Support / agent@example.com / Desk
updated policy Example Support [products: Desk -> ]
updated client Example Support / desk [redirect_uris: ["https://desk.example.com/cb"] -> ["https://desk.example.com/cb","https://desk.example.com/2"]]
updated client console [client_name: "Console" -> ] [secret: one -> another]`)
	if p := got(db.PersonByEmail(ctx, "agent@example.com"))(t); p.User.Password != "$argon2id$x" || p.Active() {
		t.Errorf("apply replaced a password, or the user is active: %+v", p.User)
	}
	if c := got(db.Client(ctx, "console"))(t); !db.IsClientSecret(c, "other") || db.IsClientSecret(c, "s") || c.Version != 2 {
		t.Errorf("client = %+v", c)
	}
}

func applyDry(t *testing.T, e Engine) {
	db, _ := e.open(t)
	want := desired(db)
	dry := apply(t, db, want, storage.ApplyOptions{DryRun: true})
	if got := events(t, db, storage.EventFilter{}); len(got) != 0 {
		t.Errorf("a dry run wrote %v", got)
	}
	if _, err := db.Account(t.Context(), "Example Support"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a dry run made an account: %v", err)
	}
	expect(t, "dry run", apply(t, db, want, storage.ApplyOptions{}), dry)

	// It fails where the real one would, and leaves no trace.
	want.Accounts[0].Clients[0].RedirectURIs = []string{"javascript:alert(1)"}
	if _, err := db.Apply(t.Context(), want, storage.ApplyOptions{DryRun: true}, By); err == nil {
		t.Error("a dry run does not see what is refused")
	}
}

func applyBroken(t *testing.T, e Engine) {
	db, _ := e.open(t)
	other := account(t, db, "Other")
	member(t, db, other, "taken@example.com")
	before := events(t, db, storage.EventFilter{})
	for name, c := range map[string]struct {
		change func(*storage.Desired)
		says   string
	}{
		"unknown product":         {func(d *storage.Desired) { d.Accounts[0].Users[1].Seats = []string{"Nothing"} }, `user "Admin@Example.com": product "Nothing": not found`},
		"user of another account": {func(d *storage.Desired) { d.Accounts[0].Users[0].Email = "taken@example.com" }, "in another account"},
		"address":                 {func(d *storage.Desired) { d.Accounts[0].Users[0].Email = "nobody" }, "e-mail address"},
		"role":                    {func(d *storage.Desired) { d.Accounts[0].Users[0].Roles = []string{"owner"} }, `role "owner"`},
		"device version":          {func(d *storage.Desired) { d.Accounts[0].DeviceGroups[1].Version = "4.x" }, `device group "Field": client version "4.x"`},
		"two_step":                {func(d *storage.Desired) { d.Accounts[0].Policy.TwoStep = "on" }, `two_step "on": use required or optional`},
		"lifetime":                {func(d *storage.Desired) { d.Accounts[0].Policy.Lifetimes.TwoStepAbsolute = 48 * 3600e9 }, "two-step session"},
		"policy product":          {func(d *storage.Desired) { d.Accounts[0].Policy.Products = []string{"X"} }, `product "X"`},
		"client without secret":   {func(d *storage.Desired) { d.Clients[0].SecretHash = "" }, `client "console"`},
		"account twice":           {func(d *storage.Desired) { d.Accounts = append(d.Accounts, d.Accounts[0]) }, "is there twice"},
		"user twice": {func(d *storage.Desired) {
			d.Accounts[0].Users = append(d.Accounts[0].Users, storage.DesiredUser{Email: "AGENT@example.com"})
		}, `user "agent@example.com" is there twice`},
		"client twice": {func(d *storage.Desired) { d.Clients = append(d.Clients, d.Accounts[0].Clients[0]) }, `client "desk" is there twice`},
		"no name":      {func(d *storage.Desired) { d.Accounts[0].Name = "" }, "a account without a name"},
		"time zone":    {func(d *storage.Desired) { d.Accounts[0].TimeZone = "Mars/Olympus" }, `time zone "Mars/Olympus"`},
	} {
		want := desired(db)
		c.change(&want)
		_, err := db.Apply(t.Context(), want, storage.ApplyOptions{}, By)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q in it", name, err, c.says)
		}
	}
	if _, err := db.Apply(t.Context(), desired(db), storage.ApplyOptions{Prune: []storage.Kind{"everything"}}, By); err == nil {
		t.Error("a kind that can't be pruned is accepted")
	}
	if after := events(t, db, storage.EventFilter{}); !slices.Equal(after, before) {
		t.Errorf("refused applies left %v, before %v", after, before)
	}
	if all := got(db.Accounts(t.Context(), "", 10))(t); len(all) != 1 {
		t.Errorf("accounts: %+v", all)
	}
}

// applyClients: what a file doesn't say about a client, it doesn't change.
func applyClients(t *testing.T, e Engine) {
	db, _ := e.open(t)
	want := desired(db)
	apply(t, db, want, storage.ApplyOptions{})
	must(t, second(db.UpdateClient(t.Context(), "console", func(c *storage.Client) error { c.Disabled = true; return nil }, By)))
	console := &want.Clients[0]
	console.ThirdParty = nil
	expect(t, "left out", apply(t, db, want, storage.ApplyOptions{}), "")
	console.Name = "Console 2"
	apply(t, db, want, storage.ApplyOptions{})
	if c := got(db.Client(t.Context(), "console"))(t); !c.Disabled || !c.ThirdParty || c.Metadata.Name != "Console 2" {
		t.Errorf("after another name: %+v", c)
	}
	console.ThirdParty, console.Disabled = new(bool), new(bool)
	apply(t, db, want, storage.ApplyOptions{})
	if c := got(db.Client(t.Context(), "console"))(t); c.Disabled || c.ThirdParty {
		t.Errorf("after both were said: %+v", c)
	}
}

func applyNowhere(t *testing.T, e Engine) {
	db, _ := e.open(t)
	want := desired(db)
	must(t, db.Close())
	if changes, err := db.Apply(t.Context(), want, storage.ApplyOptions{}, By); err == nil || changes != nil {
		t.Errorf("apply to a database that is away: %v, %v", changes, err)
	}
}

func applyPrune(t *testing.T, e Engine) {
	db, _ := e.open(t)
	want := desired(db)
	apply(t, db, want, storage.ApplyOptions{})
	other := account(t, db, "Other")
	member(t, db, other, "other@example.com")
	must(t, second(db.CreateClient(t.Context(), webClient(db, "spare"), By)))
	a := &want.Accounts[0]
	a.Products, a.DeviceGroups, a.Clients = []string{"Desk"}, a.DeviceGroups[:1], []storage.DesiredClient{}
	a.Users = a.Users[1:]
	a.Users[0].Seats = []string{"Desk"}
	expect(t, "without prune", apply(t, db, want, storage.ApplyOptions{}), "deleted seat Example Support / Admin@Example.com / Console")
	expect(t, "users only", apply(t, db, want, storage.ApplyOptions{Prune: []storage.Kind{storage.KindUser}, DryRun: true}),
		"deleted user Example Support / agent@example.com")
	expect(t, "everything", apply(t, db, want, storage.ApplyOptions{Prune: storage.Prunable}), `
deleted device group Example Support / Field
deleted user Example Support / agent@example.com
deleted product Example Support / Console
deleted client Example Support / desk
deleted client spare
deleted account Other`)
	expect(t, "again", apply(t, db, want, storage.ApplyOptions{Prune: storage.Prunable}), "")
	// A product that the policy names can't be pruned from under it.
	a.Products, a.Policy, a.Users[0].Seats = []string{}, nil, nil
	if _, err := db.Apply(t.Context(), want, storage.ApplyOptions{Prune: storage.Prunable}, By); !errors.Is(err, storage.ErrInUse) {
		t.Errorf("pruning a covered product: %v", err)
	}
}

func applyPruneLeftOut(t *testing.T, e Engine) {
	db, _ := e.open(t)
	apply(t, db, desired(db), storage.ApplyOptions{})
	account := storage.DesiredAccount{Name: "Example Support"}
	for _, k := range storage.Prunable {
		want := storage.Desired{Accounts: []storage.DesiredAccount{account}}
		if k == storage.KindAccount {
			want.Accounts = nil
		}
		o := storage.ApplyOptions{Prune: []storage.Kind{k}}
		if _, err := db.Apply(t.Context(), want, o, By); err == nil || !strings.Contains(err.Error(), "[]") {
			t.Errorf("no list of %s at all: %v", k, err)
		}
		// Another account has all the lists, this one none.
		want.Accounts = []storage.DesiredAccount{account, {
			Name: "Other", Products: []string{}, DeviceGroups: []storage.DesiredDeviceGroup{}, Users: []storage.DesiredUser{}, Clients: []storage.DesiredClient{},
		}}
		o.DryRun = true
		expect(t, string(k), apply(t, db, want, o), "created account Other")
	}
}

func applyGate(t *testing.T, e Engine) {
	db, _ := e.open(t)
	want := desired(db)
	want.Accounts[0].DeviceGroups[0].Build = 1574
	var below device.BelowError
	_, err := db.Apply(t.Context(), want, storage.ApplyOptions{}, By)
	if !errors.As(err, &below) || len(below.Groups) != 1 || below.Groups[0].Name != "Office" {
		t.Fatalf("apply with an old device group: %v", err)
	}
	if got := events(t, db, storage.EventFilter{}); !slices.Equal(got, []string{string(audit.PolicyRefused) + " device_groups (refused)"}) {
		t.Errorf("events: %v", got)
	}
	// The same file may raise the group, or take it away, and turn two-step on.
	want.Accounts[0].DeviceGroups[0].Build = 1575
	apply(t, db, want, storage.ApplyOptions{})
	// Once on, a group may fall below.
	want.Accounts[0].DeviceGroups[0].Build = 1
	expect(t, "fall below", apply(t, db, want, storage.ApplyOptions{}), "updated device group Example Support / Office [version: 4.3 build 1575 -> 4.3 build 1]")
}

func applyAdmins(t *testing.T, e Engine) {
	db, _ := e.open(t)
	want := desired(db)
	apply(t, db, want, storage.ApplyOptions{})
	users := want.Accounts[0].Users
	users[1].Roles = []string{storage.RoleMember}
	if _, err := db.Apply(t.Context(), want, storage.ApplyOptions{}, By); !errors.Is(err, storage.ErrLastAdmin) {
		t.Errorf("apply without an administrator: %v", err)
	}
	// One hands over to another, whatever their order.
	users[0].Roles = []string{storage.RoleAdmin}
	for range 2 {
		slices.Reverse(users)
		apply(t, db, want, storage.ApplyOptions{})
	}
	if p := got(db.PersonByEmail(t.Context(), "admin@example.com"))(t); slices.Contains(p.User.Roles, storage.RoleAdmin) {
		t.Errorf("roles = %v", p.User.Roles)
	}
}

func applyRedirects(t *testing.T, e Engine) {
	db, _ := e.open(t)
	for _, uri := range []string{"https://*.example.com/cb", "http://app.example.com/cb", "myapp:/cb", "https://app.example.com/cb?code=1"} {
		want := desired(db)
		want.Clients[0].RedirectURIs = []string{uri}
		var refused storage.MetadataError
		if _, err := db.Apply(t.Context(), want, storage.ApplyOptions{}, By); !errors.As(err, &refused) || refused.Field != "redirect_uris" {
			t.Errorf("%s: %v", uri, err)
		}
	}
}
