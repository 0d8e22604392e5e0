package login

import (
	"stile/authn"
	"stile/locale"
	"stile/templates"
	"stile/web"
)

// Screens 2 and 3: two-step verification is explained, and the e-mail address
// shows who enrols.

// introductions says which text goes with which reason; the account's policy
// is behind all others.
var introductions = map[authn.Reason]templates.IntroReason{
	authn.ReasonOwnSetting: templates.IntroOwn,
	authn.ReasonRequested:  templates.IntroClient,
	authn.ReasonReplace:    templates.IntroReplace,
	authn.ReasonRecovery:   templates.IntroRecovery,
	authn.ReasonSuspended:  templates.IntroSuspended,
}

func introductionPage(v *visit) (templates.Page, error) {
	p := v.pending
	page := templates.TwoStepIntroduction{
		Reason: templates.IntroAccount, Account: p.Person.Account.Name,
		Declinable: p.Decision.Reason == authn.ReasonRecovery || p.Optional(), CodesLeft: p.Person.RecoveryLeft,
	}
	if why, ok := introductions[p.Decision.Reason]; ok {
		page.Reason = why
	}
	switch {
	case p.Optional() && p.Request.Enhance:
		page.Reason = templates.IntroOwn
	case p.Optional():
		page.Reason = templates.IntroMyAccount
	}
	page.Passkey = v.SignIns.PasskeyOffered(p)
	if p.ByEmail() {
		page.Masked = locale.MaskAddress(p.Person.User.Email)
	}
	return page, nil
}

func continueIntroduction(v *visit) error {
	if v.pending.NeedsMore() {
		return v.toMore()
	}
	return v.then(v.SignIns.Introduced(v.r.Context(), v.pending))
}

// notNow leaves an enrolment: it goes on without, or back to the page of My Account
// that had led to it.
func notNow(v *visit) error {
	if v.pending.Optional() {
		return v.Kit.Redirect(v.w, v.r, web.WithLanguage(v.r, v.pending.Request.Home))
	}
	return keepDevice(v)
}

func keepDevice(v *visit) error { return v.then(v.SignIns.Keep(v.r.Context(), v.pending)) }

func verifyEmailPage(v *visit) (templates.Page, error) {
	p := v.pending
	page := templates.VerifyEmail{
		Guard:  p.Decision.Reason == authn.ReasonGuarded,
		Masked: locale.MaskAddress(p.Person.User.Email), Label: p.SignIn.Label, Account: p.Person.Account.Name,
	}
	if page.Guard && p.Person.RecoveryLeft > 0 {
		page.Recovery = v.path(stepRecoveryCode)
	}
	if c := p.CodeSent(); c != nil && v.Kit.Now().Before(c.ExpiresAt) {
		page.ValidUntil = c.ExpiresAt
	}
	return page, nil
}

func submitEmailCode(v *visit) error {
	return v.then(v.SignIns.EmailCode(v.r.Context(), v.pending, v.fields.Get(templates.FieldCode)))
}

func sendAgain(v *visit) error {
	return v.then(v.SignIns.SendAgain(v.r.Context(), v.pending), noticeSentAgain)
}
