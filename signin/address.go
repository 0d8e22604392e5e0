package signin

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"stile/address"
	"stile/audit"
	"stile/seal"
	"stile/storage"
	"stile/templates"
)

// AddressPath is the page that the link in a message to a new address leads to.
const AddressPath = "/account/email/confirm"

// AskAddress sends a link to the address that a user wants instead of his own,
// and tells the present one. Where somebody has that address already, its message
// says so, and has no link; whoever asked sees and waits for the same.
func (s *Service) AskAddress(ctx context.Context, own storage.Own, p *storage.Person, email string, b Browser) error {
	if err := CheckAddress(email); err != nil {
		return err
	}
	canonical, _ := address.Canonical(email) // checked above
	if canonical == p.User.Email {
		return problem(templates.FieldEmail, templates.ErrAddressSame)
	}
	asks := &Pending{Browser: b, Person: p}
	link := s.limits.BookLink("address", s.addressKey(canonical), s.visitor(asks, s.addressKey(p.User.Email)))
	if _, err := s.bookMessage(ctx, asks, templates.FieldEmail, templates.ErrSendAgainLimit, templates.ErrSendAgainLimit, link...); err != nil {
		return err
	}
	holder, err := s.db.PersonByEmail(ctx, canonical)
	taken := err == nil
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	token, until := seal.NewToken(seal.KindLink).Reveal(), s.now().Add(linkLife)
	// It may be a stranger's mailbox: it hears nothing of who asks, and from where.
	to := storage.User{Email: canonical, Language: cmp.Or(p.User.Language, b.Language), TimeZone: cmp.Or(p.User.TimeZone, p.Account.TimeZone)}
	message := s.notices.To(to, storage.Account{}, audit.Actor{}, templates.MailAddressConfirm,
		templates.DataLink, strings.TrimSuffix(s.issuer, "/")+AddressPath+"?"+templates.FieldToken+"="+token,
		templates.DataUntil, until.Format(time.RFC3339))
	if taken {
		message = s.notices.To(holder.User, holder.Account, audit.Actor{}, templates.MailAddressTaken)
	}
	message.ExpiresAt = until
	err = s.db.AskAddress(ctx, storage.AddressChange{
		Own: own, Email: canonical, Hash: seal.HashToken(token), ExpiresAt: until,
		Event: s.event(asks, audit.AddressAsked, ""), Mails: []storage.Mail{message, s.mail(asks, templates.MailAddressAsked)},
	})
	if errors.Is(err, storage.ErrTooMany) {
		return problem(templates.FieldEmail, templates.ErrAddressOften)
	}
	return err
}

// BookNotice books a message that a user causes by what he does about himself.
// Who may not cause more gets a [Problem].
func (s *Service) BookNotice(ctx context.Context, p *storage.Person, b Browser) error {
	_, err := s.bookMessage(ctx, &Pending{Browser: b, Person: p}, "", templates.ErrSendAgainLimit, templates.ErrSendAgainLimit)
	return err
}
