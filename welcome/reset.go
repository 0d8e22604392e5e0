package welcome

import (
	"errors"
	"net/http"
	"net/url"

	"stile/seal"
	"stile/signin"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// sentPath is the page that says the same to whoever has asked for a link.
const sentPath = signin.ForgotPath + "/sent"

// account is where a sign-in ends that nobody else has asked for.
const account = "/account"

// fields reads a form, which has to be ours, or the query.
func (h *Handler) fields(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost {
		return h.Kit.Form(w, r)
	}
	return web.Query(r)
}

// browser is who asks, and from where.
func (h *Handler) browser(r *http.Request) signin.Browser {
	b := signin.Browser{Actor: web.Actor(r), Language: string(h.Kit.LanguageFor(r, nil, ""))}
	h.Kit.Signed(r, web.CookieKnown, &b.Known)
	return b
}

// forgot asks for an address, and sends a link there. The request of a sign-in
// that led here travels along, and waits in the browser for the one that follows.
func (h *Handler) forgot(w http.ResponseWriter, r *http.Request) error {
	fields, err := h.fields(w, r)
	if err != nil {
		return err
	}
	sealed, req := h.request(r, fields.Get(templates.FieldRequest))
	page := templates.ForgotPassword{Address: req.LoginHint, Back: back(r, sealed)}
	if fields.Has(templates.FieldEmail) {
		page.Address = fields.Get(templates.FieldEmail)
	}
	if r.Method != http.MethodPost {
		return h.page(w, r, http.StatusOK, page, sealed, req)
	}
	err = h.SignIns.AskLink(r.Context(), storage.ResetLink, page.Address, h.browser(r))
	if problem, ok := errors.AsType[*signin.Problem](err); ok {
		return h.page(w, r, problem.Status, page, sealed, req, web.Problems(problem.Fields...))
	} else if err != nil {
		return err
	}
	path := sentPath
	if sealed != "" {
		h.Kit.SetCookie(w, web.CookieReturn, sealed, signin.RequestLife)
		path += "?" + templates.FieldRequest + "=" + url.QueryEscape(sealed)
	}
	return h.Kit.Redirect(w, r, web.WithLanguage(r, path))
}

// sent says that a message is on its way, if.
func (h *Handler) sent(w http.ResponseWriter, r *http.Request) error {
	fields, err := web.Query(r)
	if err != nil {
		return err
	}
	sealed, req := h.request(r, fields.Get(templates.FieldRequest))
	return h.page(w, r, http.StatusOK, templates.ForgotPassword{Sent: true, Back: back(r, sealed)}, sealed, req)
}

// request opens the request of a sign-in; what is none, or over, is left out.
func (h *Handler) request(r *http.Request, text string) (sealed string, req signin.Request) {
	req, err := h.SignIns.OpenRequest(r.Context(), text)
	if err != nil {
		return "", signin.Request{}
	}
	return text, req
}

func back(r *http.Request, sealed string) string {
	if sealed == "" {
		return web.WithLanguage(r, account)
	}
	return web.WithLanguage(r, signin.Path("sign-in", sealed))
}

func (h *Handler) page(w http.ResponseWriter, r *http.Request, status int, page templates.Page, sealed string, req signin.Request, options ...web.PageOption) error {
	return h.Kit.Page(w, r, status, page, append(options, web.Languages(req.Locales...),
		web.Client(templates.Client{Name: req.ClientName, Home: req.Home, Host: req.ClientHost(), Privacy: req.Policy, Terms: req.Terms}),
		web.Framed(func(f *templates.Frame) { f.Request = sealed }))...)
}

// linked is one request with a link that was asked for with an address.
type linked struct {
	*Handler
	w      http.ResponseWriter
	r      *http.Request
	fields url.Values
	token  string
	person storage.Person
}

// link reads a request and finds whose link it has. It says nothing about why
// one doesn't work.
func (h *Handler) link(w http.ResponseWriter, r *http.Request, purpose storage.LinkPurpose) (*linked, error) {
	fields, err := h.fields(w, r)
	if err != nil {
		return nil, err
	}
	v := &linked{Handler: h, w: w, r: r, fields: fields, token: fields.Get(templates.FieldToken)}
	if !seal.KindLink.Is(v.token) {
		return nil, v.over(storage.ErrNotFound, purpose)
	}
	v.person, err = h.DB.LinkOwner(r.Context(), purpose, seal.HashToken(v.token))
	return v, v.over(err, purpose)
}

// over makes the error page of a link that doesn't work. Another one for a new
// password can be asked for anywhere; whoever signs in is sent the other kind.
func (v *linked) over(err error, purpose storage.LinkPurpose) error {
	if !over(err) {
		return err
	}
	e := web.UserError{Kind: templates.ErrorSentLink, Err: err}
	if purpose == storage.ResetLink {
		e.Start = web.WithLanguage(v.r, signin.ForgotPath)
	}
	return e
}

func (v *linked) show(status int, page templates.Page, options ...web.PageOption) error {
	u, a := v.person.User, v.person.Account
	return v.Kit.Page(v.w, v.r, status, page, append(options, web.Languages(u.Language), web.DefaultLanguage(a.Language))...)
}

// reset takes three forms of the same path: the link itself, the button of its
// page, and the new password.
func (h *Handler) reset(w http.ResponseWriter, r *http.Request) error {
	v, err := h.link(w, r, storage.ResetLink)
	switch {
	case err != nil:
		return err
	case r.Method != http.MethodPost:
		return v.show(http.StatusOK, templates.MessageLink{Purpose: templates.LinkReset, Address: v.person.User.Email, Token: v.token})
	case !v.fields.Has(templates.FieldNewPassword):
		return v.form(http.StatusOK)
	}
	b := h.browser(r)
	user, err := h.SignIns.ResetPassword(r.Context(), seal.HashToken(v.token), v.fields.Get(templates.FieldNewPassword), b)
	if problem, ok := errors.AsType[*signin.Problem](err); ok {
		return v.form(problem.Status, web.Problems(problem.Fields...), web.RetryAfter(problem.RetryAfter))
	} else if err != nil {
		return v.over(err, storage.ResetLink)
	}
	return v.signIn(b, signin.Request{LoginHint: user.Email, PasswordSet: true})
}

func (v *linked) form(status int, options ...web.PageOption) error {
	// The switch would lead to this page without the token.
	return v.show(status, templates.NewPassword{
		Address: v.person.User.Email, Min: signin.LeastPassword(v.person.Policy, v.person.Subject), Token: v.token,
		Exposed: v.person.Subject.Exposed,
	}, append(options, web.WithoutSwitch())...)
}

// unlock lets the browser that opened a link try passwords again.
func (h *Handler) unlock(w http.ResponseWriter, r *http.Request) error {
	v, err := h.link(w, r, storage.UnlockLink)
	switch {
	case err != nil:
		return err
	case r.Method != http.MethodPost:
		return v.show(http.StatusOK, templates.MessageLink{Purpose: templates.LinkUnlock, Address: v.person.User.Email, Token: v.token})
	}
	if err := h.DB.SpendLink(r.Context(), storage.UnlockLink, seal.HashToken(v.token), web.Actor(r)); err != nil {
		return v.over(err, storage.UnlockLink)
	}
	return v.signIn(h.browser(r), signin.Request{LoginHint: v.person.User.Email})
}

// signIn goes on to a sign-in, which asks for all that any asks for: of the
// request that waits in this browser, or else of My Account. Whoever opened the
// link has its mailbox, so others' wrong passwords don't keep this browser out.
func (v *linked) signIn(b signin.Browser, hint signin.Request) error {
	if err := v.Kit.SetSigned(v.w, web.CookieKnown, v.SignIns.Opened(b.Known, hint.LoginHint), web.KnownAge); err != nil {
		return err
	}
	req, waits := v.waiting(v.r, v.person.User.ID, account)
	if waits {
		v.Kit.ClearCookie(v.w, web.CookieReturn)
	}
	req.LoginHint, req.PasswordSet = hint.LoginHint, hint.PasswordSet
	req.SomeoneElse, req.Ask.Since = true, v.Kit.Now() // not whoever else is signed in here
	path, err := v.begin(v.r, req)
	if err != nil {
		return err
	}
	return v.Kit.Redirect(v.w, v.r, path)
}

// waiting is a sign-in like the one that waits in this browser for a link from a
// message, or else one that ends at a page of ours. One that wants another user than
// whose link it was would refuse the right password.
func (h *Handler) waiting(r *http.Request, userID, otherwise string) (req signin.Request, waits bool) {
	sealed, req := h.request(r, h.Kit.Cookie(r, web.CookieReturn))
	if sealed == "" || req.Ask.Subject != "" && req.Ask.Subject != userID {
		return signin.Request{Home: otherwise, Return: otherwise}, false
	}
	req.ID = ""
	return req, true
}
