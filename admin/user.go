package admin

import (
	"errors"
	"net/http"
	"strings"

	"stile/manage"
	"stile/storage"
	"stile/templates"
)

// user shows one of the account's people.
func (v *Visit) user() error {
	row, err := v.Manage.User(v.R.Context(), v.Who, v.Path("user"))
	if err != nil {
		return err
	}
	return v.showUser(http.StatusOK, row, "") // what confirms is typed, never brought by a link
}

// showUser shows a user, or what was wrong with a form about one. A form that
// waits to be sent again is filled in as it was.
func (v *Visit) showUser(status int, row storage.UserRow, confirm string, problems ...templates.FieldError) error {
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	u := row.User
	page := templates.AdminUser{
		AdminUserRow: v.userRow(row, state.Policy), AddressVerified: u.EmailVerifiedAt != nil, RecoveryLeft: row.RecoveryLeft, Made: u.CreatedAt,
		Tag: manage.UserTag(row), Confirm: confirm, Self: u.ID == v.Who.UserID(),
		Editable: v.Who.Has(manage.EditUsers), CanSignOut: v.Who.Has(manage.SignOutUsers),
		CanReset: v.Who.Has(manage.ResetUsers), CanAskReset: v.Who.Has(manage.AskForResets),
	}
	if row.TOTPSince != nil {
		page.Since = *row.TOTPSince
	}
	held, has, language := row.Products, u.Roles, u.Language
	page.Zone = u.TimeZone
	if v.Fields.Has(templates.FieldName) { // sent, and not taken yet
		page.AdminUserRow.Name, language = v.Fields.Get(templates.FieldName), v.Fields.Get(templates.FieldLocale)
		page.Zone = v.Fields.Get(templates.FieldZone)
		has, held = v.checked(templates.PrefixRole, roles), v.checked(templates.PrefixSeat, ids(state.Products))
	}
	page.AllRoles, page.Seats, page.Languages = roleChoices(has), seatChoices(state.Products, held), languageChoices(language)
	return v.Show(status, page, problems...)
}

// checked returns those of a list whose checkboxes were ticked.
func (v *Visit) checked(prefix string, list []string) []string {
	ticked := []string{}
	for _, id := range list {
		if v.Fields.Get(prefix+id) != "" {
			ticked = append(ticked, id)
		}
	}
	return ticked
}

func ids(products []storage.Product) (list []string) {
	for _, p := range products {
		list = append(list, p.ID)
	}
	return list
}

// saveUser changes a user.
func (v *Visit) saveUser() error {
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	name, language := v.Fields.Get(templates.FieldName), v.Fields.Get(templates.FieldLocale)
	has, held := v.checked(templates.PrefixRole, roles), v.checked(templates.PrefixSeat, ids(state.Products))
	zone := strings.TrimSpace(v.Fields.Get(templates.FieldZone))
	_, err = v.Manage.UpdateUser(v.R.Context(), v.Who, v.Path("user"), manage.UserChange{
		Name: &name, Roles: &has, Language: &language, TimeZone: &zone, Products: &held,
	}, v.Fields.Get(templates.FieldTag))
	return v.tookUser(err, "saved")
}

// switchUser switches a user off, or on again.
func (v *Visit) switchUser(off bool) error {
	_, err := v.Manage.UpdateUser(v.R.Context(), v.Who, v.Path("user"), manage.UserChange{Disabled: &off}, "")
	return v.tookUser(err, "saved")
}

func (v *Visit) signOutUser() error {
	return v.tookUser(v.Manage.SignOutUser(v.R.Context(), v.Who, v.Path("user")), "signed-out")
}

func (v *Visit) resetUser() error {
	return v.tookUser(v.Manage.ResetUser(v.R.Context(), v.Who, v.Path("user"), v.Fields.Get(templates.FieldConfirm)), "reset")
}

// tookUser goes back to the user after something was done, or says there why not.
func (v *Visit) tookUser(err error, notice string) error {
	if err == nil {
		return v.Done(usersPath+"/"+v.Path("user"), notice)
	}
	problems, status := []templates.FieldError(nil), http.StatusUnprocessableEntity
	switch {
	case errors.Is(err, manage.ErrChanged):
		problems, status = []templates.FieldError{{Key: templates.ErrAdminChanged}}, http.StatusConflict
	case errors.Is(err, storage.ErrLastAdmin):
		problems = []templates.FieldError{{Key: templates.ErrAdminLast}}
	default:
		var known bool
		if problems, known = Problems(err); !known {
			return err
		}
	}
	row, err := v.Manage.User(v.R.Context(), v.Who, v.Path("user"))
	if err != nil {
		return err
	}
	if status == http.StatusConflict { // what is shown is what there is now
		v.Fields.Del(templates.FieldName)
	}
	return v.showUser(status, row, v.Fields.Get(templates.FieldConfirm), problems...)
}
