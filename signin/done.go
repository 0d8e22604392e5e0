package signin

import (
	"context"

	"stile/storage"
)

// Kept answers the screen with the recovery codes, which are then shown no more.
func (s *Service) Kept(ctx context.Context, p *Pending) error {
	return s.save(ctx, p, p.SignIn.Progress.Keep(), storage.SignInSecrets{})
}
