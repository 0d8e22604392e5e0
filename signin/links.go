package signin

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"stile/address"
	"stile/audit"
	"stile/limit"
	"stile/seal"
	"stile/storage"
	"stile/templates"
)

// Paths of our own that links from messages lead to, and of the page that asks
// for one.
const (
	ForgotPath = "/forgot-password"
	ResetPath  = "/reset-password"
	UnlockPath = "/unlock"
)

// linkLife is how long a link works that was asked for with an address.
const linkLife = 20 * time.Minute

// links says what each purpose is.
var links = map[storage.LinkPurpose]struct {
	path string
	mail templates.MailKind
}{
	storage.ResetLink:  {ResetPath, templates.MailPasswordReset},
	storage.UnlockLink: {UnlockPath, templates.MailUnlock},
}

// AskLink sends a link to an address, if it is that of somebody who may sign in.
// It does the same for any other: one booking, one read, one link, one message,
// one line of the audit log. Where a bound is reached nothing is sent, and
// whoever asked hears the same.
func (s *Service) AskLink(ctx context.Context, purpose storage.LinkPurpose, email string, b Browser) error {
	if err := CheckAddress(email); err != nil {
		return err
	}
	canonical, _ := address.Canonical(email) // checked above
	key := s.addressKey(canonical)
	network, _ := netip.ParseAddr(b.Actor.Network) // zero: one shared count
	asks := &Pending{Browser: b}
	_, err := s.db.BookAttempts(ctx, s.limits.BookLink(string(purpose), key, limit.Visitor{Network: network}))
	if limited, ok := errors.AsType[storage.LimitedError](err); ok {
		return s.tell(ctx, asks, limited)
	} else if err != nil {
		return err
	}
	person, err := s.db.PersonByEmail(ctx, canonical)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	return s.db.SendLink(ctx, s.link(asks, purpose, key, person))
}

// link makes a link, and the message about it.
func (s *Service) link(asks *Pending, purpose storage.LinkPurpose, key string, person storage.Person) storage.AddressLink {
	if !person.Active() {
		person = storage.Person{}
	}
	token, until := seal.NewToken(seal.KindLink).Reveal(), s.now().Add(linkLife)
	user := person.User
	if user.Language == "" {
		user.Language = asks.Browser.Language
	}
	to := links[purpose]
	message := s.mailTo(&Pending{Browser: asks.Browser, Person: &person}, user, to.mail,
		templates.DataLink, strings.TrimSuffix(s.issuer, "/")+to.path+"?"+templates.FieldToken+"="+token,
		templates.DataUntil, until.Format(time.RFC3339))
	message.ExpiresAt = until
	event := user.About(s.event(asks, audit.LinkAsked, string(purpose)))
	return storage.AddressLink{
		Purpose: purpose, Address: key, Hash: seal.HashToken(token), UserID: user.ID, Epoch: user.Epoch,
		ExpiresAt: until, Mail: message, Event: event,
	}
}
