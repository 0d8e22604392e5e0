package templates

import (
	"time"

	"stile/audit"
)

// AdminLog lists what happened in the account, newest first, a page at a time.
//
// Fields of the filter, which is sent by GET: FieldKind, FieldOutcome,
// FieldUser, FieldSince, FieldUntil.
type AdminLog struct {
	Kinds, Outcomes    []AdminChoice // by their codes
	User, Since, Until string        // as they were given
	Zone               string        // that days are meant in
	Events             []AdminEvent
	Pager              Pager
	Filtered           bool // not everything is listed
	CSV, JSONL         string
	Days               []AdminSignIns // to be drawn; empty with a filter
	Follow             string         // path of the page that loads itself; empty on further pages
	Unfollow           string         // path out of it; empty where it isn't
	New                int            // lines since then, of those shown
	More               bool           // and more of them
	Every              int            // seconds
}

// AdminEvent is one line of the log.
type AdminEvent struct {
	At           time.Time
	Kind, Reason string // stable codes
	Detail       []string
	Refused      bool
	By, About    AdminActor
	Client       AdminActor
	Network      string
}

// AdminActor is somebody, or an app, that an event names.
type AdminActor struct {
	Name string // as people call it; empty if there is none any more
	Code string // id or kind, shown without a name
	Path string // of its page, if it has one
}

// Names of the fields of these pages.
const (
	FieldKind    = "kind"
	FieldOutcome = "outcome"
	FieldUser    = "user"
	FieldSince   = "since"
	FieldUntil   = "until"
	FieldFollow  = "follow" // where somebody began to follow the log
)

// Name of the screen.
func (AdminLog) Name() string { return "admin-log" }

// Section of the navigation.
func (AdminLog) Section() Section { return AdminLogSection }

func (AdminLog) heading(*Frame) heading { return heading{key: "admin.nav.log"} }

// kindKeys are what happens, in words. Codes of a later version have none.
var kindKeys = map[audit.Kind]string{
	audit.SignInSucceeded:     "admin.log.kind.sign_in_succeeded",
	audit.SignInFailed:        "admin.log.kind.sign_in_failed",
	audit.SignInGivenUp:       "admin.log.kind.sign_in_given_up",
	audit.ProofAccepted:       "admin.log.kind.proof_accepted",
	audit.ProofRefused:        "admin.log.kind.proof_refused",
	audit.LimitReached:        "admin.log.kind.limit_reached",
	audit.EmailCodeSent:       "admin.log.kind.email_code_sent",
	audit.AuthenticatorAdded:  "admin.log.kind.authenticator_added",
	audit.AuthenticatorEnded:  "admin.log.kind.authenticator_ended",
	audit.AuthenticatorPaused: "admin.log.kind.authenticator_suspended",
	audit.PasskeyAdded:        "admin.log.kind.passkey_added",
	audit.PasskeyRenamed:      "admin.log.kind.passkey_renamed",
	audit.PasskeyRemoved:      "admin.log.kind.passkey_removed",
	audit.PasskeyCounter:      "admin.log.kind.passkey_counter_fell",
	audit.RecoveryCodesMade:   "admin.log.kind.recovery_codes_made",
	audit.RecoveryCodeUsed:    "admin.log.kind.recovery_code_used",
	audit.BrowserTrusted:      "admin.log.kind.trusted_browser_added",
	audit.BrowserForgotten:    "admin.log.kind.trusted_browser_forgotten",
	audit.SessionEnded:        "admin.log.kind.session_ended",
	audit.PolicyChanged:       "admin.log.kind.policy_changed",
	audit.PolicyRefused:       "admin.log.kind.policy_refused",
	audit.UserChanged:         "admin.log.kind.user_changed",
	audit.PasswordChanged:     "admin.log.kind.password_changed",
	audit.ClientChanged:       "admin.log.kind.client_changed",
	audit.AuditExported:       "admin.log.kind.audit_exported",
	audit.PeopleRead:          "admin.log.kind.people_read",
	audit.InvitationSent:      "admin.log.kind.invitation_sent",
	audit.NotMeSaid:           "admin.log.kind.notice_denied",
	audit.InvitationAccepted:  "admin.log.kind.invitation_accepted",
	audit.InvitationWithdrawn: "admin.log.kind.invitation_withdrawn",
	audit.DeviceAsked:         "admin.log.kind.device_request_asked",
	audit.WaitStarted:         "admin.log.kind.device_wait_started",
	audit.DeviceApproved:      "admin.log.kind.device_request_approved",
	audit.DeviceRefused:       "admin.log.kind.device_request_refused",
	audit.DeviceUsed:          "admin.log.kind.device_request_used",
	audit.GrantIssued:         "admin.log.kind.grant_issued",
	audit.GrantRedeemed:       "admin.log.kind.grant_redeemed",
	audit.GrantRefreshed:      "admin.log.kind.grant_refreshed",
	audit.GrantEnded:          "admin.log.kind.grant_ended",
	audit.TokenRefused:        "admin.log.kind.token_refused",
	audit.ConsentGiven:        "admin.log.kind.consent_given",
	audit.ConsentRefused:      "admin.log.kind.consent_refused",
	audit.AccountChanged:      "admin.log.kind.account_changed",
	audit.ProductChanged:      "admin.log.kind.product_changed",
	audit.SeatChanged:         "admin.log.kind.seat_changed",
	audit.DeviceGroupChanged:  "admin.log.kind.device_group_changed",
	audit.PasswordExposed:     "admin.log.kind.password_exposed",
	audit.LinkAsked:           "admin.log.kind.link_asked",
	audit.LinkUsed:            "admin.log.kind.link_used",
	audit.ClientRefused:       "admin.log.kind.client_refused",
	audit.KeyRotated:          "admin.log.kind.key_rotated",
	audit.AdminRefused:        "admin.log.kind.admin_refused",
	audit.EnhancedChanged:     "admin.log.kind.enhanced_changed",
	audit.AddressAsked:        "admin.log.kind.address_asked",
	audit.AddressChanged:      "admin.log.kind.address_changed",
	audit.DataAsked:           "admin.log.kind.data_asked",
	audit.DataExported:        "admin.log.kind.data_exported",
}

// KindName is what happened as people say it; empty if it is told by its code only.
func (v *view) KindName(kind string) string {
	if key, ok := kindKeys[audit.Kind(kind)]; ok {
		return v.T(key)
	}
	return ""
}

// OutcomeName is the name of a choice in the filter of outcomes.
func (v *view) OutcomeName(outcome string) string {
	switch outcome {
	case "ok":
		return v.T("admin.log.ok")
	case "refused":
		return v.T("admin.log.refused")
	}
	return v.T("admin.users.all")
}

// Happened makes what the template "state" shows of an outcome.
func (v *view) Happened(refused bool) state {
	if refused {
		return v.State("bad", "admin.log.refused")
	}
	return v.State("good", "admin.log.ok")
}

// AdminSignIns is how the sign-ins of one day ended.
type AdminSignIns struct {
	Day                                                                        time.Time
	Code, Session, Trusted, NotRequired, RefusedPassword, RefusedCode, GivenUp int
}

// SignInPlot draws the sign-ins by what they came to; nil where there were none.
func (v *view) SignInPlot(days []AdminSignIns) *Plot {
	p := Plot{
		Name: "sign-ins", Title: v.T("admin.plot.sign_ins"), Unit: v.T("admin.plot.day"), Stacked: true, Mark: -1,
		Summary: v.T("admin.plot.table", "Zone", v.zone().String()),
	}
	for _, key := range []string{"admin.plot.code", "admin.plot.session", "admin.plot.trusted", "admin.plot.not_required", "admin.plot.refused_password", "admin.plot.refused_code", "admin.plot.given_up"} {
		p.Series = append(p.Series, PlotSeries{Label: v.T(key)})
	}
	in, refused, givenUp := 0, 0, 0
	for _, d := range days {
		day := d.Day.In(v.zone())
		p.Days = append(p.Days, PlotDay{Day: day, Short: day.Format(time.DateOnly), Long: v.Printer.Date(day)})
		for i, n := range []int{d.Code, d.Session, d.Trusted, d.NotRequired, d.RefusedPassword, d.RefusedCode, d.GivenUp} {
			p.Series[i].Values = append(p.Series[i].Values, n)
		}
		in, refused = in+d.Code+d.Session+d.Trusted+d.NotRequired, refused+d.RefusedPassword+d.RefusedCode
		givenUp += d.GivenUp
	}
	if p.Empty() {
		return nil
	}
	p.Finding = v.T("admin.plot.sign_ins_finding", "In", in, "Refused", refused, "GivenUp", givenUp)
	return &p
}
