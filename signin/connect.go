package signin

import (
	"context"
	"time"

	"github.com/google/uuid"

	"stile/authn"
	"stile/factor"
	"stile/storage"
)

// KeyLife is how long a key waits for its first code.
const KeyLife = 30 * time.Minute

// Installed answers the screen about authenticator apps. The key that connects
// the app is made here, once: reloading shows the same.
func (s *Service) Installed(ctx context.Context, p *Pending) error {
	progress := p.SignIn.Progress.InstallApp()
	if s.keyWorks(p) {
		return s.save(ctx, p, progress, p.SignIn.Secrets)
	}
	return s.save(ctx, p, progress.Reconnect(), s.newKey())
}

// NewKey starts over with another key; the earlier one no longer works.
func (s *Service) NewKey(ctx context.Context, p *Pending) error {
	return s.save(ctx, p, p.SignIn.Progress.InstallApp().Reconnect(), s.newKey())
}

// Connected answers Continue on the screen with the key.
func (s *Service) Connected(ctx context.Context, p *Pending) error {
	return s.save(ctx, p, p.SignIn.Progress.Connect(), p.SignIn.Secrets)
}

func (s *Service) newKey() storage.SignInSecrets {
	return storage.SignInSecrets{TOTPKey: factor.NewKey(), AuthenticatorID: uuid.NewString(), TOTPUntil: s.now().Add(KeyLife)}
}

// keyWorks tells whether there is a key whose time is not over.
func (s *Service) keyWorks(p *Pending) bool {
	return p.SignIn != nil && len(p.SignIn.Secrets.TOTPKey) > 0 && s.now().Before(p.SignIn.Secrets.TOTPUntil)
}

// lapsed tells whether the enrolment waits for a code of a key whose time is
// over. The next key is made on the screen before.
func (s *Service) lapsed(p *Pending) bool {
	waits := p.Decision.Step == authn.StepConnectDevice || p.Decision.Step == authn.StepSetupCode
	return waits && !s.keyWorks(p)
}

// Connection is what connects an authenticator app.
type Connection struct {
	URI             string // otpauth URI; it holds the key
	QRPath          string // of an SVG path, see [factor.QR]
	QRSize          int
	Key             string // base 32
	Issuer, Address string // the entry's label in the app
	Until           time.Time
}

// Connection returns how an app is connected to the pending key. It fails with
// [storage.ErrConflict] where none waits: once it is active, nothing shows it.
func (s *Service) Connection(p *Pending) (Connection, error) {
	if !s.keyWorks(p) {
		return Connection{}, storage.ErrConflict
	}
	x, address := p.SignIn.Secrets, p.Person.User.Email
	c := Connection{URI: factor.URI(s.name, address, x.TOTPKey), Key: factor.KeyText(x.TOTPKey), Issuer: s.name, Address: address, Until: x.TOTPUntil}
	var err error
	c.QRPath, c.QRSize, err = factor.QR(c.URI)
	return c, err
}
