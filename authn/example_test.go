package authn_test

import (
	"fmt"
	"time"

	"stile/authn"
)

// A user of an account that requires two-step verification signs in, with an
// authenticator app that is connected already.
func Example() {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	policy := authn.Policy{TwoStep: true}
	subject := authn.Subject{ID: "ann", Authenticators: []authn.Authenticator{
		{ID: authn.PasswordID(3), Method: authn.Password},
		{ID: "7f3c", Method: authn.TOTP},
	}}
	r, err := authn.Require(policy, subject, authn.Ask{})
	if err != nil {
		fmt.Println(err)
		return
	}

	p := authn.Progress{Started: noon}
	p = p.Prove(authn.Proof{Method: authn.Password, At: noon, Authenticator: authn.PasswordID(3)}, subject)
	fmt.Println(authn.Next(r, subject, p))
	p = p.Prove(authn.Proof{Method: authn.TOTP, At: noon.Add(20 * time.Second), Authenticator: "7f3c"}, subject)
	fmt.Println(authn.Next(r, subject, p))

	session := p.Completed(noon.Add(20*time.Second), nil)
	fmt.Println(session.AMR(), session.Level(), session.AuthTime().Format(time.TimeOnly))
	// Output:
	// {enter-code account_policy}
	// {finished proven}
	// [mfa otp pwd] multi-factor 12:00:20
}
