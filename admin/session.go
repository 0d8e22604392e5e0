package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"stile/audit"
	"stile/manage"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

const (
	signInPath  = home + "/sign-in"
	signOutPath = home + "/sign-out"
	signedOut   = "/end_session/done"
)

// Visit is one request of somebody who was let in, and what is known of it.
// Handlers of routes read it, act through Manage with Who, and answer with
// [Visit.Show] or [Visit.Done]. What acts fail with they return as it is.
type Visit struct {
	*Center
	W       http.ResponseWriter
	R       *http.Request
	Query   url.Values // of a page: what is looked for
	Fields  url.Values // of the form, or of one that waits to be sent again
	File    web.File   // that the form brought
	Who     manage.Who
	Person  storage.Person
	Session storage.Session
	// RetryAfter is when to send a form again that could not be taken.
	RetryAfter time.Duration

	note note // of the page
}

// Path returns an id of the path: Path("user") of /admin/users/{user}.
func (v *Visit) Path(name string) string { return mux.Vars(v.R)[name] }

// serve answers a request for a page or from one of its forms.
func (c *Center) serve(p *page, w http.ResponseWriter, r *http.Request) error {
	if err := c.throttle.Hold(r); err != nil {
		return err
	}
	v := &Visit{Center: c, W: w, R: r}
	if v.uploads(p) { // nobody else's file is read at all
		if v.Sessions.BrowserHash(r) == "" {
			return web.UserError{Kind: templates.ErrorCookies, Start: r.URL.Path, Err: web.ErrNoCookies}
		}
		if in, err := v.enter(p.forms[""]); !in || err != nil {
			return err
		}
	}
	route, err := v.read(p)
	defer v.File.Close()
	if e, ok := errors.AsType[web.UserError](err); ok && v.uploads(p) && e.Kind == templates.ErrorTooLarge {
		return v.fileTooLarge()
	}
	if err != nil {
		return err
	}
	if route.Permission != Anyone && !v.uploads(p) {
		if in, err := v.enter(route); !in || err != nil {
			return err
		}
	}
	v.told()
	return v.answer(route.Handle(v))
}

// uploads tells whether a form comes that may bring a file.
func (v *Visit) uploads(p *page) bool { return v.R.Method == http.MethodPost && uploads[p.path] }

// read reads the query, or a form, which has to be ours before anything else is
// looked at.
func (v *Visit) read(p *page) (route *Route, err error) {
	if v.R.Method != http.MethodPost {
		v.Query, err = web.Query(v.R)
		return p.get, err
	}
	if v.uploads(p) {
		v.Fields, v.File, err = v.Kit.Upload(v.R, templates.FieldFile)
	} else {
		v.Fields, err = v.Kit.LongForm(v.R, fieldsOf(p.path))
	}
	if err != nil {
		if e, ok := errors.AsType[web.UserError](err); ok && p.get != nil {
			e.Start = v.R.URL.Path
			err = e
		}
		return nil, err
	}
	route = p.forms[v.Fields.Get(templates.FieldDo)]
	if route == nil {
		return nil, web.UserError{Kind: templates.ErrorRequest, Err: errors.New("form that the page doesn't have")}
	}
	return route, nil
}

// enter finds out who is asking, from what the database says now, and whether
// that is enough for the route. If not, it has answered: with the sign-in, whose
// end is this very page, or with a page that says why not.
func (v *Visit) enter(route *Route) (in bool, err error) {
	view, err := v.Sessions.Current(v.R, ClientID)
	if err != nil {
		return false, err
	}
	if view == nil {
		return false, v.signIn(v.W, v.R, v.back())
	}
	v.Person, v.Session = view.Person, view.Session
	v.Who, err = manage.User(v.Person, v.Session.Evidence, nil, web.Actor(v.R))
	switch _, weak := errors.AsType[manage.ProofsError](err); {
	case errors.Is(err, manage.ErrForbidden):
		if err := v.recordRefusal("no_role"); err != nil {
			return false, err
		}
		return false, v.refuse(http.StatusForbidden, templates.AdminNoRole)
	case weak, err == nil && !v.spokenOf():
		return false, v.signIn(v.W, v.R, v.back())
	case err != nil:
		return false, err
	}
	if v.Now().Sub(v.Session.SeenAt) >= time.Minute && !v.following() {
		if err := v.Manage.DB.TouchSession(v.R.Context(), v.Session.ID); err != nil {
			return false, err
		}
	}
	if v.R.Method == http.MethodPost {
		err = v.Who.May(route.Permission, v.Now())
	} else if !v.Who.Has(route.Permission) {
		err = manage.ErrForbidden
	}
	return err == nil, v.answer(err)
}

// spokenOf tells whether the browser's present session is the one of which the
// provider has told us.
func (v *Visit) spokenOf() bool {
	told, ok := v.about(v.R)
	return ok && told.Subject == v.Person.User.ID && told.SID == v.SID(v.Session.ID, ClientID)
}

// back is where a sign-in comes out: this page, and where a form was sent, the
// page with the form filled in. Nothing is changed until it is sent again.
func (v *Visit) back() wayBack {
	if v.R.Method != http.MethodPost {
		return wayBack{Path: web.WithoutNote(v.R)}
	}
	if p := v.pages[v.pattern()]; p == nil || p.get == nil {
		return wayBack{Path: home}
	}
	b := wayBack{Path: web.WithLanguage(v.R, v.R.URL.EscapedPath()), Form: keptFields(v.Fields), Notice: templates.AdminConfirmed, Subject: v.Person.User.ID}
	if about, ok := v.about(v.R); b.Subject == "" && ok {
		b.Subject = about.Subject // whose session is over
	}
	return b
}

func (v *Visit) pattern() string {
	if m := mux.CurrentRoute(v.R); m != nil {
		if path, err := m.GetPathTemplate(); err == nil {
			return path
		}
	}
	return ""
}

// answer turns what an act failed with into a page, or a way to what it needs.
func (v *Visit) answer(err error) error {
	if e, ok := errors.AsType[manage.ProofsError](err); ok {
		if e.Recovery {
			return v.refuse(http.StatusForbidden, templates.AdminRecovery)
		}
		return v.signIn(v.W, v.R, v.back(), "max_age", strconv.Itoa(int(max(e.MaxAge, time.Second)/time.Second)))
	}
	if _, ok := errors.AsType[manage.CooldownError](err); ok {
		return v.refuse(http.StatusForbidden, templates.AdminCooldown)
	}
	switch {
	case errors.Is(err, manage.ErrForbidden):
		if err := v.recordRefusal("forbidden"); err != nil {
			return err
		}
		return v.refuse(http.StatusForbidden, templates.AdminNotAllowed)
	case errors.Is(err, storage.ErrNotFound):
		if err := v.recordRefusal("not_found"); err != nil {
			return err
		}
		return v.refuse(http.StatusNotFound, templates.AdminMissing)
	}
	return err
}

// recordRefusal writes down that somebody who is known was refused.
func (v *Visit) recordRefusal(reason string) error {
	by := web.Actor(v.R)
	by = v.Person.User.Acting(by)
	return v.Manage.DB.RecordRefusal(v.R.Context(), audit.Event{
		Kind: audit.AdminRefused, Outcome: audit.Refused, Actor: by, AccountID: v.Person.Account.ID, Reason: reason,
	}, v.R.Method+" "+v.pattern())
}

// refuse says why there is no page.
func (v *Visit) refuse(status int, why templates.AdminRefusal) error {
	page := templates.AdminRefused{Why: why, Account: v.Person.Account.Name, Back: v.R.URL.Path}
	if until := v.Person.User.CooldownUntil; until != nil {
		page.Until = *until
	}
	return v.Show(status, page)
}

// signInAnew lets somebody else sign in.
func (v *Visit) signInAnew() error {
	return v.signIn(v.W, v.R, wayBack{Path: home}, "prompt", "select_account")
}

// signOut ends all sessions of the browser.
func (v *Visit) signOut() error {
	by := web.Actor(v.R)
	if view, err := v.Sessions.Current(v.R, ClientID); err != nil {
		return err
	} else if view != nil {
		by = view.Person.User.Acting(by)
	}
	if err := v.Sessions.End(v.R.Context(), v.W, v.Sessions.BrowserHash(v.R), "user", by); err != nil {
		return err
	}
	v.Kit.ClearCookie(v.W, web.CookieAdmin)
	return v.Kit.Redirect(v.W, v.R, signedOut)
}
