package login

import (
	"errors"

	"stile/storage"
	"stile/templates"
	"stile/web"
)

// Where several people, or one with several accounts, use one browser: who is it
// this time?

func selectAccountPage(v *visit) (templates.Page, error) {
	var page templates.SelectAccount
	for _, c := range v.pending.Choices {
		u := c.Person.User
		page.Choices = append(page.Choices, templates.AccountChoice{ID: c.Session.ID, User: u.Name, Address: u.Email, Account: c.Person.Account.Name})
	}
	return page, nil
}

func chooseAccount(v *visit) error {
	browser, path, err := v.SignIns.Choose(v.r.Context(), v.pending, v.fields.Get(templates.FieldID))
	if errors.Is(err, storage.ErrConflict) {
		return v.goTo(v.screen.step)
	} else if err != nil {
		return err
	}
	v.Sessions.Set(v.w, browser)
	return v.Kit.Redirect(v.w, v.r, web.WithLanguage(v.r, path))
}
