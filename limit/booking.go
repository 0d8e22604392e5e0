// Package limit says how often one may try, and what an attempt is booked on.
// It is pure: storage keeps the counts.
//
// [Figures] holds the numbers, each by name. A method of it turns a situation,
// such as a password typed in by a visitor, into [Booking]s. Those are booked
// before the secret is compared, all of them in one statement; who is refused
// gets no answer about the secret. Afterwards one of these is due:
//
//	right             give back Success(bookings), in the transaction of the proof
//	wrong             book Failure(bookings), in the transaction of its audit event
//	neither, because nothing was compared or the code was spent already
//	                  give back Undo(bookings)
//
// Keys hold ids and keyed hashes, and networks, never an address or a secret.
// [State] is the rule of one count in Go: the statement in storage does the same.
package limit

import "time"

// Name is the name of a figure, as in the configuration. It tells which bound
// was reached.
type Name string

// Names of figures whose reaching has a consequence of its own.
const (
	Password       Name = "password"       // in a row: an unknown browser has to open a link sent by e-mail first
	TOTP           Name = "totp"           // in a row: the authenticator is suspended if this code is wrong too
	TOTPMonth      Name = "totp_month"     // an unknown browser has to enter an e-mail code first
	TOTPExposed    Name = "totp_exposed"   // if this code is wrong too, the password counts as known to others
	EmailSentGap   Name = "email_sent_gap" // the last message is too young
	EmailSentDay   Name = "email_sent_day" // from unknown browsers: the password counts as known to others
	networkName    Name = "network"        // and the others, which only refuse
	networkHour    Name = "network_hour"   //
	passwordKnown  Name = "password_known_browser"
	emailCodeHour  Name = "email_code_hour"
	emailCodeDay   Name = "email_code_day"
	emailCodeMonth Name = "email_code_month"
	emailSentHour  Name = "email_sent_hour"
	emailSentNet   Name = "email_sent_network"
	emailSentAcct  Name = "email_sent_account"
	recoveryHour   Name = "recovery_hour"
	recoveryDay    Name = "recovery_day"
	linkHour       Name = "link_hour"
	linkDay        Name = "link_day"
	linkNetwork    Name = "link_network"
	clientNetwork  Name = "client_network"
	clientName     Name = "client"
	refusal        Name = "refusal"
)

// Booking is one attempt on one count.
type Booking struct {
	Key  string // name and owner of the count, such as "totp|user|authenticator"
	Name Name
	Figure
	Late    bool   // counts failures only: an attempt looks whether it is refused, Failure books it
	Watch   bool   // never refuses; that it is reached is only reported
	Success Effect // what a success does to the count
}

// Effect is what a success does to a count.
type Effect int

// The effects.
const (
	Stays  Effect = iota // successes count like failures
	Refund               // the attempt did not count
	Reset                // nothing before counts either
	Offset               // one failure before is made up for; for Late bookings
)

// Back gives back attempts of one count. Count and InARow fall by By and never
// below 0; a refusal that Allowed no longer justifies ends, with its doubling.
// Reset forgets the count whole.
type Back struct {
	Key   string
	By    int
	Reset bool
}

// Success returns what a success gives back.
func Success(bookings []Booking) []Back {
	var back []Back
	for _, b := range bookings {
		switch b.Success {
		case Refund, Offset:
			back = append(back, Back{Key: b.Key, By: 1})
		case Reset:
			back = append(back, Back{Key: b.Key, Reset: true})
		case Stays:
		}
	}
	return back
}

// Failure returns what is still to be booked once the attempt has failed.
func Failure(bookings []Booking) []Booking {
	var late []Booking
	for _, b := range bookings {
		if b.Late {
			b.Late = false
			late = append(late, b)
		}
	}
	return late
}

// Undo returns what to give back when the attempt is to count for nothing.
func Undo(bookings []Booking) []Back {
	var back []Back
	for _, b := range bookings {
		if !b.Late {
			back = append(back, Back{Key: b.Key, By: 1})
		}
	}
	return back
}

// Memory says how long a count matters after the last attempt or the end of a
// refusal, whichever is later. Then its row may go.
func (b Booking) Memory() time.Duration {
	memory := max(b.Per, b.PauseMax)
	if b.InARow > 0 {
		memory = max(memory, rowMemory)
	}
	return memory
}

// rowMemory is how long attempts "in a row" are remembered without a success.
const rowMemory = 30 * day
