package signin

import (
	"context"
	"slices"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/storage"
	"stile/templates"
)

// A wait stands where a code sent by e-mail would replace an authenticator but
// is not enough: one mailbox must not give both factors.
//
// Whoever holds somebody's mailbox gets a password by a link, and could then
// read the code as well. He has to begin a wait, a day long. The address and the
// account's admins hear of it at once, every day, and when it is over, each time
// with a link that stops it and ends all sessions. A stopped wait can't begin
// again for a day, and then takes a day again: the owner has two to get the
// mailbox back, or to let an admin help. The wait is bound to the user's epoch:
// another password voids it, and so does the device that it let in. Password and
// e-mail code are asked for afterwards as ever, in any browser, and sensitive
// acts stay closed for the cool-down.

// settledReset is how long ago a password reset must be before an e-mail code
// alone replaces an authenticator; [storage.User.AddressSettles] has the same of
// the address.
const settledReset = 24 * time.Hour

// mailbox is why the user's address is not enough to replace an authenticator.
type mailbox struct {
	until time.Time // the address is too new until then; zero: it isn't
	reset bool      // the password was reset, and no second factor proven since
}

func (m mailbox) open() bool { return m.until.IsZero() && !m.reset }

// mailboxOf tells whether the user's address is enough. A password that was
// reset is settled a day later, and then only by a second factor: a thief would
// sit out a day of which nobody hears. Or else a wait is over.
func (s *Service) mailboxOf(who *storage.Person, wait storage.WaitState) (m mailbox) {
	if !replaces(who) {
		return m
	}
	m.until = who.User.AddressSettles(s.now())
	if at := who.User.PasswordResetAt; at != nil && wait != storage.WaitOpen {
		proven := who.User.FactorProvenAt
		m.reset = at.Add(settledReset).After(s.now()) || proven == nil || proven.Before(*at)
	}
	return m
}

// DeviceFirst tells whether a user who is left without a device does better to
// connect another before the password is set anew: a code sent by e-mail is enough
// for that now, and would not be for a day afterwards. That holds although it is the
// first device that is gone: whoever reads the mailbox could have taken it back.
func (s *Service) DeviceFirst(who *storage.Person) bool {
	need, err := authn.Require(who.Policy.Policy, who.Subject, authn.Ask{})
	return err == nil && need.Level > authn.LevelPassword && who.Suspended && who.TOTP == nil && who.Passkeys == 0 &&
		who.Policy.Reenrolment == storage.ReenrolByEmail && s.mailboxOf(who, storage.WaitNone).open()
}

// waitKind is the kind of wait that would help the user; empty where none would.
func (p *Pending) waitKind() string {
	switch {
	case p.Person == nil:
		return ""
	case p.Person.Policy.Reenrolment == storage.ReenrolByEmail && p.mailbox.reset:
		return storage.WaitAfterReset
	case p.alone:
		return storage.WaitLastAdmin
	default:
		return ""
	}
}

// onlyAdmin tells whether the user is the only admin of an account whose admins
// approve another device.
func (s *Service) onlyAdmin(ctx context.Context, p *Pending) (bool, error) {
	if !p.ByAdmin() || !replaces(p.Person) || !slices.Contains(p.Person.User.Roles, storage.RoleAdmin) {
		return false, nil
	}
	others, err := s.otherAdmins(ctx, p)
	return err == nil && len(others) == 0, err
}

// WaitDue tells whether the page is open that tells of a wait: the user's address
// is not enough, by itself or because nobody is there who could approve.
func (p *Pending) WaitDue() bool {
	return p.RecoveryDue() && p.NeedsMore() && (p.Mailbox() || p.waitKind() != "")
}

// Mailbox tells whether the account lets an e-mail code replace an authenticator.
func (p *Pending) Mailbox() bool {
	return p.Person != nil && p.Person.Policy.Reenrolment == storage.ReenrolByEmail
}

// waited tells whether the wait of the only admin is over.
func (p *Pending) waited() bool {
	return p.wait == storage.WaitOpen && p.alone && p.Wait.Kind == storage.WaitLastAdmin
}

// Waiting is where a wait stands, and what else there is.
type Waiting struct {
	State storage.WaitState
	Wait  storage.DeviceWait
	// Possible says that one may begin now, and Opens when it would be over.
	Possible bool
	Opens    time.Time
	// Stopped is until when none may begin, AddressUntil until when no e-mail code
	// helps; zero: one may, it would.
	Stopped, AddressUntil time.Time
	Admins                []string // names of those who can reset the authenticator at once
}

// Waiting reads where the wait of this user stands.
func (s *Service) Waiting(ctx context.Context, p *Pending) (Waiting, error) {
	admins, err := s.otherAdmins(ctx, p)
	if err != nil {
		return Waiting{}, err
	}
	w := Waiting{State: p.wait, Wait: p.Wait}
	if !p.mailbox.until.IsZero() {
		w.AddressUntil = wholeMinute(p.mailbox.until)
	}
	if w.State == storage.WaitStopped {
		w.Stopped = wholeMinute(p.Wait.StoppedUntil())
	}
	for _, u := range admins {
		w.Admins = append(w.Admins, u.Name)
	}
	kind := p.waitKind()
	if (w.State == storage.WaitRuns || w.State == storage.WaitOpen) && p.Wait.Kind != kind {
		w.State = storage.WaitNone // the account's rule has changed
	}
	if kind == "" {
		return w, nil
	}
	w.Possible = w.State == storage.WaitNone
	w.Opens = wholeMinute(storage.WaitOpens(kind, s.now()))
	if w.AddressUntil.After(w.Opens) { // no wait makes it shorter
		w.Opens = w.AddressUntil
	}
	return w, nil
}

// StartWait begins a wait. One that runs stays.
func (s *Service) StartWait(ctx context.Context, p *Pending) error {
	if !p.WaitDue() {
		return storage.ErrConflict
	}
	if err := s.row(ctx, p); err != nil {
		return err
	}
	replacing := p.SignIn.Progress.Replace(p.Person.Subject)
	if authn.Next(p.Requirement, p.Person.Subject, s.joined(p, replacing)).Step == authn.StepSignIn {
		return s.save(ctx, p, replacing, storage.SignInSecrets{}) // the password is too old for this
	}
	w, err := s.Waiting(ctx, p)
	if err != nil || !w.Possible {
		return err
	}
	if _, err := s.bookMessage(ctx, p, "", templates.ErrSendAgainWait, templates.ErrSendAgainLimit); err != nil {
		return err
	}
	kind := p.waitKind()
	mails, err := s.waitMails(ctx, p, w.Opens)
	if err != nil {
		return err
	}
	saved, err := s.db.StartDeviceWait(ctx, storage.DeviceWaitStart{
		SignIn: s.changed(p, p.SignIn.Progress, p.SignIn.Secrets), Kind: kind, OpensAt: w.Opens, Mails: mails, Event: s.event(p, audit.WaitStarted, kind),
	})
	if err != nil {
		return err
	}
	p.SignIn = &saved
	return s.read(ctx, p)
}

// waitMails tell the user, and the account's other admins, of a wait.
func (s *Service) waitMails(ctx context.Context, p *Pending, opens time.Time) ([]storage.Mail, error) {
	admins, err := s.otherAdmins(ctx, p)
	if err != nil {
		return nil, err
	}
	from := opens.Format(time.RFC3339)
	return append([]storage.Mail{s.mail(p, templates.MailDeviceWait, templates.DataFrom, from)},
		s.mailAdmins(p, admins, templates.MailMemberWaits, templates.DataFrom, from)...), nil
}

// RemindOfWaits tells of the waits that run or are open once a day.
func (s *Service) RemindOfWaits(ctx context.Context) error {
	return s.db.RemindDeviceWaits(ctx, func(ctx context.Context, who storage.Person, w storage.DeviceWait) ([]storage.Mail, error) {
		asked := &Pending{Person: &who, Browser: Browser{Actor: audit.Actor{Network: w.Network, UserAgent: w.UserAgent}}}
		return s.waitMails(ctx, asked, w.OpensAt)
	})
}
