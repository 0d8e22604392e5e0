package account

import (
	"errors"

	"stile/audit"
	"stile/mail"
	"stile/storage"
	"stile/templates"
)

// listTrusted fills in the trusted browsers on the page "Sign in & security": those
// in which no code is asked for today.
func (v *visit) listTrusted(page *templates.Account) error {
	policy := v.person.Policy
	if policy.MayTrust(v.person.Subject) {
		page.TrustDays = policy.TrustDays()
	}
	list, err := v.DB.OwnTrusted(v.r.Context(), v.person.User.ID)
	for _, b := range list {
		if until := policy.TrustEnds(b.Trust()); until.After(v.Now()) {
			page.Trusted = append(page.Trusted, templates.AccountTrusted{
				ID: b.ID, Browser: mail.Browser(b.UserAgent), Network: b.Network, Here: b.ID == v.session.TrustedID, Since: b.Since, Until: until,
			})
		}
	}
	return err
}

// forget ends one trusted browser.
func (v *visit) forget() error {
	id := v.fields.Get(templates.FieldID)
	if id == "" {
		return v.done(home, noticeAlready)
	}
	return v.forgotten(id, noticeForgotten)
}

// forgetAll ends all of them.
func (v *visit) forgetAll() error { return v.forgotten("", noticeForgottenAll) }

// forgotten goes back to the page. What was gone already is no fault.
func (v *visit) forgotten(id, notice string) error {
	err := v.DB.ForgetTrusted(v.r.Context(), v.own(), id, v.event(audit.BrowserForgotten))
	if errors.Is(err, storage.ErrNotFound) {
		notice, err = noticeAlready, nil
	}
	if err != nil {
		return err
	}
	return v.done(home, notice)
}
