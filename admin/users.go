package admin

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"stile/locale"
	"stile/manage"
	"stile/roster"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

const (
	usersPath  = home + "/users"
	userPath   = usersPath + "/{user}"
	exportPath = home + "/users.csv"
)

var userRoutes = []Route{
	{http.MethodGet, usersPath, "", manage.Read, (*Visit).users},
	{http.MethodGet, exportPath, "", manage.Read, (*Visit).exportUsers},
	{http.MethodGet, userPath, "", manage.Read, (*Visit).user},
	{http.MethodPost, userPath, "", manage.EditUsers, (*Visit).saveUser},
	{http.MethodPost, userPath, templates.DoDisable, manage.EditUsers, func(v *Visit) error { return v.switchUser(true) }},
	{http.MethodPost, userPath, templates.DoEnable, manage.EditUsers, func(v *Visit) error { return v.switchUser(false) }},
	{http.MethodPost, userPath, templates.DoSignOut, manage.SignOutUsers, (*Visit).signOutUser},
	{http.MethodPost, userPath, templates.DoReset, manage.ResetUsers, (*Visit).resetUser},
}

// roles and states are what the filter of users chooses among.
var (
	roles  = []string{storage.RoleMember, storage.RoleAdmin, storage.RoleHelpdesk, storage.RoleAuditor}
	states = append([]storage.UserState{""}, storage.UserStates()...)
)

// listed is how many rows a page of a list has.
const listed = 50

// userFilter is the filter of the query. What it doesn't know chooses all.
func (v *Visit) userFilter() storage.UserFilter {
	f := storage.UserFilter{
		Text: v.Query.Get(templates.FieldText), State: storage.UserState(v.Query.Get(templates.FieldState)), Role: v.Query.Get(templates.FieldRole),
		ProductID: v.Query.Get(templates.FieldProduct), Limit: listed + 1,
	}
	if !slices.Contains(states, f.State) {
		f.State = ""
	}
	if !slices.Contains(roles, f.Role) {
		f.Role = ""
	}
	return f
}

// users lists the account's people.
func (v *Visit) users() error {
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	f := v.userFilter()
	f.After = v.place(usersPath)
	list, err := v.Manage.Users(v.R.Context(), v.Who, f)
	problems, known := Problems(err)
	if err != nil && !known {
		return err
	}
	page := templates.AdminUsers{
		Text: f.Text, Seats: seatChoices(state.Products, []string{f.ProductID}), Filtered: len(v.filter()) > 0, Editable: v.Who.Has(manage.EditUsers),
		Export: withQuery(exportPath, v.filter()),
	}
	for _, s := range states {
		page.States = append(page.States, templates.AdminChoice{ID: string(s), Chosen: s == f.State})
	}
	page.Roles = append([]templates.AdminChoice{{Chosen: f.Role == ""}}, roleChoices([]string{f.Role})...)
	page.Pager = v.pager(usersPath, len(list), func() string { return v.placeAfter(usersPath, list[listed-1].User.Email) })
	for _, row := range list[:min(len(list), listed)] {
		page.Users = append(page.Users, v.userRow(row, state.Policy))
	}
	status := http.StatusOK
	if problems != nil {
		status = http.StatusUnprocessableEntity
	}
	return v.Show(status, page, problems...)
}

// filter is the query of users without the place in the list.
func (v *Visit) filter() url.Values {
	return v.query([]string{templates.FieldText, templates.FieldState, templates.FieldRole, templates.FieldProduct})
}

// query returns those fields of the query that are not empty.
func (v *Visit) query(names []string) url.Values {
	kept := url.Values{}
	for _, name := range names {
		if value := v.Query.Get(name); value != "" {
			kept.Set(name, value)
		}
	}
	return kept
}

// pager leads through a list of which n rows were read, one more than are shown
// if there are more; last is what the page ends with.
func (v *Visit) pager(path string, n int, last func() string) templates.Pager {
	return v.pagerOf(path, v.filter(), n, last)
}

// pagerOf is [Visit.pager] for a list with another filter, which it changes.
func (v *Visit) pagerOf(path string, filter url.Values, n int, last func() string) templates.Pager {
	var p templates.Pager
	if v.Query.Get(templates.FieldAfter) != "" {
		p.First = withQuery(path, filter)
	}
	if n > listed {
		filter.Set(templates.FieldAfter, last())
		p.Next = withQuery(path, filter)
	}
	return p
}

// placeLife is how long a link to the next page of a list leads there.
const placeLife = 24 * time.Hour

// placeAfter is the place in a list by address, for a link: sealed, because
// addresses stand in no URL that somebody didn't write himself.
func (v *Visit) placeAfter(path, address string) string {
	place, err := v.Kit.Seal(address, placeLife, "place", path, v.Person.Account.ID)
	if err != nil {
		return "" // a string always seals
	}
	return place
}

// place is the place that the query names, or "" for the beginning.
func (v *Visit) place(path string) (address string) {
	v.Kit.Unseal(v.Query.Get(templates.FieldAfter), &address, "place", path, v.Person.Account.ID)
	return address
}

func (v *Visit) userRow(r storage.UserRow, p storage.Policy) templates.AdminUserRow {
	row := templates.AdminUserRow{
		ID: r.User.ID, Name: r.User.Name, Address: r.User.Email, Authenticator: templates.AuthenticatorNone,
		Disabled: r.User.DisabledAt != nil,
	}
	holds := p.At(v.Now())
	row.Covered = holds.TwoStep && r.Covered || r.User.Enhanced
	if p.TwoStep && r.Covered && !row.Covered {
		row.From = holds.From
	}
	for _, role := range r.User.Roles {
		if role != storage.RoleMember {
			row.Roles = append(row.Roles, role)
		}
	}
	switch {
	case r.TOTP:
		row.Authenticator = templates.AuthenticatorApp
	case r.PasskeySince != nil:
		row.Authenticator = templates.AuthenticatorKey
	case r.Suspended:
		row.Authenticator = templates.AuthenticatorSuspended
	}
	if at := r.User.SignedInAt; at != nil {
		row.SignedIn = *at
	}
	return row
}

func roleChoices(chosen []string) (list []templates.AdminChoice) {
	for _, r := range roles {
		list = append(list, templates.AdminChoice{ID: r, Chosen: slices.Contains(chosen, r)})
	}
	return list
}

func seatChoices(products []storage.Product, chosen []string) (list []templates.AdminChoice) {
	for _, p := range products {
		list = append(list, templates.AdminChoice{ID: p.ID, Name: p.Name, Chosen: slices.Contains(chosen, p.ID)})
	}
	return list
}

func languageChoices(chosen string) []templates.AdminChoice {
	list := []templates.AdminChoice{{Chosen: chosen == ""}}
	for _, l := range locale.Supported {
		list = append(list, templates.AdminChoice{ID: string(l), Chosen: chosen == string(l)})
	}
	return list
}

// exportUsers answers with the chosen users as a list that can be imported again,
// page by page as they are read.
func (v *Visit) exportUsers() error {
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	list, err := v.Manage.ExportUsers(v.R.Context(), v.Who, v.userFilter())
	if _, known := Problems(err); known {
		return v.users() // which says what is wrong
	}
	if err != nil {
		return err
	}
	h := v.W.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="users.csv"`)
	out, stream := roster.NewWriter(v.W), web.NewStream(v.W)
	for row, err := range list {
		if err != nil {
			panic(http.ErrAbortHandler) // half a list must not look like a whole one
		}
		stream.Row()
		if out.Write(exported(row, state.Products)) != nil {
			return nil // whoever asked has gone
		}
	}
	_ = out.Flush() // as above
	return nil
}

func exported(r storage.UserRow, products []storage.Product) roster.Row {
	held := []string{}
	for _, p := range products {
		if slices.Contains(r.Products, p.ID) {
			held = append(held, p.Name)
		}
	}
	u := r.User
	return roster.Row{Email: u.Email, Name: u.Name, Roles: u.Roles, Products: held, Language: u.Language, TimeZone: u.TimeZone}
}
