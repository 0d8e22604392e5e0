package signin

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"stile/address"
	"stile/limit"
	"stile/manage"
	"stile/seal"
	"stile/storage"
	"stile/templates"
)

// SignUpPath is the page for people who have no account yet.
const SignUpPath = "/sign-up"

// SignsUp tells whether anybody may sign up.
func (s *Service) SignsUp() bool { return len(s.signUp) > 0 }

// MayInvite is [manage.MayInvite], and lets people invite themselves to be
// members of the account that is named for their domain now.
func (s *Service) MayInvite(by storage.Inviter, roles []string) bool {
	if by.Self == nil {
		return manage.MayInvite(by, roles)
	}
	named, account := s.signUp[domain(by.Self.Email)], by.Self.Account
	return named != "" && (named == account.ID || named == account.Name) && slices.Equal(roles, []string{storage.RoleMember})
}

// domain is what stands behind the @ of a canonical address.
func domain(canonical string) string {
	_, domain, _ := strings.Cut(canonical, "@")
	return domain
}

// AskSignUp sends an invitation to an address whose domain may sign up. Whether
// the address has a user already plays no part: only its mailbox is told. Where a
// bound is reached nothing is sent, and whoever asked hears the same.
func (s *Service) AskSignUp(ctx context.Context, email string, b Browser) error {
	if err := CheckAddress(email); err != nil {
		return err
	}
	canonical, _ := address.Canonical(email) // checked above
	named, open := s.signUp[domain(canonical)]
	if !open {
		return problem(templates.FieldEmail, templates.ErrSignUpDomain)
	}
	account, err := s.db.Account(ctx, named)
	switch {
	case errors.Is(err, storage.ErrNotFound), err == nil && account.SuspendedAt != nil:
		s.log.Error("nobody can sign up: the account is missing or suspended: change sign_up, or resume it", "account", named)
		p := problem(templates.FieldEmail, templates.ErrSignUpClosed)
		p.Status = http.StatusServiceUnavailable
		return p
	case err != nil:
		return err
	}
	network, _ := netip.ParseAddr(b.Actor.Network) // zero: one shared count
	asks := &Pending{Browser: b}
	_, err = s.db.BookAttempts(ctx, s.limits.BookLink("sign-up", s.addressKey(canonical), limit.Visitor{Network: network}))
	if err == nil {
		err = s.db.SignUp(ctx, s.selfInvitation(account, canonical, b), s.MayInvite, b.Actor)
	}
	if limited, ok := errors.AsType[storage.LimitedError](err); ok {
		return s.tell(ctx, asks, limited)
	}
	return err
}

func (s *Service) selfInvitation(account storage.Account, email string, b Browser) storage.InvitationToSend {
	token := seal.NewToken(seal.KindLink).Reveal()
	return storage.InvitationToSend{
		Invitation: storage.Invitation{
			AccountID: account.ID, Email: email, Roles: []string{storage.RoleMember}, Language: b.Language, InvitedBy: email,
		},
		LinkHash: seal.HashToken(token),
		Mail: s.notices.To(storage.User{Email: email, Language: b.Language}, account, b.Actor, templates.MailSignUp,
			templates.DataLink, strings.TrimSuffix(s.issuer, "/")+storage.InvitationPath+"?"+templates.FieldToken+"="+token),
	}
}
