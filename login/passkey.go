package login

import (
	"stile/signin"
	"stile/templates"
)

// A passkey, on the first screen or in place of a code. What the browser has to
// sign is in the page, sealed for this browser, sign-in and screen.

// askPasskey is what the page asks for a passkey with; nil where none will do.
func (v *visit) askPasskey() (*templates.Passkey, error) {
	options, challenge, err := v.SignIns.AskPasskey(v.r.Context(), v.pending)
	if err != nil || options == "" {
		return nil, err
	}
	sealed, err := v.Kit.SealHere(v.w, v.r, challenge, signin.ChallengeLife, v.challengeOf()...)
	if err != nil {
		return nil, err
	}
	return &templates.Passkey{Options: options, Challenge: sealed}, nil
}

// challengeOf is what a challenge is bound to.
func (v *visit) challengeOf() []string {
	return []string{"passkey", string(v.screen.step), v.pending.Request.ID}
}

func submitPasskey(v *visit) error {
	var challenge string
	v.Kit.UnsealHere(v.r, v.fields.Get(templates.FieldChallenge), &challenge, v.challengeOf()...)
	return v.then(v.SignIns.Passkey(v.r.Context(), v.pending, challenge, v.fields.Get(templates.FieldPasskey)))
}
