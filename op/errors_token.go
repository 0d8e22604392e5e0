package op

import (
	"context"
	"errors"
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	zop "github.com/zitadel/oidc/v3/pkg/op"
)

// What the guard refuses.
var (
	errMethod = fixed(oidc.Error{ErrorType: "invalid_request", Description: "This endpoint does not take this method: see the Allow header."})
	errQuery  = fixed(oidc.Error{ErrorType: "invalid_request", Description: "Send parameters in the body: what stands in a URL ends up in logs."})
)

// Why a client is not known for who it says it is (RFC 6749, section 5.2). A
// wrong secret, an unknown client and a method that was not registered are the
// same to a stranger.
var (
	errClientMissing   = fixed(oidc.Error{ErrorType: "invalid_client", Description: "Client authentication is missing."})
	errClientTwice     = fixed(oidc.Error{ErrorType: "invalid_client", Description: "Send one kind of client authentication, not two."})
	errClientHeader    = fixed(oidc.Error{ErrorType: "invalid_client", Description: "The Authorization header has to be Basic, with client_id and client_secret form-encoded."})
	errClientName      = fixed(oidc.Error{ErrorType: "invalid_client", Description: "client_id differs from the one in the Authorization header."})
	errClientAssertion = fixed(oidc.Error{ErrorType: "invalid_client", Description: "client_assertion is not supported: use client_secret_basic or client_secret_post."})
	errClientPublic    = fixed(oidc.Error{ErrorType: "invalid_client", Description: "This endpoint is for clients that authenticate with a secret."})
	errClientUnproven  = fixed(oidc.Error{ErrorType: "invalid_client", Description: "The client is unknown, or it did not authenticate by the method and with the secret that it registered."})
	errClientPaused    = fixed(oidc.Error{ErrorType: "invalid_client", Description: "Too many failures: see the Retry-After header. The right credentials keep working."})
)

// Errors of the token endpoint.
var (
	errGrantTypeMissing = fixed(oidc.Error{ErrorType: "invalid_request", Description: "grant_type is missing."})
	errGrantType        = fixed(oidc.Error{ErrorType: "unsupported_grant_type", Description: "This grant_type is not supported: discovery lists those that are."})
	errGrantForbidden   = fixed(oidc.Error{ErrorType: "unauthorized_client", Description: "The client is not registered for this grant_type."})
	errScopeNotGranted  = fixed(oidc.Error{ErrorType: "invalid_scope", Description: "scope holds what was not granted."})
	errScopeService     = fixed(oidc.Error{ErrorType: "invalid_scope", Description: "scope holds what the client is not registered for."})

	errCode         = fixed(oidc.Error{ErrorType: "invalid_grant", Description: "The code is unknown, has expired or was used before."})
	errCodeRedirect = fixed(oidc.Error{ErrorType: "invalid_grant", Description: "redirect_uri differs from the one of the authorization request."})
	errCodeVerifier = fixed(oidc.Error{ErrorType: "invalid_grant", Description: "code_verifier is missing, or does not fit the code_challenge of the authorization request."})
	errCodeUnasked  = fixed(oidc.Error{ErrorType: "invalid_grant", Description: "code_verifier was sent, but the authorization request had no code_challenge."})
	errVerifierForm = fixed(oidc.Error{ErrorType: "invalid_grant", Description: "code_verifier has to be 43 to 128 letters, digits, hyphens, dots, underscores or tildes."})

	errRefresh        = fixed(oidc.Error{ErrorType: "invalid_grant", Description: "The refresh token is unknown, has expired, was used before or was revoked: let the user sign in again."})
	errClientEnded    = fixed(oidc.Error{ErrorType: "invalid_grant", Description: "The client may not use this grant any more."})
	errConsentEnded   = fixed(oidc.Error{ErrorType: "invalid_grant", Description: "The user no longer allows what was granted: let the user sign in again."})
	errUserEnded      = fixed(oidc.Error{ErrorType: "invalid_grant", Description: "The user may not sign in any more."})
	errSessionEnded   = fixed(oidc.Error{ErrorType: "invalid_grant", Description: "The user has signed out: let the user sign in again."})
	errEvidenceIsPast = fixed(oidc.Error{ErrorType: "invalid_grant", Description: "The account now requires more than was proven when this was granted: let the user sign in again."})
)

// Errors of the other endpoints.
var (
	errTokenTwice     = fixed(oidc.Error{ErrorType: "invalid_request", Description: "Send the access token once: in the Authorization header or in the body."})
	errBearer         = fixed(oidc.Error{ErrorType: "invalid_token", Description: "The access token is unknown, has expired or was revoked."})
	errBearerScope    = fixed(oidc.Error{ErrorType: "insufficient_scope", Description: "The access token was not granted the scope openid."})
	errBearerEvidence = fixed(oidc.Error{ErrorType: "insufficient_user_authentication", Description: "The account now requires more than was proven: let the user sign in again."})
	errUnrevocable    = fixed(oidc.Error{ErrorType: "unsupported_token_type", Description: "A signed access token cannot be revoked: it ends by itself within minutes."})
)

// refuse gives a protocol error its status.
func refuse(status int, err error) error { return zop.NewStatusError(err, status) }

// failure turns what went wrong into what the client is told. A protocol error
// goes out as it is. Everything else means that the provider is not able to
// say: then it says that, since a client that hears invalid_grant or
// invalid_client for a database that is away drops good tokens. The cause goes
// to the log only.
func failure(ctx context.Context, err error) error {
	if isProtocol(err) {
		return err
	}
	callOf(ctx).header.Set("Retry-After", retryAfterOutage)
	e := errUnavailable()
	e.Parent = err
	return refuse(http.StatusServiceUnavailable, e)
}

// isProtocol tells whether an error is, or wraps, one for the client.
func isProtocol(err error) bool {
	_, ok := errors.AsType[*oidc.Error](err)
	return ok
}

// retryAfterOutage is what clients are asked to wait, in seconds, while the
// database does not answer.
const retryAfterOutage = "2"
