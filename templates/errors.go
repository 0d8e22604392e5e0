package templates

// ErrorKind is the kind of an error page.
type ErrorKind string

// Kinds of error pages with the status that suits each.
const (
	ErrorOver          ErrorKind = "over"           // 410: the sign-in is over or unknown
	ErrorAlreadyDone   ErrorKind = "already-done"   // 409: this step or sign-in is done
	ErrorUnknownClient ErrorKind = "unknown-client" // 400
	ErrorRedirectURI   ErrorKind = "redirect-uri"   // 400: not registered
	ErrorRequest       ErrorKind = "request"        // 400: any other request that can't be answered
	ErrorUnmet         ErrorKind = "unmet"          // 403: requirement that can't be met
	ErrorForbidden     ErrorKind = "forbidden"      // 403
	ErrorFormExpired   ErrorKind = "form-expired"   // 403: form token too old or of elsewhere
	ErrorOtherBrowser  ErrorKind = "other-browser"  // 403: begun in another browser
	ErrorCookies       ErrorKind = "cookies"        // 403: the browser keeps no cookies
	ErrorSwitchedOff   ErrorKind = "switched-off"   // 403: the user's account is switched off
	ErrorNotFound      ErrorKind = "not-found"      // 404
	ErrorMethod        ErrorKind = "method"         // 405
	ErrorTooLarge      ErrorKind = "too-large"      // 413
	ErrorHost          ErrorKind = "host"           // 421: not our name
	ErrorTooMany       ErrorKind = "too-many"       // 429
	ErrorInvitation    ErrorKind = "invitation"     // 410: the link of an invitation was used, is over or unknown
	ErrorLink          ErrorKind = "link"           // 410: the link of another message was used, is over or unknown
	ErrorSentLink      ErrorKind = "sent-link"      // 410: the same of a link that anybody may ask for; Start sends a new one
	ErrorUnavailable   ErrorKind = "unavailable"    // 503
	ErrorInternal      ErrorKind = "internal"       // 500
)

// errorTexts are the keys of what each kind says.
var errorTexts = map[ErrorKind]string{
	ErrorOver:          "errorpage.over",
	ErrorAlreadyDone:   "errorpage.already_done",
	ErrorUnknownClient: "errorpage.client_mistake",
	ErrorRedirectURI:   "errorpage.client_mistake",
	ErrorRequest:       "errorpage.client_mistake",
	ErrorUnmet:         "errorpage.unmet",
	ErrorForbidden:     "errorpage.forbidden",
	ErrorFormExpired:   "errorpage.form_expired",
	ErrorOtherBrowser:  "errorpage.other_browser",
	ErrorCookies:       "errorpage.cookies",
	ErrorSwitchedOff:   "errorpage.switched_off",
	ErrorNotFound:      "errorpage.not_found",
	ErrorMethod:        "errorpage.method",
	ErrorTooLarge:      "errorpage.too_large",
	ErrorHost:          "errorpage.host",
	ErrorTooMany:       "errorpage.too_many",
	ErrorInvitation:    "errorpage.invitation",
	ErrorLink:          "errorpage.link",
	ErrorSentLink:      "errorpage.sent_link",
	ErrorUnavailable:   "errorpage.unavailable",
	ErrorInternal:      "errorpage.internal",
}

// Key is the locale key of what the kind says; of an unknown kind, that
// something went wrong here.
func (k ErrorKind) Key() string {
	if key, ok := errorTexts[k]; ok {
		return key
	}
	return errorTexts[ErrorInternal]
}
