package account

import (
	"errors"
	"net/http"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/signin"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

const passwordPath = home + "/password"

// wellKnownPath is where programs that keep passwords look for the page that
// changes one (W3C, A Well-Known URL for Changing Passwords).
const wellKnownPath = "/.well-known/change-password"

func (h *Handler) wellKnown(w http.ResponseWriter, r *http.Request) error {
	return h.Kit.Redirect(w, r, passwordPath)
}

// password shows the field for a new password.
func (v *visit) password() error { return v.passwordForm(http.StatusOK) }

func (v *visit) passwordForm(status int, problems ...templates.FieldError) error {
	return v.show(status, templates.AccountPassword{
		Address: v.person.User.Email, Min: signin.LeastPassword(v.person.Policy, v.person.Subject),
	}, problems...)
}

// changePassword sets a new password. Everything else that the user holds ends;
// what apps hold of this session stays if two steps were proven for this.
func (v *visit) changePassword() error {
	ctx := v.r.Context()
	phc, err := v.SignIns.ChooseNext(ctx, v.fields.Get(templates.FieldNewPassword), &v.person)
	if problem, ok := errors.AsType[*signin.Problem](err); ok {
		if problem.RetryAfter > 0 {
			return web.UserError{Kind: templates.ErrorUnavailable, RetryAfter: problem.RetryAfter, Err: err}
		}
		return v.passwordForm(problem.Status, problem.Fields...)
	} else if err != nil {
		return err
	}
	browser := seal.NewToken(seal.KindBrowser)
	fresh := v.session.Evidence.Of(v.person.Subject).Since(v.Now().Add(-authn.Sensitive))
	event := v.event(audit.PasswordChanged)
	event.Reason = "own"
	err = v.DB.ChangePassword(ctx, storage.PasswordChange{
		UserID: v.person.User.ID, Version: v.person.User.PasswordVersion, Password: phc,
		SessionID: v.session.ID, OldBrowser: v.session.Browser, NewBrowser: seal.HashToken(browser.Reveal()),
		KeepGrants: fresh.Level() >= authn.LevelMFA, Event: event, Mails: []storage.Mail{v.mail(templates.MailPasswordChanged)},
	})
	if errors.Is(err, storage.ErrConflict) { // another window was faster: look again
		return v.done(passwordPath, "")
	} else if err != nil {
		return err
	}
	v.setBrowser(browser)
	return v.done(home, noticePassword)
}
