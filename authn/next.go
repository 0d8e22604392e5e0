package authn

// Step is what comes next in a sign-in. The values are the names of the screens.
type Step string

// The steps, in the order of the screens.
const (
	StepSelectAccount Step = "select-account" // before all others, where a request asks for it: see package signin
	StepSignIn        Step = "sign-in"
	StepIntroduction  Step = "two-step-introduction"
	StepVerifyEmail   Step = "verify-email"
	StepInstallApp    Step = "install-app"
	StepConnectDevice Step = "connect-device"
	StepSetupCode     Step = "setup-code"
	StepMakePasskey   Step = "make-passkey" // in place of the three screens of the app
	StepDone          Step = "done"
	StepEnterCode     Step = "enter-code"
	StepNewPassword   Step = "new-password"
	StepCheckUp       Step = "check-up"
	StepFinished      Step = "finished" // no screen: the requirement is met
)

// Why a step comes next, besides the reasons of requirements and enrolments.
const (
	ReasonNothingProven Reason = "nothing_proven"     // nobody has signed in yet
	ReasonChanged       Reason = "changed"            // what proved it was changed, replaced or removed since
	ReasonStalePassword Reason = "stale_password"     // an enrolment needs a fresh password, see FreshPassword
	ReasonSuspended     Reason = "suspended"          // the authenticator takes no codes after too many wrong ones
	ReasonElsewhere     Reason = "enrolled_elsewhere" // meanwhile an authenticator was connected in another window
	ReasonSetupSpent    Reason = "setup_spent"        // the setup code was used up by the enrolment
	ReasonExposed       Reason = "exposed"            // somebody else knows the password
	ReasonLasting       Reason = "lasting"            // a recovery code was given, and is not enough for this
	ReasonGuarded       Reason = "guarded"            // an e-mail code before the next code of the app, see Subject.Guarded
	ReasonCheckUp       Reason = "check_up"           // some weeks after the enrolment: is it still right?
	ReasonProven        Reason = "proven"             // finished: the second factor was proven in this sign-in
	ReasonAlreadyProven Reason = "already_proven"     // finished: the session had proven the second factor before
)

// Decision is the next step, and why. With StepFinished the reason answers "why
// was I not asked for a code?": [ReasonNotRequired], [ReasonTrusted],
// [ReasonAlreadyProven], or [ReasonProven] if it was asked for.
type Decision struct {
	Step   Step
	Reason Reason
}

// Next says what comes next for a subject as it is now. It is finished only if
// r is met. r comes from [Require]: a level out of reach never finishes.
//
// To judge a session without a sign-in, ask with its evidence alone:
// Next(r, s, Progress{Evidence: e}).
func Next(r Requirement, s Subject, p Progress) Decision {
	counted := r.Counts(p.Evidence, s)
	enrolment := p.Enrolment
	live := enrolment.live(s)
	switch {
	case !counted.kinds().include(known):
		return Decision{StepSignIn, r.whyAgain(known, s, p, ReasonNothingProven)}
	case live && enrolment.Activated && !enrolment.Kept:
		// Even if the requirement has gone meanwhile: recovery codes are shown once.
		return Decision{StepDone, enrolment.Reason}
	case live && !enrolment.Activated && enrolment.Reason != ReasonFirst:
		return enrol(r, s, p)
	case r.Met(p.Evidence, s):
		return met(r, s, p, counted)
	case !s.canBeAsked():
		return enrol(r, s, p)
	default:
		return askCode(r, s, p, counted)
	}
}

// met returns what is left to do once the requirement is met.
func met(r Requirement, s Subject, p Progress, counted Evidence) Decision {
	if s.Exposed && p.provenHere(counted) {
		return Decision{StepNewPassword, ReasonExposed}
	}
	if s.CheckUp && !p.Checked && p.provenHere(counted) && !counted.newest(known).Before(p.Started) {
		return Decision{StepCheckUp, ReasonCheckUp} // not in a step-up, which somebody waits for
	}
	return Decision{StepFinished, r.WhyMet(counted, p.provenHere(counted))}
}

// askCode asks for the second factor that is there. Who tries codes in a browser
// that isn't known shows first, once too many were wrong, that the address is his.
func askCode(r Requirement, s Subject, p Progress, counted Evidence) Decision {
	if s.Guarded && !p.AddressProven && s.Has(TOTP) && r.Level < LevelPhishingResistant {
		return Decision{StepVerifyEmail, ReasonGuarded}
	}
	return Decision{StepEnterCode, r.whyCode(s, p, counted)}
}

// whyCode tells why the code of the app comes next.
func (r Requirement) whyCode(s Subject, p Progress, counted Evidence) Reason {
	lacks := r.lacks(counted)
	switch n := p.Enrolment; {
	case n.live(s) && n.Activated:
		return ReasonSetupSpent
	case n.Reason != "" && !n.Declined && !n.live(s):
		return ReasonElsewhere
	case counted.kinds().include(lacks): // by a recovery code
		return ReasonLasting
	default:
		return r.whyAgain(lacks, s, p, r.why())
	}
}

// enrol returns the screen at which an enrolment is. It has to begin with a
// password of this sign-in, or of a moment before; then the e-mail code, or in
// its place a second factor that the user still has or an admin's approval, shows
// who enrols.
func enrol(r Requirement, s Subject, p Progress) Decision {
	fresh := r.Counts(p.Evidence, s).Since(p.Started.Add(-FreshPassword))
	if !fresh.kinds().include(known) {
		return Decision{StepSignIn, ReasonStalePassword}
	}
	n := p.Enrolment
	if !n.live(s) {
		n = Enrolment{Reason: ReasonFirst}
	}
	why := n.Reason
	if why == ReasonFirst {
		why = r.why()
		if s.suspended(TOTP) {
			why = ReasonSuspended
		}
	}
	switch {
	case !n.Started:
		return Decision{StepIntroduction, why}
	case !n.EmailVerified && !n.Approved && !fresh.Since(p.Started).kinds().include(held):
		return Decision{StepVerifyEmail, why}
	case n.Passkey && n.Reason == ReasonFirst:
		return Decision{StepMakePasskey, why}
	case !n.AppInstalled:
		return Decision{StepInstallApp, why}
	case !n.Connected:
		return Decision{StepConnectDevice, why}
	default:
		return Decision{StepSetupCode, why}
	}
}

// lacks is the kind of proof to ask for beside something known: something held,
// or if that is proven, something that resists phishing.
func (r Requirement) lacks(counted Evidence) kinds {
	if r.Level >= LevelPhishingResistant && counted.kinds().include(held) {
		return resisted
	}
	return held
}

// whyAgain tells why a kind of proof is asked for: it was proven, but by
// something that is no more, or too long ago; or else as given.
func (r Requirement) whyAgain(kind kinds, s Subject, p Progress, otherwise Reason) Reason {
	switch {
	case !p.Evidence.kinds().include(kind):
		return otherwise
	case !p.Evidence.Of(s).kinds().include(kind):
		return ReasonChanged
	default:
		return ReasonMaxAge
	}
}

// provenHere tells whether something held was proven in this sign-in. Who has
// no more than a password that others know may not choose the next one.
func (p Progress) provenHere(counted Evidence) bool {
	return !p.Started.IsZero() && counted.Level() >= LevelMFA && !counted.newest(held).Before(p.Started)
}

// WhyMet answers "why was I not asked for a code?" where the requirement is met
// by what counts for it; here says that the second factor was given just now.
func (r Requirement) WhyMet(counted Evidence, here bool) Reason {
	switch trusted := r.Trusted(); {
	case trusted && counted.Level() < LevelMFA:
		return ReasonTrusted
	case r.Level <= LevelPassword && !trusted:
		return ReasonNotRequired
	case here:
		return ReasonProven
	default:
		return ReasonAlreadyProven
	}
}
