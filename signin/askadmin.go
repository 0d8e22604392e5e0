package signin

import (
	"context"
	"errors"
	"slices"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// Where the account's policy says so, an admin lets a user replace an
// authenticator that can't be asked. The code prompt and the recovery codes stay
// open meanwhile.

// ByAdmin tells whether this user's account has an admin approve another device.
func (p *Pending) ByAdmin() bool {
	return p.Person != nil && p.Person.Policy.Reenrolment == storage.ReenrolByAdmin
}

// AdminDue tells whether an admin's approval would help now.
func (p *Pending) AdminDue() bool { return p.ByAdmin() && p.RecoveryDue() }

// Asking is what became of asking an admin in this sign-in.
type Asking struct {
	Request storage.DeviceRequest
	State   storage.DeviceState // empty: nobody was asked in it
	Admins  []string            // names of those who may approve, in order; none: there is nobody but the user
}

// Asking reads what became of asking an admin.
func (s *Service) Asking(ctx context.Context, p *Pending) (Asking, error) {
	var a Asking
	admins, err := s.otherAdmins(ctx, p)
	if err != nil {
		return a, err
	}
	for _, u := range admins {
		a.Admins = append(a.Admins, u.Name)
	}
	if p.SignIn == nil {
		return a, nil
	}
	a.Request, err = s.db.DeviceRequestOf(ctx, *p.SignIn)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return a, nil
	case err != nil:
		return a, err
	}
	a.State = a.Request.State(s.now())
	return a, nil
}

// otherAdmins are the account's administrators, without the user.
func (s *Service) otherAdmins(ctx context.Context, p *Pending) ([]storage.User, error) {
	all, err := s.db.Admins(ctx, p.Person.User.AccountID)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(u storage.User) bool { return u.ID == p.Person.User.ID }), nil
}

// AskAdmin asks the account's admins to approve another device. What was asked
// in this sign-in and still works stays, and so does what another sign-in of
// this browser has asked: it is taken up. Where there is nobody to ask it does
// nothing, and the page says so.
func (s *Service) AskAdmin(ctx context.Context, p *Pending) error {
	if !p.AdminDue() {
		return storage.ErrConflict
	}
	if err := s.row(ctx, p); err != nil {
		return err
	}
	replacing := p.SignIn.Progress.Replace(p.Person.Subject)
	if authn.Next(p.Requirement, p.Person.Subject, s.joined(p, replacing)).Step == authn.StepSignIn {
		return s.save(ctx, p, replacing, storage.SignInSecrets{}) // the password is too old for this
	}
	now, err := s.Asking(ctx, p)
	if err != nil || len(now.Admins) == 0 || now.State == storage.DeviceOpen || now.State == storage.DeviceApproved {
		return err
	}
	saved, err := s.db.TakeUpDeviceRequest(ctx, s.waiting(p), p.hashes())
	if err == nil {
		return s.went(p, saved, nil)
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	return s.ask(ctx, p)
}

// hashes are what all sign-ins of this browser are found by.
func (p *Pending) hashes() (all []string) {
	for _, b := range web.RowBindings(p.Browser.Binding) {
		all = append(all, seal.HashToken(b))
	}
	return all
}

// waiting is the sign-in as it is stored while an admin is waited for: it lives
// as long as a request may.
func (s *Service) waiting(p *Pending) storage.SignIn {
	n := s.changed(p, p.SignIn.Progress, p.SignIn.Secrets)
	n.ExpiresAt = p.Request.Started.Add(RequestLife)
	return n
}

// ask sends the request. It counts like a message with a code.
func (s *Service) ask(ctx context.Context, p *Pending) error {
	if _, err := s.bookMessage(ctx, p, "", templates.ErrAskWait, templates.ErrAskLimit); err != nil {
		return err
	}
	admins, err := s.otherAdmins(ctx, p)
	if err != nil {
		return err
	}
	n, until := s.waiting(p), s.now().Add(storage.DeviceNewLife)
	mails := s.mailAdmins(p, admins, templates.MailDeviceAsked, templates.DataLabel, n.Label,
		templates.DataUntil, until.Format(time.RFC3339), templates.DataLink, s.issuer+storage.DeviceRequestsPath)
	for i := range mails {
		mails[i].ExpiresAt = until
	}
	saved, err := s.db.AskForDevice(ctx, storage.DeviceAsk{SignIn: n, Mails: mails, Event: s.event(p, audit.DeviceAsked, storage.DeviceNew)})
	return s.went(p, saved, err)
}

// Approved answers Continue once an admin has approved: the approval is spent,
// and the enrolment goes on.
func (s *Service) Approved(ctx context.Context, p *Pending) error {
	if !p.AdminDue() || p.SignIn == nil {
		return storage.ErrConflict
	}
	asked, err := s.db.DeviceRequestOf(ctx, *p.SignIn)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.ErrConflict
	} else if err != nil {
		return err
	}
	saved, err := s.db.UseDeviceRequest(ctx, storage.DeviceUse{
		SignIn: s.changed(p, p.SignIn.Progress.Approve(p.Person.Subject), storage.SignInSecrets{}), RequestID: asked.ID,
		Event: s.event(p, audit.DeviceUsed, storage.DeviceNew),
	})
	if errors.Is(err, storage.ErrSpent) {
		return storage.ErrConflict // another window went on with it
	}
	return s.went(p, saved, err)
}
