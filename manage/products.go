package manage

import (
	"context"
	"errors"
	"slices"

	"stile/device"
	"stile/storage"
)

// CreateProduct gives the account a product.
func (s *Service) CreateProduct(ctx context.Context, w Who, name string) (storage.Product, error) {
	if err := s.named(w, name); err != nil {
		return storage.Product{}, err
	}
	p, err := s.DB.CreateProduct(ctx, storage.Product{AccountID: w.accountID, Name: name}, w.by)
	return p, taken(err)
}

// RenameProduct gives a product another name. tag is the [Tag] of the product as
// it was seen; empty for any.
func (s *Service) RenameProduct(ctx context.Context, w Who, id, name, tag string) (storage.Product, error) {
	if err := s.named(w, name); err != nil {
		return storage.Product{}, err
	}
	renamed, err := s.DB.UpdateProduct(ctx, w.accountID, id, func(p *storage.Product) error {
		if err := still(*p, tag); err != nil {
			return err
		}
		p.Name = name
		return nil
	}, w.by)
	return renamed, taken(err)
}

// DeleteProduct takes a product with all its seats away. It fails with
// [storage.ErrInUse] while the policy names it. tag is the [Tag] of the product as
// it was seen; empty for any.
func (s *Service) DeleteProduct(ctx context.Context, w Who, id, tag string) error {
	if err := s.may(w, EditDevices); err != nil {
		return err
	}
	return s.DB.DeleteProduct(ctx, w.accountID, id, func(p storage.Product) error { return still(p, tag) }, w.by)
}

// still fails with [ErrChanged] if a record is not as it was seen.
func still(record any, tag string) error {
	if tag != "" && tag != Tag(record) {
		return ErrChanged
	}
	return nil
}

// named makes sure that something of the account may get this name.
func (s *Service) named(w Who, name string) error {
	if err := s.may(w, EditDevices); err != nil {
		return err
	}
	return checkName("name", name)
}

// taken says that a name belongs to another record of the account.
func taken(err error) error {
	if errors.Is(err, storage.ErrExists) {
		return InputError{"name", InputTaken, "the account has another one of this name"}
	}
	return err
}

// DeviceGroups lists the account's device groups by name.
func (s *Service) DeviceGroups(ctx context.Context, w Who) ([]storage.DeviceGroup, error) {
	if err := s.may(w, Read); err != nil {
		return nil, err
	}
	return s.DB.DeviceGroups(ctx, w.accountID)
}

// DeviceGroup returns one of the account's device groups.
func (s *Service) DeviceGroup(ctx context.Context, w Who, id string) (storage.DeviceGroup, error) {
	groups, err := s.DeviceGroups(ctx, w)
	if err != nil {
		return storage.DeviceGroup{}, err
	}
	i := slices.IndexFunc(groups, func(g storage.DeviceGroup) bool { return g.ID == id })
	if i < 0 {
		return storage.DeviceGroup{}, storage.ErrNotFound
	}
	return groups[i], nil
}

// ParseVersion reads a client version and its build.
func ParseVersion(version string, build int) (device.Version, error) {
	if build < 0 || build > device.MaxNumber {
		return device.Version{}, InputError{"client_build", InputBuild, "use a number from 0 to 999999999"}
	}
	v, err := device.Parse(version, build)
	if err != nil {
		return v, InputError{"client_version", InputVersion, "use one to four numbers with dots between, such as 4.3"}
	}
	return v, nil
}

// CreateDeviceGroup makes a device group. It may be below what the policy
// requires: the policy looks when it is turned on.
func (s *Service) CreateDeviceGroup(ctx context.Context, w Who, g device.Group) (storage.DeviceGroup, error) {
	if err := s.named(w, g.Name); err != nil {
		return storage.DeviceGroup{}, err
	}
	made, err := s.DB.SaveDeviceGroup(ctx, storage.DeviceGroup{AccountID: w.accountID, Group: g}, w.by)
	return made, taken(err)
}

// UpdateDeviceGroup changes a device group. tag is the [Tag] of the group as it
// was seen; empty for any.
func (s *Service) UpdateDeviceGroup(ctx context.Context, w Who, id string, g device.Group, tag string) (storage.DeviceGroup, error) {
	if err := s.named(w, g.Name); err != nil {
		return storage.DeviceGroup{}, err
	}
	changed, err := s.DB.UpdateDeviceGroup(ctx, w.accountID, id, func(old *storage.DeviceGroup) error {
		if err := still(*old, tag); err != nil {
			return err
		}
		old.Group = g
		return nil
	}, w.by)
	return changed, taken(err)
}

// DeleteDeviceGroup removes a device group. tag is as with UpdateDeviceGroup.
func (s *Service) DeleteDeviceGroup(ctx context.Context, w Who, id, tag string) error {
	if err := s.may(w, EditDevices); err != nil {
		return err
	}
	return s.DB.DeleteDeviceGroup(ctx, w.accountID, id, func(g storage.DeviceGroup) error { return still(g, tag) }, w.by)
}
