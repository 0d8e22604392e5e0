package authn

import (
	"slices"
	"strings"
	"time"
)

// Method is a way to prove who one is.
type Method string

// The methods. What each is worth stands in one table, below.
const (
	Password Method = "password"
	TOTP     Method = "totp"     // code of an authenticator app, RFC 6238
	Recovery Method = "recovery" // one of the codes kept for the day the phone is lost
	// A passkey whose authenticator has verified its user, by a PIN or a look.
	// Without that it is not accepted at all. Which of the two it is, its
	// authenticator said when it was made (WebAuthn, backup eligibility).
	Passkey       Method = "passkey"        // stays in one device
	SyncedPasskey Method = "synced_passkey" // may be copied among its user's devices
)

// kinds is a set of kinds of factors. Two proofs of one kind are no stronger
// than one; levels ask for kinds. A method may be of several kinds at once, as
// a passkey with user verification is.
type kinds uint8

const (
	known    kinds = 1 << iota // something one knows
	held                       // something one has
	resisted                   // proven to the genuine site only
)

// methods says what each method adds to tokens (RFC 8176) and of which kinds it
// is. A method that is missing here, perhaps of a later version, is worth nothing.
var methods = map[Method]struct {
	amr   []string
	kinds kinds
}{
	Password:      {amr: []string{"pwd"}, kinds: known},
	TOTP:          {amr: []string{"otp"}, kinds: held},
	Recovery:      {amr: []string{"otp"}, kinds: held},
	Passkey:       {amr: []string{"hwk", "user"}, kinds: known | held | resisted},
	SyncedPasskey: {amr: []string{"swk", "user"}, kinds: known | held | resisted},
}

// passkey tells whether one proof of the method is proof against phishing.
func (m Method) passkey() bool { return methods[m].kinds.include(resisted) }

// Level is how much a set of proofs is worth. Higher levels include lower ones.
type Level int

// The levels. Their acr names are configuration.
const (
	LevelNone              Level = iota
	LevelPassword                // something known
	LevelMFA                     // something known and something held
	LevelPhishingResistant       // the same, and no other site can pass it on
)

// levels says which kinds each level needs.
var levels = map[Level]kinds{
	LevelPassword:          known,
	LevelMFA:               known | held,
	LevelPhishingResistant: known | held | resisted,
}

// String names the level for logs and tests; tokens use configured names.
func (l Level) String() string {
	switch l {
	case LevelNone:
		return "none"
	case LevelPassword:
		return "password"
	case LevelMFA:
		return "multi-factor"
	case LevelPhishingResistant:
		return "phishing-resistant"
	}
	return "unknown"
}

// Proof is one thing that a user has proven, with its time. Authenticator is
// the id of what proved it, so that the proof ends with it; a password of the
// version 3 is "password-3", see [PasswordID].
type Proof struct {
	Method        Method    `json:"method"`
	At            time.Time `json:"at"`
	Authenticator string    `json:"authenticator"`
}

// Evidence is all that has been proven, by a session or on the way to one. Its
// methods return new values and leave the old one as it was.
type Evidence []Proof

// With returns the evidence and p. Of each method and authenticator only the
// newest proof is kept.
func (e Evidence) With(p Proof) Evidence {
	e = slices.Clone(e)
	for i, old := range e {
		if old.Method == p.Method && old.Authenticator == p.Authenticator {
			if p.At.After(old.At) {
				e[i] = p
			}
			return e
		}
	}
	return append(e, p)
}

// Join returns the evidence and every proof of another, as by [Evidence.With].
func (e Evidence) Join(other Evidence) Evidence {
	for _, p := range other {
		e = e.With(p)
	}
	return e
}

// Of returns the proofs whose authenticator the subject still has. What was
// proven by a TOTP authenticator that was replaced, or by a password that was
// changed, proves nothing any more. A suspended authenticator takes no new
// code, but what it proved before stays true.
func (e Evidence) Of(s Subject) Evidence {
	return e.keep(func(p Proof) bool {
		return slices.ContainsFunc(s.Authenticators, func(a Authenticator) bool {
			return a.ID == p.Authenticator && a.Method == p.Method
		})
	})
}

// Intact tells whether the subject still has every authenticator of the evidence.
func (e Evidence) Intact(s Subject) bool { return len(e.Of(s)) == len(e) }

// Since returns the proofs that are not older than t. The zero time keeps all.
func (e Evidence) Since(t time.Time) Evidence {
	return e.keep(func(p Proof) bool { return !p.At.Before(t) })
}

// Lasting returns the proofs without those by recovery codes. Such a code says
// that the factor is lost: it is in the place of one for a day, and no sign that
// its owner has any.
func (e Evidence) Lasting() Evidence {
	return e.keep(func(p Proof) bool { return p.Method != Recovery })
}

// Renewed returns the proofs with the new password in the old one's place: whoever
// chooses it has just proven the old one, and no more than that.
func (e Evidence) Renewed(from, to int64) Evidence {
	var renewed Evidence
	for _, p := range e {
		if p.Method == Password && p.Authenticator == PasswordID(from) {
			p.Authenticator = PasswordID(to)
		}
		renewed = append(renewed, p)
	}
	return renewed
}

func (e Evidence) keep(wanted func(Proof) bool) Evidence {
	var kept Evidence
	for _, p := range e {
		if wanted(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// Stamped returns the proofs, all moved to t: what one sign-in has proven
// counts from the moment it was completed. Only for the proofs of this
// sign-in: [Progress.Completed] leaves those of an older session as they are.
func (e Evidence) Stamped(t time.Time) Evidence {
	var stamped Evidence
	for _, p := range e {
		p.At = t
		stamped = stamped.With(p)
	}
	return stamped
}

// AMR returns the authentication method references of RFC 8176, sorted: those
// of the methods used, and "mfa" when they are of more than one kind.
func (e Evidence) AMR() []string {
	var amr []string
	for _, p := range e {
		if m, ok := methods[p.Method]; ok {
			amr = append(amr, m.amr...)
		}
	}
	if e.Level() >= LevelMFA {
		amr = append(amr, "mfa")
	}
	slices.SortFunc(amr, strings.Compare)
	return slices.Compact(amr)
}

// Level returns the highest level whose kinds are all proven.
func (e Evidence) Level() Level {
	has := e.kinds()
	for l := LevelPhishingResistant; l > LevelNone; l-- {
		if has.include(levels[l]) {
			return l
		}
	}
	return LevelNone
}

// AuthTime returns the time that the level has been proven since: of each kind
// that it needs the newest proof, and of those the earliest. So it is never
// newer than what was proven. It is zero where nothing was.
func (e Evidence) AuthTime() time.Time {
	var earliest time.Time
	needs := levels[e.Level()]
	for kind := known; kind <= resisted; kind <<= 1 {
		if !needs.include(kind) {
			continue
		}
		newest := e.newest(kind)
		if earliest.IsZero() || newest.Before(earliest) {
			earliest = newest
		}
	}
	return earliest
}

// HeldAt returns when something held was proven last, zero if it never was.
func (e Evidence) HeldAt() time.Time { return e.newest(held) }

// Held returns by which method something held was proven last, empty if it never was.
func (e Evidence) Held() Method {
	var last Proof
	for _, p := range e {
		if methods[p.Method].kinds.include(held) && !p.At.Before(last.At) {
			last = p
		}
	}
	return last.Method
}

// newest returns the time of the newest proof of a kind, zero if there is none.
func (e Evidence) newest(kind kinds) time.Time {
	var newest time.Time
	for _, p := range e {
		if methods[p.Method].kinds.include(kind) && p.At.After(newest) {
			newest = p.At
		}
	}
	return newest
}

func (e Evidence) kinds() kinds {
	var has kinds
	for _, p := range e {
		has |= methods[p.Method].kinds
	}
	return has
}

func (k kinds) include(needed kinds) bool { return k&needed == needed }
