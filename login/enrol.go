package login

import (
	"html/template"
	"net/http"
	"strings"

	"stile/authn"
	"stile/signin"
	"stile/templates"
)

// Screens 4 to 7: the app, the key that connects it, its first code, and the
// recovery codes.

func installAppPage(v *visit) (templates.Page, error) {
	return templates.InstallApp{System: systemOf(v.r.UserAgent())}, nil
}

// systemOf is a hint for the order of links, no more.
func systemOf(userAgent string) string {
	switch {
	case strings.Contains(userAgent, "Android"):
		return "android"
	case strings.Contains(userAgent, "iPhone"), strings.Contains(userAgent, "iPad"):
		return "ios"
	}
	return ""
}

func continueInstalled(v *visit) error {
	if v.pending.KeyLapsed {
		return v.then(v.SignIns.Installed(v.r.Context(), v.pending), noticeKeyReplaced)
	}
	return v.then(v.SignIns.Installed(v.r.Context(), v.pending))
}

func connectDevicePage(v *visit) (templates.Page, error) {
	c, err := v.SignIns.Connection(v.pending)
	if err != nil {
		return nil, err
	}
	return templates.ConnectDevice{
		QRPath: c.QRPath, QRSize: c.QRSize, Key: c.Key, Issuer: c.Issuer, Address: c.Address, ValidUntil: c.Until,
		URI:   template.URL(c.URI), //nolint:gosec // made by factor.URI, which escapes every part
		Phone: systemOf(v.r.UserAgent()) != "", Back: v.path(authn.StepInstallApp),
	}, nil
}

func continueConnected(v *visit) error {
	return v.then(v.SignIns.Connected(v.r.Context(), v.pending))
}

func newKey(v *visit) error {
	return v.then(v.SignIns.NewKey(v.r.Context(), v.pending), noticeKeyReplaced)
}

func setupCodePage(v *visit) (templates.Page, error) {
	c, err := v.SignIns.Connection(v.pending)
	if err != nil {
		return nil, err
	}
	page := templates.SetupCode{Issuer: c.Issuer, Address: c.Address, Back: v.path(authn.StepConnectDevice)}
	if v.problem != nil {
		page.CheckClock, page.OlderEntries = v.problem.CheckClock, v.problem.OlderEntries
	}
	return page, nil
}

func submitSetupCode(v *visit) error {
	return v.then(v.SignIns.SetupCode(v.r.Context(), v.pending, v.fields.Get(templates.FieldCode)))
}

// sheetPath is where the recovery codes are found as a file, as long as their
// screen is open.
const sheetPath = signin.Screens + "recovery-codes.txt"

func donePage(v *visit) (templates.Page, error) {
	page := v.codes()
	page.Reminder = v.remind
	return page, nil
}

func (v *visit) codes() templates.Done {
	n := v.pending.SignIn
	page := templates.Done{
		Codes: n.Secrets.Recovery, Address: v.pending.Person.User.Email, MadeAt: v.Kit.Now(),
		Replaced: n.Progress.Enrolment.Replaces != "", Passkey: n.Progress.Enrolment.Passkey, OnDemand: v.pending.OnDemand(),
	}
	if len(page.Codes) > 0 {
		page.Download = v.path("recovery-codes.txt")
	}
	return page
}

// continueDone goes on. Who hasn't ticked that the codes are kept is asked
// once more, and then let go.
func continueDone(v *visit) error {
	kept := v.fields.Get(templates.FieldKept) == "yes" || v.fields.Get(templates.FieldReminded) == "yes"
	if !kept && len(v.pending.SignIn.Secrets.Recovery) > 0 {
		v.remind = true
		return v.show(http.StatusOK)
	}
	return v.then(v.SignIns.Kept(v.r.Context(), v.pending))
}

func (h *Handler) serveSheet(w http.ResponseWriter, r *http.Request) error {
	v := &visit{Handler: h, w: w, r: r, screen: screen{step: authn.StepDone}}
	if err := v.begin(); err != nil {
		return err
	}
	if v.pending.Decision.Step != authn.StepDone {
		return v.closed(signin.ErrOver)
	}
	return h.Kit.RecoverySheet(w, r, v.codes(), v.options()...)
}
