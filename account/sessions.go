package account

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/mail"
	"stile/seal"
	"stile/session"
	"stile/storage"
	"stile/templates"
)

const sessionsPath = home + "/sessions"

// sessions is the page "Sessions and apps".
func (v *visit) sessions() error {
	ctx, who := v.r.Context(), v.person
	list, err := v.DB.OwnSessions(ctx, who.User.ID)
	if err != nil {
		return err
	}
	var page templates.AccountSessions
	for _, s := range list {
		if !session.Alive(s, who.Policy, v.Now()) {
			continue // as good as over
		}
		page.Sessions = append(page.Sessions, templates.AccountSession{
			ID: s.ID, Here: s.ID == v.session.ID, Browser: mail.Browser(s.UserAgent), Network: s.Network,
			Level: proven(s.Evidence.Of(who.Subject)), Since: s.CreatedAt, Seen: s.SeenAt,
		})
	}
	apps, err := v.DB.OwnApps(ctx, who.User.ID)
	if err != nil {
		return err
	}
	for _, a := range apps {
		shown := templates.AccountClient{ID: a.ClientID, AppName: a.Metadata.Name, Scopes: strings.Fields(a.Scope), Since: at(a.Since), Used: at(a.Used)}
		if shown.AppName == "" {
			shown.AppName = a.ClientID
		}
		page.Apps = append(page.Apps, shown)
	}
	return v.show(http.StatusOK, page)
}

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func proven(e authn.Evidence) string {
	switch e.Level() {
	case authn.LevelNone:
		return templates.LevelNothing
	case authn.LevelPassword:
		return templates.LevelPassword
	default:
		return templates.LevelTwoStep
	}
}

// endSession signs out one other browser.
func (v *visit) endSession() error {
	e := v.event(audit.SessionEnded)
	e.Reason = "user"
	return v.ended(v.DB.EndOwnSession(v.r.Context(), v.person.User.ID, v.fields.Get(templates.FieldID), e))
}

// endApp signs out an app, and takes back what it was allowed.
func (v *visit) endApp() error {
	e := v.event(audit.GrantEnded)
	e.Reason = "user"
	return v.ended(v.DB.EndApp(v.r.Context(), v.person.User.ID, v.fields.Get(templates.FieldID), e))
}

// ended goes back to the page. What was gone already is no fault.
func (v *visit) ended(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return v.done(sessionsPath, noticeAlready)
	} else if err != nil {
		return err
	}
	return v.done(sessionsPath, noticeEnded)
}

// endOthers signs out everywhere but in this browser, and all apps.
func (v *visit) endOthers() error {
	if err := v.signOutElsewhere(); err != nil {
		return err
	}
	return v.done(sessionsPath, noticeOthers)
}

func (v *visit) signOutElsewhere() error {
	e := v.event(audit.SessionEnded)
	e.Reason = "signed_out_elsewhere"
	browser := seal.NewToken(seal.KindBrowser)
	err := v.DB.EndOthers(v.r.Context(), v.own(), v.session.Browser, seal.HashToken(browser.Reveal()), e)
	if err == nil {
		v.setBrowser(browser)
	}
	return err
}
