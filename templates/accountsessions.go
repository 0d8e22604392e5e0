package templates

import "time"

// AccountSessions is "Sessions and apps": where one is signed in, and what has
// been let in.
type AccountSessions struct {
	Sessions []AccountSession
	Apps     []AccountClient
}

// AccountSession is one browser in which one is signed in.
type AccountSession struct {
	ID               string
	Here             bool   // it is the one that asks
	Browser, Network string // may be empty
	Level            string // a value of Level…
	Since, Seen      time.Time
}

// AccountClient is an app that is signed in, or may be without asking.
type AccountClient struct {
	ID, AppName string
	Scopes      []string  // that the user was asked for; empty for the vendor's own apps
	Since, Used time.Time // zero: it holds nothing now
}

// Values of what was proven, see view.Proven.
const (
	LevelPassword = "password"
	LevelTwoStep  = "two-step"
	LevelNothing  = "" // that still counts
)

// Values of FieldDo on this page.
const (
	DoEndSession = "end-session" // FieldID: of a session
	DoEndApp     = "end-app"     // FieldID: of a client
	DoEndOthers  = "end-others"  // all but this browser
)

// Name of the screen.
func (AccountSessions) Name() string { return "account-sessions" }

// Section of the navigation.
func (AccountSessions) Section() Section { return AccountSessionsSection }

func (AccountSessions) heading(*Frame) heading { return heading{key: "account.sessions.title"} }

// Proven says what a session has proven.
func (v *view) Proven(level string) state {
	switch level {
	case LevelTwoStep:
		return v.State("good", "account.proven.two_step")
	case LevelPassword:
		return v.State("part", "account.proven.password")
	}
	return v.State("none", "account.proven.nothing")
}

// AccountActivity is "Sign-in history": the last sign-ins, and why a code was
// asked for, or was not.
type AccountActivity struct{ Lines []AccountSignIn }

// AccountSignIn is one sign-in, or a try.
type AccountSignIn struct {
	At               time.Time
	AppName          string // empty: pages of ours
	Browser, Network string
	Refused          bool
	Why              string // a reason, see view.WhyAsked
	Second           string // the method of the second factor; empty for none
}

// DoNotMe says that a sign-in was somebody else's.
const DoNotMe = "not-me"

// Name of the screen.
func (AccountActivity) Name() string { return "account-activity" }

// Section of the navigation.
func (AccountActivity) Section() Section { return AccountActivitySection }

func (AccountActivity) heading(*Frame) heading { return heading{key: "account.activity.title"} }

// whyKeys say why a code was asked for, or was not, or what was refused.
var whyKeys = map[string]string{
	"proven":          "account.why.proven",
	"already_proven":  "account.why.already_proven",
	"trusted_browser": "account.why.trusted_browser",
	"not_required":    "account.why.not_required",
	"wrong_password":  "account.why.wrong_password",
	"other_user":      "account.why.wrong_password",
	"switched_off":    "account.why.switched_off",
	"totp":            "account.why.wrong_code",
	"setup_code":      "account.why.wrong_code",
	"email_code":      "account.why.wrong_email_code",
	"recovery":        "account.why.wrong_recovery",
}

// provenKeys say what was asked for and given, where it was no code of the app.
var provenKeys = map[string]string{
	"passkey":        "account.why.proven_passkey",
	"synced_passkey": "account.why.proven_passkey",
	"recovery":       "account.why.proven_recovery",
}

// WhyAsked is the sentence of a line; of a reason that has none, nothing.
func (v *view) WhyAsked(line AccountSignIn) string {
	if key, ok := provenKeys[line.Second]; ok && line.Why == "proven" {
		return v.T(key)
	}
	if key, ok := whyKeys[line.Why]; ok {
		return v.T(key)
	}
	return ""
}
