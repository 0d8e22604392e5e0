package account

import (
	"errors"
	"net/http"
	"slices"

	"stile/address"
	"stile/audit"
	"stile/signin"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

const (
	dataPath  = home + "/data"
	erasePath = dataPath + "/erase"
)

// data is the page "Your data".
func (v *visit) data() error { return v.showData(http.StatusOK) }

func (v *visit) showData(status int, problems ...templates.FieldError) error {
	var page templates.AccountData
	waits, err := v.DB.ExportAsked(v.r.Context(), v.person.User.ID)
	switch {
	case err == nil:
		page.ExportID, page.Until = waits.ID, waits.ExpiresAt
	case !errors.Is(err, storage.ErrNotFound):
		return err
	}
	if page.LastAdmin, _, err = v.admins(); err != nil {
		return err
	}
	return v.show(status, page, problems...)
}

// admins are the other admins of the account, and whether there are none, and
// the user is one.
func (v *visit) admins() (last bool, others []storage.User, err error) {
	if others, err = v.DB.Admins(v.r.Context(), v.person.Account.ID); err != nil {
		return false, nil, err
	}
	all := len(others)
	others = slices.DeleteFunc(others, func(u storage.User) bool { return u.ID == v.person.User.ID })
	return len(others) == 0 && all > 0, others, nil
}

// askExport lets the user download the data, once, and tells so by mail. Nothing
// of the data is stored for it.
func (v *visit) askExport() error {
	err := v.SignIns.BookNotice(v.r.Context(), &v.person, v.browser())
	if problem, ok := errors.AsType[*signin.Problem](err); ok {
		for i := range problem.Fields {
			problem.Fields[i].Field = templates.DoAskExport
		}
		return v.showData(problem.Status, problem.Fields...)
	} else if err != nil {
		return err
	}
	if err := v.DB.AskExport(v.r.Context(), v.own(), v.event(audit.DataAsked), v.mail(templates.MailDataAsked)); err != nil {
		return err
	}
	return v.done(dataPath, "")
}

// erasure says what erasing comes to.
func (v *visit) erasure() error { return v.eraseForm(http.StatusOK, "") }

func (v *visit) eraseForm(status int, typed string, problems ...templates.FieldError) error {
	if last, _, err := v.admins(); err != nil {
		return err
	} else if last {
		return v.done(dataPath, "") // which says why not
	}
	return v.show(status, templates.AccountErase{Address: v.person.User.Email, Account: v.person.Account.Name, Value: typed}, problems...)
}

// erase removes the user for good, and says so on a page of nobody's.
func (v *visit) erase() error {
	typed, u := v.fields.Get(templates.FieldConfirm), v.person.User
	if canonical, err := address.Canonical(typed); err != nil || canonical != u.Email {
		return v.eraseForm(http.StatusUnprocessableEntity, typed, templates.FieldError{Field: templates.FieldConfirm, Key: templates.ErrEraseConfirm})
	}
	_, others, err := v.admins()
	if err != nil {
		return err
	}
	mails := append([]storage.Mail{v.mail(templates.MailErased)},
		v.Notices.ToAdmins(others, v.person.Account, u, web.Actor(v.r), templates.MailMemberLeft)...)
	err = v.DB.EraseOwn(v.r.Context(), v.own(), v.by(), mails...)
	if errors.Is(err, storage.ErrLastAdmin) {
		return v.done(dataPath, "")
	} else if err != nil {
		return err
	}
	return v.Kit.Page(v.w, v.r, http.StatusOK, templates.SignedOut{Erased: true}, append(v.options(), web.WithoutSwitch())...)
}
