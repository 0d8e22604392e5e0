package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"stile/authn"
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
	for _, p := range state.Products {
		row, err := v.productRow(v.R.Context(), state, p)
		if err != nil {
			return err
		}
		page.Products = append(page.Products, row)
	}
	return v.Show(status, page, problems...)
}

// productRow is a product with how many active users hold a seat of it.
func (v *Visit) productRow(ctx context.Context, state storage.AccountState, p storage.Product) (templates.AdminProductRow, error) {
	held, err := v.Manage.DB.Coverage(ctx, state.Account.ID, storage.Policy{Policy: authn.Policy{Products: []string{p.ID}}})
	return templates.AdminProductRow{ID: p.ID, Name: p.Name, Seats: held.Covered, Covered: slices.Contains(state.Policy.Products, p.ID)}, err
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
	row, err := v.productRow(v.R.Context(), state, state.Products[i])
	if err != nil {
		return err
	}
	page := templates.AdminProduct{Called: row.Name, Typed: row.Name, Product: row}
	if v.Fields.Has(templates.FieldName) {
		page.Typed = v.Fields.Get(templates.FieldName)
	}
	return v.Show(status, page, problems...)
}

// renameProduct gives it another name.
func (v *Visit) renameProduct() error {
	err := v.Manage.RenameProduct(v.R.Context(), v.Who, v.Path("product"), v.Fields.Get(templates.FieldName))
	if problems, wrong := Problems(err); wrong {
		return v.showProduct(http.StatusUnprocessableEntity, problems...)
	} else if err != nil {
		return err
	}
	return v.Done(productsPath, "saved")
}

// removeProduct takes it away, with the seats that are held.
func (v *Visit) removeProduct() error {
	err := v.Manage.DeleteProduct(v.R.Context(), v.Who, v.Path("product"))
	if errors.Is(err, storage.ErrInUse) {
		return v.showProduct(http.StatusConflict, templates.FieldError{Key: templates.ErrAdminProductInUse})
	} else if err != nil {
		return err
	}
	return v.Done(productsPath, "removed")
}
