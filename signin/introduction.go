package signin

import (
	"context"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/factor"
	"stile/limit"
	"stile/seal"
	"stile/storage"
	"stile/templates"
)

// emailCodeLife is how long a code sent by e-mail works.
const emailCodeLife = 10 * time.Minute

// Introduced answers Continue on the introduction: the enrolment begins, and
// the e-mail is sent where one is due.
func (s *Service) Introduced(ctx context.Context, p *Pending) error {
	if err := s.row(ctx, p); err != nil {
		return err
	}
	return s.begun(ctx, p, p.SignIn.Progress.Start(p.Person.Subject).WithPasskey(false))
}

// begun stores that an enrolment begins, and sends the e-mail where one is due.
func (s *Service) begun(ctx context.Context, p *Pending, progress authn.Progress) error {
	after := authn.Next(p.Requirement, p.Person.Subject, s.joined(p, progress))
	if after.Step != authn.StepVerifyEmail || p.codeWorks(s.now()) {
		return s.save(ctx, p, progress, p.SignIn.Secrets)
	}
	return s.sendCode(ctx, p, storage.CodeEnrolment, progress, "")
}

// replaces tells whether an enrolment takes the place of an authenticator.
func replaces(who *storage.Person) bool { return who.TOTP != nil || who.Suspended || who.Passkeys > 0 }

// Replaceable tells whether a code sent by e-mail may replace an authenticator of
// this user that can't be asked: by the account's rule, and where nothing says
// that the mailbox may be somebody else's.
func (p *Pending) Replaceable() bool {
	return p.Person != nil && p.mailbox.open() && (p.Mailbox() || p.waited())
}

// NeedsMore tells whether an enrolment replaces an authenticator, and a code sent
// by e-mail is not enough for that: a recovery code, an admin, or a wait opens
// the way.
func (p *Pending) NeedsMore() bool {
	return p.Person != nil && replaces(p.Person) && !p.Replaceable() && !p.vouched()
}

// ByEmail tells whether an enrolment in this sign-in asks for a code sent by
// e-mail, or has asked for one, once it is at its end.
func (p *Pending) ByEmail() bool {
	if p.Decision.Step == authn.StepDone {
		return p.SignIn.Progress.Enrolment.EmailVerified
	}
	return !p.vouched() && !p.NeedsMore()
}

// Optional tells whether nothing but a wish on a page of My Account asks for an
// enrolment: whoever leaves it goes back there.
func (p *Pending) Optional() bool {
	return p.Request.ForAccount() && p.Decision.Reason == authn.ReasonRequested
}

// OnDemand tells whether a second factor is asked for where more than the
// password is needed, and not at each sign-in from now on.
func (p *Pending) OnDemand() bool {
	return !p.Request.Enhance && !eachTime(p.Person.Policy, p.Person.Subject)
}

// vouched tells whether a second factor that was proven in this sign-in, a
// recovery code among them, or an admin's approval stands in the place of an
// e-mail code.
func (p *Pending) vouched() bool {
	if p.SignIn == nil {
		return false
	}
	n := p.SignIn.Progress
	return n.Enrolment.Approved && !n.Enrolment.Declined || !n.Evidence.Of(p.Person.Subject).Since(n.Started).HeldAt().IsZero()
}

// joined is a progress to come, with what the session had proven before.
func (s *Service) joined(p *Pending, progress authn.Progress) authn.Progress {
	if p.Session != nil {
		progress = progress.Join(p.Session.Evidence)
	}
	return progress
}

// codeWorks tells whether a code was sent in this sign-in that still counts.
func (p *Pending) codeWorks(now time.Time) bool {
	c := p.SignIn.EmailCode
	return c != nil && c.Purpose == storage.CodeEnrolment && c.UsedAt == nil && now.Before(c.ExpiresAt)
}

// Keep answers "Not now", and the way back to the present authenticator.
func (s *Service) Keep(ctx context.Context, p *Pending) error {
	if err := s.row(ctx, p); err != nil {
		return err
	}
	return s.save(ctx, p, p.SignIn.Progress.Decline(), storage.SignInSecrets{})
}

// SendAgain sends another e-mail; the code in it is the only one that counts.
func (s *Service) SendAgain(ctx context.Context, p *Pending) error {
	return s.sendCode(ctx, p, p.codePurpose(), p.SignIn.Progress, templates.DoSendAgain)
}

// sendCode makes a code and queues its message, within the bounds of how many
// may be sent. field is where the page says what is wrong.
func (s *Service) sendCode(ctx context.Context, p *Pending, purpose storage.CodePurpose, progress authn.Progress, field string) error {
	if purpose == storage.CodeEnrolment && p.NeedsMore() {
		return problem(field, templates.ErrSuspended)
	}
	reached, err := s.bookMessage(ctx, p, field, templates.ErrSendAgainWait, templates.ErrSendAgainLimit)
	if reached == limit.EmailSentDay && !s.known(p) {
		if err := s.exposed(ctx, p, reached); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	code, now := factor.NewEmailCode(), s.now()
	n := s.changed(p, progress, p.SignIn.Secrets)
	expires := now.Add(emailCodeLife)
	mail := s.mail(p, templates.MailEmailCode,
		templates.DataCode, code, templates.DataLabel, n.Label, templates.DataUntil, expires.Format(time.RFC3339))
	mail.ExpiresAt = expires
	saved, err := s.db.SendEmailCode(ctx, storage.SendCode{
		SignIn: n, Purpose: purpose, Hash: s.hasher.Text(seal.HashEmailCode, n.CodeParts(purpose, code)...), Expires: expires,
		Mail: mail, Event: s.event(p, audit.EmailCodeSent, ""),
	})
	if err := s.went(p, saved, err); err != nil {
		return err
	}
	p.SignIn.EmailCode = &storage.EmailCodeState{Purpose: purpose, SentAt: now, ExpiresAt: expires}
	return nil
}
