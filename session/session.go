// Package session ties the browser's cookie to the sessions behind it.
//
// The cookie is a random id that names the browser. Each user signed in there
// has a session row of it, and one of them is chosen. What a session has proven
// stands in its row as evidence; whether that is enough is asked anew at each
// use, of package authn. This package only says whether there is a session at
// all: known, not ended, and inside its limits of time.
package session

import (
	"context"
	"errors"
	"net/http"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/storage"
	"stile/web"
)

// Manager finds, sets and ends sessions of browsers.
type Manager struct {
	DB  *storage.DB
	Kit *web.Kit
	Now func() time.Time
}

// Current returns the chosen session of the browser with everything about its
// user, and what the user has allowed the client (which may be ""). It is nil
// where there is none: no cookie, unknown, ended, over its limits, or of a user
// who may not sign in.
func (m *Manager) Current(r *http.Request, clientID string) (*storage.SessionView, error) {
	hash := m.BrowserHash(r)
	if hash == "" {
		return nil, nil
	}
	view, err := m.DB.Session(r.Context(), hash, clientID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case !view.Person.Active() || !Alive(view.Session, view.Person.Policy, m.Now()):
		return nil, nil
	}
	return &view, nil
}

// BrowserHash returns what the database knows the browser by, or "" if it sent
// no session cookie, two of them, or something else.
func (m *Manager) BrowserHash(r *http.Request) string {
	token := m.Kit.Cookie(r, web.CookieSession)
	if !seal.KindBrowser.Is(token) {
		return ""
	}
	return seal.HashToken(token)
}

// Set gives the browser the new id that a completed sign-in has made for it.
func (m *Manager) Set(w http.ResponseWriter, browser seal.Secret) {
	m.Kit.SetCookie(w, web.CookieSession, browser.Reveal(), web.SessionAge)
}

// End ends all sessions of the browser and makes it forget its id.
func (m *Manager) End(ctx context.Context, w http.ResponseWriter, browserHash, reason string, by audit.Actor) error {
	if browserHash != "" {
		if err := m.DB.EndSessions(ctx, browserHash, reason, by); err != nil {
			return err
		}
	}
	m.Kit.ClearCookie(w, web.CookieSession)
	return nil
}

// Alive tells whether a session is inside the limits of its policy at this
// time. After either limit everything is asked anew. Idle time counts from the
// user's last request.
func Alive(s storage.Session, p storage.Policy, now time.Time) bool {
	return s.EndedAt == nil && now.Before(s.SeenAt.Add(idle(s.Evidence, p))) &&
		now.Before(Ends(s.Evidence, p)) && now.Before(s.ExpiresAt)
}

// Ends returns when a session with this evidence is over, however much it is
// used. Two steps open more doors, so they stay open for a shorter time, and it
// counts from the second one: who gives the password again does not keep a code
// alive that was given long ago.
func Ends(e authn.Evidence, p storage.Policy) time.Time {
	if e.Level() >= authn.LevelMFA {
		return e.HeldAt().Add(p.Lifetimes.TwoStepAbsolute)
	}
	return newest(e).Add(p.Lifetimes.PasswordAbsolute)
}

func idle(e authn.Evidence, p storage.Policy) time.Duration {
	if e.Level() >= authn.LevelMFA {
		return p.Lifetimes.TwoStepIdle
	}
	return p.Lifetimes.PasswordIdle
}

func newest(e authn.Evidence) (t time.Time) {
	for _, p := range e {
		if p.At.After(t) {
			t = p.At
		}
	}
	return t
}
