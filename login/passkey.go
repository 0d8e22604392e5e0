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

// challenge is the one that this browser was asked with; empty without one.
func (v *visit) challenge() (challenge string) {
	v.Kit.UnsealHere(v.r, v.fields.Get(templates.FieldChallenge), &challenge, v.challengeOf()...)
	return challenge
}

func submitPasskey(v *visit) error {
	return v.then(v.SignIns.Passkey(v.r.Context(), v.pending, v.challenge(), v.fields.Get(templates.FieldPasskey), v.fields.Has(templates.FieldTrust)))
}

// A passkey that is made in place of connecting an app.

func usePasskey(v *visit) error { return v.then(v.SignIns.UsePasskey(v.r.Context(), v.pending)) }

func useApp(v *visit) error { return v.then(v.SignIns.UseApp(v.r.Context(), v.pending)) }

func makePasskeyPage(v *visit) (templates.Page, error) {
	options, challenge := v.SignIns.NewPasskey(v.pending)
	sealed, err := v.Kit.SealHere(v.w, v.r, challenge, signin.ChallengeLife, v.challengeOf()...)
	return templates.MakePasskey{Ask: templates.Passkey{Options: options, Challenge: sealed}}, err
}

func submitMadePasskey(v *visit) error {
	return v.then(v.SignIns.MakePasskey(v.r.Context(), v.pending, v.challenge(), v.fields.Get(templates.FieldPasskey)))
}
