package api

import (
	"context"
	"net/http"
	"time"

	"stile/manage"
	"stile/storage"
)

// DeviceRequest asks the account's admins for a new device or a reset.
type DeviceRequest struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind" enum:"new-device,reset" doc:"new-device: asked by the member in a sign-in; reset: asked by helpdesk."`
	State     string     `json:"state" enum:"open,approved,refused,used,over"`
	UserID    string     `json:"user_id"`
	Email     string     `json:"email"`
	Name      string     `json:"name"`
	Label     string     `json:"label" doc:"Two letters that whoever asks sees too."`
	AskedBy   string     `json:"asked_by"`
	Network   string     `json:"network,omitempty"`
	UserAgent string     `json:"user_agent,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	DecidedBy string     `json:"decided_by,omitempty"`
	DecidedAt *time.Time `json:"decided_at,omitempty"`
}

func (a *API) deviceRequestOf(r storage.DeviceRequest) DeviceRequest {
	return DeviceRequest{
		r.ID, r.Kind, string(r.State(a.o.Now())), r.UserID, r.Email, r.Name, r.Label, r.AskedBy, r.Network, r.UserAgent,
		r.CreatedAt, r.ExpiresAt, r.DecidedBy, r.DecidedAt,
	}
}

// Decision is what becomes of a request.
type Decision struct {
	Approve bool `json:"approve"`
}

func (a *API) deviceRequests() {
	type list struct{ Page }
	do(a, act{
		id: "listDeviceRequests", method: http.MethodGet, path: "/device-requests", tag: "Requests", permission: manage.Read,
		summary: "Requests for a new device or a reset", about: "Open ones first, newest first; with those decided in the last seven days.",
	}, func(ctx context.Context, w manage.Who, in *list) (*Paged[DeviceRequest], error) {
		at := a.place("/device-requests", w)
		after, err := at.after(in.Page)
		if err != nil {
			return nil, err
		}
		found, err := a.o.Manage.DeviceRequests(ctx, w, after, in.Limit+1)
		if err != nil {
			return nil, err
		}
		return paged(in.Page, found, func(r storage.DeviceRequest) string { return r.ID }, a.deviceRequestOf, at, nil), nil
	})
	type decision struct {
		ID   string `path:"id" maxLength:"100" doc:"Id of the request."`
		Body Decision
	}
	do(a, act{
		id: "decideDeviceRequest", method: http.MethodPost, path: "/device-requests/{id}/decision", tag: "Requests", permission: manage.DecideResets, status: http.StatusOK,
		summary: "Approve or refuse a request", about: "Once; nobody decides on a request of his own. Only people do this: no service's token.",
	}, func(ctx context.Context, w manage.Who, in *decision) (*one[DeviceRequest], error) {
		r, err := a.o.Manage.DecideDeviceRequest(ctx, w, in.ID, in.Body.Approve)
		if err != nil {
			return nil, err
		}
		return &one[DeviceRequest]{a.deviceRequestOf(r)}, nil
	})
}
