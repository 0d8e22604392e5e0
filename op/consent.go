package op

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"stile/audit"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// The consent page stands between a request and its code. It is reached with
// the sealed request only, and what is decided on it goes back to the
// authorization endpoint, which judges everything anew.

// consenting returns the request of a consent page, and the session of the user
// whom it asks. done is true if there is nothing to ask (any more): the request
// has then been sent on its way.
func (p *Provider) consenting(w http.ResponseWriter, r *http.Request, sealed string) (q pending, view storage.SessionView, v verdict, done bool, err error) {
	if q, err = p.resume(r.Context(), sealed); err != nil {
		return q, view, v, true, err
	}
	current, err := p.Sessions.Current(r, q.client.ID)
	if err != nil {
		return q, view, v, true, err
	}
	if v, err = judge(q, current); err != nil || v.next != nextConsent {
		return q, view, v, true, p.Kit.Redirect(w, r, withRequest(pathAuthorize, sealed))
	}
	return q, *current, v, false, nil
}

// showConsent asks the user of the session whether the client may have what it
// asks for.
func (p *Provider) showConsent(w http.ResponseWriter, r *http.Request) error {
	sealed := r.URL.Query().Get(templates.FieldRequest)
	q, view, v, done, err := p.consenting(w, r, sealed)
	if done {
		return err
	}
	page := templates.Consent{
		Address: view.Person.User.Email, Scopes: v.scopes, SwitchUser: true, Version: q.client.Version,
		Known: slices.DeleteFunc(strings.Fields(view.Consent), func(s string) bool { return slices.Contains(v.scopes, s) }),
	}
	options := append(framed(q.client, view.Person, q.Locales), carrying(sealed), web.FormAction(q.FormAction...))
	return p.Kit.Page(w, r, http.StatusOK, page, options...)
}

// takeConsent takes the answer.
func (p *Provider) takeConsent(w http.ResponseWriter, r *http.Request) error {
	form, err := p.Kit.Form(w, r)
	if err != nil {
		return err
	}
	q, view, v, done, err := p.consenting(w, r, form.Get(templates.FieldRequest))
	if done {
		return err
	}
	switch form.Get(templates.FieldDo) {
	case templates.DoAllow:
		if form.Get(templates.FieldVersion) != strconv.FormatInt(q.client.Version, 10) {
			return p.carry(w, r, q, pathAuthorize) // the page spoke of another registration
		}
		return p.allow(w, r, q, view, v)
	case templates.DoDeny:
		event := userEvent(r, audit.ConsentRefused, q.client, view)
		event.Outcome = audit.Refused
		if err := p.DB.Record(r.Context(), event); err != nil {
			return err
		}
		return p.answerError(w, r, q.Target, errRefused())
	case templates.DoOtherUser:
		q.SomeoneElse, q.Visited, q.LoginHint = true, true, ""
		q.Ask.Since = latest(q.Ask.Since, p.Now())
		return p.carry(w, r, q, "")
	}
	return web.UserError{Kind: templates.ErrorRequest, Err: errors.New("consent form without an answer")}
}

// allow remembers what the user has allowed and goes on. The sealed request says
// so too, for a client that wants to be allowed each time.
func (p *Provider) allow(w http.ResponseWriter, r *http.Request, q pending, view storage.SessionView, v verdict) error {
	scope := strings.Fields(view.Consent)
	for _, s := range v.scopes {
		if !slices.Contains(scope, s) {
			scope = append(scope, s)
		}
	}
	event := userEvent(r, audit.ConsentGiven, q.client, view)
	event.Detail = map[string]string{"scope": strings.Join(v.scopes, " ")}
	var mails []storage.Mail
	if !within(strings.Join(v.scopes, " "), view.Consent) {
		mails = append(mails, p.appAllowed(r, q, view.Person))
	}
	err := p.DB.GiveConsent(r.Context(), view.Person.User.ID, q.client.Client, strings.Join(scope, " "), mails, event)
	if errors.Is(err, storage.ErrConflict) { // the registration has changed: the user is told of it as it is now
		p.clients.forget(q.client.ID)
		return p.carry(w, r, q, pathAuthorize)
	}
	if err != nil {
		return err
	}
	q.Allowed = view.Person.User.ID
	return p.carry(w, r, q, pathAuthorize)
}

// appAllowed tells the user of an app that was not allowed as much before, in the
// language of the page that asked.
func (p *Provider) appAllowed(r *http.Request, q pending, person storage.Person) storage.Mail {
	to := person.User
	to.Language = string(p.Kit.LanguageFor(r, append([]string{to.Language}, q.Locales...), person.Account.Language))
	return p.Notices.To(to, person.Account, web.Actor(r), templates.MailAppAllowed, templates.DataClient, q.client.page().Name)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
