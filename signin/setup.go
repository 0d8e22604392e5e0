package signin

import (
	"context"
	"errors"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/factor"
	"stile/limit"
	"stile/storage"
	"stile/templates"
)

// SetupCode answers the first code of the app. If it is right, the new
// authenticator takes the place of any old one, in one transaction.
func (s *Service) SetupCode(ctx context.Context, p *Pending, input string) error {
	code, err := sixDigits(input, templates.ErrCodeEmpty)
	if err != nil {
		return err
	}
	pending := p.SignIn.Secrets
	bookings := append(s.limits.BookSetupCode(p.Person.User.ID, pending.AuthenticatorID), hints(p)...)
	try, err := s.try(ctx, p, templates.FieldCode, bookings)
	if err != nil {
		return err
	}
	step, ok := factor.Match(pending.TOTPKey, code, s.now())
	if !ok {
		return try.wrongCode(ctx, s.refused(p, audit.ProofRefused, "setup_code"))
	}
	codes, set, err := s.passwords.NewRecoveryCodes(ctx)
	if errors.Is(err, factor.ErrBusy) {
		return try.void(ctx, busy(templates.FieldCode))
	} else if err != nil {
		return try.void(ctx, err)
	}
	admins, err := s.toAdmins(ctx, p)
	if err != nil {
		return try.void(ctx, err)
	}
	saved, err := s.db.ActivateTOTP(ctx, s.activation(p, step, codes, set, try.right(), admins))
	switch {
	case errors.Is(err, storage.ErrExpired), errors.Is(err, storage.ErrNotFound):
		return try.void(ctx, storage.ErrConflict) // opened again, it asks for a new key
	case err != nil:
		return try.void(ctx, err)
	}
	p.SignIn = &saved
	return s.read(ctx, p) // the person has another authenticator and epoch now
}

func (s *Service) activation(
	p *Pending, step int64, codes []string, set factor.RecoverySet, refund []limit.Back, admins []storage.Mail,
) storage.Activation {
	now, id, shown := s.now(), p.SignIn.Secrets.AuthenticatorID, s.hasOldCode(p)
	kind, reason := templates.MailAuthenticatorConnected, "connected"
	if p.Person.TOTP != nil || p.Person.Suspended || p.Person.Passkeys > 0 && !shown { // a passkey that was shown stays
		kind, reason = templates.MailAuthenticatorReplaced, "replaced"
	}
	told := s.mail(p, kind)
	told.NotMe.AuthenticatorID = id
	return storage.Activation{
		SignIn: s.changed(p, p.SignIn.Progress.Activate(p.Person.Policy.Policy, id, now), storage.SignInSecrets{Recovery: codes}),
		Step:   step, Recovery: storage.RecoverySet{Salt: []byte(set.Salt), Hashes: set.Hashes},
		Browser: p.Browser.Session,
		Mails:   append(admins, told),
		Refund:  refund,
		Event:   s.event(p, audit.AuthenticatorAdded, reason),
		Unshown: !shown, Cooldown: p.Person.Policy.Lifetimes.Cooldown,
	}
}

// toAdmins tells the account's admins of an authenticator that is replaced
// without the old one: whoever did it had a password and a mailbox.
func (s *Service) toAdmins(ctx context.Context, p *Pending) ([]storage.Mail, error) {
	if !replaces(p.Person) || s.hasOldCode(p) {
		return nil, nil
	}
	admins, err := s.otherAdmins(ctx, p)
	if err != nil {
		return nil, err
	}
	mails := s.mailAdmins(p, admins, templates.MailMemberReplaced)
	for _, m := range mails {
		m.NotMe.AuthenticatorID = p.SignIn.Secrets.AuthenticatorID
	}
	return mails, nil
}

// hasOldCode tells whether the authenticator that is replaced has given a code
// that counts here, or a passkey was used. Otherwise sensitive acts stay closed for a while.
func (s *Service) hasOldCode(p *Pending) bool {
	for _, proof := range p.Requirement.Counts(p.Progress().Evidence, p.Person.Subject).Since(p.SignIn.StartedAt.Add(-authn.FreshPassword)) {
		switch proof.Method {
		case authn.TOTP, authn.Passkey, authn.SyncedPasskey:
			return true
		default:
		}
	}
	return false
}

// Names of the counts that bring hints. They refuse nothing.
const (
	hintClock   limit.Name = "hint_clock"
	hintEntries limit.Name = "hint_entries"
)

// hints are counts of wrong codes in this sign-in: from the second one on
// everybody is asked about the clock, from the third about older entries.
// Whether the code was near to a right one plays no part.
func hints(p *Pending) []limit.Booking {
	hint := func(name limit.Name, from int) limit.Booking {
		return limit.Booking{
			Key: string(name) + "|" + p.Request.ID, Name: name,
			Figure: limit.Figure{Allowed: from, Per: time.Hour}, Watch: true, Success: limit.Reset,
		}
	}
	return []limit.Booking{hint(hintClock, 2), hint(hintEntries, 3)}
}

// wrongCode ends an attempt with a code of no step that is accepted now.
func (a attempt) wrongCode(ctx context.Context, e audit.Event) error {
	err := a.wrong(ctx, e, templates.ErrCodeWrong)
	if p, ok := errors.AsType[*Problem](err); ok {
		p.CheckClock, p.OlderEntries = a.has(hintClock), a.has(hintEntries)
	}
	return err
}
