package templates

import "time"

// DeviceWait is the page about a wait, after which a code sent by e-mail may
// replace an authenticator where it alone is not enough.
//
// Form: DoStartWait (where Opens is set).
type DeviceWait struct {
	// Account is the name of the organisation, Masked the user's address, see
	// locale.MaskAddress.
	Account, Masked string
	// OnlyAdmin says that nobody else could approve; else the password was reset,
	// or the address is new.
	OnlyAdmin bool
	// NewAddress is until when the address is too new; zero: it isn't.
	NewAddress time.Time
	// Opens is when a wait would be over that begins now; zero: none can.
	Opens time.Time
	// Since, From and Until are of the wait that runs; zero without one.
	Since, From, Until time.Time
	// Stopped is until when none can begin, because one was stopped; zero: it wasn't.
	Stopped time.Time
	// Admins are the names of those who can reset the authenticator.
	Admins []string
	// Recovery and Back are the paths of the recovery code and of the code from
	// the app, each of which suffices instead; empty: no link.
	Recovery, Back string
}

// Name of the screen.
func (DeviceWait) Name() string { return "device-wait" }

// Told are the names that the page tells: the first few.
func (w DeviceWait) Told() []string { return w.Admins[:min(len(w.Admins), maxTold)] }
