package storage

import (
	"fmt"
	"time"

	"stile/authn"
)

// Records of sign-ins, sessions and grants. Those of people, accounts and
// clients stand beside their methods. Hashes are what [seal.HashToken] makes of
// the random value that only the browser or client has.

// SignInKey finds one sign-in of one browser: the id of the request, and the
// hash of the cookie that binds it to the browser. Neither is enough alone.
type SignInKey struct {
	ID      string
	Binding string
}

// SignIn is a sign-in under way, from its first proof on.
type SignIn struct {
	Key         SignInKey
	AccountID   string
	UserID      string
	Epoch       int64  // the user's, when it began; another one voids the sign-in
	Version     int64  // rises with each change
	Label       string // two letters that tell mails of different sign-ins apart
	Progress    authn.Progress
	Secrets     SignInSecrets
	StartedAt   time.Time
	ExpiresAt   time.Time
	CompletedAt *time.Time
	EmailCode   *EmailCodeState // the newest code; nil before one was sent
}

// SignInSecrets are what a sign-in must keep and nobody may read; stored sealed.
type SignInSecrets struct {
	TOTPKey         []byte    `json:",omitempty"` // of the pending authenticator
	AuthenticatorID string    `json:",omitempty"` // id that it will have
	TOTPUntil       time.Time `json:",omitzero"`  // when the pending key ends
	Recovery        []string  `json:",omitempty"` // codes to be shown on the last screen
}

// EmailCodeState is what a page may say about the newest e-mail code.
type EmailCodeState struct {
	Purpose   CodePurpose
	SentAt    time.Time
	ExpiresAt time.Time
	Tries     int
	UsedAt    *time.Time
}

// SignInView is all that a sign-in screen needs. Person is the one of the
// sign-in, else of the session; nil if there is neither.
type SignInView struct {
	SignIn  *SignIn
	Session *Session
	Person  *Person
	// Outdated says that there was a sign-in, but the user's password or
	// authenticators have changed since: it begins again.
	Outdated bool
	// Wait is the newest wait of the person; empty without one.
	Wait DeviceWait
	// Guarded is until when so many wrong codes of the app were tried that an
	// unknown browser needs an e-mail code first ([limit.TOTPMonth]); nil: none does.
	Guarded *time.Time
}

// Session is one signed-in user of one browser.
type Session struct {
	ID          string
	Browser     string // hash of the cookie
	AccountID   string
	UserID      string
	Evidence    authn.Evidence
	Network     string
	UserAgent   string
	TrustedID   string // the trusted browser that it is of; empty for none
	CreatedAt   time.Time
	ChosenAt    time.Time // when it became the browser's present one; the epoch of Unix: it isn't that
	SeenAt      time.Time // written at most once a minute
	ExpiresAt   time.Time // absolute limit
	EndedAt     *time.Time
	EndedReason string
}

// SessionView is a live session with all that decides about its user. Consent
// is the scope that the user has granted the client asked about, empty for none.
type SessionView struct {
	Session Session
	Person  Person
	Consent string
}

// Grant is what a client holds from one authorization: first the code, then
// the family of tokens.
type Grant struct {
	ID        string
	AccountID string
	ClientID  string
	UserID    string
	SessionID string
	RequestID string // the authorization request; gives at most one grant
	Scope     string
	Claims    string // the claims parameter as it was accepted, or empty
	Nonce     string
	Evidence  authn.Evidence
	ACR       string
	Offline   bool   // outlives the session
	TrustedID string // the trusted browser of the session that gave it; empty for none
	Code      Code
	// Generation counts refresh tokens: 0 before the first one.
	Generation  int64
	RotatedAt   time.Time
	IdleAt      time.Time // the refresh token ends if not used before
	ExpiresAt   time.Time // absolute limit
	EndedAt     *time.Time
	EndedReason string
	CreatedAt   time.Time
}

// Code is the authorization code of a grant.
type Code struct {
	RedirectURI string
	Challenge   string // S256 (RFC 7636); empty without PKCE
	ExpiresAt   time.Time
	UsedAt      *time.Time
}

// GrantView is a grant with all that decides about it now.
type GrantView struct {
	Grant       Grant
	Person      Person
	Client      Client
	SessionLive bool   // the session that gave it has not ended
	Consent     string // scope that the user has granted the client
}

// LimitedError says that there were too many tries under one key, and when the
// next one is heard.
type LimitedError struct {
	Until time.Time
	Key   string
}

func (e LimitedError) Error() string {
	return fmt.Sprintf("too many tries: wait until %s", e.Until.UTC().Format(time.RFC3339))
}
