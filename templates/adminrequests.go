package templates

import "time"

// AdminRequests lists what members and helpdesk ask the admins for.
//
// Forms: DoApprove, DoRefuse (FieldID).
type AdminRequests struct {
	Requests []AdminRequest
	Pager    Pager
	Editable bool // whoever looks decides
}

// AdminRequest is one of them.
type AdminRequest struct {
	ID               string
	Name, Address    string // of the user whom it is about
	User             string // path of that user's page
	Asked, Until     time.Time
	Label            string // of one for a new device: two letters
	Reset            bool   // it asks for a reset; else for a new device
	By               string // who asks for a reset
	Browser, Network string
	State            AdminRequestState
	Decider          string
	Decided          time.Time
	Own              bool // whoever looks may not decide this one
}

// AdminRequestState is where a request stands.
type AdminRequestState string

// Where a request may stand.
const (
	RequestOpen     AdminRequestState = "open"
	RequestApproved AdminRequestState = "approved"
	RequestRefused  AdminRequestState = "refused"
	RequestOver     AdminRequestState = "over"
)

// Keys of what stands in the way of a decision.
const (
	ErrAdminDecided    = "error.admin.decided"     // somebody was faster, or it is over
	ErrAdminOwnRequest = "error.admin.own_request" // it is about whoever decides, or asked by him
)

// Name of the screen.
func (AdminRequests) Name() string { return "admin-requests" }

// Section of the navigation.
func (AdminRequests) Section() Section { return AdminRequestsSection }

func (AdminRequests) heading(*Frame) heading { return heading{key: "admin.nav.requests"} }

// RequestState makes what the template "state" shows of a request.
func (v *view) RequestState(s AdminRequestState) state {
	switch s {
	case RequestOpen:
		return v.State("part", "admin.requests.open")
	case RequestApproved:
		return v.State("good", "admin.requests.approved")
	case RequestRefused:
		return v.State("bad", "admin.requests.refused")
	default:
		return v.State("none", "admin.requests.over")
	}
}
