package signin

import (
	"context"
	"time"

	"stile/storage"
)

// AccountPath is the path of My Account.
const AccountPath = "/account"

// When a user is asked again: who found everything right, and who put it off.
const (
	checkedAgain = 180 * 24 * time.Hour
	laterAgain   = 30 * 24 * time.Hour
)

// Protection is what protects a user's sign-in.
type Protection struct {
	App      time.Time // when the authenticator app was connected; zero: there is none
	Passkeys []string  // their names
	Recovery int       // recovery codes left
}

// OnlyOne tells whether the loss of one thing locks the user out: an app, or a
// passkey, and no recovery code.
func OnlyOne(who storage.Person) bool {
	ways := who.Passkeys
	if who.TOTP != nil {
		ways++
	}
	return ways < 2 && who.RecoveryLeft == 0
}

// Protection reads what protects the sign-in of who signs in.
func (s *Service) Protection(ctx context.Context, p *Pending) (Protection, error) {
	own := Protection{Recovery: p.Person.RecoveryLeft}
	list, err := s.db.Authenticators(ctx, p.Person.User.ID)
	if err != nil {
		return own, err
	}
	for _, a := range list {
		if a.Kind == storage.AuthenticatorTOTP && !a.Suspended {
			own.App = a.Since
		}
	}
	if p.Person.Passkeys == 0 {
		return own, nil
	}
	keys, err := s.db.Passkeys(ctx, p.Person.User.ID)
	for _, k := range keys {
		own.Passkeys = append(own.Passkeys, k.Name)
	}
	return own, err
}

// CheckedUp answers the check-up: everything is right, or later.
func (s *Service) CheckedUp(ctx context.Context, p *Pending, later bool) error {
	if err := s.row(ctx, p); err != nil {
		return err
	}
	again := checkedAgain
	if later {
		again = laterAgain
	}
	saved, err := s.db.CheckUp(ctx, s.changed(p, p.SignIn.Progress.CheckedUp(), p.SignIn.Secrets), s.now().Add(again))
	return s.went(p, saved, err)
}
