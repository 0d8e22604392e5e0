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
	secrets := p.SignIn.Secrets
	if !s.keyWorks(p) {
		secrets = s.newKey()
	}
	return s.save(ctx, p, p.SignIn.Progress.InstallApp(), secrets)
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

// lapsed is the decision while the enrolment waits for a code of a key whose
// time is over: the next key is made on the screen before.
func (s *Service) lapsed(p *Pending) bool {
	waits := p.Decision.Step == authn.StepConnectDevice || p.Decision.Step == authn.StepSetupCode
	return waits && !s.keyWorks(p)
}
