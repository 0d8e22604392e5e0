// Package welcome serves the pages that links of messages lead to: the one that
// makes a user of whoever was invited, the one for a new password, and the one
// that lets a browser try passwords after too many wrong ones.
//
// A link changes nothing by being opened, because programs that look into
// messages open links too. Its page has a button; behind it is the form that
// acts. The token of the link stands in the URL of the first page only, and
// travels in the forms from then on. Nobody is signed in by a link: the sign-in
// that follows asks for everything that any sign-in asks for.
package welcome

import (
	"errors"
	"net/http"

	"github.com/gorilla/mux"

	"stile/authn"
	"stile/limit"
	"stile/mail"
	"stile/manage"
	"stile/session"
	"stile/signin"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// Path is where a sign-in ends that a link has led to.
const Path = "/welcome"

// Handler serves the pages. All fields are required.
type Handler struct {
	Kit      *web.Kit
	DB       *storage.DB
	SignIns  *signin.Service
	Sessions *session.Manager
	Notices  mail.Notices
	Limits   limit.Figures
}

// Mount adds the pages to a router. They are bound like the beginning of a
// sign-in: the links can't be guessed, so only haste is held back.
func (h *Handler) Mount(r *mux.Router) {
	handle := func(path, name string, f web.HandlerFunc, methods ...string) {
		bound := h.Limits.Authorize
		r.Handle(path, h.Kit.Throttle(bound.Allowed, bound.Per, h.Kit.Handle(f))).Methods(methods...).Name(name)
	}
	handle(storage.InvitationPath, "invitation", h.invitation, http.MethodGet, http.MethodHead, http.MethodPost)
	handle(storage.NotMePath, "not-me", h.notMe, http.MethodGet, http.MethodHead, http.MethodPost)
	handle(signin.ForgotPath, "welcome.forgot", h.forgot, http.MethodGet, http.MethodHead, http.MethodPost)
	handle(sentPath, "welcome.sent", h.sent, http.MethodGet, http.MethodHead)
	handle(signin.ResetPath, "welcome.reset", h.reset, http.MethodGet, http.MethodHead, http.MethodPost)
	handle(signin.UnlockPath, "welcome.unlock", h.unlock, http.MethodGet, http.MethodHead, http.MethodPost)
	if h.SignIns.SignsUp() {
		handle(signin.SignUpPath, "welcome.sign-up", h.signUp, http.MethodGet, http.MethodHead, http.MethodPost)
		handle(signUpSentPath, "welcome.sign-up-sent", h.signUpSent, http.MethodGet, http.MethodHead)
	}
	handle(Path, "welcome", h.welcome, http.MethodGet, http.MethodHead)
}

// welcome is for who has just signed in; everybody else does so first.
func (h *Handler) welcome(w http.ResponseWriter, r *http.Request) error {
	view, err := h.Sessions.Current(r, "")
	if err != nil {
		return err
	}
	if view != nil {
		person := view.Person
		need, err := authn.Require(person.Policy.Policy, person.Subject, authn.Ask{})
		if err != nil {
			return err
		}
		if need.Met(view.Session.Evidence, person.Subject) {
			return h.Kit.Page(w, r, http.StatusOK, templates.Welcome{Account: person.Account.Name, Admin: manage.Enters(person.User)},
				web.Languages(person.User.Language), web.DefaultLanguage(person.Account.Language))
		}
	}
	return h.signIn(w, r, signin.Request{})
}

// signIn goes to the first screen of a sign-in that ends at welcome.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request, req signin.Request) error {
	req.Home, req.Return = Path, Path
	path, err := h.begin(r, req)
	if err != nil {
		return err
	}
	return h.Kit.Redirect(w, r, path)
}

func (h *Handler) begin(r *http.Request, req signin.Request) (string, error) {
	path, err := h.SignIns.Begin(r.Context(), req)
	return web.WithLanguage(r, path), err
}

// over tells whether a link doesn't work, or no longer.
func over(err error) bool {
	return errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrSpent) || errors.Is(err, storage.ErrExpired)
}
