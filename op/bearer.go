package op

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"stile/authn"
	"stile/seal"
	"stile/storage"
	"stile/token"
)

// Errors of [Provider.Bearer]. Any other one means that the token could not be
// judged.
var (
	// ErrBearer says that something is not an access token of ours, or one no
	// longer.
	ErrBearer = errors.New("op: not a live access token")
	// ErrBearerEvidence says that what the token's grant has proven is not enough
	// for what is required of its user today.
	ErrBearerEvidence = errors.New("op: the evidence of the access token is past")
)

// Bearer is whom an access token speaks for, as everything is now.
type Bearer struct {
	Client storage.Client
	Scopes []string // of the token, those that its client may still have
	// Person and Evidence are the user and what the grant has proven. Person is
	// nil in the token of a service.
	Person   *storage.Person
	Evidence authn.Evidence
}

// Bearer judges an access token that is shown to this installation itself. It
// asks what every other use of a grant asks, and reads it anew.
func (p *Provider) Bearer(ctx context.Context, text string) (Bearer, error) {
	if seal.KindAccess.Is(text) {
		return p.bearerOfUser(ctx, text)
	}
	b, err := p.bearerOfService(ctx, text)
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, storage.ErrNotFound) {
		err = ErrBearer
	}
	return b, err
}

func (p *Provider) bearerOfUser(ctx context.Context, text string) (Bearer, error) {
	view, err := p.DB.GrantByAccess(ctx, seal.HashToken(text))
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return Bearer{}, ErrBearer
	case err != nil:
		return Bearer{}, err
	}
	switch _, err := standing(view.GrantView, p.Now()); {
	case errors.Is(err, errEvidenceIsPast()):
		return Bearer{}, ErrBearerEvidence
	case err != nil:
		return Bearer{}, ErrBearer
	}
	return Bearer{
		Client: view.Client, Scopes: openNow(view.Scope, view.GrantView),
		Person: &view.Person, Evidence: view.Grant.Evidence,
	}, nil
}

// bearerOfService reads a signed token. Its client is read from the database,
// not from memory: a secret may be in the wrong hands.
func (p *Provider) bearerOfService(ctx context.Context, text string) (Bearer, error) {
	claims, err := p.Tokens.VerifyAccess(ctx, text)
	if err != nil {
		return Bearer{}, err
	}
	if !slices.Contains(claims.Audience, p.Issuer) || claims.Subject != claims.ClientID {
		return Bearer{}, ErrBearer
	}
	stored, err := p.DB.Client(ctx, claims.ClientID)
	if err != nil {
		return Bearer{}, err
	}
	c := newClient(stored)
	if stored.Disabled || stored.Suspended || !c.may(oidc.GrantTypeClientCredentials) || stored.AccountID != claims.AccountID {
		return Bearer{}, ErrBearer
	}
	return Bearer{Client: stored, Scopes: openScopes(strings.Fields(claims.Scope), c)}, nil
}
