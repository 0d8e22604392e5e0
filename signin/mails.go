package signin

import (
	"cmp"
	"time"

	"github.com/mileusna/useragent"

	"stile/factor"
	"stile/storage"
	"stile/templates"
)

// mail makes a message to the user about what is done in this sign-in. It goes
// to the stored address only, in the user's language.
func (s *Service) mail(p *Pending, kind templates.MailKind, data ...string) storage.Mail {
	user := p.Person.User
	user.Language = cmp.Or(user.Language, p.Browser.Language)
	return s.mailTo(p, user, kind, data...)
}

// mailTo makes a message to somebody of the same account.
func (s *Service) mailTo(p *Pending, to storage.User, kind templates.MailKind, data ...string) storage.Mail {
	account := p.Person.Account
	m := storage.Mail{
		Kind: string(kind), To: to.Email,
		Lang: cmp.Or(to.Language, account.Language),
		Data: templates.MailData{
			templates.DataIssuer:  s.issuer,
			templates.DataService: s.service,
			templates.DataAccount: account.Name,
			templates.DataAt:      s.now().Format(time.RFC3339),
			templates.DataZone:    cmp.Or(to.TimeZone, account.TimeZone),
			templates.DataBrowser: Describe(p.Browser.Actor.UserAgent),
			templates.DataNetwork: p.Browser.Actor.Network,
		},
	}
	for i := 0; i+1 < len(data); i += 2 {
		m.Data[data[i]] = data[i+1]
	}
	return m
}

// Describe returns a browser as people know it: "Firefox on Windows". It is
// what the browser says of itself.
func Describe(userAgent string) string {
	ua := useragent.Parse(userAgent)
	switch {
	case ua.Name == "" || ua.Name == userAgent:
		return ""
	case ua.OS == "":
		return ua.Name
	}
	return ua.Name + " on " + ua.OS
}

// newLabel returns two letters that tell the mails of different sign-ins apart.
func newLabel() string { return factor.Label() }
