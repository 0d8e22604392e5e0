package api

import (
	"context"
	"net/http"
	"time"

	"stile/device"
	"stile/manage"
	"stile/storage"
)

// Product is what the account bought.
type Product struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

func productOf(p storage.Product) Product { return Product{p.ID, p.Name, p.CreatedAt} }

func taggedProduct(p storage.Product) *taggedOne[Product] {
	return tagged(etag(manage.Tag(p)), productOf(p))
}

// All is a list that is short enough to be answered whole.
type All[T any] struct{ Body ListOf[T] }

// ListOf is what is on a list.
type ListOf[T any] struct {
	Items []T `json:"items"`
}

func all[S, T any](found []S, show func(S) T) *All[T] {
	list := &All[T]{}
	list.Body.Items = make([]T, len(found))
	for i, s := range found {
		list.Body.Items[i] = show(s)
	}
	return list
}

// NewProduct is what a product is to be.
type NewProduct struct {
	Name string `json:"name" minLength:"1" maxLength:"200"`
}

// ProductPath is the id in a path.
type ProductPath struct {
	ID string `path:"id" maxLength:"100" doc:"Id of the product."`
}

func (a *API) products() {
	do(a, act{
		id: "listProducts", method: http.MethodGet, path: "/products", tag: "Products", permission: manage.Read, summary: "The account's products",
	}, func(ctx context.Context, w manage.Who, _ *struct{}) (*All[Product], error) {
		s, err := a.o.Manage.Account(ctx, w)
		if err != nil {
			return nil, err
		}
		return all(s.Products, productOf), nil
	})
	do(a, act{
		id: "getProduct", method: http.MethodGet, path: "/products/{id}", tag: "Products", permission: manage.Read, summary: "One product",
	}, func(ctx context.Context, w manage.Who, in *ProductPath) (*taggedOne[Product], error) {
		s, err := a.o.Manage.Account(ctx, w)
		if err != nil {
			return nil, err
		}
		for _, p := range s.Products {
			if p.ID == in.ID {
				return taggedProduct(p), nil
			}
		}
		return nil, storage.ErrNotFound
	})
	type create struct{ Body NewProduct }
	do(a, act{
		id: "createProduct", method: http.MethodPost, path: "/products", tag: "Products", permission: manage.EditDevices, status: http.StatusCreated,
		summary: "Give the account a product",
	}, func(ctx context.Context, w manage.Who, in *create) (*taggedNew[Product], error) {
		p, err := a.o.Manage.CreateProduct(ctx, w, in.Body.Name)
		if err != nil {
			return nil, err
		}
		return madeTagged("/products/", p.ID, etag(manage.Tag(p)), productOf(p)), nil
	})
	type rename struct {
		ProductPath
		IfMatch
		Body NewProduct
	}
	do(a, act{
		id: "renameProduct", method: http.MethodPatch, path: "/products/{id}", tag: "Products", permission: manage.EditDevices, summary: "Rename a product",
	}, func(ctx context.Context, w manage.Who, in *rename) (*taggedOne[Product], error) {
		tag, err := in.seen()
		if err != nil {
			return nil, err
		}
		p, err := a.o.Manage.RenameProduct(ctx, w, in.ID, in.Body.Name, tag)
		if err != nil {
			return nil, err
		}
		return taggedProduct(p), nil
	})
	type remove struct {
		ProductPath
		IfMatch
	}
	do(a, act{
		id: "deleteProduct", method: http.MethodDelete, path: "/products/{id}", tag: "Products", permission: manage.EditDevices,
		summary: "Take a product with all its seats away", about: "Refused (409, in-use) while the policy names it.",
	}, func(ctx context.Context, w manage.Who, in *remove) (*struct{}, error) {
		tag, err := in.seen()
		if err != nil {
			return nil, err
		}
		return nil, a.o.Manage.DeleteProduct(ctx, w, in.ID, tag)
	})
}

// DeviceGroup is a set of managed devices with one client version.
type DeviceGroup struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Has       Version   `json:"has"`
	CreatedAt time.Time `json:"created_at"`
}

func groupOf(g storage.DeviceGroup) DeviceGroup {
	return DeviceGroup{g.ID, g.Name, versionOf(g.Has), g.CreatedAt}
}

// NewDeviceGroup is what a device group is to be.
type NewDeviceGroup struct {
	Name string  `json:"name" minLength:"1" maxLength:"200"`
	Has  Version `json:"has"`
}

func (g NewDeviceGroup) group() (device.Group, error) {
	v, err := manage.ParseVersion(g.Has.Version, g.Has.Build)
	return device.Group{Name: g.Name, Has: v}, err
}

// GroupPath is the id in a path.
type GroupPath struct {
	ID string `path:"id" maxLength:"100" doc:"Id of the device group."`
}

func (a *API) deviceGroups() {
	do(a, act{
		id: "listDeviceGroups", method: http.MethodGet, path: "/device-groups", tag: "Device groups", permission: manage.Read, summary: "The account's device groups",
	}, func(ctx context.Context, w manage.Who, _ *struct{}) (*All[DeviceGroup], error) {
		groups, err := a.o.Manage.DeviceGroups(ctx, w)
		if err != nil {
			return nil, err
		}
		return all(groups, groupOf), nil
	})
	do(a, act{
		id: "getDeviceGroup", method: http.MethodGet, path: "/device-groups/{id}", tag: "Device groups", permission: manage.Read, summary: "One device group",
	}, func(ctx context.Context, w manage.Who, in *GroupPath) (*taggedOne[DeviceGroup], error) {
		g, err := a.o.Manage.DeviceGroup(ctx, w, in.ID)
		if err != nil {
			return nil, err
		}
		return tagged(etag(manage.Tag(g)), groupOf(g)), nil
	})
	type create struct{ Body NewDeviceGroup }
	do(a, act{
		id: "createDeviceGroup", method: http.MethodPost, path: "/device-groups", tag: "Device groups", permission: manage.EditDevices, status: http.StatusCreated,
		summary: "Make a device group",
	}, func(ctx context.Context, w manage.Who, in *create) (*taggedNew[DeviceGroup], error) {
		g, err := in.Body.group()
		if err != nil {
			return nil, err
		}
		made, err := a.o.Manage.CreateDeviceGroup(ctx, w, g)
		if err != nil {
			return nil, err
		}
		return madeTagged("/device-groups/", made.ID, etag(manage.Tag(made)), groupOf(made)), nil
	})
	type replace struct {
		GroupPath
		IfMatch
		Body NewDeviceGroup
	}
	do(a, act{
		id: "updateDeviceGroup", method: http.MethodPut, path: "/device-groups/{id}", tag: "Device groups", permission: manage.EditDevices, summary: "Change a device group",
	}, func(ctx context.Context, w manage.Who, in *replace) (*taggedOne[DeviceGroup], error) {
		tag, err := in.seen()
		if err != nil {
			return nil, err
		}
		g, err := in.Body.group()
		if err != nil {
			return nil, err
		}
		changed, err := a.o.Manage.UpdateDeviceGroup(ctx, w, in.ID, g, tag)
		if err != nil {
			return nil, err
		}
		return tagged(etag(manage.Tag(changed)), groupOf(changed)), nil
	})
	type remove struct {
		GroupPath
		IfMatch
	}
	do(a, act{
		id: "deleteDeviceGroup", method: http.MethodDelete, path: "/device-groups/{id}", tag: "Device groups", permission: manage.EditDevices, summary: "Remove a device group",
	}, func(ctx context.Context, w manage.Who, in *remove) (*struct{}, error) {
		tag, err := in.seen()
		if err != nil {
			return nil, err
		}
		return nil, a.o.Manage.DeleteDeviceGroup(ctx, w, in.ID, tag)
	})
}
