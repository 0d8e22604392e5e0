package account

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"stile/audit"
	"stile/authn"
	"stile/factor"
	"stile/mail"
	"stile/seal"
	"stile/signin"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

const (
	newPasskeyPath = home + "/passkeys"
	passkeyPath    = home + "/passkey"
)

// maxPasskeyName is the longest name of a passkey, in characters.
const maxPasskeyName = 64

// listPasskeys fills in the passkeys on the page "Sign in & security".
func (v *visit) listPasskeys(page *templates.Account) error {
	if v.SignIns.Passkeys().Work() {
		page.PasskeyPath = web.WithLanguage(v.r, newPasskeyPath)
	}
	list, err := v.DB.Passkeys(v.r.Context(), v.person.User.ID)
	for _, k := range list {
		row := templates.AccountPasskey{ID: k.ID, Name: k.Name, Since: k.Since, Synced: k.Synced}
		if k.Used != nil {
			row.Used = *k.Used
		}
		page.Passkeys = append(page.Passkeys, row)
	}
	return err
}

// newPasskey is the page where a passkey is made.
func (v *visit) newPasskey() error {
	return v.showNewPasskey(http.StatusOK, mail.Browser(v.r.UserAgent()))
}

func (v *visit) showNewPasskey(status int, name string, problems ...templates.FieldError) error {
	keys := v.SignIns.Passkeys()
	if !keys.Work() {
		return web.UserError{Kind: templates.ErrorNotFound}
	}
	list, err := v.DB.Passkeys(v.r.Context(), v.person.User.ID)
	if err != nil {
		return err
	}
	var has []factor.Credential
	for _, k := range list {
		has = append(has, signin.Credential(k))
	}
	u, challenge := v.person.User, factor.NewChallenge()
	page := templates.AccountPasskeyNew{Value: name}
	page.Ask.Options = keys.CreationOptions(challenge, u.ID, u.Email, u.Name, has)
	page.Ask.Challenge, err = v.Kit.SealHere(v.w, v.r, challenge, signin.ChallengeLife, "new passkey", u.ID)
	if err != nil {
		return err
	}
	return v.show(status, page, problems...)
}

// addPasskey registers what the browser has made.
func (v *visit) addPasskey() error {
	name := strings.TrimSpace(v.fields.Get(templates.FieldName))
	refused := func(key string) error {
		return v.showNewPasskey(http.StatusUnprocessableEntity, name, templates.FieldError{Field: templates.FieldPasskey, Key: key})
	}
	answer := v.fields.Get(templates.FieldPasskey)
	if problem := passkeyName(name); problem != nil {
		return v.showNewPasskey(http.StatusUnprocessableEntity, name, *problem)
	} else if answer == "" {
		return refused(templates.ErrPasskeyNone)
	}
	var challenge string
	u := v.person.User
	if !v.Kit.UnsealHere(v.r, v.fields.Get(templates.FieldChallenge), &challenge, "new passkey", u.ID) {
		return refused(templates.ErrPasskeyOld)
	}
	made, err := v.SignIns.Passkeys().Made(answer, challenge)
	if err != nil {
		return refused(templates.ErrPasskeyMade)
	}
	event := v.event(audit.PasskeyAdded)
	event.Reason = string(made.Method())
	told := v.mail(templates.MailPasskeyAdded)
	told.NotMe.AuthenticatorID = uuid.NewString()
	_, err = v.DB.AddPasskey(v.r.Context(), storage.PasskeyAddition{
		Own: v.own(),
		Passkey: storage.Passkey{
			ID: told.NotMe.AuthenticatorID, Credential: made.ID, PublicKey: made.PublicKey, Counter: made.Counter, Transports: made.Transports,
			Synced: made.Synced, BackedUp: made.BackedUp, Name: name,
		},
		Challenge: v.SignIns.SpentChallenge(challenge), Event: event, Mails: []storage.Mail{told},
	})
	switch {
	case errors.Is(err, storage.ErrSpent):
		return refused(templates.ErrPasskeyOld)
	case errors.Is(err, storage.ErrExists):
		return refused(templates.ErrPasskeyKnown)
	case errors.Is(err, storage.ErrTooMany):
		return refused(templates.ErrPasskeyMany)
	case err != nil:
		return err
	}
	return v.done(home, noticePasskeyAdded)
}

// passkeyName says what is wrong with a name, if anything is.
func passkeyName(name string) *templates.FieldError {
	if storage.CheckName("passkey", name) != nil || utf8.RuneCountInString(name) > maxPasskeyName {
		return &templates.FieldError{Field: templates.FieldName, Key: templates.ErrPasskeyName, Args: map[string]any{"Max": maxPasskeyName}}
	}
	return nil
}

// ownPasskey finds the passkey that a request names. Without it the page with
// the list says that there is none.
func (v *visit) ownPasskey() (k storage.Passkey, found bool, err error) {
	list, err := v.DB.Passkeys(v.r.Context(), v.person.User.ID)
	i := slices.IndexFunc(list, func(k storage.Passkey) bool { return k.ID == v.fields.Get(templates.FieldID) })
	if err != nil || i < 0 {
		return k, false, err
	}
	return list[i], true, nil
}

// nameOfPasskey is the page that gives a passkey another name.
func (v *visit) nameOfPasskey() error {
	k, found, err := v.ownPasskey()
	if err != nil {
		return err
	}
	if !found {
		return v.done(home, noticeAlready)
	}
	return v.show(http.StatusOK, templates.AccountPasskeyName{ID: k.ID, Value: k.Name})
}

func (v *visit) renamePasskey() error {
	id, name := v.fields.Get(templates.FieldID), strings.TrimSpace(v.fields.Get(templates.FieldName))
	if problem := passkeyName(name); problem != nil {
		return v.show(http.StatusUnprocessableEntity, templates.AccountPasskeyName{ID: id, Value: name}, *problem)
	}
	err := v.DB.RenamePasskey(v.r.Context(), v.person.User.ID, id, name, v.event(audit.PasskeyRenamed))
	if errors.Is(err, storage.ErrNotFound) {
		return v.done(home, noticeAlready)
	} else if err != nil {
		return err
	}
	return v.done(home, noticePasskeyRenamed)
}

// removePasskey takes a passkey away. Who shows none, but a code of the app, may
// do so too, for the day that the passkey is lost; then what protects the sign-in
// stays as it is for a while.
func (v *visit) removePasskey() error {
	browser := seal.NewToken(seal.KindBrowser)
	removal := storage.PasskeyRemoval{
		Own: v.own(), ID: v.fields.Get(templates.FieldID), OldBrowser: v.session.Browser, NewBrowser: seal.HashToken(browser.Reveal()),
		Event: v.event(audit.PasskeyRemoved), Mails: []storage.Mail{v.mail(templates.MailPasskeyRemoved)},
	}
	now, wait := v.Now(), v.person.Policy.Lifetimes.Cooldown
	shown := v.session.Evidence.Of(v.person.Subject).Since(now.Add(-authn.Sensitive)).Level() >= authn.LevelPhishingResistant
	if !shown { // like an authenticator that is replaced without the old one
		if wait > 0 {
			until := now.Add(wait)
			removal.Cooldown = &until
		}
		told, err := v.toAdmins(templates.MailMemberUnkeyed)
		if err != nil {
			return err
		}
		removal.Mails = append(removal.Mails, told...)
	}
	err := v.DB.RemovePasskey(v.r.Context(), removal)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return v.done(home, noticeAlready)
	case errors.Is(err, storage.ErrLastFactor):
		return v.show(http.StatusForbidden, templates.AccountRefused{LastFactor: true, Back: home})
	case err != nil:
		return err
	}
	v.setBrowser(browser)
	return v.done(home, noticePasskeyRemoved)
}

// toAdmins tells the account's other admins what was done by this user, or in
// this user's name.
func (v *visit) toAdmins(kind templates.MailKind) ([]storage.Mail, error) {
	_, admins, err := v.admins()
	if err != nil {
		return nil, err
	}
	return v.Notices.ToAdmins(admins, v.person.Account, v.person.User, web.Actor(v.r), kind), nil
}
