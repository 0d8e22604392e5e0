package storage

import (
	"time"

	"stile/authn"
	"stile/device"
)

// Policy is what one account decides about its users. Zero fields of a stored
// policy mean the installation's default; those that a method returns are filled.
type Policy struct {
	authn.Policy
	// Required is the client version that every device group must have before
	// two-step verification can be turned on.
	Required device.Version
	// Lifetimes of sessions and grants.
	Lifetimes Lifetimes
	// Reenrolment says what replaces a lost authenticator.
	Reenrolment Reenrolment
}

// Lifetimes bound sessions and grants. Idle is the time without use, Absolute
// the time since the beginning.
type Lifetimes struct {
	TwoStepIdle, TwoStepAbsolute   time.Duration // session that a second factor was given in
	PasswordIdle, PasswordAbsolute time.Duration // any other session
	GrantIdle, GrantAbsolute       time.Duration // refresh tokens
	TwoStepGrantAbsolute           time.Duration // refresh tokens where two-step is required
	// Cooldown is how long a replaced authenticator doesn't open sensitive
	// acts; negative for not at all.
	Cooldown time.Duration
}

// Reenrolment is the proof, besides the password, that replaces an
// authenticator without the old one.
type Reenrolment string

// The modes of re-enrolment.
const (
	ReenrolByEmail    Reenrolment = "email"
	ReenrolByRecovery Reenrolment = "recovery-code"
	ReenrolByAdmin    Reenrolment = "admin"
)

const day = 24 * time.Hour

// DefaultPolicy is the policy of an account that decided nothing, in an
// installation that decided nothing either.
func DefaultPolicy() Policy {
	return Policy{
		Required: device.Version{Numbers: []int{4, 3}, Build: 1575},
		Lifetimes: Lifetimes{
			TwoStepIdle: time.Hour, TwoStepAbsolute: 12 * time.Hour,
			PasswordIdle: 8 * time.Hour, PasswordAbsolute: 7 * day,
			GrantIdle: 14 * day, GrantAbsolute: 90 * day, TwoStepGrantAbsolute: 30 * day,
			Cooldown: day,
		},
		Reenrolment: ReenrolByEmail,
	}
}

// filled returns the policy with its open fields taken from d. Whether two-step
// is on, and for whom, is always the account's own decision.
func (p Policy) filled(d Policy) Policy {
	if len(p.Required.Numbers) == 0 {
		p.Required = d.Required
	}
	if p.Reenrolment == "" {
		p.Reenrolment = d.Reenrolment
	}
	mine, theirs := p.Lifetimes.fields(), d.Lifetimes.fields()
	for i, f := range mine {
		if *f == 0 {
			*f = *theirs[i]
		}
	}
	return p
}

func (l *Lifetimes) fields() []*time.Duration {
	return []*time.Duration{&l.TwoStepIdle, &l.TwoStepAbsolute, &l.PasswordIdle, &l.PasswordAbsolute,
		&l.GrantIdle, &l.GrantAbsolute, &l.TwoStepGrantAbsolute, &l.Cooldown}
}
