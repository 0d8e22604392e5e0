package signin

import (
	"cmp"
	"context"
	"errors"

	"stile/factor"
	"stile/limit"
	"stile/storage"
	"stile/templates"
)

// mail makes a message to the user about what is done in this sign-in. It goes
// to the stored address only, in the user's language.
func (s *Service) mail(p *Pending, kind templates.MailKind, data ...string) storage.Mail {
	user := p.Person.User
	user.Language = cmp.Or(user.Language, p.Browser.Language)
	return s.mailTo(p, user, kind, data...)
}

// mailTo makes a message to somebody of the same account.
func (s *Service) mailTo(p *Pending, to storage.User, kind templates.MailKind, data ...string) storage.Mail {
	return s.notices.To(to, p.Person.Account, p.Browser.Actor, kind, data...)
}

// mailAdmins makes a message to admins of the account about the user.
func (s *Service) mailAdmins(p *Pending, admins []storage.User, kind templates.MailKind, data ...string) []storage.Mail {
	return s.notices.ToAdmins(admins, p.Person.Account, p.Person.User, p.Browser.Actor, kind, data...)
}

// bookMessage books a message that the user causes, and what else is booked with
// it. Who may not cause one now gets a [Problem] at the field, with one of two
// texts: the last one is too young, or there were too many. reached is the limit.
func (s *Service) bookMessage(
	ctx context.Context, p *Pending, field, young, many string, also ...limit.Booking,
) (reached limit.Name, err error) {
	user := p.Person.User
	bookings := s.limits.BookEmailSent(user.ID, user.AccountID, s.visitor(p, s.addressKey(user.Email)))
	_, err = s.db.BookAttempts(ctx, append(bookings, also...))
	if limited, ok := errors.AsType[storage.LimitedError](err); ok {
		key := many
		if reached = limit.NameOf(limited.Key); reached == limit.EmailSentGap {
			key = young
		}
		err = s.limited(ctx, p, limited, s.tooMany(field, key, limited.Until))
	}
	return reached, err
}

// newLabel returns two letters that tell the mails of different sign-ins apart.
func newLabel() string { return factor.Label() }
