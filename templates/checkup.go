package templates

import "time"

// CheckUp shows what protects the sign-in, some weeks after it was set up and now
// and then afterwards, and asks whether it is still right.
//
// Forms: main (everything is right), DoLater, DoInAccount.
type CheckUp struct {
	Masked   string    // the user's address, see locale.MaskAddress
	App      time.Time // when the authenticator app was connected; zero: there is none
	Passkeys []string  // names of the passkeys
	Recovery int       // recovery codes left
	OnlyOne  bool      // the loss of one thing locks the user out
}

// Name of the screen.
func (CheckUp) Name() string { return "check-up" }

func (CheckUp) heading(*Frame) heading { return heading{key: "checkup.title"} }

// Values of FieldDo of the check-up.
const (
	DoLater     = "later"      // puts it off
	DoInAccount = "in-account" // the same, and goes to My Account
)
