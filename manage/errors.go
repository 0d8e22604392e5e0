package manage

import (
	"errors"
	"fmt"
	"time"
)

// Errors of the acts; see the package comment for those of others.
var (
	// ErrForbidden says that whoever asks has no right to do this. It says
	// nothing about whether what was named exists.
	ErrForbidden = errors.New("manage: not allowed")
	// ErrChanged says that the record is no longer as the caller saw it.
	ErrChanged = errors.New("manage: changed meanwhile")
)

// ProofsError says that more, or more lately, must be proven for this: two
// steps, and none of them older than MaxAge where it is not zero. Recovery says
// that a recovery code was given, which is not enough.
type ProofsError struct {
	MaxAge   time.Duration
	Recovery bool
}

func (e ProofsError) Error() string {
	if e.MaxAge == 0 {
		return "manage: needs a second factor"
	}
	if e.Recovery {
		return "manage: needs more than a recovery code"
	}
	return fmt.Sprintf("manage: needs proofs younger than %v", e.MaxAge)
}

// CooldownError says that whoever asks has replaced an authenticator without the
// old one, and changes nothing until then.
type CooldownError struct{ Until time.Time }

func (e CooldownError) Error() string {
	return "manage: closed until " + e.Until.UTC().Format(time.RFC3339) + ", since an authenticator was replaced without the old one"
}

// InputError says which field is refused. Code is stable and picks the sentence
// of a page; Detail is for developers.
type InputError struct {
	Field  string // as the API names it, such as "client_version"
	Code   InputCode
	Detail string
}

func (e InputError) Error() string { return e.Field + ": " + e.Detail }

// InputCode says what is wrong with a field.
type InputCode string

// What may be wrong with a field.
const (
	InputMissing  InputCode = "missing"   // nothing was given
	InputName     InputCode = "name"      // too long, spaces around it, or characters that nobody sees
	InputAddress  InputCode = "address"   // not an e-mail address
	InputVersion  InputCode = "version"   // not a version such as 4.3
	InputBuild    InputCode = "build"     // not a build number
	InputRole     InputCode = "role"      // there is no such role
	InputLanguage InputCode = "language"  // there is no such language
	InputZone     InputCode = "time_zone" // there is no such time zone
	InputProduct  InputCode = "product"   // the account has no such product
	InputDate     InputCode = "date"      // in the past, or too far ahead
	InputMode     InputCode = "mode"      // there is no such mode of re-enrolment
	InputDays     InputCode = "days"      // not a number of days, or too many
	InputTaken    InputCode = "taken"     // another record of the account has this name
	InputConfirm  InputCode = "confirm"   // not the address of the member whom it is about
	InputMetadata InputCode = "metadata"  // of a client; Detail says what
	InputSelf     InputCode = "self"      // nobody does this to oneself
	InputSearch   InputCode = "search"    // more words, or longer ones, than are looked for
)
