package welcome

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"stile/authn"
	"stile/seal"
	"stile/signin"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// invited is one request with the link of an invitation.
type invited struct {
	*Handler
	w     http.ResponseWriter
	r     *http.Request
	token string
	storage.Invitation
	state storage.AccountState
}

// invitation takes three forms of the same path: the link itself, the button of
// its page, and the new password.
func (h *Handler) invitation(w http.ResponseWriter, r *http.Request) error {
	fields, err := h.fields(w, r)
	if err != nil {
		return err
	}
	v := &invited{Handler: h, w: w, r: r, token: fields.Get(templates.FieldToken)}
	if err := v.find(r.Context()); err != nil {
		return err
	}
	switch known, err := v.known(r.Context()); {
	case err != nil:
		return err
	case known != "":
		return v.showKnown(known)
	case r.Method != http.MethodPost:
		return v.page(http.StatusOK, templates.Invitation{
			Account: v.state.Account.Name, Address: v.Email, Until: v.ExpiresAt, Token: v.token, Own: v.SelfAsked(),
		})
	case !fields.Has(templates.FieldNewPassword):
		return v.form(http.StatusOK)
	}
	return v.accept(r.Context(), fields.Get(templates.FieldNewPassword))
}

// find reads what the link is for. It says nothing about why one doesn't work.
func (v *invited) find(ctx context.Context) (err error) {
	if !seal.KindLink.Is(v.token) {
		return web.UserError{Kind: templates.ErrorInvitation, Err: errors.New("no token of a link")}
	}
	v.Invitation, v.state, err = v.DB.InvitationByLink(ctx, seal.HashToken(v.token), v.SignIns.MayInvite)
	return v.over(err)
}

// over makes the error page of a link that doesn't work: whom to ask is said to
// whoever had one that did.
func (v *invited) over(err error) error {
	if over(err) {
		return web.UserError{Kind: templates.ErrorInvitation, Account: v.state.Account.Name, Err: err}
	}
	return err
}

// known is the user whom the address has by now, in whatever account; empty
// without one. Only the address's mailbox had the link, so only its owner hears
// of that.
func (v *invited) known(ctx context.Context) (userID string, err error) {
	p, err := v.DB.PersonByEmail(ctx, v.Email)
	if errors.Is(err, storage.ErrNotFound) {
		return "", nil
	}
	return p.User.ID, err
}

func (v *invited) showKnown(userID string) error {
	// The request that waits in this browser is left there: nothing was done yet.
	req, _ := v.waiting(v.r, userID, Path)
	req.LoginHint, req.SomeoneElse, req.Choose = v.Email, true, false
	path, err := v.begin(v.r, req)
	if err != nil {
		return err
	}
	return v.page(http.StatusOK, templates.Invitation{Account: v.state.Account.Name, Address: v.Email, Own: v.SelfAsked(), SignIn: path})
}

// form shows the field for the password.
func (v *invited) form(status int, options ...web.PageOption) error {
	// The switch would lead to this page without the token.
	return v.page(status, templates.NewPassword{Address: v.Email, Min: v.least(), Token: v.token}, append(options, web.WithoutSwitch())...)
}

func (v *invited) page(status int, page templates.Page, options ...web.PageOption) error {
	account := v.state.Account
	return v.Kit.Page(v.w, v.r, status, page, append(options,
		web.Languages(v.Language), web.DefaultLanguage(account.Language), web.Zone(v.TimeZone, account.TimeZone))...)
}

// least is how long the password has to be at least.
func (v *invited) least() int {
	return signin.LeastPassword(v.state.Policy.At(v.Kit.Now()), authn.Subject{Seats: v.Products})
}

// accept judges the password and makes the user. A password that is refused
// spends nothing. No connection to the database is held while it is hashed.
func (v *invited) accept(ctx context.Context, password string) error {
	words := []string{v.Email, v.Name, v.state.Account.Name}
	for _, p := range v.state.Products {
		words = append(words, p.Name)
	}
	phc, err := v.SignIns.ChoosePassword(ctx, password, v.least(), words...)
	if problem, ok := errors.AsType[*signin.Problem](err); ok {
		return v.form(problem.Status, web.Problems(problem.Fields...), web.RetryAfter(problem.RetryAfter))
	} else if err != nil {
		return err
	}
	told, err := v.told(ctx)
	if err != nil {
		return err
	}
	u, err := v.DB.AcceptInvitation(ctx, seal.HashToken(v.token), phc, v.SignIns.MayInvite, web.Actor(v.r), told...)
	switch {
	case errors.Is(err, storage.ErrExists):
		known, err := v.known(ctx)
		if err != nil {
			return err
		}
		return v.showKnown(known)
	case err != nil:
		return v.over(err)
	}
	req, waits := v.waiting(v.r, u.ID, Path)
	if waits {
		v.Kit.ClearCookie(v.w, web.CookieReturn)
	} else {
		req.Locales = languages(v.Language)
	}
	req.LoginHint, req.PasswordSet, req.SomeoneElse, req.Choose = u.Email, true, true, false
	req.Ask.Subject = u.ID
	path, err := v.begin(v.r, req)
	if err != nil {
		return err
	}
	return v.Kit.Redirect(v.w, v.r, path)
}

// told are the messages to the account's admins, where there is one more from now on.
func (v *invited) told(ctx context.Context) ([]storage.Mail, error) {
	if !slices.Contains(v.Roles, storage.RoleAdmin) {
		return nil, nil
	}
	admins, err := v.DB.Admins(ctx, v.AccountID)
	if err != nil {
		return nil, err
	}
	newcomer := storage.User{Name: cmp.Or(v.Name, v.Email), Email: v.Email}
	return v.Notices.ToAdmins(admins, v.state.Account, newcomer, web.Actor(v.r), templates.MailAdminsChanged, templates.DataBy, v.InvitedBy), nil
}

// languages is the list of a language that may be missing.
func languages(tag string) []string {
	if tag == "" {
		return nil
	}
	return []string{tag}
}
