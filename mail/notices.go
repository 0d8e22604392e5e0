package mail

import (
	"cmp"
	"time"

	"github.com/mileusna/useragent"

	"stile/audit"
	"stile/seal"
	"stile/storage"
	"stile/templates"
)

// Notices makes the messages that tell people what was done, for the outbox.
type Notices struct {
	Issuer  string // URL of the installation
	Service string // its display name; empty is [templates.DefaultService]
	Now     func() time.Time
}

// To makes a message to a user: it goes to the stored address only, in the
// user's own language or else the account's. by says from where it was done;
// what the kind of message needs besides is given as names and values. Where its
// reader may want to take back what it tells of, it has a link for that. What
// tells of the user's own sign-in goes to the addresses of the last days too.
func (n Notices) To(u storage.User, a storage.Account, by audit.Actor, kind templates.MailKind, data ...string) storage.Mail {
	m := storage.Mail{
		Kind: string(kind), To: u.Email, Lang: cmp.Or(u.Language, a.Language),
		Data: templates.MailData{
			templates.DataIssuer:  n.Issuer,
			templates.DataService: n.Service,
			templates.DataAccount: a.Name,
			templates.DataAt:      n.Now().UTC().Format(time.RFC3339),
			templates.DataZone:    cmp.Or(u.TimeZone, a.TimeZone),
			templates.DataBrowser: Browser(by.UserAgent),
			templates.DataNetwork: by.Network,
		},
	}
	if kind.Security() {
		m.Also = u.AlsoTold(n.Now())
	}
	if kind.Deniable() {
		token := seal.NewToken(seal.KindLink).Reveal()
		m.Data[templates.DataLink] = n.Issuer + storage.NotMePath + "?token=" + token
		m.NotMe = &storage.NotMe{LinkHash: seal.HashToken(token), AccountID: a.ID, UserID: u.ID}
	}
	for i := 0; i+1 < len(data); i += 2 {
		m.Data[data[i]] = data[i+1]
	}
	return m
}

// ToAdmins makes a message to those admins of an account who are told of what a
// user did, or what was done in the user's name. Where they may want to take it
// back, the link is about that user, and works for those who are admins then.
func (n Notices) ToAdmins(admins []storage.User, a storage.Account, about storage.User, by audit.Actor, kind templates.MailKind, data ...string) (mails []storage.Mail) {
	data = append([]string{templates.DataUser, about.Name, templates.DataAddress, about.Email}, data...)
	for _, admin := range storage.Told(admins) {
		m := n.To(admin, a, by, kind, data...)
		if m.NotMe != nil {
			m.NotMe.UserID = about.ID
			if admin.ID != about.ID {
				m.NotMe.AdminID = admin.ID
			}
		}
		mails = append(mails, m)
	}
	return mails
}

// Browser returns a browser as people know it: "Firefox on Windows". It is what
// the browser says of itself; empty where that says nothing.
func Browser(userAgent string) string {
	ua := useragent.Parse(userAgent)
	switch {
	case ua.Name == "" || ua.Name == userAgent:
		return ""
	case ua.OS == "":
		return ua.Name
	}
	return ua.Name + " on " + ua.OS
}
