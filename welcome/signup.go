package welcome

import (
	"errors"
	"net/http"
	"net/url"

	"stile/signin"
	"stile/templates"
	"stile/web"
)

// signUpSentPath is the page that says the same to whoever has signed up.
const signUpSentPath = signin.SignUpPath + "/sent"

// signUp asks for the address of somebody who has no account, and sends an
// invitation there. The request of a sign-in that led here travels along, and
// waits in the browser for the link and on the next page for whoever opens the
// link elsewhere.
func (h *Handler) signUp(w http.ResponseWriter, r *http.Request) error {
	fields, err := h.fields(w, r)
	if err != nil {
		return err
	}
	sealed, req := h.request(r, fields.Get(templates.FieldRequest))
	page := templates.SignUp{Address: req.LoginHint, Back: back(r, sealed)}
	if r.Method != http.MethodPost {
		return h.page(w, r, http.StatusOK, page, sealed, req)
	}
	page.Address = fields.Get(templates.FieldEmail)
	err = h.SignIns.AskSignUp(r.Context(), page.Address, h.browser(r))
	if problem, ok := errors.AsType[*signin.Problem](err); ok {
		return h.page(w, r, problem.Status, page, sealed, req, web.Problems(problem.Fields...))
	} else if err != nil {
		return err
	}
	if sealed == "" {
		req.Home, req.Return = Path, Path
	}
	req.ID, req.LoginHint = "", page.Address
	req.SomeoneElse, req.Choose, req.Ask.Since = true, false, h.Kit.Now() // not whoever else is signed in here
	path, err := h.SignIns.Begin(r.Context(), req)
	if err != nil {
		return err
	}
	u, err := url.Parse(path)
	if err != nil {
		return err
	}
	h.Kit.SetCookie(w, web.CookieReturn, u.Query().Get(templates.FieldRequest), signin.RequestLife)
	return h.Kit.Redirect(w, r, web.WithLanguage(r, signUpSentPath+"?"+u.RawQuery))
}

// signUpSent says that a message is on its way, and leads to the sign-in of the
// address.
func (h *Handler) signUpSent(w http.ResponseWriter, r *http.Request) error {
	fields, err := web.Query(r)
	if err != nil {
		return err
	}
	sealed, req := h.request(r, fields.Get(templates.FieldRequest))
	return h.page(w, r, http.StatusOK, templates.SignUpSent{Back: back(r, sealed)}, sealed, req)
}
