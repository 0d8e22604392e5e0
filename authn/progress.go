package authn

import (
	"slices"
	"time"
)

// Sensitive is how young proofs must be for what protects a sign-in, or what
// others depend on.
const Sensitive = 10 * time.Minute

// FreshPassword is how much older than a sign-in the password may be that
// opens an enrolment in it. Who finds an old session open may not connect a
// device of his own to it.
const FreshPassword = 10 * time.Minute

// Progress is how far one pending sign-in has come. It is kept at the server as
// JSON and changed only by the methods below, each of which answers one screen.
// None of them checks that its screen is due: [Next] looks at the facts in
// their order, so that a fact that comes too early changes nothing.
type Progress struct {
	Started   time.Time `json:"started,omitzero"` // when this sign-in began
	Evidence  Evidence  `json:"evidence,omitempty"`
	Enrolment Enrolment `json:"enrolment,omitzero"`
	Trust     bool      `json:"trust,omitempty"` // the browser is to be trusted, see Trusts
	// AddressProven says that an e-mail code was entered. It lets an unknown
	// browser try codes of the app, and shows by itself nobody who enrols.
	AddressProven bool `json:"address_proven,omitempty"`
	Checked       bool `json:"checked,omitempty"` // the check-up was answered, or left for later
}

// Enrolment is how far the user has come in connecting an authenticator app.
type Enrolment struct {
	Reason        Reason `json:"reason,omitempty"`   // ReasonFirst, ReasonReplace, ReasonRecovery; empty: none
	Replaces      string `json:"replaces,omitempty"` // id of the TOTP authenticator that was active when it began
	Started       bool   `json:"started,omitempty"`  // introduction read
	EmailVerified bool   `json:"email_verified,omitempty"`
	Approved      bool   `json:"approved,omitempty"` // an admin let this user, in this sign-in, replace what is lost
	Passkey       bool   `json:"passkey,omitempty"`  // a passkey is made in place of an app; for first enrolments
	AppInstalled  bool   `json:"app_installed,omitempty"`
	Connected     bool   `json:"connected,omitempty"` // key scanned or typed in, says the user
	Activated     bool   `json:"activated,omitempty"` // the setup code was right, the authenticator is active
	Authenticator string `json:"authenticator,omitempty"`
	Kept          bool   `json:"kept,omitempty"`     // recovery codes were shown, and the user went on
	Declined      bool   `json:"declined,omitempty"` // "Not now", or back to the code of the present app
}

// Why an enrolment takes place.
const (
	ReasonFirst    Reason = "first"    // required, and none is there
	ReasonReplace  Reason = "replace"  // "Set up a new mobile device"
	ReasonRecovery Reason = "recovery" // offered after a recovery code was used
)

// Prove adds a proof that was made in this sign-in. A recovery code also offers
// an enrolment, or lets the one under way go on without an e-mail code.
func (p Progress) Prove(proof Proof, s Subject) Progress {
	p.Evidence = p.Evidence.With(proof)
	if proof.Method == Recovery {
		if !p.Enrolment.live(s) || p.Enrolment.Activated {
			p.Enrolment = Enrolment{Replaces: s.active(TOTP)}
		}
		p.Enrolment.Reason = ReasonRecovery
	}
	return p
}

// Join adds what the browser's session has proven before. It is for asking
// [Next], and is not to be stored: sessions change.
func (p Progress) Join(session Evidence) Progress {
	p.Evidence = p.Evidence.Join(session)
	return p
}

// Renew answers the page on which another password is chosen: what the one of the
// version before has proven counts for it. Whatever else was proven here, or in
// the session whose place the sign-in takes, stays.
func (p Progress) Renew(session Evidence, version int64) Progress {
	p.Evidence = p.Evidence.Join(session).Renewed(version, version+1)
	return p
}

// Replace answers "Set up a new mobile device". What was proven stays proven,
// and the present authenticator works until the new one has given a code.
func (p Progress) Replace(s Subject) Progress {
	p.Enrolment = Enrolment{Reason: ReasonReplace, Replaces: s.active(TOTP)}
	return p
}

// Start answers Continue on the introduction.
func (p Progress) Start(s Subject) Progress {
	if !p.Enrolment.live(s) {
		p.Enrolment = Enrolment{Reason: ReasonFirst, Replaces: s.active(TOTP)}
	}
	p.Enrolment.Started = true
	return p
}

// Approve says that an admin approved another device, and that the user goes on
// to it: no e-mail code is needed.
func (p Progress) Approve(s Subject) Progress {
	p.Enrolment = Enrolment{Reason: ReasonReplace, Replaces: s.active(TOTP), Started: true, Approved: true}
	return p
}

// Decline answers "Not now" after a recovery code, and the way back to the code
// prompt from a replacement. A required first enrolment can't be declined: the
// introduction is shown again.
func (p Progress) Decline() Progress {
	p.Enrolment.Declined = true
	return p
}

// VerifyEmail says that the newest code sent to the user's address, for an
// enrolment, was entered.
func (p Progress) VerifyEmail() Progress {
	p.Enrolment.EmailVerified, p.AddressProven = true, true
	return p
}

// ProveAddress says the same of a code that was sent before one of the app.
func (p Progress) ProveAddress() Progress { p.AddressProven = true; return p }

// InstallApp answers Continue on the page about authenticator apps.
func (p Progress) InstallApp() Progress { p.Enrolment.AppInstalled = true; return p }

// Connect answers Continue on the page with the QR code.
func (p Progress) Connect() Progress { p.Enrolment.Connected = true; return p }

// Reconnect goes back to the QR code: by the user's wish, or because the key
// has lapsed or was exchanged for a new one.
func (p Progress) Reconnect() Progress { p.Enrolment.Connected = false; return p }

// Activate says that the setup code was right and that the authenticator of
// this id is active from now on. The setup code proves nothing more, unless the
// policy waives the first code.
func (p Progress) Activate(policy Policy, id string, at time.Time) Progress {
	p.Enrolment.Activated, p.Enrolment.Authenticator = true, id
	if policy.WaiveFirst {
		p.Evidence = p.Evidence.With(Proof{Method: TOTP, At: at, Authenticator: id})
	}
	return p
}

// WithPasskey answers "Use a passkey instead", and the way back from it to an app.
func (p Progress) WithPasskey(yes bool) Progress { p.Enrolment.Passkey = yes; return p }

// ActivatePasskey says that the passkey of this id was made. Making it proves
// nothing: the browser says so, and no key has signed.
func (p Progress) ActivatePasskey(id string) Progress {
	p.Enrolment.Activated, p.Enrolment.Authenticator = true, id
	return p
}

// CheckedUp answers the check-up, also by "Later".
func (p Progress) CheckedUp() Progress { p.Checked = true; return p }

// Keep answers Continue on the page with the recovery codes.
func (p Progress) Keep() Progress { p.Enrolment.Kept = true; return p }

// Completed returns the evidence of the session that this sign-in ends in. The
// proofs made in it count from its completion; those of the session that goes on
// are joined as they are, also the ones that another sign-in of the same browser
// made after this one had begun. Without Started all keep their time.
func (p Progress) Completed(at time.Time, session Evidence) Evidence {
	if p.Started.IsZero() {
		return p.Evidence.Join(session)
	}
	old := p.Evidence.keep(func(proof Proof) bool { return proof.At.Before(p.Started) })
	return old.Join(p.Evidence.Since(p.Started).Stamped(at)).Join(session)
}

// live tells whether the enrolment is still about the subject as it is now. It
// is not if the user declined, or if the authenticator was meanwhile connected,
// replaced or removed elsewhere.
func (n Enrolment) live(s Subject) bool {
	if n.Reason == "" || n.Declined {
		return false
	}
	if n.Activated {
		return n.Authenticator != "" && slices.ContainsFunc(s.Authenticators, func(a Authenticator) bool { return a.ID == n.Authenticator && !a.Suspended })
	}
	return s.active(TOTP) == n.Replaces
}
