package login

import (
	"net/http"
	"net/url"

	"stile/authn"
	"stile/signin"
	"stile/templates"
	"stile/web"
)

// Screen 1: who is it, and the password.

func signInPage(v *visit) (templates.Page, error) {
	page := templates.SignIn{Address: v.pending.Request.LoginHint, Stage: v.stage, Forgot: v.beside(signin.ForgotPath)}
	if p := v.pending.Person; p != nil { // has proven something, but not what is wanted now
		page.Address = p.User.Email
		page.Again = v.pending.Decision.Reason != authn.ReasonNothingProven
	}
	if v.SignIns.SignsUp() && page.Stage != templates.PasswordOnly {
		page.SignUp = v.beside(signin.SignUpPath)
	}
	if v.fields.Has(templates.FieldEmail) {
		page.Address = v.fields.Get(templates.FieldEmail)
	}
	if v.pending.Request.AddressFirst && page.Stage == templates.AddressAndPassword {
		page.Stage = templates.AddressOnly
	}
	var err error
	if page.Stage != templates.PasswordOnly {
		page.Passkey, err = v.askPasskey()
	}
	return page, err
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

// beside is the path of a page outside the sign-in that leads back to it.
func (v *visit) beside(path string) string {
	return web.WithLanguage(v.r, path+"?"+templates.FieldRequest+"="+url.QueryEscape(v.pending.Sealed))
}

// The screen for another password, where somebody else knows the present one.

func newPasswordPage(v *visit) (templates.Page, error) {
	p := v.pending.Person
	return templates.NewPassword{Address: p.User.Email, Min: signin.LeastPassword(p.Policy, p.Subject), Exposed: true}, nil
}

func submitNewPassword(v *visit) error {
	return v.then(v.SignIns.RenewPassword(v.r.Context(), v.pending, v.fields.Get(templates.FieldNewPassword)))
}
