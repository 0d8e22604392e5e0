package op

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"stile/address"
	"stile/seal"
	"stile/session"
	"stile/storage"
	"stile/templates"
	"stile/token"
	"stile/web"
)

// Signing out on a client's wish (OpenID Connect RP-Initiated Logout). A client
// that shows the ID token of this very session is believed; for everybody else
// a page asks, so that no image on a foreign page signs anybody out.

// bindLeaving is what a sealed wish to sign out is bound to.
const bindLeaving = "end_session"

// leavingLife is how long the pages of a sign-out work.
const leavingLife = time.Hour

// leaving is a validated wish to sign out. Sealed it travels with the browser;
// like every sealed request it has no authority.
type leaving struct {
	ClientID string    `json:"client,omitempty"`
	SID      string    `json:"sid,omitempty"`  // of a good hint
	Hint     string    `json:"hint,omitempty"` // logout_hint: an address, or the sid or sub of tokens
	To       string    `json:"to,omitempty"`   // registered, with state; empty: our own page
	Locales  []string  `json:"locales,omitempty"`
	Started  time.Time `json:"started"`
}

// leavingBounds are the parameters of the endpoint with how long each may be.
var leavingBounds = map[string]int{
	"id_token_hint": maxHint, "client_id": 256, "post_logout_redirect_uri": 4 << 10, "state": 2 << 10,
	"logout_hint": maxLoginHint, "ui_locales": maxLocales,
}

// endSession is the end_session_endpoint.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) error {
	if sealed := r.URL.Query().Get(templates.FieldRequest); sealed != "" && r.Method == http.MethodGet {
		q, err := p.openLeaving(sealed)
		if err != nil {
			return err
		}
		return p.leave(w, r, q)
	}
	params, err := readParameters(r, leavingBounds)
	if err != nil {
		return err
	}
	q, err := p.readLeaving(r.Context(), params)
	if err != nil {
		return err
	}
	if r.Method == http.MethodPost {
		// The browser kept its cookies back, since another site posted.
		return p.goOn(w, r, pathEndSession, q)
	}
	return p.leave(w, r, q)
}

// readLeaving checks what a client sends. A hint that is not good counts as
// none, and costs the way back to the client: somebody else may have sent it.
func (p *Provider) readLeaving(ctx context.Context, params parameters) (leaving, error) {
	q := leaving{Started: p.Now(), Locales: strings.Fields(params.get("ui_locales")), Hint: params.get("logout_hint")}
	if len(params.repeated) > 0 {
		return q, pageOf(templates.ErrorRequest, errRepeated(), params.repeated[0])
	}
	if name := params.tooLong(leavingBounds); name != "" {
		return q, pageOf(templates.ErrorRequest, errTooLarge(), name)
	}
	id := params.get("client_id")
	if text := params.get("id_token_hint"); text != "" {
		hint, err := p.Tokens.VerifyIDTokenHint(ctx, text, id)
		if errors.Is(err, token.ErrInvalid) {
			return q, nil
		} else if err != nil {
			return q, err
		}
		id, q.SID = hint.ClientID, hint.SID
	}
	if id == "" || len(id) > leavingBounds["client_id"] {
		return q, nil
	}
	c, err := p.client(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return leaving{Started: q.Started, Locales: q.Locales, Hint: q.Hint}, nil
	} else if err != nil {
		return q, err
	}
	q.ClientID = c.ID
	if to := params.get("post_logout_redirect_uri"); to != "" && slices.Contains(c.Metadata.PostLogoutRedirectURIs, to) {
		q.To = to
		if state := params.get("state"); state != "" {
			q.To = withQuery(to, field{Name: "state", Value: state})
		}
	}
	return q, nil
}

// leave signs out at once where that is safe, and asks where it is not.
func (p *Provider) leave(w http.ResponseWriter, r *http.Request, q leaving) error {
	view, err := p.Sessions.Current(r, q.ClientID)
	if err != nil {
		return err
	}
	var here []storage.SessionView
	if view != nil {
		here = append(here, *view)
	} else if here, err = p.lapsed(r); err != nil {
		return err
	}
	switch {
	case len(here) == 0: // nothing to end
	case !slices.ContainsFunc(here, func(v storage.SessionView) bool { return p.hinted(q, v) }):
		return p.goOn(w, r, pathSignOut, q)
	default:
		if err := p.signOut(w, r, view, "client"); err != nil {
			return err
		}
	}
	if q.To != "" && q.SID != "" {
		return p.Kit.Leave(w, r, q.To)
	}
	return p.goOn(w, r, pathSignedOut, q)
}

// lapsed returns what is left of the sessions of a browser in which nobody is
// signed in at the moment: they are over an idle limit, or their user is
// switched off. Grants hang on them, and another user's may be alive, so
// signing out has something to end.
func (p *Provider) lapsed(r *http.Request) ([]storage.SessionView, error) {
	browser := p.Sessions.BrowserHash(r)
	if browser == "" {
		return nil, nil
	}
	return p.DB.BrowserSessions(r.Context(), browser)
}

// hinted tells whether the hint is the ID token of this session.
func (p *Provider) hinted(q leaving, view storage.SessionView) bool {
	return q.SID == p.Tokens.SID(view.Session.ID, q.ClientID)
}

// signOut ends everything in this browser. Whoever leaves a shared computer
// doesn't want to leave a second user signed in.
func (p *Provider) signOut(w http.ResponseWriter, r *http.Request, view *storage.SessionView, reason string) error {
	by := web.Actor(r)
	if view != nil {
		by = view.Person.User.Acting(by)
	}
	return p.Sessions.End(r.Context(), w, p.Sessions.BrowserHash(r), reason, by)
}

// here returns the live sessions of the browser, one for each user: first the
// one that the client named, else the present one. A name that fits nobody here
// changes nothing, so it tells nobody whether it is anybody's. There is none
// behind a present session that has lapsed: whoever sits there now may be
// somebody else.
func (p *Provider) here(r *http.Request, q leaving) ([]storage.SessionView, error) {
	view, err := p.Sessions.Current(r, q.ClientID)
	if err != nil || view == nil {
		return nil, err
	}
	all, err := p.DB.BrowserSessions(r.Context(), p.Sessions.BrowserHash(r))
	if err != nil {
		return nil, err
	}
	live := slices.DeleteFunc(all, func(v storage.SessionView) bool {
		return !v.Person.Active() || !session.Alive(v.Session, v.Person.Policy, p.Now())
	})
	if i := slices.IndexFunc(live, func(v storage.SessionView) bool { return p.named(q, v) }); i > 0 {
		live[0], live[i] = live[i], live[0]
	}
	return live, nil
}

// named tells whether the client named the user of this session.
func (p *Provider) named(q leaving, v storage.SessionView) bool {
	if p.hinted(q, v) {
		return true
	}
	user := v.Person.User
	canonical, err := address.Canonical(q.Hint)
	return err == nil && canonical == user.Email || q.Hint != "" && (q.Hint == user.ID || q.Hint == p.Tokens.SID(v.Session.ID, q.ClientID))
}

// showSignOut asks whether the user wants to sign out.
func (p *Provider) showSignOut(w http.ResponseWriter, r *http.Request) error {
	sealed := r.URL.Query().Get(templates.FieldRequest)
	q, err := p.openLeaving(sealed)
	if err != nil {
		return err
	}
	here, err := p.here(r, q)
	if err != nil {
		return err
	}
	page, person := templates.SignOut{}, storage.Person{}
	for _, v := range here {
		page.Addresses = append(page.Addresses, v.Person.User.Email)
		apps, err := p.DB.Apps(r.Context(), v.Session.ID)
		if err != nil {
			return err
		}
		page.Apps = append(page.Apps, apps...)
	}
	slices.Sort(page.Apps)
	page.Apps = slices.Compact(page.Apps)
	if len(here) > 0 {
		person = here[0].Person
	} else if left, err := p.lapsed(r); err != nil {
		return err
	} else if len(left) == 0 {
		return p.goOn(w, r, pathSignedOut, q)
	}
	c, err := p.leavingClient(r.Context(), q)
	if err != nil {
		return err
	}
	return p.Kit.Page(w, r, http.StatusOK, page, append(framed(c, person, q.Locales), carrying(sealed))...)
}

// takeSignOut takes the answer.
func (p *Provider) takeSignOut(w http.ResponseWriter, r *http.Request) error {
	form, err := p.Kit.Form(w, r)
	if err != nil {
		return err
	}
	q, err := p.openLeaving(form.Get(templates.FieldRequest))
	if err != nil {
		return err
	}
	view, err := p.Sessions.Current(r, q.ClientID)
	if err != nil {
		return err
	}
	if form.Get(templates.FieldDo) == templates.DoStay {
		c, err := p.leavingClient(r.Context(), q)
		if err != nil {
			return err
		}
		person := storage.Person{}
		if view != nil {
			person = view.Person
		}
		return p.showFinished(w, r, c, person, q.Locales)
	}
	if form.Get(templates.FieldDo) == templates.DoEverywhere {
		if done, err := p.signOutEverywhere(r, q); err != nil {
			return err
		} else if !done {
			return p.goOn(w, r, pathSignOut, q) // which no longer offers it
		}
	}
	if err := p.signOut(w, r, view, "user"); err != nil {
		return err
	}
	return p.goOn(w, r, pathSignedOut, q)
}

// signOutEverywhere ends all sessions and grants of the user whom the page
// names first. It tells whether there was one.
func (p *Provider) signOutEverywhere(r *http.Request, q leaving) (done bool, err error) {
	here, err := p.here(r, q)
	if err != nil || len(here) == 0 {
		return false, err
	}
	by := web.Actor(r)
	by = here[0].Person.User.Acting(by)
	return true, p.DB.SignOutUser(r.Context(), here[0].Person.User.ID, by)
}

// showSignedOut says that it is done, also when it is loaded again.
func (p *Provider) showSignedOut(w http.ResponseWriter, r *http.Request) error {
	q, err := p.openLeaving(r.URL.Query().Get(templates.FieldRequest))
	if err != nil {
		q = leaving{} // there is nothing to start again
	}
	c, err := p.leavingClient(r.Context(), q)
	if err != nil {
		return err
	}
	page := templates.SignedOut{}
	if c != nil {
		page.Continue = registeredLink(q.To)
	}
	return p.Kit.Page(w, r, http.StatusOK, page, framed(c, storage.Person{}, q.Locales)...)
}

// leavingClient returns the client that asked, or nil.
func (p *Provider) leavingClient(ctx context.Context, q leaving) (*client, error) {
	if q.ClientID == "" {
		return nil, nil
	}
	c, err := p.client(ctx, q.ClientID)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	return c, err
}

// goOn seals a wish and goes on to a path of ours with it.
func (p *Provider) goOn(w http.ResponseWriter, r *http.Request, path string, q leaving) error {
	sealed, err := seal.SealJSON(p.Ring, seal.PurposeRequest, bindLeaving, q)
	if err != nil {
		return err
	}
	return p.Kit.Redirect(w, r, web.WithLanguage(r, withRequest(path, sealed)))
}

func (p *Provider) openLeaving(sealed string) (leaving, error) {
	q, err := seal.OpenJSON[leaving](p.Ring, seal.PurposeRequest, bindLeaving, sealed)
	if err != nil || !p.Now().Before(q.Started.Add(leavingLife)) {
		return q, web.UserError{Kind: templates.ErrorOver, Err: err}
	}
	return q, nil
}
