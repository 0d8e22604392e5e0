// Package manage says what may be done with an account, and by whom: one
// function for each act. The pages of the Admin Center and the machine API call
// the same ones, so a rule stands once.
//
// A [Who] is somebody who was let in: [User] makes one of a person and what was
// proven, [Client] of a service's own token. Neither can be made of less. Every
// act begins with what Who may do, see roles.go, and sees only the account of
// Who: an id of another account is answered as one that doesn't exist. People
// need fresh proofs for every change, see [User].
//
// Acts fail with [ErrForbidden], [ProofsError], [CooldownError], [InputError],
// [ErrChanged], or what package storage says: [storage.ErrNotFound],
// [storage.ErrLastAdmin], [storage.ErrInUse], [storage.FullError],
// [device.BelowError] and so on.
// Every other error is a fault of ours. Nothing is changed then.
package manage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"stile/audit"
	"stile/mail"
	"stile/storage"
	"stile/templates"
)

// Service acts on accounts. All fields but Service are required. It is safe for
// concurrent use.
type Service struct {
	DB      *storage.DB
	Now     func() time.Time
	Issuer  string // URL of the installation, for mails
	Service string // its display name; empty is "Stile"
}

// New returns a Service.
func New(db *storage.DB, issuer, service string, now func() time.Time) *Service {
	return &Service{DB: db, Issuer: issuer, Service: service, Now: func() time.Time { return now().UTC().Truncate(time.Microsecond) }}
}

// Tag names a state of a record: another state has another tag. It is the
// strong validator of RFC 9110, section 8.8, without its quotes.
func Tag(record any) string {
	text, _ := json.Marshal(record) // records hold nothing that doesn't encode
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// mail makes a message about what is done here to a user.
func (s *Service) mail(u storage.User, a storage.Account, kind templates.MailKind) storage.Mail {
	return mail.Notices{Issuer: s.Issuer, Service: s.Service, Now: s.Now}.To(u, a, audit.Actor{}, kind)
}

// Account returns the account with its policy, products and device groups.
func (s *Service) Account(ctx context.Context, w Who) (storage.AccountState, error) {
	if err := s.may(w, Read); err != nil {
		return storage.AccountState{}, err
	}
	return s.DB.AccountState(ctx, w.accountID)
}
