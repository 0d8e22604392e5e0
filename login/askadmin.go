package login

import (
	"errors"

	"stile/authn"
	"stile/signin"
	"stile/storage"
	"stile/templates"
)

// Where the account has an admin approve another device: the page that waits
// for it. It can be left, and taken up again from a sign-in in the same browser.

var asking = map[storage.DeviceState]templates.AskState{
	storage.DeviceOpen:     templates.AskWaiting,
	storage.DeviceApproved: templates.AskApproved,
	storage.DeviceRefused:  templates.AskRefused,
	storage.DeviceOver:     templates.AskOver,
}

func askAdminPage(v *visit) (templates.Page, error) {
	p := v.pending
	a, err := v.SignIns.Asking(v.r.Context(), p)
	if err != nil {
		return nil, err
	}
	page := templates.AskAdmin{
		State: asking[a.State], Account: p.Person.Account.Name, Admins: a.Admins,
		Check: v.path(stepAskAdmin),
	}
	if a.State != "" {
		page.Label, page.AskedAt, page.ValidUntil = a.Request.Label, a.Request.CreatedAt, a.Request.ExpiresAt
	}
	if at := a.Request.DecidedAt; at != nil {
		page.DecidedAt = *at
	}
	if len(a.Admins) == 0 && page.State != templates.AskApproved {
		page.State = templates.AskNobody
	}
	if page.State == templates.AskNobody && p.WaitDue() {
		page.Wait = v.path(stepDeviceWait)
	}
	page.Recovery, page.Back = v.instead()
	return page, nil
}

// askAdmin asks, and shows what has become of it. Where too many were asked for,
// whoever was led here by the introduction finds the other ways on the page.
func askAdmin(v *visit) error {
	err := v.SignIns.AskAdmin(v.r.Context(), v.pending)
	if _, bounded := errors.AsType[*signin.Problem](err); bounded && v.screen.step == authn.StepIntroduction {
		err = nil
	}
	if err != nil || !v.open(stepAskAdmin) {
		return v.then(err)
	}
	v.bind()
	return v.goTo(stepAskAdmin)
}

func continueApproved(v *visit) error {
	return v.then(v.SignIns.Approved(v.r.Context(), v.pending))
}
