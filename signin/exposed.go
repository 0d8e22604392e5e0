package signin

import (
	"context"
	"errors"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/limit"
	"stile/storage"
	"stile/templates"
)

// exposedTold is the count of messages about an exposed password.
const exposedTold limit.Name = "exposed_told"

// exposed notes that the password counts as known to others: in unknown
// browsers it was right, and what comes after it failed so often that a bound
// was reached. The user is told, once a day however long it goes on, and chooses
// another in the next sign-in with a second factor.
func (s *Service) exposed(ctx context.Context, p *Pending, reached limit.Name) error {
	user, version := p.Person.User.ID, p.Person.User.PasswordVersion
	once := []limit.Booking{{
		Key: string(exposedTold) + "|" + user + "|" + authn.PasswordID(version), Name: exposedTold, Figure: limit.Figure{Allowed: 1, Per: 24 * time.Hour},
	}}
	_, err := s.db.BookAttempts(ctx, once)
	if _, told := errors.AsType[storage.LimitedError](err); told {
		return nil
	} else if err != nil {
		return err
	}
	err = s.db.ExposePassword(ctx, user, version, s.event(p, audit.PasswordExposed, string(reached)), s.mail(p, templates.MailPasswordExposed))
	if err != nil {
		return errors.Join(err, s.db.RefundAttempts(ctx, limit.Undo(once)))
	}
	return nil
}

// known tells whether the user has signed in in this browser before.
func (s *Service) known(p *Pending) bool {
	return s.visitor(p, s.addressKey(p.Person.User.Email)).Known != ""
}
