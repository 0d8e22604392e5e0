package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"stile/manage"
	"stile/storage"
	"stile/templates"
)

// showChange shows the form that changes the registration of an app, filled in
// as it is, or as it was sent. detail says to developers what is wrong with it.
func (v *Visit) showChange(status int, detail string, problems ...templates.FieldError) error {
	c, err := v.Manage.Client(v.R.Context(), v.Who, v.Path("client"))
	if err != nil {
		return err
	}
	m := c.Metadata
	page := templates.AdminClientChange{
		ID: c.ID, Called: m.Name, AppName: m.Name, Kind: manage.KindOf(m), Redirects: strings.Join(m.RedirectURIs, "\n"),
		PostLogout: strings.Join(m.PostLogoutRedirectURIs, "\n"), Version: strconv.FormatInt(c.Version, 10), Detail: detail,
	}
	has := strings.Fields(m.Scope)
	scopes := manage.ScopesOf(page.Kind, has)
	if v.Fields.Has(templates.FieldClientName) { // sent, and not taken yet
		page.AppName, page.Redirects, page.PostLogout = v.Fields.Get(templates.FieldClientName), v.Fields.Get(templates.FieldRedirects), v.Fields.Get(templates.FieldPostLogout)
		has = v.checked(templates.PrefixScope, scopes)
	}
	for _, s := range scopes {
		page.Scopes = append(page.Scopes, templates.AdminChoice{ID: s, Chosen: slices.Contains(has, s)})
	}
	return v.Show(status, page, problems...)
}

// changeClient changes the registration of an app.
func (v *Visit) changeClient() error {
	id := v.Path("client")
	version, err := strconv.ParseInt(v.Fields.Get(templates.FieldVersion), 10, 64)
	if err != nil || version <= 0 {
		return v.changedMeanwhile()
	}
	c, err := v.Manage.Client(v.R.Context(), v.Who, id)
	if err != nil {
		return err
	}
	kind, had := manage.KindOf(c.Metadata), strings.Fields(c.Metadata.Scope)
	scopes := v.checked(templates.PrefixScope, manage.ScopesOf(kind, had))
	if len(scopes) == 0 && len(had) > 0 { // none at all would be all
		return v.showChange(http.StatusUnprocessableEntity, "", templates.FieldError{Field: templates.FieldScope, Key: templates.InputKey(string(manage.InputMissing))})
	}
	_, err = v.Manage.UpdateClient(v.R.Context(), v.Who, id, version, func(m *storage.Metadata, _ *bool) {
		m.Name = v.Fields.Get(templates.FieldClientName)
		if kind != manage.KindService {
			manage.SetRedirects(m, strings.Fields(v.Fields.Get(templates.FieldRedirects))) // a URI has no spaces
			m.PostLogoutRedirectURIs = strings.Fields(v.Fields.Get(templates.FieldPostLogout))
		}
		m.Scope = strings.Join(scopes, " ")
	})
	if errors.Is(err, manage.ErrChanged) {
		return v.changedMeanwhile()
	}
	if problems, known := Problems(err); known {
		return v.showChange(http.StatusUnprocessableEntity, developers(err), problems...)
	}
	if err != nil {
		return err
	}
	return v.Done(clientsPath+"/"+id, "saved")
}

// changedMeanwhile shows the form as the app is now.
func (v *Visit) changedMeanwhile() error {
	v.Fields = url.Values{}
	return v.showChange(http.StatusConflict, "", templates.FieldError{Key: templates.ErrAdminChanged})
}

// clientPeople lists who uses an app.
func (v *Visit) clientPeople() error {
	c, err := v.Manage.Client(v.R.Context(), v.Who, v.Path("client"))
	if err != nil {
		return err
	}
	path := clientsPath + "/" + url.PathEscape(c.ID) + "/users"
	list, err := v.Manage.ClientPeople(v.R.Context(), v.Who, c.ID, v.place(path), listed+1)
	if err != nil {
		return err
	}
	page := templates.AdminClientUsers{ID: c.ID, Called: c.Metadata.Name}
	page.Pager = v.pagerOf(path, url.Values{}, len(list), func() string { return v.placeAfter(path, list[listed-1].User.Email) })
	for _, p := range list[:min(len(list), listed)] {
		row := templates.AdminClientUser{ID: p.User.ID, Name: p.User.Name, Address: p.User.Email, Disabled: p.User.DisabledAt != nil, Scopes: strings.Fields(p.Scope)}
		if p.UsedAt != nil {
			row.Used = *p.UsedAt
		}
		if p.AllowedAt != nil {
			row.Allowed = *p.AllowedAt
		}
		page.Users = append(page.Users, row)
	}
	return v.Show(http.StatusOK, page)
}
