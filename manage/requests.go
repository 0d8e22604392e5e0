package manage

import (
	"context"

	"stile/storage"
)

// DeviceRequests lists what members and helpdesk ask the account's admins for:
// a new device, or a reset.
func (s *Service) DeviceRequests(ctx context.Context, w Who, after string, limit int) ([]storage.DeviceRequest, error) {
	if err := s.may(w, Read); err != nil {
		return nil, err
	}
	return s.DB.DeviceRequests(ctx, w.accountID, after, limit)
}

// DecideDeviceRequest approves or refuses a request, once. It fails with
// [storage.ErrOwnRequest] for one's own, and with [storage.ErrSpent], and the
// request as it is, for one that was decided or is over.
func (s *Service) DecideDeviceRequest(ctx context.Context, w Who, id string, approve bool) (storage.DeviceRequest, error) {
	if err := s.may(w, DecideResets); err != nil {
		return storage.DeviceRequest{}, err
	}
	return s.DB.DecideDeviceRequest(ctx, w.accountID, id, approve, w.by)
}
