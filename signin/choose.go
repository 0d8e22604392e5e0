package signin

import (
	"context"

	"stile/authn"
	"stile/seal"
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

// Choose makes one of the browser's sessions its present one, and returns the new
// id of the browser, for the session cookie, and the path where the same request
// goes on for its user. What that session has proven is enough, or the sign-in asks
// for the rest. It fails with [storage.ErrConflict] if there is nothing (any more)
// to choose.
func (s *Service) Choose(ctx context.Context, p *Pending, sessionID string) (browser seal.Secret, path string, err error) {
	for _, v := range p.Choices {
		if v.Session.ID != sessionID {
			continue
		}
		req := p.Request
		req.ID, req.LoginHint, req.Choose, req.Ask.Subject = "", "", false, v.Session.UserID
		if path, err = s.Begin(ctx, req); err != nil {
			return browser, "", err
		}
		browser = seal.NewToken(seal.KindBrowser)
		return browser, path, s.db.ChooseSession(ctx, p.Browser.Session, seal.HashToken(browser.Reveal()), sessionID)
	}
	return browser, "", storage.ErrConflict
}

// choosing tells whether the user is to be chosen first.
func (p *Pending) choosing() bool { return p.SignIn == nil && len(p.Choices) > 0 }

var stepChoose = authn.Decision{Step: authn.StepSelectAccount, Reason: authn.ReasonNothingProven}
