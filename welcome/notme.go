package welcome

import (
	"errors"
	"net/http"
	"net/url"

	"stile/seal"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// notMe takes two forms of the same path: the link of a notice, and the button
// of its page, which takes back what the notice told of.
func (h *Handler) notMe(w http.ResponseWriter, r *http.Request) (err error) {
	var fields url.Values
	if r.Method == http.MethodPost {
		fields, err = h.Kit.Form(w, r)
	} else {
		fields, err = web.Query(r)
	}
	if err != nil {
		return err
	}
	token := fields.Get(templates.FieldToken)
	if !seal.KindLink.Is(token) {
		return web.UserError{Kind: templates.ErrorLink, Err: errors.New("no token of a link")}
	}
	hash := seal.HashToken(token)
	who, toAdmin, err := h.DB.NotMeByLink(r.Context(), hash)
	if err == nil && r.Method == http.MethodPost {
		err = h.sayNotMe(r, hash, who)
	}
	switch {
	case over(err):
		return web.UserError{Kind: templates.ErrorLink, Err: err}
	case err != nil:
		return err
	}
	about := who.User.Email
	if len(who.User.AlsoTold(h.Kit.Now())) > 0 { // whoever reads a former mailbox learns nothing of the present one
		about = who.User.Name
	}
	page := templates.Page(templates.NotMe{Address: about, Token: token})
	options := []web.PageOption{web.Languages(who.User.Language), web.DefaultLanguage(who.Account.Language)}
	if r.Method == http.MethodPost {
		done := templates.NotMeDone{}
		if toAdmin {
			done.User = who.User.Name
		} else if who, err = h.DB.PersonByID(r.Context(), who.User.ID); err != nil { // as it is now
			return err
		} else {
			done.Device = h.SignIns.DeviceFirst(&who)
		}
		page, options = done, append(options, web.WithoutSwitch()) // the link is spent
	}
	return h.Kit.Page(w, r, http.StatusOK, page, options...)
}

func (h *Handler) sayNotMe(r *http.Request, hash string, who storage.Person) error {
	admins, err := h.DB.Admins(r.Context(), who.Account.ID)
	if err != nil {
		return err
	}
	by := web.Actor(r)
	mails := h.Notices.ToAdmins(admins, who.Account, who.User, by, templates.MailNotMe)
	return h.DB.SayNotMe(r.Context(), hash, by, mails...)
}
