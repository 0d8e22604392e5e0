package signin

import (
	"context"
	"slices"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/session"
	"stile/storage"
	"stile/templates"
)

// Completed is what a finished sign-in leaves in the browser.
type Completed struct {
	Browser seal.Secret // the new id of the browser, for the session cookie
	Known   Known       // for the known cookie
	Trusted *Trusted    // for the trusted cookie; nil: as it is
	Session storage.Session
}

// going is the session that goes on; empty for a new one.
func going(p *Pending) string {
	if p.Session == nil {
		return ""
	}
	return p.Session.ID
}

// Complete ends a sign-in whose requirement is met in a session of the browser:
// of the same user, if there is one, or a new one. What was proven in this
// sign-in counts from now; the browser gets a new id, and the old one is void.
func (s *Service) Complete(ctx context.Context, p *Pending) (Completed, error) {
	if p.SignIn == nil || p.Decision.Step != authn.StepFinished {
		return Completed{}, storage.ErrConflict
	}
	now, user := s.now(), p.Person.User
	var before authn.Evidence
	if p.Session != nil {
		before = p.Session.Evidence
	}
	evidence := p.SignIn.Progress.Completed(now, before).Of(p.Person.Subject)
	browser := seal.NewToken(seal.KindBrowser)
	var mails []storage.Mail
	enhance := p.Request.Enhance && !user.Enhanced && evidence.Level() >= authn.LevelMFA
	if enhance {
		mails = append(mails, s.mail(p, templates.MailTwoStepOn))
	}
	if s.newBrowser(p) {
		mails = append(mails, s.mail(p, templates.MailNewBrowser))
	}
	known := p.Browser.Known.with(s.addressKey(user.Email), now)
	trust, trusted := s.trust(p, known)
	ended, err := s.db.CompleteSignIn(ctx, storage.Completion{
		SignIn: *p.SignIn, Evidence: evidence, SessionID: going(p),
		OldBrowser: p.Browser.Session, NewBrowser: seal.HashToken(browser.Reveal()),
		ExpiresAt: session.Ends(evidence, p.Person.Policy),
		Enhance:   enhance, Mails: mails, Trust: trust, TrustedID: p.Person.Subject.Trusted.ID,
		Network: p.Browser.Actor.Network, UserAgent: p.Browser.Actor.UserAgent,
		Event: audit.SecondFactor(s.event(p, audit.SignInSucceeded, string(p.Decision.Reason)), string(evidence.Held())),
	})
	if err != nil {
		return Completed{}, err
	}
	done := Completed{Browser: browser, Known: known, Session: ended}
	if trust != nil {
		done.Trusted = &trusted
	}
	return done, nil
}

// newBrowser tells whether the user is to be told that the sign-in is in a browser
// where he had completed none, though elsewhere: a session's cookie makes no browser
// known, since it can be copied. Who connects an authenticator in the same sign-in
// was told more. A browser that knew the user by an address of before is none.
func (s *Service) newBrowser(p *Pending) bool {
	now, user := s.now(), p.Person.User
	return user.SignedInAt != nil && !s.known(p) && !p.SignIn.Progress.Enrolment.Activated &&
		!slices.ContainsFunc(user.AlsoTold(now), func(former string) bool { return p.Browser.Known.here(s.addressKey(former), now) != "" })
}
