package authn

import (
	"errors"
	"slices"
	"strconv"
	"time"
)

// Policy is what an account requires of its users.
type Policy struct {
	Version    int64         `json:"-"`                     // rises with each change
	TwoStep    bool          `json:"two_step"`              // two-step verification is on
	Products   []string      `json:"products,omitempty"`    // ids: only holders of one of them are covered; empty covers everyone
	WaiveFirst bool          `json:"waive_first,omitempty"` // the setup code of an enrolment counts as the first code
	TrustFor   time.Duration `json:"trust_for,omitempty"`   // how long a browser may be trusted from its code on; not above zero: never
}

// Covers tells whether the policy is for this user: for everyone, or because
// one of the seats held now is of a covered product. It does not say whether
// two-step verification is on.
func (p Policy) Covers(s Subject) bool {
	return len(p.Products) == 0 || slices.ContainsFunc(s.Seats, func(seat string) bool {
		return slices.Contains(p.Products, seat)
	})
}

// Authenticator is something registered that proves a user.
type Authenticator struct {
	ID        string
	Method    Method
	Suspended bool // takes no codes after too many wrong ones; what it proved before stays true
}

// Subject is what decides about a user, as read just now.
type Subject struct {
	ID, AccountID  string
	Epoch          int64           // rises when a password or authenticator changes; an older pending sign-in starts again
	Seats          []string        // ids of the products held
	Authenticators []Authenticator // active or suspended ones, the password among them
	Exposed        bool            // somebody else knows the password: another is chosen in the next sign-in with a second factor
	Guarded        bool            // of the app's codes too many were tried: in this browser, which isn't known, an e-mail code comes before the next
	CheckUp        bool            // it is time to ask whether what protects the sign-in is still right
	Own            bool            // Enhanced Security: two-step verification by the user's own setting
	Trusted        Trust           // the trusted browser that this is about, if it is one
	At             time.Time       // when all this was read; without it no browser is trusted
}

// PasswordID is the authenticator id of a password by its version.
func PasswordID(version int64) string { return "password-" + strconv.FormatInt(version, 10) }

// Has tells whether the subject can prove by this method now: an authenticator
// of it is there and not suspended.
func (s Subject) Has(m Method) bool { return s.active(m) != "" }

// HasPasskey tells whether the subject can prove by a passkey now.
func (s Subject) HasPasskey() bool {
	return slices.ContainsFunc(s.Authenticators, func(a Authenticator) bool { return a.Method.passkey() && !a.Suspended })
}

// canBeAsked tells whether there is a second factor that enter-code asks for.
func (s Subject) canBeAsked() bool { return s.Has(TOTP) || s.HasPasskey() }

// CanMeet tells whether the subject can reach a level. Multi-factor always can
// be reached, because who has no second factor enrols one within the sign-in.
// Phishing-resistant is for who has a passkey.
func (s Subject) CanMeet(l Level) bool {
	return l == LevelPassword || l == LevelMFA || l == LevelPhishingResistant && s.HasPasskey()
}

// Highest is the level that a sensitive act of the subject takes. Who has a
// second factor proves it, also one that takes no codes at the moment: nobody
// gets past it by giving wrong ones. Who has a passkey proves that.
func (s Subject) Highest() Level {
	if s.HasPasskey() {
		return LevelPhishingResistant
	}
	for _, a := range s.Authenticators {
		if methods[a.Method].kinds.include(held) {
			return LevelMFA
		}
	}
	return LevelPassword
}

func (s Subject) active(m Method) string {
	for _, a := range s.Authenticators {
		if a.Method == m && !a.Suspended {
			return a.ID
		}
	}
	return ""
}

func (s Subject) suspended(m Method) bool {
	return slices.ContainsFunc(s.Authenticators, func(a Authenticator) bool { return a.Method == m && a.Suspended })
}

// Ask is what one request wants of a sign-in, beyond what is required anyway.
type Ask struct {
	Levels    []Level   `json:"levels,omitempty"`    // of acr_values or the acr claim, in the client's order; values that name no level are left out
	Essential bool      `json:"essential,omitempty"` // one of Levels, or an error
	Floor     []Level   `json:"floor,omitempty"`     // of the client's registration (default_acr_values), in its order: the first that this user can reach holds, whatever Levels says. What travels through the browser can be edited there
	Since     time.Time `json:"since,omitzero"`      // proofs may not be older. prompt=login: start of the request; max_age: start less max_age, never now less max_age, or a slow user loops for ever
	Lasting   bool      `json:"lasting,omitempty"`   // a recovery code is not enough, see [Evidence.Lasting]
	Subject   string    `json:"subject,omitempty"`   // id of the user whom id_token_hint names; nobody else will do
}

// Errors of Require.
var (
	// ErrUnmet says that an essential acr is out of this user's reach
	// (unmet_authentication_requirements).
	ErrUnmet = errors.New("authn: no level that the request calls essential can be reached")
	// ErrOtherUser says that the request is for another user than the subject:
	// that one has to sign in (OpenID Connect Core, section 3.1.2.1, id_token_hint).
	ErrOtherUser = errors.New("authn: the request is for another user")
)

// Reason is a stable code that says why something was asked, or was not. It is
// stored in the audit log and picks the sentence that a page shows.
type Reason string

// Why a requirement is what it is.
const (
	ReasonAccountPolicy Reason = "account_policy"  // the account requires two-step verification of everyone
	ReasonProductPolicy Reason = "product_policy"  // the account requires it of holders of a product
	ReasonOwnSetting    Reason = "own_setting"     // Enhanced Security is on
	ReasonRequested     Reason = "requested"       // the client asked for the level
	ReasonNotRequired   Reason = "not_required"    // nobody asks for more than the password
	ReasonTrusted       Reason = "trusted_browser" // the policy asks for more, but not in this browser
	ReasonMaxAge        Reason = "max_age"         // older proofs do not count (max_age, prompt=login)
)

// Requirement is what must be proven. The zero value is never met.
type Requirement struct {
	Level   Level
	After   time.Time // proofs made before do not count; zero: any
	Lasting bool      // recovery codes are not enough
	Reasons []Reason  // why this level, most general first; then ReasonMaxAge if After is set
}

// Require says what must be proven for this request: the strongest of the
// account's policy, the user's own setting, what the client is registered for,
// and what the request asks for. A trusted browser stands in for what the policy
// asks for, and for nothing else. Of the levels that the client lists it asks for
// the first that this user can reach. It fails with [ErrUnmet] or [ErrOtherUser].
func Require(p Policy, s Subject, a Ask) (Requirement, error) {
	if a.Subject != "" && a.Subject != s.ID {
		return Requirement{}, ErrOtherUser
	}
	wanted, found := firstMet(a.Levels, s)
	if a.Essential && !found {
		return Requirement{}, ErrUnmet
	}

	r := Requirement{Level: LevelPassword, After: a.Since, Lasting: a.Lasting}
	demand := func(l Level, why Reason) {
		if l <= LevelPassword || l < r.Level {
			return
		}
		if l > r.Level {
			r.Level, r.Reasons = l, nil
		}
		r.Reasons = append(r.Reasons, why)
	}
	why := p.why(s)
	if why != ReasonNotRequired && why != ReasonTrusted {
		demand(LevelMFA, why)
	}
	if s.Own {
		demand(LevelMFA, ReasonOwnSetting)
	}
	floor, _ := firstMet(a.Floor, s)
	if wanted = max(wanted, floor); wanted > LevelNone {
		demand(wanted, ReasonRequested)
	}
	if r.Level == LevelPassword {
		r.Reasons = []Reason{why}
	}
	if !r.After.IsZero() {
		r.Reasons = append(r.Reasons, ReasonMaxAge)
	}
	return r, nil
}

// why tells why the policy asks for two steps of a subject, or does not.
func (p Policy) why(s Subject) Reason {
	switch {
	case !p.TwoStep || !p.Covers(s):
		return ReasonNotRequired
	case p.trusts(s):
		return ReasonTrusted
	case len(p.Products) == 0:
		return ReasonAccountPolicy
	default:
		return ReasonProductPolicy
	}
}

// firstMet returns the first level, in the client's order, that s can reach.
func firstMet(wanted []Level, s Subject) (Level, bool) {
	i := slices.IndexFunc(wanted, s.CanMeet)
	if i < 0 {
		return LevelNone, false
	}
	return wanted[i], true
}

// Counts returns the evidence that counts for this requirement: of
// authenticators that the subject still has, and fresh enough. Tokens speak of
// this evidence, so that auth_time is never older than what max_age allowed.
func (r Requirement) Counts(e Evidence, s Subject) Evidence { return e.Of(s).Since(r.After) }

// Met tells whether the evidence satisfies the requirement for this subject as
// it is now.
func (r Requirement) Met(e Evidence, s Subject) bool {
	counted := r.Counts(e, s)
	if r.Lasting {
		counted = counted.Lasting()
	}
	return r.Level > LevelNone && counted.Level() >= r.Level
}

// why is the main reason for the level.
func (r Requirement) why() Reason {
	if len(r.Reasons) == 0 {
		return ""
	}
	return r.Reasons[0]
}
