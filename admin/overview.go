package admin

import (
	"net/http"

	"stile/manage"
	"stile/templates"
)

var overviewRoutes = []Route{
	{http.MethodGet, home, "", manage.Read, (*Visit).overview},
}

// overview is the first page: whose account it is, and how far it has come.
func (v *Visit) overview() error {
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	return v.Show(http.StatusOK, templates.AdminOverview{Account: state.Account.Name, TwoStep: state.Policy.TwoStep})
}
