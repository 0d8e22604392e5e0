package login

import (
	"stile/authn"
	"stile/templates"
)

// Screen 8: the code of the app, a recovery code in its place, and the way to
// another device.

func enterCodePage(v *visit) (templates.Page, error) {
	p := v.pending
	page := templates.EnterCode{
		Address: p.Person.User.Email, TrustDays: v.SignIns.TrustDays(p), Trust: v.problem != nil && v.fields.Has(templates.FieldTrust),
	}
	var err error
	if page.Passkey, err = v.askPasskey(); err != nil {
		return nil, err
	}
	page.OnlyPasskey = page.Passkey != nil && p.OnlyPasskey()
	page.NoNewDevice = page.OnlyPasskey && !p.RecoveryDue()
	if p.Person.RecoveryID != "" && p.RecoveryDue() && p.Decision.Reason != authn.ReasonLasting { // then one was given
		page.Recovery = v.path(stepRecoveryCode)
	}
	switch {
	case p.Decision.Reason == authn.ReasonSetupSpent:
		page.Reason = templates.CodeSetupSpent
	case p.Decision.Reason == authn.ReasonLasting:
		page.Reason = templates.CodeLasting
	case p.Request.NewDevice:
		page.Reason = templates.CodeNewDevice
	case p.Request.ForAccount():
		page.Reason = templates.CodeMyAccount
	case p.Decision.Reason == authn.ReasonMaxAge:
		page.Reason = templates.CodeAgain
	case p.SignIn == nil:
		page.Reason = templates.CodeStepUp
	}
	if v.problem != nil {
		page.CheckClock = v.problem.CheckClock
	}
	return page, nil
}

func submitCode(v *visit) error {
	trust := v.fields.Has(templates.FieldTrust)
	return v.then(v.SignIns.Code(v.r.Context(), v.pending, v.fields.Get(templates.FieldCode), trust))
}

// newDevice begins a replacement by the account's rule: an e-mail code, an
// admin's approval, or a recovery code first.
func newDevice(v *visit) error {
	switch {
	case v.pending.Replaceable():
		return v.then(v.SignIns.Replace(v.r.Context(), v.pending))
	default:
		return v.toMore()
	}
}

// toMore goes where a code sent by e-mail is not enough for another device.
func (v *visit) toMore() error {
	switch {
	case v.pending.ByAdmin():
		return askAdmin(v)
	case v.pending.Mailbox():
		return v.goTo(stepDeviceWait)
	default:
		return v.toRecoveryCode()
	}
}

// toRecoveryCode asks for a recovery code of somebody who wants another device:
// afterwards it isn't offered, but goes on.
func (v *visit) toRecoveryCode() error {
	return v.Kit.Redirect(v.w, v.r, v.recoveryPath())
}

func (v *visit) recoveryPath() string {
	return v.path(stepRecoveryCode) + "&" + templates.FieldNewDevice + "=yes"
}

func recoveryCodePage(v *visit) (templates.Page, error) {
	p := v.pending
	page := templates.RecoveryCode{
		None: p.Person.RecoveryLeft == 0, Replaceable: p.ByAdmin() || p.Mailbox() && p.Person.TOTP != nil,
		NewDevice: v.wantsDevice(), Account: p.Person.Account.Name,
	}
	if p.Person.TOTP != nil {
		page.Back = v.path(p.Decision.Step)
	}
	return page, nil
}

// wantsDevice tells whether a new device was asked for already.
func (v *visit) wantsDevice() bool { return v.fields.Get(templates.FieldNewDevice) == "yes" }

func submitRecoveryCode(v *visit) error {
	err := v.SignIns.RecoveryCode(v.r.Context(), v.pending, v.fields.Get(templates.FieldRecovery))
	if err == nil && v.wantsDevice() && v.pending.Decision.Step == authn.StepIntroduction {
		return v.then(v.SignIns.Introduced(v.r.Context(), v.pending), noticeRecoveryUsed)
	}
	return v.then(err)
}
