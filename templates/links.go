package templates

// ForgotPassword asks where to send a link for a new password; once it was sent
// off, it says the same whatever the address.
//
// Field: FieldEmail.
type ForgotPassword struct {
	Address string
	Sent    bool
	Back    string // path of the sign-in
}

// Name of the screen.
func (ForgotPassword) Name() string { return "forgot-password" }

// SignUp asks for the address of somebody who has no account yet.
//
// Field: FieldEmail.
type SignUp struct {
	Address string
	Back    string // path of the sign-in
}

// Name of the screen.
func (SignUp) Name() string { return "sign-up" }

// SignUpSent says the same whatever the address.
type SignUpSent struct {
	Back string // path of the sign-in, with the address filled in
}

// Name of the screen.
func (SignUpSent) Name() string { return "sign-up-sent" }

// MessageLink is what a link opens that was sent to an address: a button, since
// programs that look into messages open links too.
//
// Field: FieldToken (hidden).
type MessageLink struct {
	Purpose LinkPurpose
	Address string
	Token   string
}

// LinkPurpose is what a link from a message is for.
type LinkPurpose string

// Purposes of links.
const (
	LinkReset  LinkPurpose = "reset"  // choose a new password
	LinkUnlock LinkPurpose = "unlock" // sign in in this browser
)

// Name of the screen.
func (MessageLink) Name() string { return "message-link" }
