package templates

import "time"

// Passkey is what a page asks the browser for a passkey with. Without a script
// nothing can: the button shows up where one runs.
type Passkey struct {
	Options   string // of navigator.credentials, JSON with binary values in base64url
	Challenge string // what the answer has to sign, sealed; it comes back in FieldChallenge
}

// Fields of the forms that ask for a passkey.
const (
	FieldPasskey   = "passkey"   // the browser's answer, JSON
	FieldChallenge = "challenge" // [Passkey.Challenge]
)

// DoPasskey is the form, beside the main one, that signs in with a passkey.
const DoPasskey = "passkey"

// Keys of the sentences that a form with a passkey may come back with. Field
// FieldPasskey, or FieldName.
const (
	ErrPasskeyRefused = "error.passkey.refused" //nolint:gosec // the key of a text: the one neutral answer
	ErrPasskeyOld     = "error.passkey.old"     //nolint:gosec // the key of a text
	ErrPasskeyNone    = "error.passkey.none"
	ErrPasskeyKnown   = "error.passkey.known" //nolint:gosec // the key of a text
	ErrPasskeyMany    = "error.passkey.many"
	ErrPasskeyMade    = "error.passkey.made"
	ErrPasskeyName    = "error.passkey.name" // Max (int)
)

// MakePasskey is where a passkey is made within a sign-in, in place of connecting
// an app. Without a script the way to the app is open.
//
// Other form: DoUseApp.
type MakePasskey struct{ Ask Passkey }

// Name of the screen.
func (MakePasskey) Name() string { return "make-passkey" }

func (MakePasskey) heading(*Frame) heading { return heading{key: "makepasskey.title"} }

// Values of FieldDo about a passkey in place of an app.
const (
	DoUsePasskey = "use-passkey" // two-step-introduction
	DoUseApp     = "use-app"     // make-passkey
)

// AccountPasskey is one passkey in the list on the page "Sign in & security".
type AccountPasskey struct {
	ID, Name string
	Since    time.Time
	Used     time.Time // zero: never since it was made
	Synced   bool      // may be copied among its user's devices
}

// Values of FieldDo about passkeys on the pages of My Account.
const (
	DoRemovePasskey = "remove-passkey" // account; FieldID
	DoRenamePasskey = "rename-passkey" // account-passkey-name; FieldID, FieldName
)

// AccountPasskeyNew is where a passkey is made.
type AccountPasskeyNew struct {
	Ask   Passkey
	Value string // of the field for its name
}

// Name of the screen.
func (AccountPasskeyNew) Name() string { return "account-passkey" }

// Section of the navigation.
func (AccountPasskeyNew) Section() Section { return AccountSecuritySection }

func (AccountPasskeyNew) heading(*Frame) heading { return heading{key: "account.passkeys.add"} }

// AccountPasskeyName gives a passkey another name.
type AccountPasskeyName struct {
	ID, Value string
}

// Name of the screen.
func (AccountPasskeyName) Name() string { return "account-passkey-name" }

// Section of the navigation.
func (AccountPasskeyName) Section() Section { return AccountSecuritySection }

func (AccountPasskeyName) heading(*Frame) heading {
	return heading{key: "account.passkey.rename_title"}
}
