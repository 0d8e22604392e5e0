package admin

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"stile/device"
	"stile/manage"
	"stile/roster"
	"stile/storage"
	"stile/templates"
)

const (
	devicesPath = home + "/device-groups"
	devicePath  = devicesPath + "/{group}"
	devicesCSV  = devicesPath + ".csv"
)

var deviceRoutes = []Route{
	{http.MethodGet, devicesPath, "", manage.Read, (*Visit).devices},
	{http.MethodGet, devicesCSV, "", manage.Read, (*Visit).exportDevices},
	{http.MethodPost, devicesPath, "", manage.EditDevices, (*Visit).addDevice},
	{http.MethodGet, devicePath, "", manage.EditDevices, (*Visit).device},
	{http.MethodPost, devicePath, "", manage.EditDevices, (*Visit).changeDevice},
	{http.MethodPost, devicePath, templates.DoRemove, manage.EditDevices, (*Visit).removeDevice},
}

// devices lists the device groups.
func (v *Visit) devices() error { return v.showDevices(http.StatusOK) }

func (v *Visit) showDevices(status int, problems ...templates.FieldError) error {
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	groups, err := v.Manage.DeviceGroups(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	page := templates.AdminDeviceGroups{
		Required: shownVersion(state.Policy.Required), New: v.typedGroup(), Editable: v.Who.Has(manage.EditDevices),
	}
	for _, g := range groups {
		page.Groups = append(page.Groups, shownGroup(g, state.Policy.Required))
	}
	if len(groups) > 0 {
		page.Versions, page.CSV = clientVersions(groups, state.Policy.Required), devicesCSV
	}
	return v.Show(status, page, problems...)
}

// clientVersions puts all versions in order.
func clientVersions(groups []storage.DeviceGroup, required device.Version) (shown templates.AdminClientVersions) {
	scale := []device.Version{required}
	for _, g := range groups {
		scale = append(scale, g.Has)
	}
	slices.SortFunc(scale, device.Version.Compare)
	scale = slices.CompactFunc(scale, func(a, b device.Version) bool { return a.Compare(b) == 0 })
	place := func(of device.Version) int {
		i, _ := slices.BinarySearchFunc(scale, of, device.Version.Compare)
		return i
	}
	for _, s := range scale {
		shown.Scale = append(shown.Scale, shownVersion(s))
	}
	for _, g := range groups {
		shown.Has = append(shown.Has, place(g.Has))
	}
	shown.Needs = place(required)
	return shown
}

// exportDevices answers with the device groups as a list for spreadsheets.
func (v *Visit) exportDevices() error {
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	groups, err := v.Manage.DeviceGroups(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	h := v.W.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="device-groups.csv"`)
	needs := state.Policy.Required
	lines := [][]string{{"group", "has_version", "has_build", "needs_version", "needs_build", "below"}}
	for _, g := range groups {
		lines = append(lines, []string{
			roster.Neutral(g.Name), g.Has.Text(), strconv.Itoa(g.Has.Build), needs.Text(), strconv.Itoa(needs.Build), strconv.FormatBool(g.Has.Compare(needs) < 0),
		})
	}
	_ = csv.NewWriter(v.W).WriteAll(lines) // whoever asked may have gone
	return nil
}

func shownGroup(g storage.DeviceGroup, required device.Version) templates.AdminGroup {
	return templates.AdminGroup{
		ID: g.ID, Name: g.Name, Version: g.Has.Text(), Build: fmt.Sprint(g.Has.Build), Below: g.Has.Compare(required) < 0,
	}
}

// typedGroup is what the fields hold.
func (v *Visit) typedGroup() templates.AdminGroup {
	return templates.AdminGroup{
		Name: v.Fields.Get(templates.FieldName), Version: v.Fields.Get(templates.FieldClientVersion), Build: v.Fields.Get(templates.FieldClientBuild),
	}
}

// readGroup reads the fields. All that is wrong with them is said at once.
func (v *Visit) readGroup() (g device.Group, problems []templates.FieldError) {
	g.Name = v.Fields.Get(templates.FieldName)
	var err error
	if g.Has, err = v.clientVersion(); err != nil {
		problems, _ = Problems(err)
	}
	if g.Name == "" {
		problems = append([]templates.FieldError{{Field: templates.FieldName, Key: templates.InputKey(string(manage.InputMissing))}}, problems...)
	}
	return g, problems
}

// addDevice makes a device group.
func (v *Visit) addDevice() error {
	g, problems := v.readGroup()
	if problems == nil {
		_, err := v.Manage.CreateDeviceGroup(v.R.Context(), v.Who, g)
		if err == nil {
			return v.Done(devicesPath, "added")
		}
		var wrong bool
		if problems, wrong = Problems(err); !wrong {
			return err
		}
	}
	return v.showDevices(http.StatusUnprocessableEntity, problems...)
}

// device is the page of one group.
func (v *Visit) device() error { return v.showDevice(http.StatusOK) }

func (v *Visit) showDevice(status int, problems ...templates.FieldError) error {
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	g, err := v.Manage.DeviceGroup(v.R.Context(), v.Who, v.Path("group"))
	if err != nil {
		return err
	}
	page := templates.AdminDeviceGroup{
		Called: g.Name, Group: shownGroup(g, state.Policy.Required), Required: shownVersion(state.Policy.Required), Tag: manage.Tag(g),
	}
	if v.Fields.Has(templates.FieldName) { // typed a moment ago
		page.Group = v.typedGroup()
	}
	return v.Show(status, page, problems...)
}

// changeDevice changes it.
func (v *Visit) changeDevice() error {
	g, problems := v.readGroup()
	if problems == nil {
		_, err := v.Manage.UpdateDeviceGroup(v.R.Context(), v.Who, v.Path("group"), g, v.Fields.Get(templates.FieldTag))
		if err == nil {
			return v.Done(devicesPath, "saved")
		}
		if errors.Is(err, manage.ErrChanged) {
			v.Fields = url.Values{} // the page shows the group as it is now
			return v.showDevice(http.StatusConflict, templates.FieldError{Key: templates.ErrAdminChanged})
		}
		var wrong bool
		if problems, wrong = Problems(err); !wrong {
			return err
		}
	}
	return v.showDevice(http.StatusUnprocessableEntity, problems...)
}

// removeDevice removes it.
func (v *Visit) removeDevice() error {
	if err := v.Manage.DeleteDeviceGroup(v.R.Context(), v.Who, v.Path("group"), ""); err != nil {
		return err
	}
	return v.Done(devicesPath, "removed")
}
