package signin

import (
	"maps"
	"slices"
	"time"

	"stile/authn"
	"stile/mail"
	"stile/seal"
	"stile/storage"
	"stile/templates"
)

// kindTrusted is the prefix of what finds a trusted browser.
const kindTrusted seal.Kind = "stt_"

// maxTrusted bounds how many people trust one browser; beyond, the one whose
// trust ends first is forgotten.
const maxTrusted = 16

// Trusted is what the trusted cookie holds: for each person a token that finds
// the row of the trusted browser. The known cookie's name of the browser is part
// of what is looked for, so that the token alone is of no use in another one.
type Trusted struct {
	People map[string]TrustToken `json:"p,omitempty"` // by keyed hashes of addresses, as in [Known]
}

// TrustToken is the token of one person in one browser.
type TrustToken struct {
	Token string `json:"t"`
	Until int64  `json:"u"` // seconds
}

// hash is what the database knows the token by in the browser of this name.
func (t TrustToken) hash(browser string) string { return seal.HashToken(t.Token + "." + browser) }

// hashes are what the database may know this browser by.
func (t Trusted) hashes(k Known, now time.Time) []string {
	var list []string
	for _, person := range slices.Sorted(maps.Keys(t.People)) {
		if token := t.People[person]; k.Browser != "" && now.Unix() < token.Until && kindTrusted.Is(token.Token) && len(list) < maxTrusted {
			list = append(list, token.hash(k.Browser))
		}
	}
	return list
}

// with returns the cookie with another token of a person.
func (t Trusted) with(person string, token TrustToken, now time.Time) Trusted {
	next := Trusted{People: map[string]TrustToken{person: token}}
	for p, other := range t.People {
		if p != person && now.Unix() < other.Until {
			next.People[p] = other
		}
	}
	for len(next.People) > maxTrusted {
		first := person
		for p, other := range next.People {
			if p != person && (first == person || other.Until < next.People[first].Until) {
				first = p
			}
		}
		delete(next.People, first)
	}
	return next
}

// TrustedAge is how long the cookie is to be kept.
func (s *Service) TrustedAge(t Trusted) time.Duration {
	now := s.now().Unix()
	last := now
	for _, token := range t.People {
		last = max(last, token.Until)
	}
	return time.Duration(last-now) * time.Second
}

// sameBrowser leaves a person the trust of the browser only if it still says
// that it is the one where the code was given.
func (p *Pending) sameBrowser() {
	b := p.Person.Trusted
	if p.SignIn != nil && b != nil && mail.Browser(b.UserAgent) != mail.Browser(p.Browser.Actor.UserAgent) {
		p.Person.Trusted, p.Person.Subject.Trusted = nil, authn.Trust{}
	}
}

// TrustDays is for how many days the browser can be trusted, for the checkbox
// beside the code: 0 where that is not allowed, of no use, or so already.
func (s *Service) TrustDays(p *Pending) int {
	who := p.Person
	until := who.User.CooldownUntil
	if !who.Policy.MayTrust(who.Subject) || until != nil && until.After(s.now()) {
		return 0
	}
	if b := who.Trusted; b != nil && who.Subject.At.Before(who.Policy.TrustEnds(b.Trust())) {
		return 0
	}
	return who.Policy.TrustDays()
}

// trust is the trusted browser that a sign-in ends in, if its user wants that,
// with the cookie that finds it; nil if it is not to be one.
func (s *Service) trust(p *Pending, known Known) (*storage.NewTrust, Trusted) {
	days := s.TrustDays(p)
	if days == 0 || !p.SignIn.Progress.Trusts(p.Person.Subject) {
		return nil, Trusted{}
	}
	now, person := s.now(), s.addressKey(p.Person.User.Email)
	until := now.AddDate(0, 0, days)
	token := TrustToken{Token: seal.NewToken(kindTrusted).Reveal(), Until: until.Unix()}
	trust := &storage.NewTrust{
		Hash: token.hash(known.Browser), Until: until, PolicyVersion: p.Person.Policy.Version,
		Mails: []storage.Mail{s.mail(p, templates.MailBrowserTrusted, templates.DataUntil, until.Format(time.RFC3339))},
	}
	if old, ok := p.Browser.Trusted.People[person]; ok {
		trust.Replaces = old.hash(known.Browser)
	}
	return trust, p.Browser.Trusted.with(person, token, now)
}
