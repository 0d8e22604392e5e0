package templates

import (
	"strings"
	"time"
)

// AccountPage is a page of My Account. Its name begins with "account".
type AccountPage interface{ areaPage }

// The sections of My Account.
const (
	AccountSecuritySection Section = "security"
	AccountSessionsSection Section = "sessions"
	AccountActivitySection Section = "activity"
	AccountProfileSection  Section = "profile"
	AccountDataSection     Section = "data"
)

var accountArea = area{
	prefix: "account", home: "/account", title: "account.title", switching: "/account/switch", cooldown: "account.cooldown", refused: "account-refused",
	sections: []SectionLink{
		{AccountSecuritySection, "/account", "account.nav.security"},
		{AccountSessionsSection, "/account/sessions", "account.nav.sessions"},
		{AccountActivitySection, "/account/activity", "account.nav.activity"},
		{AccountProfileSection, "/account/profile", "account.nav.profile"},
		{AccountDataSection, "/account/data", "account.nav.data"},
	},
}

// AccountSections lists the sections in the order of the navigation.
func AccountSections() []SectionLink { return accountArea.sections }

// Values of FieldDo on the pages of My Account.
const (
	DoTurnOn    = "turn-on"    // account: Enhanced Security on
	DoTurnOff   = "turn-off"   // account: Enhanced Security off
	DoMakeCodes = "make-codes" // account: new recovery codes
	DoForget    = "forget"     // account: a trusted browser, FieldID
	DoForgetAll = "forget-all" // account: all trusted browsers
	DoDownload  = "download"   // account-recovery-codes: as a file
)

// Account is "Sign in & security": how one's own sign-in is protected.
type Account struct {
	Enhanced     bool   // two-step verification by the user's own wish
	RequiredBy   string // name of the organisation that requires it; empty where it does not
	App          AccountApp
	RecoveryLeft int
	RecoveryMade time.Time // zero: there are none
	// RecoveryToken is the token of the form that makes new codes.
	RecoveryToken string
	// Passkeys are the newest first; PasskeyPath is where one is added, empty
	// where there can be none.
	Passkeys    []AccountPasskey
	PasskeyPath string
	// Trusted are the trusted browsers, the newest first. TrustDays is for how many
	// days one can be trusted; 0: none, and the section is there only for those
	// that still are.
	Trusted   []AccountTrusted
	TrustDays int
	OneWay    bool // whoever loses the device has no other way in than to ask somebody
}

// AccountTrusted is a trusted browser.
type AccountTrusted struct {
	ID               string
	Browser, Network string // where the code was given; Browser may be empty
	Here             bool   // it is the one in use
	Since, Until     time.Time
}

// AccountApp is the user's authenticator app.
type AccountApp struct {
	State AdminAuthenticator
	Since time.Time // zero without one
	Used  time.Time // zero: never since it was connected
}

// On tells whether two-step verification is asked for at each sign-in.
func (p Account) On() bool { return p.Enhanced || p.RequiredBy != "" }

// Recoverable tells whether there is something that recovery codes stand in for.
func (p Account) Recoverable() bool {
	return p.App.State == AuthenticatorApp || len(p.Passkeys) > 0
}

// Name of the screen.
func (Account) Name() string { return "account" }

// Section of the navigation.
func (Account) Section() Section { return AccountSecuritySection }

func (Account) heading(*Frame) heading { return heading{key: "account.security.title"} }

// AccountPassword changes one's own password.
//
// Field: FieldNewPassword.
type AccountPassword struct {
	Address string
	Min     int // least number of characters
}

// Name of the screen.
func (AccountPassword) Name() string { return "account-password" }

// Section of the navigation.
func (AccountPassword) Section() Section { return AccountSecuritySection }

func (AccountPassword) heading(*Frame) heading { return heading{key: "account.password.title"} }

// Fields of the file of recovery codes.
const (
	FieldCodes = "codes" // separated by spaces
	FieldMade  = "made"  // RFC 3339
)

// AccountRecoveryCodes shows new recovery codes, once.
type AccountRecoveryCodes struct {
	Codes   []string
	Address string
	MadeAt  time.Time
}

// Text is the codes in one line, for the form that makes a file of them.
func (p AccountRecoveryCodes) Text() string { return strings.Join(p.Codes, " ") }

// Name of the screen.
func (AccountRecoveryCodes) Name() string { return "account-recovery-codes" }

// Section of the navigation.
func (AccountRecoveryCodes) Section() Section { return AccountSecuritySection }

func (AccountRecoveryCodes) heading(*Frame) heading { return heading{key: "account.codes.title"} }

// AccountRefused says why nothing was changed.
type AccountRefused struct {
	Until      time.Time // when it opens again; zero: RequiredBy says why not
	RequiredBy string    // name of the organisation that requires two steps
	LastFactor bool      // a passkey that is the only second step of who needs one
	Back       string    // path of the page to go back to
}

// Name of the screen.
func (AccountRefused) Name() string { return "account-refused" }

// Section of the navigation.
func (AccountRefused) Section() Section { return "" }

func (p AccountRefused) heading(*Frame) heading {
	if p.Until.IsZero() {
		return heading{key: "account.refused.never"}
	}
	return heading{key: "account.refused.title"}
}

// accountNotices are what pages of My Account say after something was done.
var accountNotices = map[string]string{
	"confirmed": "account.notice.confirmed",
	"on":        "account.notice.on",
	"off":       "account.notice.off",
	"replaced":  "account.notice.replaced",
	"connected": "account.notice.connected",
	"ended":     "account.notice.ended",
	"already":   "account.notice.already",
	"others":    "account.notice.others",
	"saved":     "notice.admin.saved",
	"password":  "account.notice.password",
	"address":   "account.notice.address",

	"forgotten":     "account.notice.forgotten",
	"forgotten-all": "account.notice.forgotten_all",

	"passkey-added":   "account.notice.passkey_added",
	"passkey-removed": "account.notice.passkey_removed",
	"passkey-renamed": "account.notice.passkey_renamed",
}

// AccountNotice is what a page says after something was done; false for a name
// that there is not.
func AccountNotice(name string) (Notice, bool) {
	key, ok := accountNotices[name]
	return Notice{Key: key}, ok
}
