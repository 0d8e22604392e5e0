// Package account serves My Account: what a signed-in person sees of, and does
// about, their own sign-in.
//
// routes.go is the table of contents. door.go finds out who asks, from what the
// database says now, and whether that is enough: the requirement that holds for
// any app opens the pages, and what protects the sign-in is changed only with
// proofs of the last minutes, at the highest level that the person has. Where
// something is missing the sign-in asks for it, and comes back to the page. The
// other files hold the pages, by subjects.
//
// Nobody does anything about somebody else here: the user is always the one of
// the session.
package account

import (
	"time"

	"stile/factor"
	"stile/limit"
	"stile/mail"
	"stile/session"
	"stile/signin"
	"stile/storage"
	"stile/web"
)

// Handler serves My Account. All fields are required.
type Handler struct {
	Kit       *web.Kit
	DB        *storage.DB
	Sessions  *session.Manager
	SignIns   *signin.Service
	Passwords *factor.Passwords
	Notices   mail.Notices
	Limit     limit.Figure // requests of one network
	Now       func() time.Time
}

// home is the path of the first page.
const home = signin.AccountPath
