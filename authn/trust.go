package authn

import (
	"slices"
	"time"
)

// MaxTrustDays is for how many days a policy may let browsers be trusted at most.
const MaxTrustDays = 30

// Trust is a browser in which its user gave a second factor and asked not to be
// asked for it there again. It proves nothing: no level is higher for it.
type Trust struct {
	ID    string
	Since time.Time // when the second factor was given
	Until time.Time // when it ends at the latest, as the policy was then
}

// TrustEnds is when a trusted browser is one no longer, by the policy of then and
// that of now.
func (p Policy) TrustEnds(t Trust) time.Time {
	if now := t.Since.Add(p.TrustFor); now.Before(t.Until) {
		return now
	}
	return t.Until
}

// trusts tells whether the browser stands in for the second factor that the
// policy asks for. It does not where others know the password, or where there is
// no second factor that could be asked for.
func (p Policy) trusts(s Subject) bool {
	return p.TrustFor > 0 && s.Trusted.ID != "" && !s.At.IsZero() && s.At.Before(p.TrustEnds(s.Trusted)) && !s.Exposed && s.canBeAsked()
}

// MayTrust tells whether it is of use to this user to trust a browser: the
// policy, and nothing but the policy, asks for two steps each time.
func (p Policy) MayTrust(s Subject) bool {
	return p.TrustFor > 0 && p.TwoStep && p.Covers(s) && !s.Own
}

// Trusted tells whether less is required because the browser is trusted.
func (r Requirement) Trusted() bool { return r.why() == ReasonTrusted }

// TrustBrowser answers the checkbox beside the code: not to be asked in this
// browser again.
func (p Progress) TrustBrowser() Progress { p.Trust = true; return p }

// Trusts tells whether the browser is to be trusted when this sign-in ends: the
// user wants it, and gave a second factor in it. A recovery code is for the day
// on which the second factor is lost, and trusts nothing.
func (p Progress) Trusts(s Subject) bool {
	return p.Trust && !p.Started.IsZero() && slices.ContainsFunc(p.Evidence.Of(s).Since(p.Started), func(proof Proof) bool {
		return proof.Method == TOTP || proof.Method.passkey()
	})
}
