package templates

import (
	"html/template"
	"time"
)

// SignIn is screen 1: who is it, and the password.
//
// Fields: FieldEmail, FieldPassword. Other forms: DoPasskey, and DoOtherAddress
// (only with PasswordOnly).
type SignIn struct {
	// Address fills the address field: what was typed, or login_hint, or the
	// address of the user who is to sign in again.
	Address string
	// Stage says which fields the page has.
	Stage SignInStage
	// Again puts "Sign in again to continue" on top (prompt=login, max_age,
	// step-up with a stale password).
	Again bool
	// Passkey asks for a passkey in place of address and password; nil: none do here.
	Passkey *Passkey
	// Forgot is the path of "Forgot your password?"; empty: no link.
	Forgot string
	// SignUp is the path of "Create an account"; empty: nobody signs up.
	SignUp string
}

// SignInStage says which fields the sign-in page has.
type SignInStage string

// Both fields on one page, or address first and password on a second page,
// which repeats Address as text and posts it along.
const (
	AddressAndPassword SignInStage = ""
	AddressOnly        SignInStage = "address"
	PasswordOnly       SignInStage = "password"
)

// Name of the screen.
func (SignIn) Name() string { return "sign-in" }

// TwoStepIntroduction is screen 2: says what will happen. Continue sends the
// e-mail (or goes to install-app where no e-mail code is needed).
//
// Other forms: DoKeepDevice (Reason IntroReplace), DoNotNow (Declinable),
// DoOtherUser ("Sign out"), DoUsePasskey (Passkey).
type TwoStepIntroduction struct {
	Reason IntroReason
	// Account is the name of the user's organisation.
	Account string
	// Masked is the address that the message will go to, as
	// locale.MaskAddress makes it; empty where no message is sent.
	Masked string
	// Declinable offers "Not now" (after a recovery code, or with a wish on a page
	// of My Account).
	Declinable bool
	// CodesLeft is the number of recovery codes left, for IntroRecovery.
	CodesLeft int
	// Passkey offers a passkey in place of the app (DoUsePasskey).
	Passkey bool
}

// IntroReason says why the two-step introduction is shown.
type IntroReason string

// Reasons for the two-step introduction.
const (
	IntroAccount   IntroReason = "account"    // the account's policy asks for it
	IntroOwn       IntroReason = "own"        // the user's own setting, Enhanced Security
	IntroClient    IntroReason = "client"     // the client asks for it in this request
	IntroMyAccount IntroReason = "my-account" // My Account asks for it, for what was asked of it
	IntroReplace   IntroReason = "replace"    // "Set up a new mobile device"
	IntroRecovery  IntroReason = "recovery"   // a recovery code was used
	IntroSuspended IntroReason = "suspended"  // the authenticator takes no codes after too many wrong ones
)

// Name of the screen.
func (TwoStepIntroduction) Name() string { return "two-step-introduction" }

// VerifyEmail is screen 3: the code from the e-mail.
//
// Field: FieldCode. Other form: DoSendAgain. After a message was sent again
// put NoticeSentAgain into Frame.Notices.
type VerifyEmail struct {
	Masked string // address that the message went to, masked
	Label  string // the request's two letters, also in the message
	// ValidUntil is when the newest code stops working; zero: there is none
	// that works.
	ValidUntil time.Time
	Account    string // name of the organisation, whose admin can change the address
	// Guard says that the code comes before one of the app, of which too many
	// wrong ones were tried: no enrolment.
	Guard bool
	// Recovery is the path of the recovery code, with Guard; empty: no link.
	Recovery string
}

// Name of the screen.
func (VerifyEmail) Name() string { return "verify-email" }

// InstallApp is screen 4: any app for time-based codes will do.
type InstallApp struct {
	// System chooses the store links: "android", "ios" or "" for both.
	System string
	// Back is the path of the screen before; empty: no link.
	Back string
}

// Name of the screen.
func (InstallApp) Name() string { return "install-app" }

// ConnectDevice is screen 5: the key as QR code, link and text. It holds the
// key, so it is never cached and never logged.
//
// Other form: DoNewKey.
type ConnectDevice struct {
	// QRPath is the d attribute of the SVG path that draws the dark modules,
	// one unit a module; QRSize is the width and height in modules with the
	// quiet zone.
	QRPath string
	QRSize int
	// URI is the otpauth URI, typed so that the template leaves its scheme
	// alone; it comes from factor.TOTP and nowhere else.
	URI template.URL
	// Key is the Base32 key without spaces; the page sets it in groups of four.
	Key string
	// Issuer and Address are the two halves of the label in the app.
	Issuer, Address string
	// ValidUntil is when this key stops being offered.
	ValidUntil time.Time
	// Phone puts the link before the QR code; a hint from the user agent.
	Phone bool
	// Back is the path of the screen before; empty: no link.
	Back string
}

// Name of the screen.
func (ConnectDevice) Name() string { return "connect-device" }

// SetupCode is screen 6: the first code from the app.
//
// Field: FieldCode.
type SetupCode struct {
	Issuer, Address string // the label in the app
	// OlderEntries asks whether it is the newest entry in the app: from the
	// third wrong code on.
	OlderEntries bool
	// CheckClock asks whether the phone sets its clock itself: from the second
	// wrong code on.
	CheckClock bool
	// Back is the path of "Back to the QR code"; empty: no link.
	Back string
}

// Name of the screen.
func (SetupCode) Name() string { return "setup-code" }

// Done is screen 7: two-step verification is on, or what it takes is there, and
// the recovery codes.
//
// Fields: FieldKept, FieldReminded. The file that Download leads to is made by
// (*Set).RecoverySheet.
type Done struct {
	// Codes are shown while this flow lasts; empty: they were shown already,
	// or none were made.
	Codes []string
	// Reminder is the page that comes once when FieldKept was left unticked.
	Reminder bool
	Address  string    // user, for the printed sheet
	MadeAt   time.Time // for the printed sheet
	// Replaced says that an earlier authenticator has stopped working.
	Replaced bool
	// Passkey says that a passkey was made in place of an app.
	Passkey bool
	// OnDemand says that it isn't asked for at each sign-in.
	OnDemand bool
	// Download is the path of the codes as a text file; empty: no link.
	Download string
}

// Name of the screen.
func (Done) Name() string { return "done" }

// EnterCode is screen 8: the code from the app.
//
// Fields: FieldCode, FieldTrust. Other forms: DoNewDevice, DoOtherUser; link to
// recovery-code.
type EnterCode struct {
	Reason CodeReason
	// Address is the user who is signing in.
	Address string
	// CheckClock asks whether the phone sets its clock itself: from the second
	// wrong code on.
	CheckClock bool
	// TrustDays is for how many days the checkbox says that no code is asked for
	// in this browser; 0: no checkbox. Trust says that it was ticked a moment ago.
	TrustDays int
	Trust     bool
	// Recovery is the path of "Use a recovery code"; empty: no link.
	Recovery string
	// Passkey asks for a passkey in place of the code; nil: the user has none.
	Passkey *Passkey
	// OnlyPasskey says that no code will do: the user has no app that gives
	// one, or is asked for more.
	OnlyPasskey bool
	// NoNewDevice leaves out the way to another device, whose codes would not do.
	NoNewDevice bool
}

// CodeReason says why a code is asked for.
type CodeReason string

// Reasons for asking for a code.
const (
	CodeSignIn     CodeReason = ""            // every sign-in
	CodeSetupSpent CodeReason = "setup-spent" // right after enrolment
	CodeStepUp     CodeReason = "step-up"     // the client asks for more than the session has
	CodeLasting    CodeReason = "lasting"     // a recovery code was given, and is not enough for this
	CodeMyAccount  CodeReason = "my-account"  // My Account asks for it, before something important
	CodeNewDevice  CodeReason = "new-device"  // another device is to take the app's place
	CodeAgain      CodeReason = "again"       // the earlier code is too old for this request
)

// Name of the screen.
func (EnterCode) Name() string { return "enter-code" }

// RecoveryCode is screen 8b: one of the recovery codes.
//
// Fields: FieldRecovery, FieldNewDevice. Other form: DoNewDevice.
type RecoveryCode struct {
	// NewDevice says that another device was asked for before.
	NewDevice bool
	// None says that no code is left: the page has no field then, only ways on.
	None bool
	// Replaceable offers "Set up a new mobile device".
	Replaceable bool
	Account     string // name of the organisation, whose admin can help
	Back        string // path of enter-code; empty where no app gives codes
}

// Name of the screen.
func (RecoveryCode) Name() string { return "recovery-code" }

// Invitation is what the link of an invitation opens: who invites, and a button,
// since programs that look into messages open links too.
//
// Field: FieldToken (hidden). With SignIn it has no form.
type Invitation struct {
	Account string    // name of the organisation that invites
	Address string    // where the message went
	Until   time.Time // when the link stops working
	Token   string
	Own     bool // the reader has asked for it himself
	// SignIn is where somebody signs in whose address has a user already; empty
	// for everybody else.
	SignIn string
}

// Name of the screen.
func (Invitation) Name() string { return "invitation" }

// NewPassword has one field for a new password, which signs nobody in.
//
// Fields: FieldNewPassword, FieldToken (hidden).
type NewPassword struct {
	Address string // whose password it is, for password managers
	Min     int    // least number of characters
	Token   string // of the link that allows it; empty in a sign-in
	Exposed bool   // somebody else knows the one before
}

// Name of the screen.
func (NewPassword) Name() string { return "new-password" }

// Welcome is where a first sign-in ends that no client has asked for.
type Welcome struct {
	Account string // name of the organisation
	Admin   bool   // the user may enter the Admin Center
}

// Name of the screen.
func (Welcome) Name() string { return "welcome" }

// Consent asks whether a third-party client may have what it asks for.
// Frame.Client is that client.
//
// Forms: DoAllow (main), DoDeny, DoOtherUser ("Switch").
type Consent struct {
	Address string   // the signed-in user
	Scopes  []string // scope names; the page says them as sentences
	// Known are scopes allowed before; the page then says that it asks for
	// what is new only.
	Known []string
	// SwitchUser offers "Not you? Switch".
	SwitchUser bool
	// Version is of the client's registration that the page speaks of
	// (FieldVersion).
	Version int64
}

// Name of the screen.
func (Consent) Name() string { return "consent" }

// SelectAccount asks which of the browser's users it is. Each has a form with
// FieldID.
//
// Other forms: DoChoose, DoOtherUser.
type SelectAccount struct{ Choices []AccountChoice }

// AccountChoice is one of the browser's users.
type AccountChoice struct{ ID, User, Address, Account string }

// Name of the screen.
func (SelectAccount) Name() string { return "select-account" }

// SignOut asks before signing out.
//
// Forms: DoSignOut (main), DoStay, DoEverywhere where Addresses has somebody.
type SignOut struct {
	// Addresses are the browser's users; the first is who is signed out
	// everywhere on that wish.
	Addresses []string
	Apps      []string // names of the clients signed in to
	// Hidden fields that all forms carry, such as state.
	Hidden []FormField
}

// Name of the screen.
func (SignOut) Name() string { return "sign-out" }

// SignedOut says that the sign-out is done.
type SignedOut struct {
	// Continue is the registered post_logout_redirect_uri with its state;
	// empty: no link. It may have a private scheme, hence the type.
	Continue template.URL
	// Unreached are names of apps that could not be told.
	Unreached []string
	// Erased says that the user is gone for good, by his own wish.
	Erased bool
}

// Name of the screen.
func (SignedOut) Name() string { return "signed-out" }

// Finished is shown where a sign-in is over and the client has its answer:
// Back after the end, or a private scheme that leaves the page behind.
type Finished struct {
	// Open goes on to the client: its home page, or the answer itself under a
	// private scheme; empty: no button.
	Open template.URL
	// Close says "You can close this page" (native apps).
	Close bool
}

// Name of the screen.
func (Finished) Name() string { return "finished" }

// FormPost carries an authorization response to the client by POST
// (OAuth 2.0 Form Post Response Mode). Its script is named in the
// Content-Security-Policy by FormPostScriptHash, its form-action is exactly
// Action.
type FormPost struct {
	Action string // redirect URI, http or https
	Fields []FormField
}

// FormField is a hidden field.
type FormField struct{ Name, Value string }

// Name of the screen.
func (FormPost) Name() string { return "form-post" }

// ErrorPage says what is not right, whose mistake it is and what to do next.
type ErrorPage struct {
	Kind ErrorKind
	// At is the time of the error; the page tells it in UTC.
	At time.Time
	// RetryAt is when to try again (ErrorTooMany, ErrorUnavailable); zero: not said.
	RetryAt time.Time
	// Start is where the client begins anew: its initiate_login_uri or home
	// page, or a path of our own; empty: no button.
	Start string
	// Account is the name of the organisation whose admin can help; may be empty.
	Account string
	// Developer is shown folded away.
	Developer *DeveloperDetails
}

// DeveloperDetails tells the maker of a client what to mend. Values are shown
// as text.
type DeveloperDetails struct {
	Error       string // OAuth error code, such as "invalid_request"
	Description string // English sentence for developers; may be empty
	Parameter   string // which parameter; may be empty
	Sent        string // value sent; only for the redirect URI
	Registered  []string
}

// Name of the screen.
func (ErrorPage) Name() string { return "error" }
