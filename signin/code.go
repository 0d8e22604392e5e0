package signin

import (
	"context"
	"errors"

	"stile/audit"
	"stile/authn"
	"stile/factor"
	"stile/limit"
	"stile/storage"
	"stile/templates"
)

// Code answers the code of the authenticator app. With trust, this browser is
// not to be asked again for a while.
func (s *Service) Code(ctx context.Context, p *Pending, input string, trust bool) error {
	code, err := sixDigits(input, templates.ErrCodeEmpty)
	if err != nil {
		return err
	}
	totp, user := p.Person.TOTP, p.Person.User
	if totp == nil {
		return storage.ErrConflict // removed meanwhile
	}
	if err := s.row(ctx, p); err != nil {
		return err
	}
	bookings := append(s.limits.BookTOTP(user.ID, totp.ID, s.visitor(p, s.addressKey(user.Email))), hints(p)...)
	try, err := s.try(ctx, p, templates.FieldCode, bookings)
	if full, ok := errors.AsType[storage.LimitedError](err); ok && limit.NameOf(full.Key) == limit.TOTPMonth {
		return s.guard(ctx, p)
	} else if err != nil {
		return err
	}
	step, ok := factor.Match([]byte(totp.Key.Reveal()), code, s.now())
	if !ok {
		return s.wrongCode(ctx, p, try)
	}
	progress := p.SignIn.Progress.Prove(authn.Proof{Method: authn.TOTP, At: s.now(), Authenticator: totp.ID}, p.Person.Subject)
	if trust {
		progress = progress.TrustBrowser()
	}
	if p.Request.NewDevice && progress.Enrolment.Reason == "" {
		progress = progress.Replace(p.Person.Subject) // what was asked for comes next
	}
	saved, err := s.db.ProveTOTP(ctx, storage.TOTPProof{
		SignIn: s.changed(p, progress, p.SignIn.Secrets), AuthenticatorID: totp.ID, Step: step,
		Refund: try.right(), Event: s.event(p, audit.ProofAccepted, string(authn.TOTP)),
	})
	switch {
	case errors.Is(err, storage.ErrSpent):
		// A double click, or somebody who looked over the shoulder: no attempt.
		return try.void(ctx, problem(templates.FieldCode, templates.ErrCodeUsed))
	case err != nil:
		return try.void(ctx, err)
	}
	return s.went(p, saved, nil)
}

// guard leads to the e-mail code that an unknown browser needs, if too many codes
// were tried by now.
func (s *Service) guard(ctx context.Context, p *Pending) error {
	if err := s.read(ctx, p); err != nil || !p.guarded() {
		return err
	}
	if err := s.db.Record(ctx, s.refused(p, audit.LimitReached, string(limit.TOTPMonth))); err != nil {
		return err
	}
	return s.sendGuard(ctx, p)
}

// sendGuard sends the e-mail code that is due before one of the app. Where none
// can be sent now, its page says so, and has the button to send it again.
func (s *Service) sendGuard(ctx context.Context, p *Pending) error {
	if !p.guarded() || p.CodeSent() != nil {
		return nil
	}
	if err := s.row(ctx, p); err != nil {
		return err
	}
	err := s.sendCode(ctx, p, storage.CodeGuard, p.SignIn.Progress, templates.DoSendAgain)
	if _, bounded := errors.AsType[*Problem](err); bounded {
		return nil
	}
	return err
}

// wrongCode answers a wrong code. After too many in a row the authenticator
// takes no more, and its user comes back another way.
func (s *Service) wrongCode(ctx context.Context, p *Pending, try attempt) error {
	refusal := try.wrongCode(ctx, s.refused(p, audit.ProofRefused, string(authn.TOTP)))
	if try.has(limit.TOTPExposed) {
		if err := s.exposed(ctx, p, limit.TOTPExposed); err != nil {
			return err
		}
	}
	if !try.has(limit.TOTP) {
		if p.SignIn.Progress.AddressProven || s.known(p) {
			return refusal
		}
		if err := s.guard(ctx, p); err != nil || p.guarded() {
			return err
		}
		return refusal
	}
	err := s.db.SuspendTOTP(ctx, p.Person.User.ID, p.Person.TOTP.ID,
		[]storage.Mail{s.mail(p, templates.MailAuthenticatorSuspended)}, s.event(p, audit.AuthenticatorPaused, "wrong_codes"))
	if err != nil {
		return err
	}
	return problem(templates.FieldCode, templates.ErrSuspended)
}

// Replace answers "Set up a new mobile device". The present authenticator works
// until the new one has given a code.
func (s *Service) Replace(ctx context.Context, p *Pending) error {
	if !p.Replaceable() {
		return storage.ErrConflict // a recovery code, or an admin, opens this way
	}
	if err := s.row(ctx, p); err != nil {
		return err
	}
	return s.save(ctx, p, p.SignIn.Progress.Replace(p.Person.Subject), storage.SignInSecrets{})
}
