package admin

import (
	"errors"
	"net/http"
	"net/url"

	"stile/manage"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// Show answers with a page of the Admin Center.
func (v *Visit) Show(status int, page templates.AdminPage, problems ...templates.FieldError) error {
	u, a := v.Person.User, v.Person.Account
	return v.Kit.Page(v.W, v.R, status, page,
		web.Languages(u.Language), web.DefaultLanguage(a.Language), web.Zone(u.TimeZone, a.TimeZone),
		web.Problems(problems...), web.RetryAfter(v.RetryAfter), web.Framed(v.frame))
}

// frame fills in what surrounds the pages.
func (v *Visit) frame(f *templates.Frame) {
	f.Area = &templates.AreaFrame{
		Account: v.Person.Account.Name, Address: v.Person.User.Email, Sections: v.sections(),
		SignOut: v.Kit.FormToken(v.W, v.R, routeName(signOutPath)),
	}
	if until := v.Person.User.CooldownUntil; until != nil && until.After(v.Now()) {
		f.Area.Cooldown = *until
	}
	if n, ok := templates.AdminNotice(v.note.Notice); ok {
		f.Notices = append(f.Notices, n)
	}
}

// note is what a page of ours is told by the one before it.
type note struct {
	Notice string     `json:"n,omitempty"` // what to say, a name of [templates.AdminNotice]
	Form   url.Values `json:"f,omitempty"` // that waits to be sent again
}

// withNote adds a note to a path of ours, for a user alone.
func (c *Center) withNote(r *http.Request, userID, path string, n note) (string, error) {
	return c.Kit.WithNote(r, path, n, userID)
}

// told reads the note of this page.
func (v *Visit) told() {
	if v.R.Method != http.MethodPost && v.Kit.Note(v.R, &v.note, v.Person.User.ID) {
		v.Fields = v.note.Form
	}
}

// sections are the sections that whoever asks may see: those whose first page
// is in the table.
func (v *Visit) sections() []templates.Section {
	var open []templates.Section
	for _, s := range templates.AdminSections() {
		if p := v.pages[s.Path]; p != nil && p.get != nil && v.Who.Has(p.get.Permission) {
			open = append(open, s.Section)
		}
	}
	return open
}

// Done goes on to a page of ours after something was done, with what to say
// there: a name of [templates.AdminNotice].
func (v *Visit) Done(path, notice string) error {
	to, err := v.withNote(v.R, v.Person.User.ID, web.WithLanguage(v.R, path), note{Notice: notice})
	if err != nil {
		return err
	}
	return v.Kit.Redirect(v.W, v.R, to)
}

// Problems returns what the page says about a field that an act has refused, or
// about more messages than may wait, or records than there may be. It says false
// of any other error.
func Problems(err error) ([]templates.FieldError, bool) {
	if full, ok := errors.AsType[storage.FullError](err); ok {
		return []templates.FieldError{{Key: templates.ErrAdminFull, Args: map[string]any{"Most": full.Most}}}, true
	}
	if limited, ok := errors.AsType[storage.LimitedError](err); ok {
		return []templates.FieldError{{Key: templates.ErrAdminMails, Args: map[string]any{"Until": limited.Until}}}, true
	}
	e, ok := errors.AsType[manage.InputError](err)
	if !ok {
		return nil, false
	}
	return []templates.FieldError{{Field: e.Field, Key: templates.InputKey(string(e.Code))}}, true
}
