package account

import (
	"net/http"

	"stile/audit"
	"stile/mail"
	"stile/storage"
	"stile/templates"
)

const activityPath = home + "/activity"

// shownSignIns is how many sign-ins the history shows.
const shownSignIns = 20

// activity is the page "Sign-in history": why was I asked for a code, or not?
func (v *visit) activity() error {
	events, err := v.DB.Events(v.r.Context(), storage.EventFilter{
		SubjectID: v.person.User.ID, Limit: 2 * shownSignIns,
		Kinds: []audit.Kind{audit.GrantIssued, audit.SignInSucceeded, audit.SignInFailed, audit.ProofRefused},
	})
	if err != nil {
		return err
	}
	names, err := v.appNames(events)
	if err != nil {
		return err
	}
	var page templates.AccountActivity
	for _, e := range events {
		if e.Kind == audit.SignInSucceeded && e.ClientID != "" || len(page.Lines) == shownSignIns {
			continue // the app's own line says more
		}
		page.Lines = append(page.Lines, templates.AccountSignIn{
			At: e.At, AppName: names[e.ClientID], Browser: mail.Browser(e.Actor.UserAgent), Network: e.Actor.Network,
			Refused: e.Outcome == audit.Refused, Why: e.Reason, Second: e.Detail[audit.DetailSecondFactor],
		})
	}
	return v.show(http.StatusOK, page)
}

// appNames are the names of the clients of events.
func (v *visit) appNames(events []storage.StoredEvent) (map[string]string, error) {
	names := map[string]string{}
	for _, e := range events {
		if e.ClientID != "" {
			names[e.ClientID] = e.ClientID
		}
	}
	return names, v.DB.ClientNames(v.r.Context(), names)
}

// notMe is what to do about a sign-in of somebody else: everybody else is signed
// out, and the page to choose another password comes next.
func (v *visit) notMe() error {
	if err := v.signOutElsewhere(); err != nil {
		return err
	}
	return v.done(passwordPath, noticeOthers)
}
