package admin

import (
	"cmp"
	"errors"
	"net/http"

	"stile/mail"
	"stile/manage"
	"stile/storage"
	"stile/templates"
)

const requestsPath = home + "/requests"

var requestRoutes = []Route{
	{http.MethodGet, requestsPath, "", manage.Read, func(v *Visit) error { return v.requests(http.StatusOK) }},
	{http.MethodPost, requestsPath, templates.DoApprove, manage.DecideResets, func(v *Visit) error { return v.decide(true) }},
	{http.MethodPost, requestsPath, templates.DoRefuse, manage.DecideResets, func(v *Visit) error { return v.decide(false) }},
	{http.MethodPost, userPath, templates.DoAskReset, manage.AskForResets, (*Visit).askReset},
}

// requests lists what members and helpdesk ask for, the open ones first.
func (v *Visit) requests(status int, problems ...templates.FieldError) error {
	list, err := v.Manage.DeviceRequests(v.R.Context(), v.Who, v.Query.Get(templates.FieldAfter), listed+1)
	if err != nil {
		return err
	}
	page := templates.AdminRequests{Editable: v.Who.Has(manage.DecideResets)}
	page.Pager = v.pagerOf(requestsPath, v.query(nil), len(list), func() string { return list[listed-1].ID })
	list = list[:min(len(list), listed)]
	askers, err := v.Manage.Askers(v.R.Context(), v.Who, list)
	if err != nil {
		return err
	}
	for _, r := range list {
		page.Requests = append(page.Requests, v.requestRow(r, askers))
	}
	return v.Show(status, page, problems...)
}

// requestStates are the states as the page tells them: what was approved and
// used is still approved.
var requestStates = map[storage.DeviceState]templates.AdminRequestState{
	storage.DeviceOpen: templates.RequestOpen, storage.DeviceApproved: templates.RequestApproved, storage.DeviceUsed: templates.RequestApproved,
	storage.DeviceRefused: templates.RequestRefused, storage.DeviceOver: templates.RequestOver,
}

func (v *Visit) requestRow(r storage.DeviceRequest, askers map[string]string) templates.AdminRequest {
	me := v.Who.UserID()
	row := templates.AdminRequest{
		ID: r.ID, Name: r.Name, Address: r.Email, User: usersPath + "/" + r.UserID, Asked: r.CreatedAt, Until: r.ExpiresAt, Label: r.Label,
		Reset: r.Kind == storage.DeviceReset, By: cmp.Or(askers[r.AskedBy], r.AskedBy),
		Browser: mail.Browser(r.UserAgent), Network: r.Network, State: requestStates[r.State(v.Now())],
		Decider: cmp.Or(r.Decider, r.DecidedBy), Own: me == r.UserID || me == r.AskedBy,
	}
	if r.DecidedAt != nil {
		row.Decided = *r.DecidedAt
	}
	return row
}

// decide approves or refuses a request.
func (v *Visit) decide(approve bool) error {
	_, err := v.Manage.DecideDeviceRequest(v.R.Context(), v.Who, v.Fields.Get(templates.FieldID), approve)
	switch {
	case errors.Is(err, storage.ErrSpent):
		return v.requests(http.StatusConflict, templates.FieldError{Key: templates.ErrAdminDecided})
	case errors.Is(err, storage.ErrOwnRequest):
		return v.requests(http.StatusUnprocessableEntity, templates.FieldError{Key: templates.ErrAdminOwnRequest})
	case err != nil:
		return err
	case approve:
		return v.Done(requestsPath, "approved")
	}
	return v.Done(requestsPath, "refused")
}

// askReset asks the admins to reset a user.
func (v *Visit) askReset() error {
	_, err := v.Manage.AskForReset(v.R.Context(), v.Who, v.Path("user"))
	return v.tookUser(err, "asked")
}
