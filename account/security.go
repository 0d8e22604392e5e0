package account

import (
	"net/http"

	"stile/authn"
	"stile/signin"
	"stile/storage"
	"stile/templates"
)

// security is the page "Sign in & security".
func (v *visit) security() error {
	p := v.person
	page := templates.Account{
		Enhanced: p.User.Enhanced, App: templates.AccountApp{State: templates.AuthenticatorNone}, RecoveryLeft: p.RecoveryLeft,
		RecoveryToken: v.Kit.FormToken(v.w, v.r, routeName(recoveryPath)),
	}
	if v.required() {
		page.RequiredBy = p.Account.Name
	}
	list, err := v.DB.Authenticators(v.r.Context(), p.User.ID)
	if err != nil {
		return err
	}
	for _, a := range list {
		switch a.Kind {
		case storage.AuthenticatorRecovery:
			page.RecoveryMade = a.Since
		case storage.AuthenticatorTOTP:
			page.App = templates.AccountApp{State: templates.AuthenticatorApp, Since: a.Since}
			if a.Suspended {
				page.App.State = templates.AuthenticatorSuspended
			}
			if a.Used != nil {
				page.App.Used = *a.Used
			}
		}
	}
	if err := v.listPasskeys(&page); err != nil {
		return err
	}
	page.OneWay = page.Recoverable() && signin.OnlyOne(p)
	if err := v.listTrusted(&page); err != nil {
		return err
	}
	return v.show(http.StatusOK, page)
}

// required tells whether the account requires two steps of the user.
func (v *visit) required() bool {
	return v.person.Policy.TwoStep && v.person.Policy.Covers(v.person.Subject)
}

// twoSteps is what turning Enhanced Security on asks for: who has no second
// factor enrols one.
func (v *visit) twoSteps() authn.Ask {
	return authn.Ask{Levels: []authn.Level{authn.LevelMFA}, Essential: true, Subject: v.person.User.ID}
}

// turnOn turns Enhanced Security on, once two steps are proven: nobody turns on
// what would then lock him out.
func (v *visit) turnOn() error {
	ask := v.twoSteps()
	need, err := authn.Require(v.person.Policy.Policy, v.person.Subject, ask)
	if err != nil {
		return err
	}
	if !need.Met(v.session.Evidence, v.person.Subject) {
		return v.signIn(signin.Request{
			Return: home, Ask: ask, LoginHint: v.person.User.Email, Enhance: true, Payload: returning{Notice: noticeOn}.payload(),
		})
	}
	_, err = v.DB.SetEnhanced(v.r.Context(), v.own(), true, v.by(), v.mail(templates.MailTwoStepOn))
	if err != nil {
		return err
	}
	return v.done(home, noticeOn)
}

// turnOff turns Enhanced Security off, unless the account requires two steps.
func (v *visit) turnOff() error {
	if v.required() {
		return v.show(http.StatusForbidden, templates.AccountRefused{RequiredBy: v.person.Account.Name, Back: home})
	}
	_, err := v.DB.SetEnhanced(v.r.Context(), v.own(), false, v.by(), v.mail(templates.MailTwoStepOff))
	if err != nil {
		return err
	}
	return v.done(home, noticeOff)
}

// newDevice begins "Reset for a new device": the user signs in again, and meets
// the code prompt, where the present app gives a code or another device is set
// up without it. The present app works until the new one has given a code. Who
// has passkeys alone shows one, connects the first app, and keeps them.
func (v *visit) newDevice() error {
	back := returning{Notice: noticeReplaced}
	switch {
	case v.person.TOTP != nil:
		back.Device = v.person.TOTP.ID
	case v.person.Passkeys > 0 && !v.person.Suspended:
		back.Notice = noticeConnected
	}
	ask := v.twoSteps()
	ask.Since = v.Now()
	return v.signIn(signin.Request{
		Return: home, Ask: ask, LoginHint: v.person.User.Email, AddressFirst: true, NewDevice: true, Payload: back.payload(),
	})
}
