package login

import (
	"stile/authn"
	"stile/locale"
	"stile/signin"
	"stile/templates"
	"stile/web"
)

// Some weeks after an enrolment, at the end of a sign-in: is it still right?

func checkUpPage(v *visit) (templates.Page, error) {
	own, err := v.SignIns.Protection(v.r.Context(), v.pending)
	return templates.CheckUp{
		Masked: locale.MaskAddress(v.pending.Person.User.Email), App: own.App, Passkeys: own.Passkeys, Recovery: own.Recovery, OnlyOne: signin.OnlyOne(*v.pending.Person),
	}, err
}

func checkedUp(v *visit) error { return v.then(v.SignIns.CheckedUp(v.r.Context(), v.pending, false)) }

// checkInAccount ends the sign-in in My Account, where all of it can be changed: a
// link would ask for everything again, and end at this page.
func checkInAccount(v *visit) error {
	err := v.SignIns.CheckedUp(v.r.Context(), v.pending, true)
	if err != nil || v.pending.Decision.Step != authn.StepFinished {
		return v.then(err)
	}
	v.bind()
	return v.finishAt(web.WithLanguage(v.r, signin.AccountPath))
}

func checkLater(v *visit) error { return v.then(v.SignIns.CheckedUp(v.r.Context(), v.pending, true)) }
