package signin

import (
	"context"
	"errors"
	"net/http"

	"stile/audit"
	"stile/authn"
	"stile/factor"
	"stile/storage"
	"stile/templates"
)

// LeastPassword is how long a password has to be at least: longer where its user
// needs nothing else.
func LeastPassword(p storage.Policy, who authn.Subject) int {
	if eachTime(p, who) {
		return factor.MinPasswordWithSecondFactor
	}
	return factor.MinPasswordAlone
}

// eachTime tells whether a second factor is required at each sign-in.
func eachTime(p storage.Policy, who authn.Subject) bool {
	who.Trusted = authn.Trust{} // in other browsers it is asked for
	need, err := authn.Require(p.Policy, who, authn.Ask{})
	return err == nil && need.Level >= authn.LevelMFA
}

// ChoosePassword judges a new password and returns the record to store. It fails
// with a [Problem]. words are names that it may not be made of.
func (s *Service) ChoosePassword(ctx context.Context, password string, least int, words ...string) (phc string, err error) {
	if password == "" {
		return "", problem(templates.FieldNewPassword, templates.ErrNewPasswordEmpty)
	}
	err = s.passwords.Judge(password, least, append(words, s.notices.Service, templates.DefaultService)...)
	if err == nil {
		phc, err = s.passwords.Hash(ctx, password)
	}
	if rejection, ok := errors.AsType[*factor.Rejection](err); ok {
		return "", &Problem{Status: http.StatusUnprocessableEntity, Fields: []templates.FieldError{rejected(rejection)}}
	}
	if errors.Is(err, factor.ErrBusy) {
		err = busy(templates.FieldNewPassword)
	}
	return phc, err
}

// ChooseNext is ChoosePassword for somebody who has one: what others know is no
// new one.
func (s *Service) ChooseNext(ctx context.Context, password string, p *storage.Person) (phc string, err error) {
	words := append([]string{p.User.Email, p.User.Name, p.Account.Name}, p.Products...)
	if p.Subject.Exposed && password != "" {
		same, _, err := s.passwords.Check(ctx, p.User.Password, password)
		switch {
		case errors.Is(err, factor.ErrBusy):
			return "", busy(templates.FieldNewPassword)
		case err != nil && !isTooLong(err) && !errors.Is(err, factor.ErrDamaged):
			return "", err
		case same:
			return "", problem(templates.FieldNewPassword, templates.ErrNewPasswordSame)
		}
	}
	return s.ChoosePassword(ctx, password, LeastPassword(p.Policy, p.Subject), words...)
}

// rejected is what was wrong with a new password, for the page.
func rejected(why *factor.Rejection) templates.FieldError {
	e := templates.FieldError{Field: templates.FieldNewPassword}
	switch why.Key {
	case factor.PasswordTooShort:
		e.Key, e.Args = templates.ErrNewPasswordShort, map[string]any{"Min": why.Args["min"]}
	case factor.PasswordTooLong:
		e.Key, e.Args = templates.ErrNewPasswordLong, map[string]any{"Max": why.Args["max"]}
	case factor.PasswordNoText:
		e.Key = templates.ErrNewPasswordNoText
	case factor.PasswordCommon:
		e.Key = templates.ErrNewPasswordCommon
	default:
		e.Key = templates.ErrNewPasswordPersonal
	}
	return e
}

// RenewPassword answers the screen that asks for another password, because
// somebody else knows the present one. The sign-in goes on; all else that the
// user holds ends.
func (s *Service) RenewPassword(ctx context.Context, p *Pending, password string) error {
	if p.SignIn == nil {
		return storage.ErrConflict
	}
	phc, err := s.ChooseNext(ctx, password, p.Person)
	if err != nil {
		return err
	}
	var session authn.Evidence
	if p.Session != nil {
		session = p.Session.Evidence
	}
	version := p.Person.User.PasswordVersion
	_, err = s.db.RenewPassword(ctx, storage.PasswordRenewal{
		SignIn: s.changed(p, p.SignIn.Progress.Renew(session, version), p.SignIn.Secrets), Version: version, Password: phc,
		Event: s.event(p, audit.PasswordChanged, "exposed"), Mails: []storage.Mail{s.mail(p, templates.MailPasswordChanged)},
	})
	if err != nil {
		return err
	}
	return s.read(ctx, p)
}

// ResetPassword sets the password that a link from a message allows, and returns
// whom it belongs to. It signs nobody in. It fails as [storage.DB.LinkOwner]
// does, or with a [Problem].
func (s *Service) ResetPassword(ctx context.Context, linkHash, password string, b Browser) (storage.User, error) {
	person, err := s.db.LinkOwner(ctx, storage.ResetLink, linkHash)
	if err != nil {
		return storage.User{}, err
	}
	phc, err := s.ChooseNext(ctx, password, &person)
	if err != nil {
		return storage.User{}, err
	}
	p := &Pending{Browser: b, Person: &person}
	return person.User, s.db.ResetPassword(ctx, storage.PasswordReset{
		LinkHash: linkHash, Password: phc, By: b.Actor, Mails: []storage.Mail{s.mail(p, templates.MailPasswordChanged)},
		Again: s.limits.TOTPAfterReset,
	})
}
