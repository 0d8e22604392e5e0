package op

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"stile/audit"
	"stile/signin"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// page is the client as its users see it.
func (c *client) page() templates.Client {
	m := c.Metadata
	shown := templates.Client{Name: m.Name, Home: m.InitiateLoginURI, Privacy: m.PolicyURI, Terms: m.TOSURI}
	if shown.Name == "" {
		shown.Name = c.ID
	}
	if shown.Home == "" {
		shown.Home = m.ClientURI
	}
	if u, err := url.Parse(m.ClientURI); err == nil {
		shown.Host = u.Host
	}
	return shown
}

// formTargets are where the forms of a sign-in may lead when it ends at a
// redirect URI. A page that the client answers with may open the client's app:
// its private schemes are registered too.
func (c *client) formTargets(uri redirectURI) []string {
	m := c.Metadata
	targets := web.FormTargets(string(uri), m.StrictFormAction)
	if m.StrictFormAction {
		return targets
	}
	for _, other := range m.RedirectURIs {
		if webLink(other) != "" {
			continue
		}
		for _, scheme := range web.FormTargets(other, true) {
			if !slices.Contains(targets, scheme) {
				targets = append(targets, scheme)
			}
		}
	}
	return targets
}

// framed is what the pages of this half have around them: the language and time
// zone of their user, and the client for whom they speak.
func framed(c *client, person storage.Person, locales []string) []web.PageOption {
	options := []web.PageOption{
		web.Languages(append([]string{person.User.Language}, locales...)...),
		web.DefaultLanguage(person.Account.Language),
		web.Zone(person.User.TimeZone, person.Account.TimeZone),
	}
	if c != nil {
		options = append(options, web.Client(c.page()))
	}
	return options
}

// carrying puts the sealed request into the forms of a page.
func carrying(sealed string) web.PageOption {
	return web.Framed(func(f *templates.Frame) { f.Request = sealed })
}

// showFinished is what a reload of a request finds that was answered already,
// and whoever stays signed in.
func (p *Provider) showFinished(w http.ResponseWriter, r *http.Request, c *client, person storage.Person, locales []string) error {
	page := templates.Finished{}
	if c != nil {
		page.Open = webLink(c.page().Home)
		page.Close = page.Open == "" && c.Metadata.ApplicationType == "native"
	}
	return p.Kit.Page(w, r, http.StatusOK, page, framed(c, person, locales)...)
}

// webLink types a registered URL for a page, if it is one for browsers.
func webLink(to string) template.URL {
	if onWeb(to) {
		return template.URL(to) //nolint:gosec // registered, and no script
	}
	return ""
}

// registeredLink types a URL that was registered, private schemes included.
func registeredLink(to string) template.URL {
	return template.URL(to) //nolint:gosec // matched with a registered value; the rules of registration keep scripts out
}

// pageOf is the error page of a request that has nobody to send the error to.
func pageOf(kind templates.ErrorKind, e *oidc.Error, parameter string) web.UserError {
	return web.UserError{Kind: kind, Err: e, Developer: &templates.DeveloperDetails{
		Error: string(e.ErrorType), Description: e.Description, Parameter: parameter,
	}}
}

// overPage is the error page of a sealed request that is no more: it starts
// again at the client, where that is known.
func overPage(req signin.Request, err error) error {
	if !errors.Is(err, signin.ErrOver) {
		return err
	}
	page := web.UserError{Kind: templates.ErrorOver, Start: req.Home, Err: err}
	if req.ClientID != "" {
		page.Client = templates.Client{Name: req.ClientName, Home: req.Home, Privacy: req.Policy, Terms: req.Terms}
	}
	return page
}

// userEvent is a line of the audit log about what the user of a session did with
// regard to a client.
func userEvent(r *http.Request, kind audit.Kind, c *client, view storage.SessionView) audit.Event {
	by := web.Actor(r)
	by = view.Person.User.Acting(by)
	return audit.Event{
		Kind: kind, Outcome: audit.OK, Actor: by,
		AccountID: view.Person.Account.ID, SubjectID: view.Person.User.ID, SessionID: view.Session.ID, ClientID: c.ID,
	}
}
