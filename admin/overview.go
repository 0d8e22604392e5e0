package admin

import (
	"net/http"

	"stile/manage"
	"stile/storage"
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
	if page.Requests, err = v.openRequests(); err != nil {
		return err
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

// openRequests counts the requests that wait for a decision, as far as the first
// page of them goes.
func (v *Visit) openRequests() (n int, err error) {
	list, err := v.Manage.DeviceRequests(v.R.Context(), v.Who, "", listed)
	for _, r := range list {
		if r.State(v.Now()) == storage.DeviceOpen {
			n++
		}
	}
	return n, err
}
