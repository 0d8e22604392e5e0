package manage

import (
	"context"
	"time"

	"stile/storage"
	"stile/templates"
)

// DeviceRequests lists what members and helpdesk ask the account's admins for:
// a new device, or a reset.
func (s *Service) DeviceRequests(ctx context.Context, w Who, after string, limit int) ([]storage.DeviceRequest, error) {
	if err := s.may(w, Read); err != nil {
		return nil, err
	}
	return s.DB.DeviceRequests(ctx, w.accountID, after, limit)
}

// Askers returns the addresses of those users of the account who asked.
func (s *Service) Askers(ctx context.Context, w Who, list []storage.DeviceRequest) (map[string]string, error) {
	if err := s.may(w, Read); err != nil {
		return nil, err
	}
	ids := make([]string, len(list))
	for i, r := range list {
		ids[i] = r.AskedBy
	}
	return s.DB.Addresses(ctx, w.accountID, ids)
}

// DecideDeviceRequest approves or refuses a request, once, and tells the member.
// It fails with [storage.ErrOwnRequest] for one's own, and with
// [storage.ErrSpent], and the request as it is, for one that was decided or is
// over. A reset needs the right to reset that member, see [Service.ResetUser].
func (s *Service) DecideDeviceRequest(ctx context.Context, w Who, id string, approve bool) (storage.DeviceRequest, error) {
	if err := s.may(w, DecideResets); err != nil {
		return storage.DeviceRequest{}, err
	}
	r, err := s.DB.DeviceRequest(ctx, w.accountID, id)
	if err != nil {
		return r, err
	}
	row, err := s.target(ctx, w, DecideResets, r.UserID)
	if err != nil {
		return r, err
	}
	state, err := s.DB.AccountState(ctx, w.accountID)
	if err != nil {
		return r, err
	}
	var mails []storage.Mail
	switch {
	case r.Kind == storage.DeviceNew:
		kind := templates.MailDeviceRefused
		if approve {
			kind = templates.MailDeviceApproved
		}
		m := s.mail(row.User, state.Account, kind)
		m.Data[templates.DataLabel] = r.Label
		mails = append(mails, m)
	case approve:
		mails = append(mails, s.mail(row.User, state.Account, templates.MailAdminReset))
	}
	return s.DB.DecideDeviceRequest(ctx, w.accountID, id, approve, w.by, mails...)
}

// AskForReset asks the account's admins, by mail too, to reset a member.
func (s *Service) AskForReset(ctx context.Context, w Who, id string) (storage.DeviceRequest, error) {
	if err := s.may(w, AskForResets); err != nil {
		return storage.DeviceRequest{}, err
	}
	row, err := s.member(ctx, w, id)
	if err != nil {
		return storage.DeviceRequest{}, err
	}
	if row.User.ID == w.userID {
		return storage.DeviceRequest{}, InputError{"user", InputSelf, "nobody resets himself"}
	}
	mails, err := s.resetAsked(ctx, w, row.User)
	if err != nil {
		return storage.DeviceRequest{}, err
	}
	return s.DB.AskForReset(ctx, w.accountID, id, w.by, mails...)
}

// resetAsked are the messages to those who may decide: nobody decides about
// himself, or what he asked for.
func (s *Service) resetAsked(ctx context.Context, w Who, member storage.User) ([]storage.Mail, error) {
	state, err := s.DB.AccountState(ctx, w.accountID)
	if err != nil {
		return nil, err
	}
	admins, err := s.DB.Admins(ctx, w.accountID)
	if err != nil {
		return nil, err
	}
	var mails []storage.Mail
	until := s.Now().Add(storage.DeviceResetLife)
	for _, u := range storage.Told(admins, member.ID, w.userID) {
		m := s.mail(u, state.Account, templates.MailResetAsked)
		m.Data[templates.DataBy], m.Data[templates.DataUser], m.Data[templates.DataAddress] = w.name, member.Name, member.Email
		m.Data[templates.DataUntil], m.ExpiresAt = until.Format(time.RFC3339), until
		m.Data[templates.DataLink] = s.Issuer + storage.DeviceRequestsPath
		mails = append(mails, m)
	}
	return mails, nil
}
