package login

import (
	"net/http"

	"stile/authn"
	"stile/signin"
	"stile/templates"
)

// Screen 1: who is it, and the password.

func signInPage(v *visit) (templates.Page, error) {
	page := templates.SignIn{Address: v.pending.Request.LoginHint, Stage: v.stage}
	if p := v.pending.Person; p != nil { // has proven something, but not what is wanted now
		page.Address = p.User.Email
		page.Again = v.pending.Decision.Reason != authn.ReasonNothingProven
	}
	if v.fields.Has(templates.FieldEmail) {
		page.Address = v.fields.Get(templates.FieldEmail)
	}
	if v.pending.Request.AddressFirst && page.Stage == templates.AddressAndPassword {
		page.Stage = templates.AddressOnly
	}
	return page, nil
}

// submitPassword takes the pair, or the address alone where that comes first:
// the same page for whatever address follows, with nothing looked up.
func submitPassword(v *visit) error {
	email := v.fields.Get(templates.FieldEmail)
	if v.pending.Request.AddressFirst {
		if err := signin.CheckAddress(email); err != nil {
			return v.then(err)
		}
		v.stage = templates.PasswordOnly
		if !v.fields.Has(templates.FieldPassword) {
			return v.show(http.StatusOK)
		}
	}
	return v.then(v.SignIns.Password(v.r.Context(), v.pending, email, v.fields.Get(templates.FieldPassword)))
}

func otherAddress(v *visit) error { return v.goTo(v.screen.step) }
