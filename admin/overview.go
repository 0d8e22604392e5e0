package admin

import (
	"net/http"

	"stile/manage"
	"stile/templates"
)

var overviewRoutes = []Route{
	{http.MethodGet, home, "", manage.Read, (*Visit).overview},
}

// plotDays is how many days the first page draws.
const plotDays = 30

// overview is the first page: whose account it is, how far it has come, and what
// waits for somebody.
func (v *Visit) overview() error {
	review, err := v.Manage.Policy(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	groups, err := v.Manage.DeviceGroups(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	page := templates.AdminOverview{
		Account: v.Person.Account.Name, Policy: shownPolicy(review.Now, review.Products, v.Now()),
		Coverage: shownCoverage(review.Coverage), Editable: v.Who.Has(manage.EditPolicy), Changed: review.LastAt,
	}
	for _, g := range groups {
		if g.Has.Compare(review.Now.Required) < 0 {
			page.Below++
		}
	}
	days, err := v.Manage.EnrolmentByDay(v.R.Context(), v.Who, plotDays, v.zone())
	if err != nil {
		return err
	}
	for _, d := range days {
		page.Days = append(page.Days, templates.AdminDay{Day: d.Day, Enrolled: d.Enrolled})
	}
	return v.Show(http.StatusOK, page)
}
