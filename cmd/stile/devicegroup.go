package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"stile/device"
	"stile/storage"
)

func (p *program) deviceGroup() *cobra.Command {
	return p.noun("device-group", "Device groups: an account's managed devices, with the client version that they have",
		"  stile device-group create Tablets --account \"Example Support\" --client-version 4.3 --client-build 1575\n  stile device-group list --account \"Example Support\"",
		p.deviceGroupCreate(), p.deviceGroupList(), p.deviceGroupShow(), p.deviceGroupUpdate(), p.deviceGroupDelete())
}

// versionFlag takes a dotted version, buildFlag a build.
type (
	versionFlag string
	buildFlag   int
)

func (v *versionFlag) String() string { return string(*v) }
func (v *versionFlag) Type() string   { return "string" }

func (v *versionFlag) Set(text string) error {
	*v = versionFlag(text)
	_, err := device.Parse(text, 0)
	return err
}

func (b *buildFlag) String() string { return strconv.Itoa(int(*b)) }
func (b *buildFlag) Type() string   { return "int" }

func (b *buildFlag) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > device.MaxNumber {
		return fmt.Errorf("client build %q: use a number from 0 to %d", text, device.MaxNumber)
	}
	*b = buildFlag(n)
	return nil
}

// clientFlag is a client version with its build, of which either can be given.
type clientFlag struct {
	version versionFlag
	build   buildFlag
}

func (f *clientFlag) register(c *cobra.Command, who string) {
	c.Flags().Var(&f.version, "client-version", "client version that "+who+", such as 4.3")
	c.Flags().Var(&f.build, "client-build", "client build that "+who+", such as 1575")
}

// over returns the version with what was given in its place.
func (f *clientFlag) over(c *cobra.Command, v device.Version) (device.Version, error) {
	text, build := v.Text(), v.Build
	set(c, "client-version", &text, string(f.version))
	set(c, "client-build", &build, int(f.build))
	return device.Parse(text, build)
}

type deviceGroupRecord struct {
	ID string `json:"id"`
	groupRecord
	NeedsVersion string `json:"required_client_version"`
	NeedsBuild   int    `json:"required_client_build"`
	Below        bool   `json:"below"`
}

func deviceGroupOf(s storage.AccountState, g storage.DeviceGroup) deviceGroupRecord {
	needs := s.Policy.Required
	return deviceGroupRecord{g.ID, groupRecord{g.Name, g.Has.Text(), g.Has.Build}, needs.Text(), needs.Build, g.Has.Compare(needs) < 0}
}

// findGroup finds a device group by name or id.
func findGroup(ctx context.Context, db *storage.DB, s storage.AccountState, nameOrID string) (storage.DeviceGroup, error) {
	list, err := db.DeviceGroups(ctx, s.Account.ID)
	if err != nil {
		return storage.DeviceGroup{}, err
	}
	for _, by := range []func(storage.DeviceGroup) string{
		func(g storage.DeviceGroup) string { return g.ID },
		func(g storage.DeviceGroup) string { return g.Name },
	} {
		if i := slices.IndexFunc(list, func(g storage.DeviceGroup) bool { return by(g) == nameOrID }); i >= 0 {
			return list[i], nil
		}
	}
	names := make([]string, len(list))
	for i, g := range list {
		names[i] = fmt.Sprintf("%q", g.Name)
	}
	return storage.DeviceGroup{}, fmt.Errorf("device group %q: %w: %s", nameOrID, storage.ErrNotFound, oneOf(names))
}

func (p *program) deviceGroupCreate() *cobra.Command {
	var f clientFlag
	c := p.ofAccount("create NAME", "Make a device group", "  stile device-group create Tablets --account \"Example Support\" --client-version 4.3 --client-build 1575",
		cobra.ExactArgs(1), func(ctx context.Context, db *storage.DB, s storage.AccountState, args []string) error {
			has, err := device.Parse(string(f.version), int(f.build))
			if err != nil {
				return err
			}
			made, err := db.SaveDeviceGroup(ctx, storage.DeviceGroup{AccountID: s.Account.ID, Group: device.Group{Name: args[0], Has: has}}, by())
			if err != nil {
				return err
			}
			return p.changed(storage.Difference(s.Account.Name, nil, &made), deviceGroupOf(s, made), "device group %q made, id %s", made.Name, made.ID)
		})
	f.register(c, "its devices have")
	required(c, "client-version", "client-build")
	p.dryRunFlag(c)
	return c
}

func (p *program) deviceGroupList() *cobra.Command {
	return p.ofAccount("list", "List an account's device groups, with what each has and needs", "  stile device-group list --account \"Example Support\" --json",
		cobra.NoArgs, func(ctx context.Context, db *storage.DB, s storage.AccountState, _ []string) error {
			list, err := db.DeviceGroups(ctx, s.Account.ID)
			if err != nil {
				return err
			}
			t := table{head: []string{"NAME", "HAS", "NEEDS", "BELOW"}}
			records := make([]deviceGroupRecord, len(list))
			for i, g := range list {
				records[i] = deviceGroupOf(s, g)
				t.row(g.Name, g.Has.String(), s.Policy.Required.String(), yesNo(records[i].Below))
			}
			return p.print(records, t)
		})
}

func (p *program) deviceGroupShow() *cobra.Command {
	return p.ofAccount("show GROUP", "Show a device group, by name or id", "  stile device-group show Tablets --account \"Example Support\"",
		cobra.ExactArgs(1), func(ctx context.Context, db *storage.DB, s storage.AccountState, args []string) error {
			g, err := findGroup(ctx, db, s, args[0])
			if err != nil {
				return err
			}
			record := deviceGroupOf(s, g)
			return p.print(record, table{rows: [][]string{
				{"name", g.Name},
				{"id", g.ID},
				{"account", s.Account.Name},
				{"has", g.Has.String()},
				{"needs", s.Policy.Required.String()},
				{"below", yesNo(record.Below)},
			}})
		})
}

func (p *program) deviceGroupUpdate() *cobra.Command {
	var f clientFlag
	var name string
	var c *cobra.Command
	c = p.ofAccount("update GROUP", "Change a device group", "  stile device-group update Tablets --account \"Example Support\" --client-version 4.4 --client-build 1600",
		cobra.ExactArgs(1), func(ctx context.Context, db *storage.DB, s storage.AccountState, args []string) error {
			was, err := findGroup(ctx, db, s, args[0])
			if err != nil {
				return err
			}
			is, err := db.UpdateDeviceGroup(ctx, s.Account.ID, was.ID, func(g *storage.DeviceGroup) (err error) {
				was = *g
				set(c, "name", &g.Name, name)
				g.Has, err = f.over(c, g.Has)
				return err
			}, by())
			if err != nil {
				return err
			}
			return p.changed(storage.Difference(s.Account.Name, &was, &is), deviceGroupOf(s, is), "device group %q has %s now", is.Name, is.Has)
		})
	c.Flags().StringVar(&name, "name", "", "another name")
	f.register(c, "its devices have")
	c.MarkFlagsOneRequired("name", "client-version", "client-build")
	p.dryRunFlag(c)
	return c
}

func (p *program) deviceGroupDelete() *cobra.Command {
	var yes bool
	c := p.ofAccount("delete GROUP", "Delete a device group", "  stile device-group delete Tablets --account \"Example Support\" --yes",
		cobra.ExactArgs(1), func(ctx context.Context, db *storage.DB, s storage.AccountState, args []string) error {
			g, err := findGroup(ctx, db, s, args[0])
			if err != nil {
				return err
			}
			if err := p.sure(yes, g.Name, fmt.Sprintf("device group %q is deleted", g.Name)); err != nil {
				return err
			}
			if err := db.DeleteDeviceGroup(ctx, s.Account.ID, g.ID, nil, by()); err != nil {
				return err
			}
			return p.changed(storage.Difference(s.Account.Name, &g, nil), deviceGroupOf(s, g), "device group %q deleted", g.Name)
		})
	yesFlag(c, &yes)
	p.dryRunFlag(c)
	return c
}
