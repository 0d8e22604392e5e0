// Package audit names what happened. It does no input or output and holds no
// secrets: fields are ids, kinds and reasons.
package audit

// Kind says what happened, as noun.verb.
type Kind string

// The kinds of events.
const (
	SignInSucceeded     Kind = "sign_in.succeeded"
	SignInFailed        Kind = "sign_in.failed"
	SignInGivenUp       Kind = "sign_in.given_up" // begun with a right password, and not finished in its time
	ProofAccepted       Kind = "proof.accepted"
	ProofRefused        Kind = "proof.refused"
	LimitReached        Kind = "limit.reached"
	EmailCodeSent       Kind = "email_code.sent"
	AuthenticatorAdded  Kind = "authenticator.added"
	AuthenticatorEnded  Kind = "authenticator.ended"
	AuthenticatorPaused Kind = "authenticator.suspended"
	DeviceAsked         Kind = "device_request.asked"
	WaitStarted         Kind = "device_wait.started"
	DeviceApproved      Kind = "device_request.approved"
	DeviceRefused       Kind = "device_request.refused"
	DeviceUsed          Kind = "device_request.used"
	PasskeyAdded        Kind = "passkey.added"
	PasskeyRenamed      Kind = "passkey.renamed"
	PasskeyRemoved      Kind = "passkey.removed"
	PasskeyCounter      Kind = "passkey.counter_fell" // a right answer, but for its counter: there may be a copy
	RecoveryCodesMade   Kind = "recovery_codes.made"
	RecoveryCodeUsed    Kind = "recovery_code.used"
	BrowserTrusted      Kind = "trusted_browser.added"
	BrowserForgotten    Kind = "trusted_browser.forgotten"
	SessionEnded        Kind = "session.ended"
	GrantIssued         Kind = "grant.issued"
	GrantRedeemed       Kind = "grant.redeemed"
	GrantRefreshed      Kind = "grant.refreshed"
	GrantEnded          Kind = "grant.ended"
	TokenRefused        Kind = "token.refused"
	ConsentGiven        Kind = "consent.given"
	ConsentRefused      Kind = "consent.refused"
	AccountChanged      Kind = "account.changed"
	ProductChanged      Kind = "product.changed"
	SeatChanged         Kind = "seat.changed"
	DeviceGroupChanged  Kind = "device_group.changed"
	PolicyChanged       Kind = "policy.changed"
	PolicyRefused       Kind = "policy.refused"
	NotMeSaid           Kind = "notice.denied"
	EnhancedChanged     Kind = "enhanced.changed"
	UserChanged         Kind = "user.changed"
	PasswordChanged     Kind = "password.changed"
	PasswordExposed     Kind = "password.exposed"
	LinkAsked           Kind = "link.asked" // reason: what for
	LinkUsed            Kind = "link.used"
	AddressAsked        Kind = "address.asked"
	AddressChanged      Kind = "address.changed" // by the user; others' changes are UserChanged
	DataAsked           Kind = "data.asked"
	DataExported        Kind = "data.exported"
	ClientChanged       Kind = "client.changed"
	ClientRefused       Kind = "client.refused"
	KeyRotated          Kind = "key.rotated"
	AuditExported       Kind = "audit.exported"
	PeopleRead          Kind = "people.read"
	InvitationSent      Kind = "invitation.sent"
	InvitationAccepted  Kind = "invitation.accepted"
	InvitationWithdrawn Kind = "invitation.withdrawn"
	AdminRefused        Kind = "admin.refused"
)

// Kinds lists those that the log of an account can hold: all but what is of the
// installation as a whole.
func Kinds() []Kind {
	return []Kind{
		SignInSucceeded, SignInFailed, SignInGivenUp, ProofAccepted, ProofRefused, LimitReached,
		EmailCodeSent, AuthenticatorAdded, AuthenticatorEnded, AuthenticatorPaused, DeviceAsked, WaitStarted,
		DeviceApproved, DeviceRefused, DeviceUsed, PasskeyAdded, PasskeyRenamed, PasskeyRemoved, PasskeyCounter,
		RecoveryCodesMade, RecoveryCodeUsed, BrowserTrusted, BrowserForgotten,
		SessionEnded, GrantIssued, GrantRedeemed, GrantRefreshed, GrantEnded,
		TokenRefused, ConsentGiven, ConsentRefused, AccountChanged, ProductChanged,
		SeatChanged, DeviceGroupChanged, PolicyChanged, PolicyRefused, EnhancedChanged, NotMeSaid,
		UserChanged, PasswordChanged, PasswordExposed, LinkAsked, LinkUsed, AddressAsked, AddressChanged, DataAsked, DataExported, ClientChanged, ClientRefused,
		AuditExported, PeopleRead, InvitationSent, InvitationAccepted, InvitationWithdrawn,
		AdminRefused,
	}
}

// Outcomes of an event.
const (
	OK      = "ok"
	Refused = "refused"
)

// Actor says who acted, and from where.
type Actor struct {
	Kind      string // "user", "client", "cli", "system"; empty before anyone is known
	ID        string // id of the user or client, name of the operating system's user for the CLI
	Network   string // address of the peer, without port
	UserAgent string
	RequestID string // correlation id, also in the log
	// Key is that of the person whose network and user agent these are: the log
	// hides them under it, until it is gone with the person. Empty where they are
	// nobody's who is known.
	Key string
}

// System is the actor of what the program does by itself.
var System = Actor{Kind: "system"}

// Event is one line of the audit log.
type Event struct {
	Kind      Kind
	Outcome   string // OK or Refused
	Actor     Actor
	AccountID string
	SubjectID string // the user whom it is about
	SessionID string
	GrantID   string
	ClientID  string
	Reason    string            // stable code, such as "wrong_code"
	Detail    map[string]string // before and after, counts; never a secret, an address or a name
}

// DetailSecondFactor is the name of the detail that says by which method a second
// factor was proven.
const DetailSecondFactor = "second_factor"

// SecondFactor is an event with the method of the second factor, if there was one.
func SecondFactor(e Event, method string) Event {
	if method != "" {
		e.Detail = map[string]string{DetailSecondFactor: method}
	}
	return e
}
