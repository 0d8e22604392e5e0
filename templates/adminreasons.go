package templates

import "stile/audit"

// reasonKeys are the reasons of events in words. Those of a later version are
// told by their codes.
var reasonKeys = map[string]string{
	"sign_up":                 "admin.log.reason.sign_up",
	"no_role":                 "admin.log.reason.no_role",
	"forbidden":               "admin.log.reason.forbidden",
	"not_found":               "admin.log.reason.not_found",
	"password":                "admin.log.reason.password",
	"totp":                    "admin.log.reason.totp",
	"recovery":                "admin.log.reason.recovery",
	"passkey":                 "admin.log.reason.passkey",
	"synced_passkey":          "admin.log.reason.synced_passkey",
	"new_passkey":             "admin.log.reason.new_passkey",
	"email_code":              "admin.log.reason.email_code",
	"setup_code":              "admin.log.reason.setup_code",
	"session":                 "admin.log.reason.session",
	"unknown_address":         "admin.log.reason.unknown_address",
	"wrong_password":          "admin.log.reason.wrong_password",
	"switched_off":            "admin.log.reason.switched_off",
	"other_user":              "admin.log.reason.other_user",
	"unknown_passkey":         "admin.log.reason.unknown_passkey",
	"wrong_passkey":           "admin.log.reason.wrong_passkey",
	"counter":                 "admin.log.reason.counter",
	"wrong_codes":             "admin.log.reason.wrong_codes",
	"connected":               "admin.log.reason.connected",
	"replaced":                "admin.log.reason.replaced",
	"proven":                  "admin.log.reason.proven",
	"already_proven":          "admin.log.reason.already_proven",
	"not_required":            "admin.log.reason.not_required",
	"trusted_browser":         "admin.log.reason.trusted_browser",
	"exposed":                 "admin.log.reason.exposed",
	"own":                     "admin.log.reason.own",
	"reset":                   "admin.log.reason.reset",
	"last-admin":              "admin.log.reason.last_admin",
	"new-device":              "admin.log.reason.new_device",
	"password-reset":          "admin.log.reason.password_reset",
	"unlock":                  "admin.log.reason.unlock",
	"created":                 "admin.log.reason.created",
	"updated":                 "admin.log.reason.updated",
	"deleted":                 "admin.log.reason.deleted",
	"erased":                  "admin.log.reason.erased",
	"on":                      "admin.log.reason.on",
	"off":                     "admin.log.reason.off",
	"told":                    "admin.log.reason.told",
	"authenticator_suspended": "admin.log.reason.authenticator_suspended",
	"wait_stopped":            "admin.log.reason.wait_stopped",
	"user":                    "admin.log.reason.user",
	"client":                  "admin.log.reason.client",
	"signed_out_everywhere":   "admin.log.reason.signed_out_everywhere",
	"signed_out_elsewhere":    "admin.log.reason.signed_out_elsewhere",
	"revoked":                 "admin.log.reason.revoked",
	"code_reused":             "admin.log.reason.code_reused",
	"refresh_reused":          "admin.log.reason.refresh_reused",
	"unknown_client":          "admin.log.reason.unknown_client",
	"wrong_method":            "admin.log.reason.wrong_method",
	"wrong_secret":            "admin.log.reason.wrong_secret",
	"wrong_client_or_time":    "admin.log.reason.wrong_client_or_time",
	"wrong_redirect_uri":      "admin.log.reason.wrong_redirect_uri",
	"wrong_verifier":          "admin.log.reason.wrong_verifier",
	"session_ended":           "admin.log.reason.session_ended",
	"user_ended":              "admin.log.reason.user_ended",
	"client_ended":            "admin.log.reason.client_ended",
	"consent_ended":           "admin.log.reason.consent_ended",
	"evidence":                "admin.log.reason.evidence",
	"wider_scope":             "admin.log.reason.wider_scope",
	"code_expired":            "admin.log.reason.code_expired",
	"code_refused":            "admin.log.reason.code_refused",
	"device_groups":           "admin.log.reason.device_groups",
}

// readKeys are what was looked at of people's data.
var readKeys = map[string]string{
	"list":   "admin.log.reason.list",
	"detail": "admin.log.reason.detail",
	"export": "admin.log.reason.export",
}

// limitKeys are the limits, by their names.
var limitKeys = map[string]string{
	"password":               "admin.log.limit.password",
	"password_known_browser": "admin.log.limit.password",
	"totp":                   "admin.log.limit.codes",
	"totp_month":             "admin.log.limit.codes",
	"totp_exposed":           "admin.log.limit.codes",
	"email_code_hour":        "admin.log.limit.codes",
	"email_code_day":         "admin.log.limit.codes",
	"email_code_month":       "admin.log.limit.codes",
	"recovery_hour":          "admin.log.limit.codes",
	"recovery_day":           "admin.log.limit.codes",
	"email_sent_gap":         "admin.log.limit.messages",
	"email_sent_hour":        "admin.log.limit.messages",
	"email_sent_day":         "admin.log.limit.messages",
	"email_sent_network":     "admin.log.limit.messages",
	"email_sent_account":     "admin.log.limit.messages",
	"link_hour":              "admin.log.limit.links",
	"link_day":               "admin.log.limit.links",
	"link_network":           "admin.log.limit.links",
	"network":                "admin.log.limit.network",
	"network_hour":           "admin.log.limit.network",
	"client_network":         "admin.log.limit.secrets",
	"client":                 "admin.log.limit.secrets",
	"refusal":                "admin.log.limit.other",
}

// keysOfKind are the kinds of events whose reasons have words of their own.
var keysOfKind = map[audit.Kind]map[string]string{
	audit.PeopleRead: readKeys, audit.LimitReached: limitKeys, audit.PasswordExposed: limitKeys,
}

// ReasonName is why it happened, as people say it; empty if it is told by its
// code only.
func (v *view) ReasonName(kind, reason string) string {
	keys := keysOfKind[audit.Kind(kind)]
	if keys == nil {
		keys = reasonKeys
	}
	if key, ok := keys[reason]; ok {
		return v.T(key)
	}
	return ""
}
