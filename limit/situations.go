package limit

import (
	"net/netip"
	"strings"
	"time"
)

// Visitor is who tries.
type Visitor struct {
	Network  netip.Addr // of the peer
	Known    string     // id of the browser if this user has signed in there before, else empty
	Opened   string     // id of the browser if a link sent to this address was opened there lately, else empty
	Verified bool       // an e-mail code of this user was entered in this sign-in
}

// BookPassword books a password. address is the keyed hash of the canonical
// address, so that unknown addresses have the same limits.
func (f Figures) BookPassword(address string, v Visitor) []Booking {
	if v.Known != "" {
		return []Booking{{Key: key(passwordKnown, address, v.Known), Name: passwordKnown, Figure: f.PasswordKnown, Success: Reset}}
	}
	if v.Opened != "" {
		return append(f.network(v), Booking{Key: key(passwordKnown, address, v.Opened), Name: passwordKnown, Figure: f.PasswordKnown, Success: Reset})
	}
	// One more is reached than was allowed: it is not judged.
	figure := f.Password
	if figure.InARow > 0 {
		figure.InARow++
	}
	return append(f.network(v), Booking{Key: key(Password, address), Name: Password, Figure: figure, Success: Reset})
}

// PasswordAfterLink is what a right password gives back where a link was opened:
// the tries of all browsers that the address has not been signed in from.
func PasswordAfterLink(address string) Back { return Back{Key: key(Password, address), Reset: true} }

// afterReset is how many codes an authenticator that was suspended may be tried
// with once its user has a new password by a link.
const afterReset = 5

// TOTPAfterReset returns the count of an authenticator that was suspended, and
// how many tries in a row it is to hold, so that those of [afterReset] are left.
func (f Figures) TOTPAfterReset(user, authenticator string) (b Booking, inARow int) {
	return Booking{Key: key(TOTP, user, authenticator), Name: TOTP, Figure: f.TOTP, Success: Reset}, max(f.TOTP.InARow-afterReset, 0)
}

// BookLink books a link of a purpose to an address. Every one counts.
func (f Figures) BookLink(purpose, address string, v Visitor) []Booking {
	bookings := []Booking{
		{Key: key(linkHour, purpose, address), Name: linkHour, Figure: f.LinkHour},
		{Key: key(linkDay, purpose, address), Name: linkDay, Figure: f.LinkDay},
	}
	for _, n := range networks(v.Network) {
		bookings = append(bookings, Booking{Key: key(linkNetwork, n.text), Name: linkNetwork, Figure: n.of(f.LinkNetwork)})
	}
	return bookings
}

// BookTOTP books a code of an active authenticator.
func (f Figures) BookTOTP(user, authenticator string, v Visitor) []Booking {
	known := v.Known != ""
	bookings := append(f.network(v),
		Booking{Key: key(TOTP, user, authenticator), Name: TOTP, Figure: f.TOTP, Success: Reset},
		Booking{Key: key(TOTPMonth, user), Name: TOTPMonth, Figure: f.TOTPMonth, Success: Refund, Watch: known || v.Verified},
	)
	if !known {
		bookings = append(bookings, Booking{Key: key(TOTPExposed, user), Name: TOTPExposed, Figure: f.TOTPExposed, Success: Reset, Watch: true})
	}
	return bookings
}

// BookSetupCode books the first code of an authenticator that is being connected.
// Its key is on the page: there is nothing to guess, so only haste is bounded.
func (f Figures) BookSetupCode(user, authenticator string) []Booking {
	figure := f.TOTP
	figure.InARow = 0
	return []Booking{{Key: key(TOTP, user, authenticator), Name: TOTP, Figure: figure, Success: Reset}}
}

// BookEmailCode books a code that was sent by e-mail.
func (f Figures) BookEmailCode(user string, v Visitor) []Booking {
	return append(f.network(v),
		Booking{Key: key(emailCodeHour, user), Name: emailCodeHour, Figure: f.EmailCodeHour, Success: Refund},
		Booking{Key: key(emailCodeDay, user), Name: emailCodeDay, Figure: f.EmailCodeDay, Success: Refund},
		Booking{Key: key(emailCodeMonth, user), Name: emailCodeMonth, Figure: f.EmailCodeMonth, Success: Refund},
	)
}

// BookEmailSent books a message with a code. Every message counts.
func (f Figures) BookEmailSent(user, account string, v Visitor) []Booking {
	owner := []string{user}
	var bookings []Booking
	if v.Known != "" {
		owner = append(owner, v.Known)
	} else {
		for _, n := range networks(v.Network) {
			bookings = append(bookings, Booking{Key: key(emailSentNet, n.text), Name: emailSentNet, Figure: n.of(f.EmailSentNetwork)})
		}
	}
	return append(bookings,
		Booking{Key: key(EmailSentGap, owner...), Name: EmailSentGap, Figure: f.EmailSentGap},
		Booking{Key: key(emailSentHour, owner...), Name: emailSentHour, Figure: f.EmailSentHour},
		Booking{Key: key(EmailSentDay, owner...), Name: EmailSentDay, Figure: f.EmailSentDay},
		Booking{Key: key(emailSentAcct, account), Name: emailSentAcct, Figure: f.EmailSentAccount},
	)
}

// BookInvitation books a message that asks a stranger to join an account.
// address is the keyed hash of the canonical address. What the account sends in
// all waits for its turn in the outbox.
func (f Figures) BookInvitation(account, address string) []Booking {
	owner := []string{"invitation", account, address}
	return []Booking{
		{Key: key(EmailSentGap, owner...), Name: EmailSentGap, Figure: f.EmailSentGap},
		{Key: key(emailSentHour, owner...), Name: emailSentHour, Figure: f.EmailSentHour},
		{Key: key(EmailSentDay, owner...), Name: EmailSentDay, Figure: f.EmailSentDay},
	}
}

// refusalsFolded is how long a refusal stands for those that are the same.
const refusalsFolded = time.Minute

// BookRefusal books a line of the audit log about somebody who may not do
// something: whoever repeats it writes no more than one line in a minute.
func BookRefusal(actor, operation, reason string) []Booking {
	return []Booking{{Key: key(refusal, actor, operation, reason), Name: refusal, Figure: Figure{Allowed: 1, Per: refusalsFolded}}}
}

// BookPasskey books an answer of a passkey. There is nothing to guess; what comes
// from one network is bounded.
func (f Figures) BookPasskey(v Visitor) []Booking { return f.network(v) }

// BookRecovery books a recovery code.
func (f Figures) BookRecovery(user string, v Visitor) []Booking {
	return append(f.network(v),
		Booking{Key: key(recoveryHour, user), Name: recoveryHour, Figure: f.RecoveryHour, Success: Refund},
		Booking{Key: key(recoveryDay, user), Name: recoveryDay, Figure: f.RecoveryDay, Success: Refund},
	)
}

// BookClient books a failed authentication of a client. Its credential is 256
// random bits, so it is compared first and only failures are booked: the right
// one always passes.
func (f Figures) BookClient(client string, network netip.Addr) []Booking {
	return []Booking{
		{Key: key(clientNetwork, client, networks(network)[0].text), Name: clientNetwork, Figure: f.ClientNetwork},
		{Key: key(clientName, client), Name: clientName, Figure: f.Client},
	}
}

// network books on the visitor's network and the one around it. What may try
// from there is bounded by failures beyond successes, so that a company behind
// one address gets in on a Monday; a known browser is exempt.
//
// These counts are shared by many, so only failures write to them.
func (f Figures) network(v Visitor) []Booking {
	if v.Known != "" {
		return nil
	}
	var bookings []Booking
	for _, n := range networks(v.Network) {
		bookings = append(bookings,
			Booking{Key: key(networkName, n.text), Name: networkName, Figure: n.of(f.Network), Late: true, Success: Offset},
			Booking{Key: key(networkHour, n.text), Name: networkHour, Figure: n.of(f.NetworkHour), Late: true, Success: Offset},
		)
	}
	return bookings
}

// wider is how many times more a /24 or /48 may do than a network within it.
const wider = 10

type network struct {
	text  string
	times int
}

func (n network) of(f Figure) Figure {
	f.Allowed *= n.times
	return f
}

// networks returns the network of an address, IPv4 /32 or IPv6 /64, and the
// one around it, /24 or /48. All addresses that can't be read share one.
func networks(a netip.Addr) []network {
	a = a.Unmap().WithZone("")
	bits, around := 64, 48
	if a.Is4() {
		bits, around = 32, 24
	}
	if !a.IsValid() {
		return []network{{"unknown", 1}}
	}
	own, _ := a.Prefix(bits) // fails only for more bits than an address has
	outer, _ := a.Prefix(around)
	return []network{{own.String(), 1}, {outer.String(), wider}}
}

// Separator stands between the parts of a key. No part holds it: ids and
// hashes are base64url or UUIDs.
const Separator = "|"

func key(name Name, parts ...string) string {
	return string(name) + Separator + strings.Join(parts, Separator)
}

// NameOf returns the name of the figure that a booking's key is of.
func NameOf(key string) Name {
	name, _, _ := strings.Cut(key, Separator)
	return Name(name)
}
