package signin

import (
	"context"
	"errors"
	"strconv"

	"stile/audit"
	"stile/authn"
	"stile/factor"
	"stile/storage"
	"stile/templates"
)

// RecoveryDue tells whether a recovery code would help now: the password is
// proven, a second factor is wanted, and the user has an authenticator that
// can't be asked.
func (p *Pending) RecoveryDue() bool {
	if p.OnlyPasskey() && p.Requirement.Level >= authn.LevelPhishingResistant {
		return false // no code would do
	}
	switch p.Decision.Step {
	case authn.StepEnterCode, authn.StepIntroduction, authn.StepVerifyEmail:
		return replaces(p.Person)
	default:
		return false
	}
}

// RecoveryCode answers a recovery code in place of one of the app. Who never got
// any, or lost them all with an app that was denied, is not asked for one.
func (s *Service) RecoveryCode(ctx context.Context, p *Pending, input string) error {
	if p.Person.RecoveryID == "" {
		return storage.ErrConflict
	}
	code, err := factor.NormaliseRecovery(input)
	switch {
	case errors.Is(err, factor.ErrNoCode):
		return problem(templates.FieldRecovery, templates.ErrRecoveryEmpty)
	case err != nil:
		return problem(templates.FieldRecovery, templates.ErrRecoveryForm)
	}
	if err := s.row(ctx, p); err != nil {
		return err
	}
	user, set := p.Person.User, p.Person.RecoveryID
	try, err := s.try(ctx, p, templates.FieldRecovery, s.limits.BookRecovery(user.ID, s.visitor(p, s.addressKey(user.Email))))
	if err != nil {
		return err
	}
	salt, err := s.db.RecoverySalt(ctx, user.ID)
	if err != nil {
		return try.void(ctx, err)
	}
	hash, err := s.passwords.HashRecovery(ctx, string(salt), code)
	if errors.Is(err, factor.ErrBusy) {
		return try.void(ctx, busy(templates.FieldRecovery))
	} else if err != nil {
		return try.void(ctx, err)
	}
	progress := p.SignIn.Progress.Prove(authn.Proof{Method: authn.Recovery, At: s.now(), Authenticator: set}, p.Person.Subject)
	saved, err := s.db.ProveRecovery(ctx, storage.RecoveryProof{
		SignIn: s.changed(p, progress, p.SignIn.Secrets), SetID: set, Hash: hash, Refund: try.right(),
		Mails: []storage.Mail{s.mail(p, templates.MailRecoveryCodeUsed, templates.DataLeft, strconv.Itoa(p.Person.RecoveryLeft-1))},
		Event: s.event(p, audit.RecoveryCodeUsed, ""),
	})
	switch {
	case errors.Is(err, storage.ErrWrong), errors.Is(err, storage.ErrSpent):
		return try.wrong(ctx, s.refused(p, audit.ProofRefused, string(authn.Recovery)), templates.ErrRecoveryWrong)
	case err != nil:
		return try.void(ctx, err)
	}
	p.Person.RecoveryLeft--
	return s.went(p, saved, nil)
}
