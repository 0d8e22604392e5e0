package templates

import "stile/locale"

// AccountProfile is who one is, and how pages and messages speak.
//
// Fields: FieldLocale, FieldZone.
type AccountProfile struct {
	User, Address, Account string
	Languages              []AdminChoice // by tag; the empty one is the organisation's
	Zone                   string        // IANA name; empty: the organisation's
}

// Name of the screen.
func (AccountProfile) Name() string { return "account-profile" }

// Section of the navigation.
func (AccountProfile) Section() Section { return AccountProfileSection }

func (AccountProfile) heading(*Frame) heading { return heading{key: "account.nav.profile"} }

// ErrZone says that there is no such time zone.
const ErrZone = "error.input.time_zone"

// LanguageChoices are languages by their own names; the empty one is the
// organisation's.
func (v *view) LanguageChoices(list []AdminChoice) []AdminChoice {
	return v.named(list, func(id string) string {
		if id == "" {
			return v.T("admin.user.language_account")
		}
		return locale.Lang(id).Name()
	})
}
