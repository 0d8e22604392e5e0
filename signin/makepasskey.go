package signin

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"stile/audit"
	"stile/authn"
	"stile/factor"
	"stile/mail"
	"stile/storage"
	"stile/templates"
)

// A passkey in place of an app: the first second factor of somebody who signs in,
// after the same proofs.

// PasskeyOffered tells whether an enrolment may make a passkey in place of an app:
// the first one, where passkeys work.
func (s *Service) PasskeyOffered(p *Pending) bool {
	return s.passkeys.Work() && p.Decision.Step == authn.StepIntroduction && p.Person != nil && !replaces(p.Person)
}

// UsePasskey answers "Use a passkey instead" on the introduction.
func (s *Service) UsePasskey(ctx context.Context, p *Pending) error {
	if !s.PasskeyOffered(p) {
		return storage.ErrConflict
	}
	if err := s.row(ctx, p); err != nil {
		return err
	}
	return s.begun(ctx, p, p.SignIn.Progress.Start(p.Person.Subject).WithPasskey(true))
}

// UseApp goes from the passkey back to the app.
func (s *Service) UseApp(ctx context.Context, p *Pending) error {
	return s.save(ctx, p, p.SignIn.Progress.WithPasskey(false), p.SignIn.Secrets)
}

// NewPasskey makes the options with which the browser makes a passkey, and the
// challenge that they hold.
func (s *Service) NewPasskey(p *Pending) (options, challenge string) {
	u := p.Person.User
	challenge = factor.NewChallenge()
	return s.passkeys.CreationOptions(challenge, u.ID, u.Email, u.Name, nil), challenge
}

// MakePasskey answers with a passkey that the browser has made. The challenge is
// the one that this browser was asked with in this sign-in, empty where that is
// not so. It becomes the user's second factor only where there is none.
func (s *Service) MakePasskey(ctx context.Context, p *Pending, challenge, answer string) error {
	switch {
	case answer == "":
		return problem(templates.FieldPasskey, templates.ErrPasskeyNone)
	case challenge == "":
		return problem(templates.FieldPasskey, templates.ErrPasskeyOld)
	case replaces(p.Person):
		return storage.ErrConflict
	}
	try, err := s.try(ctx, p, templates.FieldPasskey, s.limits.BookPasskey(s.visitor(p, s.addressKey(p.Person.User.Email))))
	if err != nil {
		return err
	}
	made, err := s.passkeys.Made(answer, challenge)
	if err != nil {
		return try.wrong(ctx, s.refused(p, audit.ProofRefused, "new_passkey"), templates.ErrPasskeyMade)
	}
	codes, set, err := s.passwords.NewRecoveryCodes(ctx)
	if errors.Is(err, factor.ErrBusy) {
		return try.void(ctx, busy(templates.FieldPasskey))
	} else if err != nil {
		return try.void(ctx, err)
	}
	saved, err := s.db.ActivatePasskey(ctx, s.firstPasskey(p, made, challenge, codes, set, try))
	switch {
	case errors.Is(err, storage.ErrSpent):
		return try.void(ctx, problem(templates.FieldPasskey, templates.ErrPasskeyOld))
	case errors.Is(err, storage.ErrExists):
		return try.void(ctx, problem(templates.FieldPasskey, templates.ErrPasskeyKnown))
	case err != nil:
		return try.void(ctx, err)
	}
	p.SignIn = &saved
	return s.read(ctx, p) // the person has another authenticator and epoch now
}

func (s *Service) firstPasskey(
	p *Pending, made factor.Credential, challenge string, codes []string, set factor.RecoverySet, try attempt,
) storage.FirstPasskey {
	id := uuid.NewString()
	told := s.mail(p, templates.MailPasskeyAdded)
	told.NotMe.AuthenticatorID = id
	return storage.FirstPasskey{
		SignIn: s.changed(p, p.SignIn.Progress.ActivatePasskey(id), storage.SignInSecrets{Recovery: codes}),
		Passkey: storage.Passkey{
			ID: id, Credential: made.ID, PublicKey: made.PublicKey, Counter: made.Counter, Transports: made.Transports,
			Synced: made.Synced, BackedUp: made.BackedUp, Name: mail.Browser(p.Browser.Actor.UserAgent),
		},
		Challenge: s.SpentChallenge(challenge), Recovery: storage.RecoverySet{Salt: []byte(set.Salt), Hashes: set.Hashes},
		Mails: []storage.Mail{told}, Refund: try.right(), Event: s.event(p, audit.PasskeyAdded, string(made.Method())),
		Cooldown: p.Person.Policy.Lifetimes.Cooldown,
	}
}
