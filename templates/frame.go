package templates

import (
	"time"

	"stile/locale"
)

// Page is the data of one page. Name is the value of <body data-screen> and,
// with ".html", the name of its file.
type Page interface{ Name() string }

// Names of the hidden fields that every form carries.
const (
	FieldCSRF    = "csrf"  // Frame.CSRF
	FieldRequest = "r"     // Frame.Request; left out where that is empty
	FieldDo      = "do"    // which of a page's other actions this is
	FieldLang    = "lang"  // query of a GET: the language switch
	FieldToken   = "token" // of a link from a message: query of the first GET, hidden field from then on
)

// Names of the fields that people fill in. They never change, so that password
// managers find their way.
const (
	FieldEmail    = "email"
	FieldPassword = "password"
	// FieldNewPassword is a password that is being set.
	FieldNewPassword = "new-password"
	FieldCode        = "code"     // e-mail code, setup code, code
	FieldRecovery    = "recovery" // recovery code
	FieldTrust       = "trust"    // checkbox: no code is to be asked for in this browser for a while; value "yes"
	FieldKept        = "kept"     // checkbox: recovery codes are kept; value "yes"
	FieldReminded    = "reminded" // hidden "yes" on the reminder of Done
	// FieldNewDevice is a hidden "yes" on recovery-code: another device was asked for.
	FieldNewDevice = "new_device"
)

// Values of FieldDo: what a page offers beside its main form.
const (
	DoSendAgain    = "send-again"    // verify-email: send the e-mail again
	DoNewKey       = "new-key"       // connect-device: start over with a new key
	DoNewDevice    = "new-device"    // enter-code, recovery-code: set up a new mobile device
	DoAskAdmin     = "ask-admin"     // ask-admin, main form where nobody was asked
	DoStartWait    = "start-wait"    // device-wait, main form
	DoKeepDevice   = "keep-device"   // two-step-introduction: stay with the present authenticator
	DoNotNow       = "not-now"       // two-step-introduction after a recovery code
	DoOtherUser    = "other-user"    // sign in as someone else (also "Sign out" of a sign-in under way)
	DoChoose       = "choose"        // select-account, all forms but the main one
	DoOtherAddress = "other-address" // sign-in: back to the address page
	DoAllow        = "allow"         // consent, main form
	DoDeny         = "deny"          // consent
	DoSignOut      = "sign-out"      // sign-out, main form
	DoStay         = "stay"          // sign-out: stay signed in
	DoEverywhere   = "everywhere"    // sign-out: also end the user's other sessions and all grants
	DoMoreTime     = "more-time"     // any page with Frame.MoreTime: answer 303 to the page itself
)

// Frame is what surrounds every page.
type Frame struct {
	// Printer is the language of the page. Required.
	Printer locale.Printer
	// Zone is the time zone in which times are told; nil is UTC.
	Zone *time.Location
	// ZoneGuessed says that Zone is not the user's own setting; where scripts
	// run, times are then told in the browser's zone.
	ZoneGuessed bool
	// Now is the time of the answer. A time on another day than Now is told
	// with its date.
	Now time.Time

	// Service is the display name of the installation; empty is "Stile".
	Service string
	// Client is the client for which someone signs in; the zero value where
	// there is none.
	Client Client

	// Action is the path that the forms of the page post to: the page's own,
	// with a query where the choice of a language is to hold.
	Action string
	// Request is the sealed request that travels along ("r"); may be empty.
	Request string
	// CSRF is the token for FieldCSRF and Action.
	CSRF string

	// Languages is the switch in the footer; see LanguageLink. Empty: no switch.
	Languages []LanguageLink
	// Help and Privacy are links of the footer: URLs, or for Help also mailto:.
	// Empty ones are left out.
	Help, Privacy string

	// Errors is what was wrong with the form just sent. The answer has status
	// 422 then (429 for ErrTooMany…).
	Errors []FieldError
	// Notices are confirmed on top of the page: "Your e-mail address is verified".
	Notices []Notice
	// Reference is the short id of the request, shown with errors.
	Reference string

	// Step and Of are the place in an enrolment, "Step 2 of 6"; see
	// EnrolmentStep. Zero: not said.
	Step, Of int

	// Area is what surrounds a page of the Admin Center or of My Account; nil for
	// all others.
	Area *AreaFrame

	// Until is when the page stops working; zero: not said.
	Until time.Time
	// MoreTime offers "I need more time" (DoMoreTime) shortly before Until.
	MoreTime bool
}

// Client is the relying party as people see it. Names come from outside and
// are shown as text only.
type Client struct {
	Name    string // client_name; never empty where there is a client
	Home    string // where the client starts a sign-in: initiate_login_uri, else client_uri; may be empty
	Host    string // host of client_uri; may be empty
	Privacy string // policy_uri; may be empty
	Terms   string // tos_uri; may be empty
}

// LanguageLink is one language of the switch: this page in that language. The
// links of one page differ in FieldLang only.
type LanguageLink struct {
	Tag     string // BCP 47, such as "pt"
	Name    string // in the language itself: "Português"
	Href    string // own path; keeps the request: "/login/enter-code?r=…&lang=pt"
	Current bool
}

// FieldError says what was wrong with a field. The sentence stands in the
// summary on top, which links to the field, and beside the field.
type FieldError struct {
	// Field is the name of the field (FieldCode, …), or "" for what concerns
	// no field, or the value of FieldDo of another form (DoSendAgain).
	Field string
	// Key is one of the Err… constants of keys.go.
	Key string
	// Args are the placeholders that the key's comment names. A time.Time is
	// told as the page tells times.
	Args locale.Args
}

// Notice is a sentence that confirms something; Key is one of the Notice…
// constants of keys.go.
type Notice struct {
	Key  string
	Args locale.Args
}

// EnrolmentStep gives the place of a screen among the screens of an enrolment.
// withEmail is false where the e-mail step is not needed (after a recovery
// code), which makes the enrolment one step shorter. Both are 0 for a screen
// that is no part of it.
func EnrolmentStep(screen string, withEmail bool) (step, of int) {
	screens := []string{
		TwoStepIntroduction{}.Name(), VerifyEmail{}.Name(), InstallApp{}.Name(),
		ConnectDevice{}.Name(), SetupCode{}.Name(), Done{}.Name(),
	}
	for _, s := range screens {
		if !withEmail && s == (VerifyEmail{}).Name() {
			continue
		}
		of++
		if s == screen {
			step = of
		}
	}
	if step == 0 {
		return 0, 0
	}
	return step, of
}
