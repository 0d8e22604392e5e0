package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/device"
	"stile/storage"
)

var accountPromises = []promise{
	{"TestAccountsProductsAndGroups", accounts},
	{"TestN03_SwitchNamesTheGroupsThatFallShort", gate},
	{"TestN03_GroupLoweredWhileTheSwitchIsDecided", gateHolds},
	{"TestN03_SwitchWhileAGroupIsLowered", gateWaits},
	{"TestN03_SwitchAgainstLoweringAtOneInstant", gateRaces},
	{"TestPolicyLosesNoChange", policyWriters},
	{"TestPolicyFollowsTheDefaults", policyDefaults},
}

func accounts(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	a, b := account(t, db, "A"), account(t, db, "B")
	if found := got(db.Account(ctx, "A"))(t); found != a {
		t.Errorf("by name: %+v, want %+v", found, a)
	}
	if found := got(db.Account(ctx, b.ID))(t); found != b {
		t.Errorf("by id: %+v", found)
	}
	// A name that is another account's id finds that account by its id.
	must(t, second(db.UpdateAccount(ctx, a.ID, func(x *storage.Account) error { x.Name = b.ID; return nil }, By)))
	if found := got(db.Account(ctx, b.ID))(t); found.ID != b.ID {
		t.Error("a name shadows an id")
	}
	for name, err := range map[string]error{
		"taken":      second(db.CreateAccount(ctx, storage.Account{Name: "B"}, By)),
		"taken name": second(db.UpdateAccount(ctx, a.ID, func(x *storage.Account) error { x.Name = "B"; return nil }, By)),
	} {
		if !errors.Is(err, storage.ErrExists) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []storage.Account{{}, {Name: " A"}, {Name: "A\u202E"}, {Name: "A", TimeZone: "Nowhere"}, {Name: "A", Language: "English"}} {
		if _, err := db.CreateAccount(ctx, bad, By); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	desk := got(db.CreateProduct(ctx, storage.Product{AccountID: a.ID, Name: "Desk"}, By))(t)
	renamed := func(p *storage.Product) error { p.Name = "Help desk"; return nil }
	must(t, second(db.UpdateProduct(ctx, a.ID, desk.ID, renamed, By)))
	group := got(db.SaveDeviceGroup(ctx, storage.DeviceGroup{AccountID: a.ID, Group: device.Group{Name: "Office", Has: version("4.2", 7)}}, By))(t)
	group.Has = version("4.10", 0)
	must(t, second(db.SaveDeviceGroup(ctx, group, By)))
	if g := got(db.DeviceGroups(ctx, a.ID))(t); len(g) != 1 || g[0].Has.String() != "4.10 build 0" {
		t.Errorf("device groups: %+v", g)
	}

	// What is another account's is not found from here.
	stolen := group
	stolen.AccountID = b.ID
	for name, err := range map[string]error{
		"product renamed": second(db.UpdateProduct(ctx, b.ID, desk.ID, renamed, By)),
		"product deleted": db.DeleteProduct(ctx, b.ID, desk.ID, nil, By),
		"group changed":   second(db.SaveDeviceGroup(ctx, stolen, By)),
		"group deleted":   db.DeleteDeviceGroup(ctx, b.ID, group.ID, nil, By),
		"no account":      second(db.CreateProduct(ctx, storage.Product{AccountID: "none", Name: "X"}, By)),
		"policy": second(db.UpdatePolicy(ctx, b.ID, func(s storage.AccountState) (storage.Policy, error) {
			s.Policy.Products = []string{desk.ID}
			return s.Policy, nil
		}, By)),
	} {
		if !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	u := member(t, db, a, "agent@example.com")
	must(t, db.GiveSeat(ctx, u.ID, desk.ID, By))
	must(t, db.GiveSeat(ctx, u.ID, desk.ID, By))
	if err := db.GiveSeat(ctx, member(t, db, b, "b@example.com").ID, desk.ID, By); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a seat of another account's product: %v", err)
	}
	if p := got(db.PersonByID(ctx, u.ID))(t); !slices.Equal(p.Subject.Seats, []string{desk.ID}) {
		t.Errorf("seats: %v", p.Subject.Seats)
	}
	must(t, db.DeleteProduct(ctx, a.ID, desk.ID, nil, By))
	if err := db.TakeSeat(ctx, u.ID, desk.ID, By); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a seat of a product that is gone: %v", err)
	}
	must(t, db.DeleteDeviceGroup(ctx, a.ID, group.ID, nil, By))
	must(t, db.DeleteAccount(ctx, a.ID, By))
	if _, err := db.PersonByID(ctx, u.ID); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a user of a deleted account: %v", err)
	}
	var left int
	must(t, raw.QueryRow(`SELECT count(*) FROM policies`).Scan(&left))
	if left != 1 {
		t.Errorf("%d policies are left", left)
	}
	want := []string{
		"account.changed deleted", "device_group.changed deleted", "product.changed deleted", "seat.changed created", "user.changed created",
		"device_group.changed updated", "device_group.changed created", "product.changed updated", "product.changed created", "account.changed updated", "account.changed created",
	}
	kinds := events(t, db, storage.EventFilter{AccountID: a.ID})
	slices.Sort(kinds) // within one instant lines have no order
	if slices.Sort(want); !slices.Equal(kinds, want) {
		t.Errorf("events: %v\nwant    %v", kinds, want)
	}
}

// gated makes an account with one device group.
func gated(t testing.TB, db *storage.DB, name string, v device.Version) (storage.Account, storage.DeviceGroup) {
	t.Helper()
	a := account(t, db, name)
	return a, got(db.SaveDeviceGroup(t.Context(), storage.DeviceGroup{AccountID: a.ID, Group: device.Group{Name: "Office", Has: v}}, By))(t)
}

// require turns two-step verification on.
func require(s storage.AccountState) (storage.Policy, error) {
	s.Policy.TwoStep = true
	return s.Policy, nil
}

func gate(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	a, office := gated(t, db, "A", version("4.3", 1575))
	field := got(db.SaveDeviceGroup(ctx, storage.DeviceGroup{AccountID: a.ID, Group: device.Group{Name: "Field", Has: version("4.2", 9999)}}, By))(t)
	var below device.BelowError
	_, err := db.UpdatePolicy(ctx, a.ID, require, By)
	if !errors.As(err, &below) || len(below.Groups) != 1 || below.Groups[0].Name != "Field" || below.Needs.String() != "4.3 build 1575" {
		t.Fatalf("switch with an old group: %v", err)
	}
	if p := got(db.AccountState(ctx, a.ID))(t).Policy; p.TwoStep || p.Version != 1 {
		t.Errorf("after the refusal: %+v", p)
	}
	if got := events(t, db, storage.EventFilter{AccountID: a.ID, Outcome: audit.Refused}); !slices.Equal(got, []string{"policy.refused device_groups (refused)"}) {
		t.Errorf("events: %v", got)
	}
	field.Has = version("4.10", 0) // newer than 4.3: numbers, not letters
	must(t, second(db.SaveDeviceGroup(ctx, field, By)))
	p := got(db.UpdatePolicy(ctx, a.ID, require, By))(t)
	if !p.TwoStep || p.Version != 2 {
		t.Errorf("policy = %+v", p)
	}
	// Once on, groups may fall below, and the policy may change.
	office.Has = version("1", 0)
	must(t, second(db.SaveDeviceGroup(ctx, office, By)))
	must(t, second(db.UpdatePolicy(ctx, a.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.WaiveFirst = true
		return s.Policy, nil
	}, By)))
	if p := got(db.UpdatePolicy(ctx, a.ID, require, By))(t); p.Version != 3 {
		t.Errorf("a change to what it is already made version %d", p.Version)
	}
	// Off and on again: the gate is shut.
	must(t, second(db.UpdatePolicy(ctx, a.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.TwoStep = false
		return s.Policy, nil
	}, By)))
	if _, err := db.UpdatePolicy(ctx, a.ID, require, By); !errors.As(err, &below) {
		t.Errorf("on again: %v", err)
	}
	if got := events(t, db, storage.EventFilter{AccountID: a.ID, Kind: audit.PolicyChanged}); len(got) != 3 {
		t.Errorf("%d changes of policy were written down, want 3", len(got))
	}
}

// gateHolds lowers a group, and adds one, from another replica while the switch
// is being decided: both wait until it is made.
func gateHolds(t *testing.T, e Engine) {
	dbs, _ := e.openTwice(t)
	ctx := t.Context()
	a, office := gated(t, dbs[0], "A", version("4.3", 1575))
	office.Has = version("4.2", 1570)
	added := storage.DeviceGroup{AccountID: a.ID, Group: device.Group{Name: "New", Has: version("1", 0)}}
	lowered := make(chan error, 2)
	p, err := dbs[0].UpdatePolicy(ctx, a.ID, func(s storage.AccountState) (storage.Policy, error) {
		go func() { lowered <- second(dbs[1].SaveDeviceGroup(ctx, office, By)) }()
		go func() { lowered <- second(dbs[1].SaveDeviceGroup(ctx, added, By)) }()
		for range 50 { // long enough for either to get through, were it let
			groups, err := dbs[1].DeviceGroups(ctx, a.ID)
			if err != nil || len(groups) != 1 || groups[0].Has.String() != "4.3 build 1575" || len(lowered) > 0 {
				return s.Policy, fmt.Errorf("groups while the switch is decided: %v, %w", groups, err)
			}
		}
		return require(s)
	}, By)
	if err != nil || !p.TwoStep {
		t.Fatal(err)
	}
	must(t, <-lowered)
	must(t, <-lowered)
}

// gateWaits switches while another replica is about to lower a group: what that
// one did is seen.
func gateWaits(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	a, _ := gated(t, db, "A", version("4.3", 1575))
	// What SaveDeviceGroup sends, held before its COMMIT.
	conn := got(raw.Conn(ctx))(t)
	defer conn.Close()
	for _, text := range []string{
		map[bool]string{true: "BEGIN IMMEDIATE", false: "BEGIN"}[db.Embedded()],
		`UPDATE accounts SET updated_at = 1`, `UPDATE device_groups SET client_build = 1`,
	} {
		must(t, second(conn.ExecContext(ctx, text)))
	}
	switched := make(chan error, 1)
	go func() { switched <- second(db.UpdatePolicy(ctx, a.ID, require, By)) }()
	for waiting := db.Embedded(); !waiting && len(switched) == 0; { // the embedded one lets nobody begin
		must(t, raw.QueryRowContext(ctx, `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting))
	}
	if len(switched) > 0 {
		t.Fatalf("the switch did not wait: %v", <-switched)
	}
	must(t, second(conn.ExecContext(ctx, "COMMIT")))
	var below device.BelowError
	if err := <-switched; !errors.As(err, &below) {
		t.Errorf("switch after a group was lowered: %v", err)
	}
}

// gateRaces lets go of both at one instant. The lines of the audit log are
// written under the same lock, so their order is the order of the acts.
func gateRaces(t *testing.T, e Engine) {
	dbs, _ := e.openTwice(t)
	ctx := t.Context()
	for round := range 12 {
		a, office := gated(t, dbs[0], fmt.Sprintf("A%d", round), version("4.3", 1575))
		office.Has = version("4.2", 1570)
		errs := together(8, dbs, func(i int, db *storage.DB) error {
			if i%4 < 2 {
				return second(db.UpdatePolicy(ctx, a.ID, require, By))
			}
			return second(db.SaveDeviceGroup(ctx, office, By))
		})
		refused := 0
		for _, err := range errs {
			var below device.BelowError
			if errors.As(err, &below) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		// All four switches see the same: the first one decides for the others.
		on := got(dbs[0].AccountState(ctx, a.ID))(t).Policy.TwoStep
		if on == (refused == 4) || !on && refused != 4 {
			t.Errorf("round %d: on %v, %d refused", round, on, refused)
		}
	}
}

// policyWriters: of many changes at once none is lost.
func policyWriters(t *testing.T, e Engine) {
	dbs, _ := e.openTwice(t)
	a := account(t, dbs[0], "A")
	const n = 32
	errs := together(n, dbs, func(_ int, db *storage.DB) error {
		return second(db.UpdatePolicy(t.Context(), a.ID, func(s storage.AccountState) (storage.Policy, error) {
			s.Policy.Lifetimes.TwoStepIdle += time.Second
			return s.Policy, nil
		}, By))
	})
	must(t, errors.Join(errs...))
	p := got(dbs[1].AccountState(t.Context(), a.ID))(t).Policy
	if p.Version != 1+n || p.Lifetimes.TwoStepIdle != time.Hour+n*time.Second {
		t.Errorf("after %d changes: version %d, idle %v", n, p.Version, p.Lifetimes.TwoStepIdle)
	}
	if got := events(t, dbs[0], storage.EventFilter{Kind: audit.PolicyChanged}); len(got) != n {
		t.Errorf("%d lines for %d changes", len(got), n)
	}
}

func policyDefaults(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db := Open(t, url, clock.Now)
	ctx := t.Context()
	a := account(t, db, "A")
	must(t, second(db.UpdatePolicy(ctx, a.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.Lifetimes.PasswordIdle = 2 * time.Hour
		return s.Policy, nil
	}, By)))
	strict := storage.Policy{Required: version("5", 1), Reenrolment: storage.ReenrolByAdmin}
	strict.Lifetimes.TwoStepIdle, strict.Lifetimes.PasswordIdle = 10*time.Minute, 20*time.Minute
	other, err := storage.Open(ctx, url, storage.Options{Ring: Ring(), Now: clock.Now, Defaults: strict})
	must(t, err)
	defer other.Close()
	p := got(other.AccountState(ctx, a.ID))(t).Policy
	if p.Lifetimes.TwoStepIdle != 10*time.Minute || p.Reenrolment != storage.ReenrolByAdmin || p.Required.Text() != "5" {
		t.Errorf("what the account left open does not follow the installation: %+v", p)
	}
	if p.Lifetimes.PasswordIdle != 2*time.Hour || p.Lifetimes.GrantIdle != 14*24*time.Hour {
		t.Errorf("lifetimes = %+v", p.Lifetimes)
	}
	for name, change := range map[string]func(*storage.Policy){
		"two days with a second factor": func(p *storage.Policy) { p.Lifetimes.TwoStepAbsolute = 48 * time.Hour },
		"idle longer than absolute":     func(p *storage.Policy) { p.Lifetimes.GrantIdle = 100 * 24 * time.Hour },
		"negative":                      func(p *storage.Policy) { p.Lifetimes.PasswordAbsolute = -1 },
		"mode":                          func(p *storage.Policy) { p.Reenrolment = "phone" },
	} {
		_, err := db.UpdatePolicy(ctx, a.ID, func(s storage.AccountState) (storage.Policy, error) { change(&s.Policy); return s.Policy, nil }, By)
		if err == nil || !strings.HasPrefix(err.Error(), "policy: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
