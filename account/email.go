package account

import (
	"errors"
	"net/http"

	"stile/audit"
	"stile/seal"
	"stile/signin"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

const (
	emailPath   = home + "/email"
	confirmPath = signin.AddressPath
)

// The link in the message to a new address shows that its mailbox is the user's.
// It takes a session of that user too, with proofs of the last minutes: a
// stranger who gets the message because of a slip in typing can do nothing with
// it. Nobody is stuck: whoever opens the link elsewhere signs in there first,
// still with the present address, and comes back to the page.

// email shows the field for a new address.
func (v *visit) email() error { return v.emailForm(http.StatusOK, "") }

func (v *visit) emailForm(status int, typed string, problems ...templates.FieldError) error {
	page := templates.AccountEmail{Address: v.person.User.Email, Value: typed}
	asked, err := v.DB.AddressAsked(v.r.Context(), v.person.User.ID)
	switch {
	case err == nil:
		page.Asked, page.Until = asked.Email, asked.ExpiresAt
	case !errors.Is(err, storage.ErrNotFound):
		return err
	}
	return v.show(status, page, problems...)
}

// browser is who asks, and from where.
func (v *visit) browser() signin.Browser {
	b := signin.Browser{Actor: web.Actor(v.r), Language: v.language()}
	v.Kit.Signed(v.r, web.CookieKnown, &b.Known)
	return b
}

// askEmail sends a link to the new address.
func (v *visit) askEmail() error {
	typed := v.fields.Get(templates.FieldEmail)
	err := v.SignIns.AskAddress(v.r.Context(), v.own(), &v.person, typed, v.browser())
	if problem, ok := errors.AsType[*signin.Problem](err); ok {
		return v.emailForm(problem.Status, typed, problem.Fields...)
	} else if err != nil {
		return err
	}
	return v.done(emailPath, "")
}

// linkOver makes the error page of a link that doesn't work; another one is
// asked for where this one was.
func (v *visit) linkOver(err error) error {
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrSpent) || errors.Is(err, storage.ErrExpired) {
		return web.UserError{Kind: templates.ErrorSentLink, Start: web.WithLanguage(v.r, emailPath), Err: err}
	}
	return err
}

// newEmail is what the link opens. It changes nothing.
func (v *visit) newEmail() error { return v.showNewEmail(http.StatusOK) }

func (v *visit) showNewEmail(status int, problems ...templates.FieldError) error {
	asked, err := v.DB.AddressByLink(v.r.Context(), seal.HashToken(v.token()))
	if err != nil {
		return v.linkOver(err)
	}
	if asked.UserID != v.person.User.ID {
		return v.show(http.StatusForbidden, templates.AccountEmailConfirm{OtherUser: true})
	}
	return v.show(status, templates.AccountEmailConfirm{Address: v.person.User.Email, To: asked.Email, Token: v.token()}, problems...)
}

// confirmEmail gives the user the new address.
func (v *visit) confirmEmail() error {
	ctx, hash := v.r.Context(), seal.HashToken(v.token())
	asked, err := v.DB.AddressByLink(ctx, hash)
	if err != nil {
		return v.linkOver(err)
	}
	if asked.UserID != v.person.User.ID {
		return v.show(http.StatusForbidden, templates.AccountEmailConfirm{OtherUser: true})
	}
	browser := seal.NewToken(seal.KindBrowser)
	told := v.mailTo(v.person.User.Moved(asked.Email, v.Now()), templates.MailAddressChanged)
	err = v.DB.ConfirmAddress(ctx, storage.AddressConfirmation{
		Own: v.own(), Hash: hash, OldBrowser: v.session.Browser, NewBrowser: seal.HashToken(browser.Reveal()),
		Event: v.event(audit.AddressChanged), Mails: []storage.Mail{told},
	})
	switch {
	case errors.Is(err, storage.ErrExists):
		return v.showNewEmail(http.StatusConflict, templates.FieldError{Field: templates.FieldToken, Key: templates.ErrAddressTaken})
	case errors.Is(err, storage.ErrConflict): // another window was faster: look again
		return v.done(emailPath, "")
	case err != nil:
		return v.linkOver(err)
	}
	v.setBrowser(browser)
	return v.done(profilePath, noticeAddress)
}
