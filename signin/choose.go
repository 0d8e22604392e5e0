package signin

import (
	"context"
	"errors"

	"stile/authn"
	"stile/session"
	"stile/storage"
)

// choices are the users who are signed in in this browser, the present one
// first, of whom this request may be about.
func (s *Service) choices(ctx context.Context, p *Pending) ([]storage.SessionView, error) {
	if !p.Request.Choose || p.SignIn != nil || p.Browser.Session == "" {
		return nil, nil
	}
	all, err := s.db.BrowserSessions(ctx, p.Browser.Session)
	if err != nil {
		return nil, err
	}
	var open []storage.SessionView
	for _, v := range all {
		wanted := p.Request.Ask.Subject
		if v.Person.Active() && session.Alive(v.Session, v.Person.Policy, s.now()) && (wanted == "" || wanted == v.Session.UserID) {
			open = append(open, v)
		}
	}
	return open, nil
}

// Choose makes one of the browser's sessions its present one, and returns the
// path where the same request goes on for its user. What that session has proven
// is enough, or the sign-in asks for the rest.
func (s *Service) Choose(ctx context.Context, p *Pending, sessionID string) (path string, err error) {
	for _, v := range p.Choices {
		if v.Session.ID != sessionID {
			continue
		}
		err := s.db.ChooseSession(ctx, p.Browser.Session, sessionID)
		if errors.Is(err, storage.ErrNotFound) {
			return "", storage.ErrConflict // signed out meanwhile
		} else if err != nil {
			return "", err
		}
		req := p.Request
		req.ID, req.LoginHint, req.Choose, req.Ask.Subject = "", "", false, v.Session.UserID
		return s.Begin(ctx, req)
	}
	return "", storage.ErrConflict
}

// choosing tells whether the user is to be chosen first.
func (p *Pending) choosing() bool { return p.SignIn == nil && len(p.Choices) > 0 }

var stepChoose = authn.Decision{Step: authn.StepSelectAccount, Reason: authn.ReasonNothingProven}
