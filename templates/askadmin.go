package templates

import "time"

// AskAdmin is the page where an admin of the account is asked to approve a new
// device, and waited for. Reading it changes nothing.
//
// Forms: main (AskApproved), DoAskAdmin (main form of AskNot, AskRefused and
// AskOver). AskWaiting has a link to itself.
type AskAdmin struct {
	State   AskState
	Account string // name of the organisation
	// Label is the request's two letters, also in the message to the admins.
	Label string
	// AskedAt, DecidedAt and ValidUntil are times of the request.
	AskedAt, DecidedAt, ValidUntil time.Time
	// Admins are the names of those who may approve.
	Admins []string
	// Check is the path of this page.
	Check string
	// Recovery and Back are the paths of the recovery code and of the code from
	// the app, each of which suffices instead; empty: no link.
	Recovery, Back string
	// Wait is the path of the wait that helps the only admin; empty: no link.
	Wait string
}

// AskState says where a request for a new device stands.
type AskState string

// The states of AskAdmin.
const (
	AskNot      AskState = ""         // nobody was asked yet
	AskWaiting  AskState = "waiting"  //
	AskApproved AskState = "approved" //
	AskRefused  AskState = "refused"  //
	AskOver     AskState = "over"     // too old, or another one was asked for meanwhile
	AskNobody   AskState = "nobody"   // there is no admin but the user
)

// Name of the screen.
func (AskAdmin) Name() string { return "ask-admin" }

// Told are the names that the page tells: the first few.
func (a AskAdmin) Told() []string { return a.Admins[:min(len(a.Admins), maxTold)] }

// More is how many names it doesn't tell.
func (a AskAdmin) More() int { return len(a.Admins) - len(a.Told()) }

const maxTold = 5
