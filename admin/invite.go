package admin

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"

	"stile/locale"
	"stile/manage"
	"stile/roster"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

const (
	invitePath      = usersPath + "/invite"
	importPath      = usersPath + "/import"
	invitationsPath = home + "/invitations"
)

var invitationRoutes = []Route{
	{http.MethodGet, invitePath, "", manage.EditUsers, func(v *Visit) error { return v.showInvite(http.StatusOK) }},
	{http.MethodPost, invitePath, "", manage.EditUsers, (*Visit).invite},
	{http.MethodGet, invitationsPath, "", manage.Read, (*Visit).invitations},
	{http.MethodPost, invitationsPath, templates.DoWithdraw, manage.EditUsers, (*Visit).withdraw},
	{http.MethodGet, importPath, "", manage.EditUsers, func(v *Visit) error { return v.showImport(http.StatusOK, templates.AdminImport{}) }},
	{http.MethodPost, importPath, "", manage.EditUsers, (*Visit).importUsers},
}

func (v *Visit) showInvite(status int, problems ...templates.FieldError) error {
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	chosen := v.checked(templates.PrefixRole, roles)
	if !v.Fields.Has(templates.FieldEmail) {
		chosen = []string{storage.RoleMember}
	}
	return v.Show(status, templates.AdminInvite{
		Address: v.Fields.Get(templates.FieldEmail), Who: v.Fields.Get(templates.FieldName), Roles: roleChoices(chosen),
		Seats:    seatChoices(state.Products, v.checked(templates.PrefixSeat, ids(state.Products))),
		Language: languageChoices(v.Fields.Get(templates.FieldLocale)), Zone: v.Fields.Get(templates.FieldZone),
	}, problems...)
}

// invite sends somebody a link to join the account.
func (v *Visit) invite() error {
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	err = v.Manage.Invite(v.R.Context(), v.Who, storage.Invitation{
		Email: v.Fields.Get(templates.FieldEmail), Name: v.Fields.Get(templates.FieldName), Language: v.Fields.Get(templates.FieldLocale),
		TimeZone: strings.TrimSpace(v.Fields.Get(templates.FieldZone)), Roles: v.checked(templates.PrefixRole, roles), Products: v.checked(templates.PrefixSeat, ids(state.Products)),
	})
	if problems, known := Problems(err); known {
		return v.showInvite(http.StatusUnprocessableEntity, problems...)
	}
	if err != nil {
		return err
	}
	return v.Done(invitationsPath, "invited")
}

// invitations lists those that nobody has accepted yet.
func (v *Visit) invitations() error {
	list, err := v.Manage.Invitations(v.R.Context(), v.Who, v.place(invitationsPath), listed+1)
	if err != nil {
		return err
	}
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	page := templates.AdminInvitations{Editable: v.Who.Has(manage.EditUsers)}
	page.Pager = v.pager(invitationsPath, len(list), func() string { return v.placeAfter(invitationsPath, list[listed-1].Email) })
	for _, i := range list[:min(len(list), listed)] {
		page.Invitations = append(page.Invitations, templates.AdminInvitation{
			ID: i.ID, Name: i.Name, Address: i.Email, By: i.InvitedBy, Roles: i.Roles, Products: named(state.Products, i.Products), Sent: i.DueAt(), Until: i.ExpiresAt,
			Waits: i.DueAt().After(v.Now()),
		})
	}
	return v.Show(http.StatusOK, page)
}

// named returns the names of those products that there still are.
func named(products []storage.Product, ids []string) (names []string) {
	for _, p := range products {
		if slices.Contains(ids, p.ID) {
			names = append(names, p.Name)
		}
	}
	return names
}

func (v *Visit) withdraw() error {
	if err := v.Manage.WithdrawInvitation(v.R.Context(), v.Who, v.Fields.Get(templates.FieldID)); err != nil {
		return err
	}
	return v.Done(invitationsPath, "withdrawn")
}

func (v *Visit) showImport(status int, page templates.AdminImport, problems ...templates.FieldError) error {
	page.Header, page.Most = roster.Header, roster.MaxRows
	return v.Show(status, page, problems...)
}

// importUsers takes a list of people: all of it or nothing.
func (v *Visit) importUsers() error {
	check := v.Fields.Get(templates.DoCheck) != ""
	refuse := func(status int, key string, args locale.Args) error {
		return v.showImport(status, templates.AdminImport{Check: check}, templates.FieldError{Field: templates.FieldFile, Key: key, Args: args})
	}
	switch busy, _ := errors.AsType[web.UserError](v.File.Busy); {
	case v.File.Busy != nil:
		v.RetryAfter = busy.RetryAfter
		return refuse(http.StatusServiceUnavailable, templates.ErrAdminFilesBusy, locale.Args{"Until": v.Now().Add(busy.RetryAfter)})
	case len(v.File.Bytes) > roster.MaxBytes:
		return v.fileTooLarge()
	case len(v.File.Bytes) == 0:
		return refuse(http.StatusUnprocessableEntity, templates.ErrAdminNoFile, nil)
	}
	result, err := v.Manage.Import(v.R.Context(), v.Who, bytes.NewReader(v.File.Bytes), check)
	if faults, more := faultsOf(err); faults != nil {
		return v.showImport(http.StatusUnprocessableEntity, templates.AdminImport{Check: check, Faults: faults, More: more})
	}
	if problems, known := Problems(err); known {
		return v.showImport(http.StatusTooManyRequests, templates.AdminImport{}, problems...)
	}
	if errors.Is(err, storage.ErrLastAdmin) {
		return refuse(http.StatusUnprocessableEntity, templates.ErrAdminLast, nil)
	}
	if err != nil {
		return err
	}
	return v.showImport(http.StatusOK, templates.AdminImport{Result: &templates.AdminImported{
		Checked: check, Invited: result.Invited, Changed: result.Changed, Unchanged: result.Unchanged, SentBy: result.SentBy,
	}})
}

// fileTooLarge is what a list too long to be read comes back with. Its form was
// not read to the end, so it may not be ours: nothing of it is shown.
func (v *Visit) fileTooLarge() error {
	return v.showImport(http.StatusRequestEntityTooLarge, templates.AdminImport{}, templates.FieldError{
		Field: templates.FieldFile, Key: templates.ErrAdminFileTooLarge, Args: locale.Args{"Most": roster.MaxBytes >> 20},
	})
}

// faultsOf returns the lines that stand in the way of an import.
func faultsOf(err error) (faults []templates.AdminFault, more int) {
	if e, ok := errors.AsType[*roster.Errors](err); ok {
		for _, l := range e.Lines {
			faults = append(faults, faultOf(l.Line, l.Err))
		}
		return faults, e.More
	}
	if e, ok := errors.AsType[storage.RowErrors](err); ok {
		for _, l := range e {
			faults = append(faults, faultOf(l.Line, l.Err))
		}
	}
	return faults, 0
}

// faultOf says what is wrong with a line of a list.
func faultOf(line int, err error) templates.AdminFault {
	f := templates.AdminFault{Line: line}
	if fault, ok := errors.AsType[roster.Fault](err); ok {
		f.Column, f.Key, f.Args = fault.Column, templates.FaultKey(string(fault.Code)), fault.Args
		if input, ok := errors.AsType[manage.InputError](err); ok {
			f.Column = input.Field
		}
		return f
	}
	if limited, ok := errors.AsType[storage.LimitedError](err); ok {
		f.Key, f.Args = templates.FaultKey("wait"), locale.Args{"Until": limited.Until}
		return f
	}
	f.Key = templates.FaultKey("other")
	return f
}
