package templates

// Keys of the sentences that a form may come back with (FieldError.Key), with
// the placeholders each needs.
const (
	ErrAddressEmpty        = "error.address.empty"
	ErrAddressForm         = "error.address.form"   // no @, or not an address
	ErrSignUpDomain        = "error.sign_up.domain" // nobody of this domain may sign up
	ErrSignUpClosed        = "error.sign_up.closed" // the account is suspended or missing. Status 503
	ErrPasswordEmpty       = "error.password.empty"
	ErrNewPasswordEmpty    = "error.new_password.empty"     //nolint:gosec // the key of a text
	ErrNewPasswordShort    = "error.new_password.too_short" //nolint:gosec // the key of a text; Min (int)
	ErrNewPasswordLong     = "error.new_password.too_long"  //nolint:gosec // the key of a text; Max (int)
	ErrNewPasswordNoText   = "error.new_password.no_text"   //nolint:gosec // the key of a text
	ErrNewPasswordCommon   = "error.new_password.common"    //nolint:gosec // the key of a text
	ErrNewPasswordPersonal = "error.new_password.personal"  //nolint:gosec // the key of a text
	ErrNewPasswordSame     = "error.new_password.same"      //nolint:gosec // the key of a text
	// ErrMismatch is the one neutral answer to a wrong pair: FieldEmail.
	ErrMismatch = "error.signin.mismatch"
	// ErrTooManyUntil: Until (time.Time). Status 429.
	ErrTooManyUntil = "error.too_many.until"
	// ErrSignInTooMany is the same at the password of a sign-in.
	ErrSignInTooMany = "error.signin.too_many"
	// ErrOpenLink: too many wrong passwords; a link was sent that lets this browser try.
	ErrOpenLink = "error.open_link"
	// ErrBusy: the server is too busy to check a password now. Status 503.
	ErrBusy = "error.busy"

	ErrEmailCodeEmpty = "error.email_code.empty" //
	ErrEmailCodeWrong = "error.email_code.wrong" //
	ErrEmailCodeOld   = "error.email_code.old"   // over, or there is none
	ErrEmailCodeTries = "error.email_code.tries" // five wrong on one code
	ErrSendAgainWait  = "error.send_again.wait"  // Until (time.Time); Field DoSendAgain
	ErrSendAgainLimit = "error.send_again.limit" // Until (time.Time); Field DoSendAgain
	ErrCodeForm       = "error.code.form"        // not six digits; costs no attempt
	ErrCodeEmpty      = "error.code.empty"       //
	ErrCodeWrong      = "error.code.wrong"       //
	ErrCodeUsed       = "error.code.used"        // used already, wait for the next one
	ErrSuspended      = "error.code.suspended"   // too many wrong codes: authenticator suspended
	ErrRecoveryEmpty  = "error.recovery.empty"   //
	ErrRecoveryForm   = "error.recovery.form"    // not sixteen characters; costs no attempt
	ErrRecoveryWrong  = "error.recovery.wrong"   // unknown, used, or of an older set
	ErrAskWait        = "error.ask_admin.wait"   // Until (time.Time): the last message is too young
	ErrAskLimit       = "error.ask_admin.limit"  // Until (time.Time): too many were asked for
)

// Keys of the sentences that confirm something (Notice.Key).
const (
	NoticeEmailVerified = "notice.email_verified"
	NoticeSentAgain     = "notice.sent_again"    // At (time.Time)
	NoticeAlreadyDone   = "notice.already_done"  // this step is done
	NoticeKeyReplaced   = "notice.key_replaced"  // the earlier key no longer works
	NoticeRecoveryUsed  = "notice.recovery_used" // N (int): codes left
	NoticePasswordSet   = "notice.password_set"  // a password was set with a link; sign in with it
	NoticeChanged       = "notice.changed"       // password or authenticator changed meanwhile; prove again
	NoticeElsewhere     = "notice.elsewhere"     // an authenticator was connected in another window meanwhile
)
