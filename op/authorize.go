package op

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"stile/audit"
	"stile/seal"
	"stile/session"
	"stile/signin"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// Paths of the pages of this half. Those of the standards are announced by
// discovery.
const (
	pathAuthorize  = "/authorize"
	pathConsent    = "/authorize/consent"
	pathEndSession = "/end_session"
	pathSignOut    = "/end_session/confirm"
	pathSignedOut  = "/end_session/done"
)

// mountFront adds what browsers come to.
func (p *Provider) mountFront(r *mux.Router) {
	bound := p.Limits.Authorize
	p.longRequests = p.Kit.NewThrottle(p.Limits.LongRequests.Allowed, p.Limits.LongRequests.Per)
	r.Handle(pathAuthorize, p.Kit.Throttle(bound.Allowed, bound.Per, p.Kit.Handle(p.authorize))).Methods(http.MethodGet, http.MethodPost)
	r.Handle(pathConsent, p.Kit.Handle(p.showConsent)).Methods(http.MethodGet)
	r.Handle(pathConsent, p.Kit.Handle(p.takeConsent)).Methods(http.MethodPost)
	r.Handle(pathEndSession, p.Kit.Handle(p.endSession)).Methods(http.MethodGet, http.MethodPost)
	r.Handle(pathSignOut, p.Kit.Handle(p.showSignOut)).Methods(http.MethodGet)
	r.Handle(pathSignOut, p.Kit.Handle(p.takeSignOut)).Methods(http.MethodPost)
	r.Handle(pathSignedOut, p.Kit.Handle(p.showSignedOut)).Methods(http.MethodGet)
}

// pending is an authorization request that waits for its answer: what was
// asked, what has to be proven for it, and by whom it was sent.
type pending struct {
	signin.Request
	authorization
	client *client
}

// authorize is the authorization endpoint (RFC 6749, section 3.1; OpenID
// Connect Core, section 3.1.2). A request comes here from the client, and comes
// back sealed once the user has signed in; the same question is asked both times.
//
// Until client and redirect URI are sure, a fault is a page of ours and leaves
// nothing behind. From then on it goes to the client.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) error {
	if sealed := sealedIn(r); sealed != "" {
		q, err := p.resume(r.Context(), sealed)
		if err != nil {
			return p.tellIfSure(w, r, q, err)
		}
		return p.proceed(w, r, q)
	}
	params, err := readParameters(r, bounds)
	if err != nil {
		return err
	}
	c, to, err := p.clientOf(r.Context(), params)
	if err != nil {
		return err
	}
	q, err := p.begin(r.Context(), params, c, to)
	if err != nil {
		return p.tell(w, r, q, err)
	}
	if r.Method == http.MethodPost {
		// The browser kept its cookies back, since another site posted.
		return p.carry(w, r, q, pathAuthorize)
	}
	return p.proceed(w, r, q)
}

// begin validates a request whose client and redirect URI are sure.
func (p *Provider) begin(ctx context.Context, params parameters, c *client, to target) (pending, error) {
	start := p.Now()
	q := pending{authorization: authorization{Target: to}, client: c}
	a, err := parseRequest(params, c, to, p.prompts())
	q.Silent = a.Silent
	if err != nil {
		return q, err
	}
	ask, err := p.askOf(ctx, &a, c, start)
	if err != nil {
		return q, err
	}
	a.ID = uuid.NewString()
	q.authorization = a.authorization
	shown := c.page()
	q.Request = signin.Request{
		Ask:      ask,
		ClientID: c.ID, ClientName: shown.Name, ClientURI: c.Metadata.ClientURI, Home: shown.Home,
		Policy: c.Metadata.PolicyURI, Terms: c.Metadata.TOSURI,
		LoginHint: a.loginHint, Locales: a.locales, Choose: a.Select,
		Return:     pathAuthorize,
		FormAction: c.formTargets(to.URI),
		Started:    start,
	}
	return q, nil
}

// longPayload is how many bytes of an authorization can travel in a URL. Longer
// ones become a row, and strangers may write only so many.
const longPayload = 768

// carry seals a request and goes on with it: to the sign-in, or to a path of
// ours that takes it from its parameter. Each time it is a sign-in of its own,
// so that one that is over can't send the browser round in circles; the
// authorization stays the same, and gives at most one code.
func (p *Provider) carry(w http.ResponseWriter, r *http.Request, q pending, path string) error {
	payload, err := json.Marshal(q.authorization)
	if err != nil {
		return err
	}
	if len(payload) > longPayload {
		if err := p.longRequests.Hold(r); err != nil {
			return p.tell(w, r, q, err)
		}
	}
	q.Request.ID, q.Payload = uuid.NewString(), payload
	signIn, err := p.SignIns.Begin(r.Context(), q.Request)
	if err != nil {
		return p.tell(w, r, q, err)
	}
	if path != "" {
		u, err := url.Parse(signIn)
		if err != nil {
			return err
		}
		signIn = withRequest(path, u.Query().Get(templates.FieldRequest))
	}
	return p.Kit.Redirect(w, r, web.WithLanguage(r, signIn))
}

func withRequest(path, sealed string) string {
	return path + "?" + url.Values{templates.FieldRequest: {sealed}}.Encode()
}

// sealedIn returns the sealed request that a browser comes back with. Clients
// send client_id, and whatever else they like.
func sealedIn(r *http.Request) string {
	query := r.URL.Query()
	if r.Method != http.MethodGet || query.Has("client_id") {
		return ""
	}
	return query.Get(templates.FieldRequest)
}

// resume opens a sealed request. The client and its redirect URI are looked up
// again: they may have been withdrawn meanwhile.
func (p *Provider) resume(ctx context.Context, sealed string) (pending, error) {
	var q pending
	var err error
	if q.Request, err = p.SignIns.OpenRequest(ctx, sealed); err != nil {
		return q, overPage(q.Request, err)
	}
	if q.Return != pathAuthorize || json.Unmarshal(q.Payload, &q.authorization) != nil {
		return q, web.UserError{Kind: templates.ErrorOver, Err: errors.New("sealed request is not one for the authorization endpoint")}
	}
	return q, p.findClient(ctx, &q)
}

// findClient looks a request's client up and makes sure that the redirect URI is
// still its own.
func (p *Provider) findClient(ctx context.Context, q *pending) error {
	c, err := p.knownClient(ctx, q.ClientID)
	if err != nil {
		return err
	}
	if _, ok := matchRedirect(c.Metadata.RedirectURIs, string(q.Target.URI)); !ok {
		return web.UserError{Kind: templates.ErrorRedirectURI, Client: c.page(), Err: errors.New("redirect URI was withdrawn")}
	}
	q.client = c
	return nil
}

// renew finds the client again, and not in memory: it may be what changed.
func (p *Provider) renew(ctx context.Context, q *pending) error {
	p.clients.forget(q.ClientID)
	return p.findClient(ctx, q)
}

// first tells of a page that comes before anything is judged, since the browser's
// present user may not be the one: the sign-up, or (no path) the sign-in.
func (q pending) first() (path string, is bool) {
	if q.Create {
		path = signin.SignUpPath
	}
	return path, !q.Visited && (q.Create || q.Select)
}

// tries bounds how often a request is judged anew because something changed
// between reading and writing.
const tries = 3

// proceed answers a request, or goes on to what its user has to do first.
func (p *Provider) proceed(w http.ResponseWriter, r *http.Request, q pending) error {
	if path, first := q.first(); first {
		q.Visited = true
		return p.carry(w, r, q, path)
	}
	for range tries {
		view, err := p.Sessions.Current(r, q.client.ID)
		if err != nil {
			return p.tell(w, r, q, err)
		}
		v, err := judge(q, view)
		if err != nil {
			return p.tell(w, r, q, p.orSelect(r, q, err))
		}
		if v.next == nextSignIn {
			q.Visited = true
			return p.carry(w, r, q, "")
		}
		if v.next == nextConsent {
			return p.carry(w, r, q, pathConsent)
		}
		code, err := p.issueCode(r, q, *view, v)
		switch {
		case errors.Is(err, storage.ErrConflict):
			if err := p.renew(r.Context(), &q); err != nil {
				return p.tellIfSure(w, r, q, err)
			}
			continue
		case errors.Is(err, storage.ErrSpent) && q.Silent:
			return p.tell(w, r, q, errLoginRequired())
		case errors.Is(err, storage.ErrSpent):
			return p.showFinished(w, r, q.client, view.Person, q.Locales)
		case err != nil:
			return p.tell(w, r, q, err)
		}
		return p.answerCode(w, r, q.Target, code.Reveal())
	}
	return p.tell(w, r, q, web.UserError{Kind: templates.ErrorUnavailable, RetryAfter: time.Second, Err: storage.ErrConflict})
}

// forget makes the next look-up of a client ask the database.
func (cc *clientCache) forget(id string) {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	delete(cc.byID, id)
}

// tell gives an error to whom it belongs: a protocol error to the client, a
// fault of ours to the person in front of the browser, or, where no page may be
// shown, to the client in general words.
func (p *Provider) tell(w http.ResponseWriter, r *http.Request, q pending, err error) error {
	if e, ok := errors.AsType[*oidc.Error](err); ok {
		return p.answerError(w, r, q.Target, e)
	}
	if q.Silent {
		p.Logger.Error("request failed", "request_id", web.RequestID(r.Context()), "error", err)
		return p.answerError(w, r, q.Target, errUnavailable())
	}
	return err
}

// tellIfSure is tell for what failed while the client was looked up again. If
// that has shown that client or redirect URI are gone, or if the request could
// not be read, there is nobody to tell: the error stays a page.
func (p *Provider) tellIfSure(w http.ResponseWriter, r *http.Request, q pending, err error) error {
	if _, gone := errors.AsType[web.UserError](err); gone {
		return err
	}
	return p.tell(w, r, q, err)
}

// orSelect tells a client that may show no page, and is not for the browser's
// present user, if there is another one here whom it is for.
func (p *Provider) orSelect(r *http.Request, q pending, err error) error {
	if !q.Silent || !errors.Is(err, errOtherAccount()) {
		return err
	}
	here, readErr := p.DB.BrowserSessions(r.Context(), p.Sessions.BrowserHash(r))
	if readErr != nil {
		return readErr
	}
	for _, v := range here {
		if v.Person.Account.ID == q.client.AccountID && v.Person.Active() && session.Alive(v.Session, v.Person.Policy, p.Now()) {
			return errSelection()
		}
	}
	return err
}

// issueCode writes the grant and returns its code.
func (p *Provider) issueCode(r *http.Request, q pending, view storage.SessionView, v verdict) (seal.Secret, error) {
	now, code := p.Now(), seal.NewToken(seal.KindCode)
	person := view.Person
	counted := v.requirement.Counts(view.Session.Evidence, person.Subject)
	grant := storage.Grant{
		AccountID: person.Account.ID, ClientID: q.client.ID, UserID: person.User.ID, SessionID: view.Session.ID,
		RequestID: q.authorization.ID,
		Scope:     strings.Join(q.Scope, " "), Claims: q.Claims.String(), Nonce: q.Nonce,
		Evidence: counted, ACR: p.Levels.Answer(counted.Level(), q.ACR),
		Offline: q.Offline, TrustedID: person.Subject.Trusted.ID,
		Code: storage.Code{RedirectURI: string(q.Target.URI), Challenge: q.Challenge, ExpiresAt: now.Add(CodeLife)},
	}
	event := userEvent(r, audit.GrantIssued, q.client, view)
	event.Reason = string(v.requirement.WhyMet(counted, q.Visited))
	event = audit.SecondFactor(event, string(counted.Held()))
	_, err := p.DB.IssueCode(r.Context(), storage.Issue{
		Grant: grant, CodeHash: seal.HashToken(code.Reveal()),
		Epoch: person.User.Epoch, PolicyVersion: person.Policy.Version, ClientVersion: q.client.Version,
		Touch: !q.Silent, Event: event,
	})
	return code, err
}
