package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"stile/manage"
	"stile/seal"
	"stile/storage"
	"stile/templates"
)

const (
	clientsPath = home + "/clients"
	connectPath = clientsPath + "/connect"
	clientPath  = clientsPath + "/{client}"
	changePath  = clientPath + "/change"
	peoplePath  = clientPath + "/users"
)

var clientRoutes = []Route{
	{http.MethodGet, clientsPath, "", manage.Read, (*Visit).clients},
	{http.MethodGet, connectPath, "", manage.EditClients, func(v *Visit) error { return v.showConnect(http.StatusOK, "") }},
	{http.MethodPost, connectPath, "", manage.EditClients, (*Visit).connect},
	{http.MethodGet, clientPath, "", manage.Read, func(v *Visit) error { return v.client(http.StatusOK) }},
	{http.MethodPost, clientPath, templates.DoRotate, manage.EditClients, (*Visit).rotateClient},
	{http.MethodPost, clientPath, templates.DoDisable, manage.EditClients, func(v *Visit) error { return v.switchClient(true) }},
	{http.MethodPost, clientPath, templates.DoEnable, manage.EditClients, func(v *Visit) error { return v.switchClient(false) }},
	{http.MethodPost, clientPath, templates.DoRemove, manage.EditClients, (*Visit).removeClient},
	{http.MethodGet, changePath, "", manage.EditClients, func(v *Visit) error { return v.showChange(http.StatusOK, "") }},
	{http.MethodPost, changePath, "", manage.EditClients, (*Visit).changeClient},
	{http.MethodGet, peoplePath, "", manage.Read, (*Visit).clientPeople},
}

// clients lists the account's apps.
func (v *Visit) clients() error {
	list, err := v.Manage.Clients(v.R.Context(), v.Who, v.Query.Get(templates.FieldAfter), listed+1)
	if err != nil {
		return err
	}
	page := templates.AdminClients{Editable: v.Who.Has(manage.EditClients)}
	page.Pager = v.pagerOf(clientsPath, v.query(nil), len(list), func() string { return list[listed-1].ID })
	for _, c := range list[:min(len(list), listed)] {
		row, err := v.clientRow(c)
		if err != nil {
			return err
		}
		page.Clients = append(page.Clients, row)
	}
	return v.Show(http.StatusOK, page)
}

func (v *Visit) clientRow(c storage.Client) (templates.AdminClientRow, error) {
	users, last, err := v.Manage.ClientUse(v.R.Context(), v.Who, c.ID)
	row := templates.AdminClientRow{ID: c.ID, AppName: c.Metadata.Name, Kind: manage.KindOf(c.Metadata), Off: c.Disabled, Users: users}
	if last != nil {
		row.Used = *last
	}
	return row, err
}

// showConnect shows the form that connects an app, filled in as it was sent.
// detail says to developers what is wrong with it.
func (v *Visit) showConnect(status int, detail string, problems ...templates.FieldError) error {
	page := templates.AdminConnect{AppName: v.Fields.Get(templates.FieldClientName), Redirects: v.Fields.Get(templates.FieldRedirects), Detail: detail}
	chosen := v.Fields.Get(templates.FieldClientKind)
	if !slices.Contains(manage.ClientKinds(), chosen) {
		chosen = manage.KindWeb
	}
	for _, k := range manage.ClientKinds() {
		page.Kinds = append(page.Kinds, templates.AdminChoice{ID: k, Chosen: k == chosen})
	}
	ticked := v.checked(templates.PrefixScope, manage.Scopes())
	for _, s := range manage.Scopes() {
		page.Scopes = append(page.Scopes, templates.AdminChoice{ID: s, Chosen: slices.Contains(ticked, s)})
	}
	return v.Show(status, page, problems...)
}

// connect connects an app. Its secret is in the answer, and nowhere else.
func (v *Visit) connect() error {
	redirects := strings.Fields(v.Fields.Get(templates.FieldRedirects)) // a URI has no spaces
	kind := v.Fields.Get(templates.FieldClientKind)
	m := storage.Metadata{Name: v.Fields.Get(templates.FieldClientName), RedirectURIs: redirects}
	if !manage.Preset(kind, redirects, &m) {
		return v.showConnect(http.StatusUnprocessableEntity, "", templates.FieldError{
			Field: templates.FieldClientKind, Key: templates.InputKey(string(manage.InputMissing)),
		})
	}
	if kind == manage.KindService {
		m.Scope = strings.Join(v.checked(templates.PrefixScope, manage.Scopes()), " ")
	}
	c, secret, err := v.Manage.CreateClient(v.R.Context(), v.Who, m)
	if problems, known := Problems(err); known {
		return v.showConnect(http.StatusUnprocessableEntity, developers(err), problems...)
	}
	switch {
	case err != nil:
		return err
	case secret == "":
		return v.Done(clientsPath+"/"+c.ID, "saved")
	}
	return v.showClient(http.StatusOK, c, secret)
}

// developers is what they are told of a registration that is refused.
func developers(err error) string {
	if e, ok := errors.AsType[manage.InputError](err); ok && e.Code == manage.InputMetadata {
		return e.Detail
	}
	return ""
}

// client shows one of the account's apps.
func (v *Visit) client(status int, problems ...templates.FieldError) error {
	c, err := v.Manage.Client(v.R.Context(), v.Who, v.Path("client"))
	if err != nil {
		return err
	}
	return v.showClient(status, c, "", problems...)
}

func (v *Visit) showClient(status int, c storage.Client, secret seal.Secret, problems ...templates.FieldError) error {
	row, err := v.clientRow(c)
	if err != nil {
		return err
	}
	return v.Show(status, templates.AdminClient{
		AdminClientRow: row, Issuer: v.Issuer, Redirects: c.Metadata.RedirectURIs, PostLogout: c.Metadata.PostLogoutRedirectURIs, Scopes: strings.Fields(c.Metadata.Scope),
		Secret: secret.Reveal(), HasSecret: !c.Metadata.Public(), Snippet: snippet(v.Issuer, c),
		Confirm: v.Fields.Get(templates.FieldConfirm), Editable: v.Who.Has(manage.EditClients),
	}, problems...)
}

// rotateClient gives an app another secret, which is in the answer and nowhere else.
func (v *Visit) rotateClient() error {
	c, secret, err := v.Manage.RotateClientSecret(v.R.Context(), v.Who, v.Path("client"), 0)
	if problems, known := Problems(err); known {
		return v.client(http.StatusUnprocessableEntity, problems...)
	}
	if err != nil {
		return err
	}
	return v.showClient(http.StatusOK, c, secret)
}

// switchClient switches an app off, or on again.
func (v *Visit) switchClient(off bool) error {
	id := v.Path("client")
	_, err := v.Manage.UpdateClient(v.R.Context(), v.Who, id, 0, func(_ *storage.Metadata, disabled *bool) { *disabled = off })
	if err != nil {
		return err
	}
	return v.Done(clientsPath+"/"+id, "saved")
}

// removeClient removes an app, whose name was typed to confirm it; its id where
// it has no name.
func (v *Visit) removeClient() error {
	c, err := v.Manage.Client(v.R.Context(), v.Who, v.Path("client"))
	if err != nil {
		return err
	}
	typed := strings.TrimSpace(v.Fields.Get(templates.FieldConfirm))
	if typed != c.ID && (c.Metadata.Name == "" || typed != c.Metadata.Name) {
		return v.client(http.StatusUnprocessableEntity, templates.FieldError{Field: templates.FieldConfirm, Key: templates.ErrAdminClientConfirm})
	}
	if err := v.Manage.DeleteClient(v.R.Context(), v.Who, c.ID, 0); err != nil {
		return err
	}
	return v.Done(clientsPath, "removed")
}
