package signin

import (
	"context"
	"errors"

	"stile/audit"
	"stile/factor"
	"stile/seal"
	"stile/storage"
	"stile/templates"
)

// EmailCode answers the screen that asks for the code from the e-mail.
func (s *Service) EmailCode(ctx context.Context, p *Pending, input string) error {
	code, err := sixDigits(input, templates.ErrEmailCodeEmpty)
	if err != nil {
		return err
	}
	user := p.Person.User
	try, err := s.try(ctx, p, templates.FieldCode, s.limits.BookEmailCode(user.ID, s.visitor(p, s.addressKey(user.Email))))
	if err != nil {
		return err
	}
	progress, purpose := p.SignIn.Progress.VerifyEmail(), p.codePurpose()
	if purpose == storage.CodeGuard {
		progress = p.SignIn.Progress.ProveAddress()
	}
	n := s.changed(p, progress, p.SignIn.Secrets)
	saved, err := s.db.ProveEmail(ctx, storage.EmailProof{
		SignIn: n, Purpose: purpose, Hash: s.hasher.Text(seal.HashEmailCode, n.CodeParts(purpose, code)...), Tries: s.limits.EmailCodeTries,
		Refund: try.right(), Event: s.event(p, audit.ProofAccepted, "email_code"),
	})
	refused := s.refused(p, audit.ProofRefused, "email_code")
	switch {
	case errors.Is(err, storage.ErrWrong):
		return try.wrong(ctx, refused, templates.ErrEmailCodeWrong)
	case errors.Is(err, storage.ErrTries):
		return try.wrong(ctx, refused, templates.ErrEmailCodeTries)
	case errors.Is(err, storage.ErrExpired), errors.Is(err, storage.ErrNotFound):
		return try.void(ctx, problem(templates.FieldCode, templates.ErrEmailCodeOld))
	case errors.Is(err, storage.ErrSpent): // by another window, which went on
		return try.void(ctx, storage.ErrConflict)
	case err != nil:
		return try.void(ctx, err)
	}
	return s.went(p, saved, nil)
}

// sixDigits reads a code as people type and paste it. What has not the form of
// a code costs no attempt.
func sixDigits(input, empty string) (string, error) {
	code, err := factor.Normalise(input)
	switch {
	case errors.Is(err, factor.ErrNoCode):
		return "", problem(templates.FieldCode, empty)
	case err != nil:
		return "", problem(templates.FieldCode, templates.ErrCodeForm)
	}
	return code, nil
}
