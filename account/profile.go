package account

import (
	"net/http"
	"strings"

	"stile/locale"
	"stile/storage"
	"stile/templates"
)

const profilePath = home + "/profile"

// profile is the page of who one is, and how pages and messages speak.
func (v *visit) profile() error {
	return v.showProfile(http.StatusOK, v.person.User.Language, v.person.User.TimeZone)
}

func (v *visit) showProfile(status int, language, zone string, problems ...templates.FieldError) error {
	u := v.person.User
	page := templates.AccountProfile{User: u.Name, Address: u.Email, Account: v.person.Account.Name, Zone: zone}
	page.Languages = append(page.Languages, templates.AdminChoice{Chosen: language == ""})
	for _, l := range locale.Supported {
		page.Languages = append(page.Languages, templates.AdminChoice{ID: string(l), Chosen: language == string(l)})
	}
	return v.show(status, page, problems...)
}

// saveProfile takes the form of the page.
func (v *visit) saveProfile() error {
	language, zone := v.fields.Get(templates.FieldLocale), strings.TrimSpace(v.fields.Get(templates.FieldZone))
	if storage.CheckZone(zone) != nil {
		return v.showProfile(http.StatusUnprocessableEntity, language, zone, templates.FieldError{Field: templates.FieldZone, Key: templates.ErrZone})
	}
	if _, known := locale.Parse(language); !known {
		language = ""
	}
	_, err := v.DB.UpdateUser(v.r.Context(), v.person.User.ID, func(u *storage.User) error {
		u.Language, u.TimeZone = language, zone
		return nil
	}, v.by())
	if err != nil {
		return err
	}
	return v.done(profilePath, noticeSaved)
}
