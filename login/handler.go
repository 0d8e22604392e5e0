// Package login shows the screens of a sign-in.
//
// screens.go is the table of contents: which step has which page, and what its
// forms do. handler.go serves them all in the same way: open the sign-in, see
// what is due, and then show that screen, take its answer, or go to the one
// that is due. The other files hold the screens, by groups.
//
// The package knows nothing of OAuth. Where a sign-in ends is a path of our own
// that the request names; what it leaves is a session in the browser.
package login

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gorilla/mux"

	"stile/authn"
	"stile/session"
	"stile/signin"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// Handler serves the screens. All fields are required.
type Handler struct {
	Kit       *web.Kit
	SignIns   *signin.Service
	Sessions  *session.Manager
	Templates *templates.Set // its static files are served beside the screens
}

// Mount adds the screens, and what their pages load, to a router.
func (h *Handler) Mount(r *mux.Router) {
	for _, s := range screens {
		name := string(s.step)
		r.Handle(signin.Screens+name, h.Kit.HandleFlow(func(w http.ResponseWriter, r *http.Request) error {
			return h.serve(s, w, r)
		})).Methods(http.MethodGet, http.MethodHead, http.MethodPost).Name("login." + name)
	}
	r.PathPrefix(templates.StaticPath).Handler(h.Kit.Handle(h.serveStatic)).Methods(http.MethodGet, http.MethodHead).Name("static")
	r.Handle(sheetPath, h.Kit.HandleFlow(h.serveSheet)).Methods(http.MethodGet, http.MethodHead).Name("login.recovery-codes")
}

// visit is one request for a screen, and what is found out about it.
type visit struct {
	*Handler
	w       http.ResponseWriter
	r       *http.Request
	screen  screen
	fields  url.Values // the form, or the query
	pending *signin.Pending
	problem *signin.Problem // with what was just sent
	stage   templates.SignInStage
	remind  bool // that recovery codes are to be kept
}

func (h *Handler) serve(s screen, w http.ResponseWriter, r *http.Request) error {
	v := &visit{Handler: h, w: w, r: r, screen: s}
	if err := v.begin(); err != nil {
		return err
	}
	switch due := v.pending.Decision.Step; {
	case due == authn.StepFinished:
		return v.finish()
	case r.Method == http.MethodPost:
		return v.take()
	case v.open(s.step):
		return v.show(http.StatusOK)
	case v.done(s.step):
		return v.goTo(due, noticeAlreadyDone) // by the Back button
	default:
		return v.goTo(due)
	}
}

// begin reads the request and opens the sign-in. A form is looked at only
// after that: of one that is over, people hear that it is over.
func (v *visit) begin() (err error) {
	if v.r.Method == http.MethodPost {
		v.fields, err = web.ReadForm(v.r)
	} else {
		v.fields, err = web.Query(v.r)
	}
	if err != nil {
		return err
	}
	b := signin.Browser{
		Binding: v.Kit.SentBinding(v.r), Session: v.Sessions.BrowserHash(v.r), Actor: web.Actor(v.r),
	}
	v.Kit.Signed(v.r, web.CookieKnown, &b.Known)
	v.Kit.Signed(v.r, web.CookieTrusted, &b.Trusted)
	v.pending, err = v.SignIns.Open(v.r.Context(), v.fields.Get(templates.FieldRequest), b)
	if err != nil {
		return v.closed(err)
	}
	var fallback string
	if p := v.pending.Person; p != nil {
		fallback = p.Account.Language
	}
	v.pending.Browser.Language = string(v.Kit.LanguageFor(v.r, v.pending.Request.Locales, fallback))
	if v.r.Method != http.MethodPost {
		return nil
	}
	if e, foreign := errors.AsType[web.UserError](v.Kit.CheckForm(v.r, v.fields)); foreign {
		e.Client, e.Start = v.client(), v.path(v.screen.step)
		return e
	}
	return nil
}

// closed says why a sign-in can't be gone on with.
func (v *visit) closed(err error) error {
	e := web.UserError{Client: v.client(), Start: v.pending.Request.Home, Err: err}
	switch {
	case errors.Is(err, signin.ErrOver):
		e.Kind = templates.ErrorOver
	case errors.Is(err, signin.ErrSwitchedOff):
		e.Kind = templates.ErrorSwitchedOff
	case errors.Is(err, authn.ErrUnmet):
		e.Kind = templates.ErrorUnmet
	default:
		return err
	}
	if p := v.pending.Person; p != nil {
		e.Account = p.Account.Name
	}
	return e
}

// take does what a form asks for. A form of a screen that is no longer open
// does nothing: whoever pressed twice goes on.
func (v *visit) take() error {
	do := v.fields.Get(templates.FieldDo)
	if do == templates.DoMoreTime {
		if err := v.SignIns.MoreTime(v.r.Context(), v.pending); err != nil && !errors.Is(err, storage.ErrConflict) {
			return err
		}
		return v.goTo(v.screen.step)
	}
	submit, known := v.screen.forms[do]
	switch {
	case !known:
		return web.UserError{Kind: templates.ErrorRequest, Err: errors.New("form that the screen doesn't have")}
	case !v.open(v.screen.step):
		return v.goTo(v.pending.Decision.Step)
	}
	return submit(v)
}

// then goes on after an answer was taken, or shows what was wrong with it.
func (v *visit) then(err error, notice ...string) error {
	v.bind()
	if problem, ok := errors.AsType[*signin.Problem](err); ok {
		v.problem = problem
		return v.show(problem.Status)
	}
	switch {
	case errors.Is(err, storage.ErrConflict):
		return v.goTo(v.screen.step) // another window went on: look again
	case errors.Is(err, signin.ErrSwitchedOff), errors.Is(err, authn.ErrUnmet):
		return v.closed(err)
	case err != nil:
		return err
	}
	if due := v.pending.Decision.Step; due != authn.StepFinished {
		return v.goTo(due, notice...)
	}
	return v.finish()
}

// bind gives the browser the key to a row that was begun, whatever came of the
// answer.
func (v *visit) bind() {
	if v.pending.Browser.Binding != v.Kit.SentBinding(v.r) {
		v.Kit.SetBinding(v.w, v.r, v.pending.Browser.Binding)
	}
}

// finish ends the sign-in and goes on to where it was wanted. Where the
// browser's session is enough as it is, there is nothing to end: another window
// was faster.
func (v *visit) finish() error { return v.finishAt(v.pending.Request.Returns(v.pending.Sealed)) }

// finishAt is finish, which goes on to a path of ours.
func (v *visit) finishAt(path string) error {
	if v.pending.SignIn != nil {
		done, err := v.SignIns.Complete(v.r.Context(), v.pending)
		if errors.Is(err, storage.ErrConflict) {
			return v.goTo(v.screen.step)
		}
		if err != nil {
			return err
		}
		v.Sessions.Set(v.w, done.Browser)
		if err := v.Kit.SetSigned(v.w, web.CookieKnown, done.Known, web.KnownAge); err != nil {
			return err
		}
		if done.Trusted != nil {
			if err := v.Kit.SetSigned(v.w, web.CookieTrusted, *done.Trusted, v.SignIns.TrustedAge(*done.Trusted)); err != nil {
				return err
			}
		}
	}
	return v.Kit.Redirect(v.w, v.r, path)
}

// goTo goes to the screen of a step, with a notice for it.
func (v *visit) goTo(step authn.Step, notice ...string) error {
	path := v.path(step)
	for _, n := range notice {
		noted, err := v.Kit.WithNote(v.r, path, n)
		if err != nil {
			return err
		}
		path = noted
	}
	return v.Kit.Redirect(v.w, v.r, path)
}

func (v *visit) path(step authn.Step) string {
	return web.WithLanguage(v.r, signin.Path(string(step), v.pending.Sealed))
}

// otherUser starts the same request again for somebody else.
func otherUser(v *visit) error {
	path, err := v.SignIns.Again(v.r.Context(), v.pending)
	if err != nil {
		return err
	}
	return v.Kit.Redirect(v.w, v.r, web.WithLanguage(v.r, path))
}
