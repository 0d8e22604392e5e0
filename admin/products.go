package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"stile/manage"
	"stile/storage"
	"stile/templates"
)

const (
	productsPath = home + "/products"
	productPath  = productsPath + "/{product}"
)

var productRoutes = []Route{
	{http.MethodGet, productsPath, "", manage.Read, (*Visit).products},
	{http.MethodPost, productsPath, "", manage.EditDevices, (*Visit).addProduct},
	{http.MethodGet, productPath, "", manage.EditDevices, (*Visit).product},
	{http.MethodPost, productPath, "", manage.EditDevices, (*Visit).renameProduct},
	{http.MethodPost, productPath, templates.DoRemove, manage.EditDevices, (*Visit).removeProduct},
}

// products lists the products.
func (v *Visit) products() error { return v.showProducts(http.StatusOK) }

func (v *Visit) showProducts(status int, problems ...templates.FieldError) error {
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	page := templates.AdminProducts{New: v.Fields.Get(templates.FieldName), Editable: v.Who.Has(manage.EditDevices)}
	seats, err := v.Manage.DB.SeatCounts(v.R.Context(), state.Account.ID)
	if err != nil {
		return err
	}
	for _, p := range state.Products {
		page.Products = append(page.Products, productRow(state, p, seats))
	}
	return v.Show(status, page, problems...)
}

// productRow is a product with how many active users hold a seat of it.
func productRow(state storage.AccountState, p storage.Product, seats map[string]int) templates.AdminProductRow {
	return templates.AdminProductRow{ID: p.ID, Name: p.Name, Seats: seats[p.ID], Covered: slices.Contains(state.Policy.Products, p.ID)}
}

// addProduct gives the account a product.
func (v *Visit) addProduct() error {
	_, err := v.Manage.CreateProduct(v.R.Context(), v.Who, v.Fields.Get(templates.FieldName))
	if problems, wrong := Problems(err); wrong {
		return v.showProducts(http.StatusUnprocessableEntity, problems...)
	} else if err != nil {
		return err
	}
	return v.Done(productsPath, "added")
}

// product is the page of one product.
func (v *Visit) product() error { return v.showProduct(http.StatusOK) }

func (v *Visit) showProduct(status int, problems ...templates.FieldError) error {
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(state.Products, func(p storage.Product) bool { return p.ID == v.Path("product") })
	if i < 0 {
		return storage.ErrNotFound
	}
	seats, err := v.Manage.DB.SeatCounts(v.R.Context(), state.Account.ID)
	if err != nil {
		return err
	}
	row := productRow(state, state.Products[i], seats)
	page := templates.AdminProduct{Called: row.Name, Typed: row.Name, Product: row, Tag: manage.Tag(state.Products[i])}
	if v.Fields.Has(templates.FieldName) {
		page.Typed = v.Fields.Get(templates.FieldName)
	}
	return v.Show(status, page, problems...)
}

// renameProduct gives it another name.
func (v *Visit) renameProduct() error {
	_, err := v.Manage.RenameProduct(v.R.Context(), v.Who, v.Path("product"), v.Fields.Get(templates.FieldName), v.Fields.Get(templates.FieldTag))
	if errors.Is(err, manage.ErrChanged) {
		v.Fields = url.Values{} // the page shows the product as it is now
		return v.showProduct(http.StatusConflict, templates.FieldError{Key: templates.ErrAdminChanged})
	}
	if problems, wrong := Problems(err); wrong {
		return v.showProduct(http.StatusUnprocessableEntity, problems...)
	} else if err != nil {
		return err
	}
	return v.Done(productsPath, "saved")
}

// removeProduct takes it away, with the seats that are held.
func (v *Visit) removeProduct() error {
	err := v.Manage.DeleteProduct(v.R.Context(), v.Who, v.Path("product"), "")
	if errors.Is(err, storage.ErrInUse) {
		return v.showProduct(http.StatusConflict, templates.FieldError{Key: templates.ErrAdminProductInUse})
	} else if err != nil {
		return err
	}
	return v.Done(productsPath, "removed")
}
