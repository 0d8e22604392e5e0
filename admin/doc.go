// Package admin is the Admin Center: the pages on which an account is looked
// after by its own people.
//
// It is a relying party of Stile itself: rp.go sends the browser to the
// authorization endpoint and takes its answer. What the cookie holds from then on
// is only which session was spoken of. session.go finds out at each request who
// is asking, from the present state of the database. routes.go is the table of
// contents: every page and every form, with the permission that each needs; what
// stands in no row is refused. The other files hold the pages, by subject.
//
// What may be done, and by whom, is decided in package manage; the machine API
// calls the same functions.
package admin

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"stile/limit"
	"stile/manage"
	"stile/session"
	"stile/web"
)

// Options are what the Admin Center needs. All fields are required.
type Options struct {
	Kit      *web.Kit
	Sessions *session.Manager
	Manage   *manage.Service
	Issuer   string
	ACR      string                                  // name of the multi-factor level
	SID      func(sessionID, clientID string) string // of tokens, see token.Issuer
	Self     func() http.Handler                     // the server that the Admin Center is a client of
	Limit    limit.Figure                            // requests of one network
	Now      func() time.Time
}

// Center serves the pages.
type Center struct {
	Options
	party    *party
	pages    map[string]*page // by path
	throttle *web.Throttle
}

// New returns the Admin Center. It fails if the table of routes is not sound.
func New(o Options) (*Center, error) {
	pages, err := pagesOf(Routes())
	if err != nil {
		return nil, err
	}
	if o.Kit == nil || o.Sessions == nil || o.Manage == nil || o.SID == nil || o.Self == nil || o.Now == nil {
		return nil, errors.New("admin: options are missing")
	}
	return &Center{Options: o, party: newParty(o), pages: pages, throttle: o.Kit.NewThrottle(o.Limit.Allowed, o.Limit.Per)}, nil
}

// home is where the Admin Center begins.
const home = "/admin"

func badRoute(r Route, why string) error {
	return fmt.Errorf("admin: route %s %s %s: %s", r.Method, r.Path, r.Do, why)
}
