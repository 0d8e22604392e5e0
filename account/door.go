package account

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/signin"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

const (
	signOutPath = home + "/sign-out"
	switchPath  = home + "/switch"
	signedOut   = "/end_session/done"
)

// visit is one request of somebody who was let in, and what is known of it.
type visit struct {
	*Handler
	at      *page
	w       http.ResponseWriter
	r       *http.Request
	fields  url.Values // of the form, or of the query
	person  storage.Person
	session storage.Session
}

// serve answers a request for a page or from one of its forms.
func (h *Handler) serve(p *page, w http.ResponseWriter, r *http.Request) error {
	v := &visit{Handler: h, at: p, w: w, r: r}
	to, err := v.read(p)
	if err != nil {
		return err
	}
	if to.needs != anybody {
		if in, err := v.enter(p, to.needs); !in || err != nil {
			return err
		}
	}
	if v.fields.Get(templates.FieldRequest) != "" && r.Method != http.MethodPost {
		return v.returned()
	}
	err = to.handle(v)
	if errors.Is(err, storage.ErrConflict) && to.method == http.MethodPost {
		return v.done(p.back(), "") // not as it was: look again
	}
	return err
}

// back is the path to come back to.
func (p *page) back() string {
	if p.get == nil {
		return home
	}
	return p.path
}

// read reads the query, or a form, which has to be ours before anything else is
// looked at.
func (v *visit) read(p *page) (to *route, err error) {
	if v.r.Method != http.MethodPost {
		v.fields, err = web.Query(v.r)
		return p.get, err
	}
	if v.fields, err = v.Kit.Form(v.w, v.r); err != nil {
		if e, ok := errors.AsType[web.UserError](err); ok && p.get != nil {
			e.Start = p.path
			err = e
		}
		return nil, err
	}
	if to = p.forms[v.fields.Get(templates.FieldDo)]; to == nil {
		return nil, web.UserError{Kind: templates.ErrorRequest, Err: errors.New("form that the page doesn't have")}
	}
	return to, nil
}

// enter finds out who is asking, from what the database says now, and whether
// that is enough. If not, it has answered: with the sign-in, whose end is the
// page, or with why nothing can be changed.
func (v *visit) enter(p *page, needs need) (in bool, err error) {
	back := p.back()
	view, err := v.Sessions.Current(v.r, "")
	if err != nil {
		return false, err
	}
	carried := returning{Token: v.token()}
	if view == nil {
		return false, v.signIn(signin.Request{Return: back, Payload: carried.payload()})
	}
	v.person, v.session = view.Person, view.Session
	if needs == present {
		return true, nil
	}
	ask := v.ask(needs)
	need, err := authn.Require(v.person.Policy.Policy, v.person.Subject, ask)
	if err != nil {
		return false, err
	}
	if !need.Met(v.session.Evidence, v.person.Subject) {
		req := signin.Request{Return: back, Ask: ask, LoginHint: v.person.User.Email}
		if needs > signedIn && v.r.Method == http.MethodPost {
			carried.Notice = noticeConfirmed
		}
		carried.Add = back == newPasskeyPath && v.person.Passkeys == 0
		req.Payload = carried.payload()
		return false, v.signIn(req)
	}
	if v.Now().Sub(v.session.SeenAt) >= time.Minute {
		if err := v.DB.TouchSession(v.r.Context(), v.session.ID); err != nil {
			return false, err
		}
	}
	if until := v.person.User.CooldownUntil; needs >= settled && until != nil && until.After(v.Now()) {
		return false, v.show(http.StatusForbidden, templates.AccountRefused{Until: *until, Back: back})
	}
	return true, nil
}

// token is that of the link that a request is about; empty for none.
func (v *visit) token() string {
	if token := v.fields.Get(templates.FieldToken); seal.KindLink.Is(token) {
		return token
	}
	return ""
}

// ask is what the sign-in has to bring for a need. Who has given a recovery code
// may look at everything and connect a new device, and nothing else: or else
// leaving the new device for later would open what stays closed for a while after
// it was connected.
func (v *visit) ask(needs need) authn.Ask {
	if needs < confirmed {
		return authn.Ask{}
	}
	level := v.person.Subject.Highest()
	switch needs {
	case twoSteps:
		level = max(level, authn.LevelMFA)
	case replacing:
		level = authn.LevelMFA
	default:
	}
	return authn.Ask{
		Levels: []authn.Level{level}, Essential: true,
		Since: v.Now().Add(-authn.Sensitive), Lasting: true, Subject: v.person.User.ID,
	}
}

// signIn goes to the first screen of a sign-in that comes back here.
func (v *visit) signIn(req signin.Request) error {
	req.Home = home
	path, err := v.SignIns.Begin(v.r.Context(), req)
	if err != nil {
		return err
	}
	return v.Kit.Redirect(v.w, v.r, web.WithLanguage(v.r, path))
}

// switchUser lets another of the browser's users be chosen.
func (v *visit) switchUser() error { return v.signIn(signin.Request{Return: home, Choose: true}) }

// by is the actor of what the user does here.
func (v *visit) by() audit.Actor {
	by := web.Actor(v.r)
	by = v.person.User.Acting(by)
	return by
}

// own is the user as let in, for what is done here.
func (v *visit) own() storage.Own {
	return storage.Own{UserID: v.person.User.ID, SessionID: v.session.ID, Epoch: v.person.User.Epoch}
}

// setBrowser gives the browser the new id of an act that made the old one void:
// what is said next is for the new one.
func (v *visit) setBrowser(browser seal.Secret) {
	v.Sessions.Set(v.w, browser)
	v.r = v.Kit.WithCookie(v.r, web.CookieSession, browser.Reveal())
}

// event is a line of the audit log about what the user does here.
func (v *visit) event(kind audit.Kind) audit.Event {
	return audit.Event{
		Kind: kind, Actor: v.by(), AccountID: v.person.Account.ID, SubjectID: v.person.User.ID, SessionID: v.session.ID,
	}
}

// mail makes a message to the user about what is done here.
func (v *visit) mail(kind templates.MailKind) storage.Mail { return v.mailTo(v.person.User, kind) }

// mailTo is mail to the user as he is now. It speaks the language of the page.
func (v *visit) mailTo(u storage.User, kind templates.MailKind) storage.Mail {
	u.Language = v.language()
	return v.Notices.To(u, v.person.Account, web.Actor(v.r), kind)
}

// language is that of the page.
func (v *visit) language() string {
	return string(v.Kit.LanguageFor(v.r, []string{v.person.User.Language}, v.person.Account.Language))
}

// signOut ends all sessions of the browser.
func (v *visit) signOut() error {
	by := web.Actor(v.r)
	if view, err := v.Sessions.Current(v.r, ""); err != nil {
		return err
	} else if view != nil {
		by = view.Person.User.Acting(by)
	}
	if err := v.Sessions.End(v.r.Context(), v.w, v.Sessions.BrowserHash(v.r), "user", by); err != nil {
		return err
	}
	return v.Kit.Redirect(v.w, v.r, signedOut)
}
