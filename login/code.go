package login

import (
	"stile/authn"
	"stile/storage"
	"stile/templates"
)

// Screen 8: the code of the app, a recovery code in its place, and the way to
// another device.

func enterCodePage(v *visit) (templates.Page, error) {
	p := v.pending
	page := templates.EnterCode{
		Address: p.Person.User.Email, Replaceable: p.Person.Policy.Reenrolment != storage.ReenrolByAdmin,
	}
	if p.Person.RecoveryID != "" {
		page.Recovery = v.path(stepRecoveryCode)
	}
	switch {
	case p.Decision.Reason == authn.ReasonSetupSpent:
		page.Reason = templates.CodeSetupSpent
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
	return v.then(v.SignIns.Code(v.r.Context(), v.pending, v.fields.Get(templates.FieldCode)))
}

// newDevice begins a replacement by the account's rule: an e-mail code, or a
// recovery code first.
func newDevice(v *visit) error {
	if !v.pending.Replaceable() {
		return v.goTo(stepRecoveryCode)
	}
	return v.then(v.SignIns.Replace(v.r.Context(), v.pending))
}

func recoveryCodePage(v *visit) (templates.Page, error) {
	p := v.pending
	return templates.RecoveryCode{
		None: p.Person.RecoveryLeft == 0, Replaceable: p.Replaceable() && p.Person.TOTP != nil,
		Account: p.Person.Account.Name, Back: v.path(p.Decision.Step),
	}, nil
}

func submitRecoveryCode(v *visit) error {
	return v.then(v.SignIns.RecoveryCode(v.r.Context(), v.pending, v.fields.Get(templates.FieldRecovery)))
}
