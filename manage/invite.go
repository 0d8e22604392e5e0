package manage

import (
	"context"
	"strings"

	"stile/address"
	"stile/seal"
	"stile/storage"
	"stile/templates"
)

// Invite asks somebody by mail to join the account. It says nothing about
// whether the address has a user in another one.
func (s *Service) Invite(ctx context.Context, w Who, i storage.Invitation) error {
	if err := s.may(w, EditUsers); err != nil {
		return err
	}
	state, err := s.DB.AccountState(ctx, w.accountID)
	if err != nil {
		return err
	}
	sent, err := s.invitation(w, state, i)
	if err != nil {
		return err
	}
	if err := w.mayGive(sent.Roles); err != nil {
		return err
	}
	if _, err := s.seats(ctx, w, &i.Products); err != nil {
		return err
	}
	return s.DB.Invite(ctx, []storage.InvitationToSend{sent}, w.by)
}

// invitation checks an invitation, but for who may give its roles, and makes its
// link and message.
func (s *Service) invitation(w Who, state storage.AccountState, i storage.Invitation) (sent storage.InvitationToSend, err error) {
	if i.Email, err = address.Canonical(i.Email); err != nil {
		return sent, InputError{"email", InputAddress, err.Error()}
	}
	if err := checkName("name", i.Name); err != nil {
		return sent, err
	}
	if len(i.Roles) == 0 {
		i.Roles = []string{storage.RoleMember}
	}
	if err := checkRoles(i.Roles); err != nil {
		return sent, err
	}
	if err := checkPlace(&i.Language, &i.TimeZone); err != nil {
		return sent, err
	}
	i.AccountID, i.InvitedBy = w.accountID, w.name
	link := seal.NewToken(seal.KindLink)
	mail := s.mail(storage.User{Email: i.Email, Language: i.Language, TimeZone: i.TimeZone}, state.Account, templates.MailInvitation)
	mail.Data[templates.DataLink] = s.Issuer + storage.InvitationPath + "?token=" + link.Reveal()
	mail.Data[templates.DataBy] = w.name
	return storage.InvitationToSend{Invitation: i, LinkHash: seal.HashToken(link.Reveal()), Mail: mail}, nil
}

// MayInvite is [storage.MayInvite] by what roles and scopes allow: an invitation
// gives no more when it is accepted than its sender may give then.
func MayInvite(by storage.Inviter, given []string) bool {
	w := Who{may: union(roles, []string{storage.RoleAdmin})} // the operator
	switch {
	case by.Self != nil:
		return false // see package signin
	case by.User != nil:
		w.may = union(roles, by.User.Roles)
		if by.User.DisabledAt != nil {
			return false
		}
	case by.Client != nil:
		w.may = union(permissionsOf, strings.Fields(by.Client.Metadata.Scope)).without(personal)
		if by.Client.Disabled {
			return false
		}
	}
	return w.Has(EditUsers) && w.mayGive(given) == nil
}

// Invitations lists the open ones by address, a page at a time.
func (s *Service) Invitations(ctx context.Context, w Who, after string, limit int) ([]storage.Invitation, error) {
	if err := s.may(w, Read); err != nil {
		return nil, err
	}
	return s.DB.Invitations(ctx, w.accountID, after, limit)
}

// WithdrawInvitation makes the link of an invitation stop working.
func (s *Service) WithdrawInvitation(ctx context.Context, w Who, id string) error {
	if err := s.may(w, EditUsers); err != nil {
		return err
	}
	return s.DB.WithdrawInvitation(ctx, w.accountID, id, w.by)
}
