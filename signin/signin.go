// Package signin carries one sign-in from a request to a session. It knows
// neither HTML nor OAuth.
//
// A sign-in has two parts with different lives. The [Request] says what is
// wanted; it is sealed and travels with the browser, the same through all
// screens, and has no authority: whoever copies it to another browser just
// starts there. The progress says what this browser has proven; it is a row,
// found by the request's id and the browser's login cookie together, and is
// first written when a password was right. So a visitor who has proven nothing
// costs nothing, and what was proven can't be copied, rolled back or kept.
//
// Each screen opens the sign-in with [Service.Open], which works out anew what
// is due ([Pending.Decision]) from requirement, evidence and policy. Each
// answer to a screen is one method of [Service], in the file of its name:
//
//	password.go      who is it, and the password
//	introduction.go  two-step verification is explained, the e-mail is sent
//	email.go         the code from the e-mail
//	connect.go       the app, and the key that connects it
//	setup.go         the first code: the authenticator becomes active
//	done.go          the recovery codes were shown
//	code.go          the code of a later sign-in
//	recovery.go      a recovery code in its place
//	passkey.go       a passkey, in place of all that or of the code
//	makepasskey.go   a passkey is made in place of an app
//	newpassword.go   another password, where others may know the present one
//	askadmin.go      an admin approves another device
//	devicewait.go    a day's wait, where no admin can approve one
//	trusted.go       this browser is not to be asked for a code again
//	checkup.go       what protects the sign-in: is it still right?
//	signup.go        an invitation that somebody sends himself
//	complete.go      the end: a session
//
// A method changes the Pending that it was given to what is true afterwards,
// so that the caller can go on to what is then due. What was wrong with the
// answer comes back as a [Problem]; [storage.ErrConflict] says that another
// window went on meanwhile, so the sign-in is to be opened again. Every other
// error is a fault of ours.
//
// Attempts are booked before anything is compared, see package limit. Refusals
// write one line of the audit log and nothing else.
package signin

import (
	"cmp"
	"log/slog"
	"time"

	"stile/factor"
	"stile/limit"
	"stile/mail"
	"stile/seal"
	"stile/storage"
	"stile/templates"
)

// Options are what a Service needs. All but Service and Logger are required.
type Options struct {
	DB        *storage.DB
	Hasher    *seal.Hasher
	Ring      *seal.Ring
	Passwords *factor.Passwords
	Limits    limit.Figures
	Now       func() time.Time
	Issuer    string            // URL of the installation, for mails
	Name      string            // name that authenticator apps show before the address
	Service   string            // display name of the installation; empty is "Stile"
	SignUp    map[string]string // who may sign up: the account, by id or name, of each canonical domain
	Logger    *slog.Logger
}

// Service carries sign-ins. It is safe for concurrent use.
type Service struct {
	db        *storage.DB
	hasher    *seal.Hasher
	ring      *seal.Ring
	passwords *factor.Passwords
	passkeys  *factor.Passkeys
	limits    limit.Figures
	signUp    map[string]string
	now       func() time.Time
	issuer    string
	name      string
	notices   mail.Notices
	log       *slog.Logger
	pauses    pauses
}

// New returns a Service.
func New(o Options) *Service {
	s := &Service{
		db: o.DB, hasher: o.Hasher, ring: o.Ring, passwords: o.Passwords, limits: o.Limits, signUp: o.SignUp,
		now:    func() time.Time { return o.Now().UTC().Truncate(time.Microsecond) },
		issuer: o.Issuer, name: o.Name, log: o.Logger,
	}
	s.passkeys = factor.NewPasskeys(o.Issuer, cmp.Or(o.Service, templates.DefaultService))
	s.notices = mail.Notices{Issuer: o.Issuer, Service: o.Service, Now: s.now}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}
