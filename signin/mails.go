package signin

import (
	"cmp"

	"stile/factor"
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

// newLabel returns two letters that tell the mails of different sign-ins apart.
func newLabel() string { return factor.Label() }
