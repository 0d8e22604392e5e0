package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"stile/device"
	"stile/manage"
	"stile/storage"
	"stile/templates"
)

const (
	devicesPath = home + "/device-groups"
	devicePath  = devicesPath + "/{group}"
)

var deviceRoutes = []Route{
	{http.MethodGet, devicesPath, "", manage.Read, (*Visit).devices},
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
	return v.Show(status, page, problems...)
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
	if err := v.Manage.DeleteDeviceGroup(v.R.Context(), v.Who, v.Path("group")); err != nil {
		return err
	}
	return v.Done(devicesPath, "removed")
}
