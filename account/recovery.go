package account

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"stile/audit"
	"stile/factor"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

const recoveryPath = home + "/recovery-codes"

// newCodes makes a new set of recovery codes, in place of the one before. The
// answer shows them; nothing else ever does.
func (v *visit) newCodes() error {
	if v.person.TOTP == nil && v.person.Passkeys == 0 {
		return storage.ErrConflict // from a page of before: there is nothing left that codes stand in for
	}
	codes, set, err := v.Passwords.NewRecoveryCodes(v.r.Context())
	if errors.Is(err, factor.ErrBusy) {
		return web.UserError{Kind: templates.ErrorUnavailable, Err: err}
	} else if err != nil {
		return err
	}
	told := v.mail(templates.MailRecoveryCodesMade)
	told.NotMe.AuthenticatorID = uuid.NewString()
	err = v.DB.ReplaceRecovery(v.r.Context(), v.own(), storage.RecoverySet{ID: told.NotMe.AuthenticatorID, Salt: []byte(set.Salt), Hashes: set.Hashes},
		v.event(audit.RecoveryCodesMade), told)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, templates.AccountRecoveryCodes{Codes: codes, Address: v.person.User.Email, MadeAt: v.Now()})
}

// download answers with the codes that the page has sent along, as a file. Whatever
// a session proves by now, no proofs are asked of it, or the codes would be lost.
func (v *visit) download() error {
	page := templates.Done{Address: v.person.User.Email}
	var err error
	page.MadeAt, err = time.Parse(time.RFC3339, v.fields.Get(templates.FieldMade))
	for _, code := range strings.Fields(v.fields.Get(templates.FieldCodes)) {
		_, wrong := factor.NormaliseRecovery(code)
		err = errors.Join(err, wrong)
		page.Codes = append(page.Codes, code)
	}
	if err != nil || len(page.Codes) != factor.RecoveryCodes {
		return web.UserError{Kind: templates.ErrorRequest, Err: errors.New("no recovery codes")}
	}
	return v.Kit.RecoverySheet(v.w, v.r, page, v.options()...)
}
