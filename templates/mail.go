package templates

import "stile/locale"

// MailKind is the kind of a message.
type MailKind string

// Kinds of messages. Beside the data named here, each takes the data that
// every message has; see MailData.
const (
	MailEmailCode              MailKind = "email-code"              // DataCode, DataLabel, DataUntil
	MailAuthenticatorConnected MailKind = "authenticator-connected" // the first authenticator
	MailAuthenticatorReplaced  MailKind = "authenticator-replaced"  //
	MailAuthenticatorSuspended MailKind = "authenticator-suspended" // too many wrong codes
	MailRecoveryCodeUsed       MailKind = "recovery-code-used"      // DataLeft
	MailRecoveryCodesMade      MailKind = "recovery-codes-made"     //
	MailGrantReused            MailKind = "grant-reused"            // DataClient
	MailAppAllowed             MailKind = "app-allowed"             // DataClient
	MailPasswordChanged        MailKind = "password-changed"        //
	MailAdminReset             MailKind = "admin-reset"             // an admin removed the authenticators
)

// MailData is what a message is made of, flat, as the outbox stores it. Names
// that people chose are cut at 64 characters and made inert.
type MailData = map[string]string

// Names in MailData. Those without a remark are for every message.
const (
	DataIssuer  = "issuer"  // URL of the installation; required
	DataService = "service" // its display name; empty is "Stile"
	DataAccount = "account" // name of the user's organisation; may be missing
	DataAt      = "at"      // when it happened, RFC 3339; required
	DataZone    = "zone"    // name of the time zone in which times are told; missing is UTC
	DataBrowser = "browser" // "Firefox on Windows"; may be missing
	DataNetwork = "network" // address or rough place that it came from; may be missing
	DataLink    = "link"    // page at the issuer where a press says "this wasn't me"; may be missing, and always is for the code

	DataCode   = "code"   // MailEmailCode: the six digits
	DataLabel  = "label"  // MailEmailCode: the request's two letters
	DataUntil  = "until"  // MailEmailCode: RFC 3339
	DataLeft   = "left"   // MailRecoveryCodeUsed: number of codes left
	DataClient = "client" // name of the client
)

// Message is one rendered mail.
type Message struct {
	Subject string // one line, without the code
	Text    string // plain text, lines end in "\n"
	HTML    string
}

// Mail makes a message in the language of p. Missing required data is an error
// that names it.
func (s *Set) Mail(kind MailKind, p locale.Printer, data MailData) (Message, error) {
	return Message{}, nil
}
