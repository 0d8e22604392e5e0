package login

import (
	"stile/locale"
	"stile/storage"
	"stile/templates"
)

// Where a code sent by e-mail is not enough to replace an authenticator: the page
// about the wait after which it is.

func deviceWaitPage(v *visit) (templates.Page, error) {
	p := v.pending
	w, err := v.SignIns.Waiting(v.r.Context(), p)
	if err != nil {
		return nil, err
	}
	page := templates.DeviceWait{
		Account: p.Person.Account.Name, Masked: locale.MaskAddress(p.Person.User.Email), OnlyAdmin: p.ByAdmin(),
		NewAddress: w.AddressUntil, Stopped: w.Stopped, Admins: w.Admins,
	}
	switch {
	case w.State == storage.WaitRuns:
		page.Since, page.From, page.Until = w.Wait.StartedAt, w.Wait.OpensAt, w.Wait.ClosesAt
	case w.Possible:
		page.Opens = w.Opens
	}
	page.Recovery, page.Back = v.instead()
	return page, nil
}

// instead are the paths of what suffices in place of an admin or a wait: a
// recovery code, and the code of the app; empty without one.
func (v *visit) instead() (recovery, back string) {
	p := v.pending
	if p.Person.RecoveryLeft > 0 {
		recovery = v.recoveryPath()
	}
	if p.Person.TOTP != nil || p.Person.Passkeys > 0 {
		back = v.path(p.Decision.Step)
	}
	return recovery, back
}

func startWait(v *visit) error {
	err := v.SignIns.StartWait(v.r.Context(), v.pending)
	if err != nil || !v.open(stepDeviceWait) {
		return v.then(err)
	}
	v.bind()
	return v.goTo(stepDeviceWait)
}
