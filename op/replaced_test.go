package op

import (
	"testing"

	"github.com/google/uuid"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

// A grant that slipped in beside the replacement of an authenticator is of no
// use: its tokens would speak of a device that is gone.
func TestE04_EvidenceOfAReplacedAuthenticatorGivesNothing(t *testing.T) {
	r := newRig(t)
	old := r.signIn(authn.Password, authn.TOTP)
	ctx, p := t.Context(), r.person()
	s, err := r.db.ProvePassword(ctx, storage.PasswordProof{SignIn: storage.SignIn{
		Key: storage.SignInKey{ID: uuid.NewString(), Binding: uuid.NewString()}, AccountID: r.account.ID, UserID: r.user.ID,
		Epoch: p.User.Epoch, Label: "AB", StartedAt: r.at, ExpiresAt: r.at.AddDate(0, 0, 1),
		Secrets: storage.SignInSecrets{TOTPKey: []byte("22345678901234567890"), AuthenticatorID: uuid.NewString(), TOTPUntil: r.at.AddDate(0, 0, 1)},
	}, Event: audit.Event{Kind: audit.ProofAccepted}})
	r.must(err)
	_, err = r.db.ActivateTOTP(ctx, storage.Activation{SignIn: s, Step: 1, Event: audit.Event{Kind: audit.AuthenticatorAdded}})
	r.must(err)
	late := func(g *storage.Grant) { g.Evidence, g.ACR = old.Evidence, r.p.Levels.Name(authn.LevelMFA) }

	session := r.signIn(authn.Password)
	a := r.exchange("console", r.code("console", session, late))
	r.want("code", a, 400, "invalid_grant")
	if a.text("error_description") != errEvidenceIsPast().Description {
		t.Errorf("refused because of something else: %s", a.Text)
	}
}
