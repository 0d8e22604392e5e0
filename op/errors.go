package op

import (
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// Every protocol error is made here, with a description that helps the
// developer of a client and reveals nothing. Descriptions are ASCII without
// quotes and backslashes (RFC 6749, section 5.2) and never hold anything that
// came with a request.

// allErrors lists what fixed made, for the test that reads them all.
var allErrors []oidc.Error

// fixed returns a maker of one error: each answer gets its own, since the
// library writes into them.
func fixed(e oidc.Error) func() *oidc.Error {
	allErrors = append(allErrors, e)
	return func() *oidc.Error {
		made := e
		return &made
	}
}

// Errors of any endpoint.
var (
	errServer      = fixed(oidc.Error{ErrorType: "server_error", Description: "The provider failed. The answer's X-Request-Id is in its log."})
	errUnavailable = fixed(oidc.Error{ErrorType: "temporarily_unavailable", Description: "The provider cannot answer right now. Try again in a moment."})
	errMalformed   = fixed(oidc.Error{ErrorType: "invalid_request", Description: "The parameters are not well-formed: use application/x-www-form-urlencoded UTF-8 without control characters."})
	errRepeated    = fixed(oidc.Error{ErrorType: "invalid_request", Description: "A parameter is given more than once, or in both query and body."})
	errTooLarge    = fixed(oidc.Error{ErrorType: "invalid_request", Description: "The request, or one of its parameters, is too large."})
	errNotForm     = fixed(oidc.Error{ErrorType: "invalid_request", Description: "The body has to be of type application/x-www-form-urlencoded."})
	errEncodedBody = fixed(oidc.Error{ErrorType: "invalid_request", Description: "The body must not be compressed."})
	errScope       = fixed(oidc.Error{ErrorType: "invalid_scope", Description: "None of the scopes is open to this client."})
)

// Errors of the authorization endpoint that go to the client (RFC 6749, section
// 4.1.2.1; OpenID Connect Core, section 3.1.2.6).
var (
	errResponseTypeMissing  = fixed(oidc.Error{ErrorType: "invalid_request", Description: "response_type is missing: use code."})
	errResponseType         = fixed(oidc.Error{ErrorType: "unsupported_response_type", Description: "The only response_type is code."})
	errResponseMode         = fixed(oidc.Error{ErrorType: "invalid_request", Description: "response_mode has to be query, fragment or, where redirect_uri is a web address, form_post."})
	errGrantNotRegistered   = fixed(oidc.Error{ErrorType: "unauthorized_client", Description: "The client is not registered for the grant type authorization_code."})
	errRequestObject        = fixed(oidc.Error{ErrorType: "request_not_supported", Description: "Request objects are not supported: send the parameters themselves."})
	errRequestURI           = fixed(oidc.Error{ErrorType: "request_uri_not_supported", Description: "request_uri is not supported: send the parameters themselves."})
	errRegistration         = fixed(oidc.Error{ErrorType: "registration_not_supported", Description: "registration is not supported: the client is registered already."})
	errAuthorizationDetails = fixed(oidc.Error{ErrorType: "invalid_authorization_details", Description: "authorization_details are not supported: use scopes."})
	errChallengeMissing     = fixed(oidc.Error{ErrorType: "invalid_request", Description: "PKCE is required: send code_challenge with code_challenge_method=S256."})
	errChallengeMethod      = fixed(oidc.Error{ErrorType: "invalid_request", Description: "code_challenge_method has to be S256."})
	errChallenge            = fixed(oidc.Error{ErrorType: "invalid_request", Description: "code_challenge has to be 43 to 128 characters of base64url."})
	errClientID             = fixed(oidc.Error{ErrorType: "invalid_request", Description: "client_id names no client that is registered and enabled, or is missing."})
	errRedirectURI          = fixed(oidc.Error{ErrorType: "invalid_request", Description: "redirect_uri is not registered for the client, letter by letter, or is missing."})
	errPrompt               = fixed(oidc.Error{ErrorType: "invalid_request", Description: "prompt holds a value that is not supported."})
	errPromptNone           = fixed(oidc.Error{ErrorType: "invalid_request", Description: "prompt=none does not go with other values."})
	errMaxAge               = fixed(oidc.Error{ErrorType: "invalid_request", Description: "max_age has to be a number of seconds."})
	errClaims               = fixed(oidc.Error{ErrorType: "invalid_request", Description: "claims is not a JSON object as OpenID Connect Core, section 5.5 describes, or too large."})
	errIDTokenHint          = fixed(oidc.Error{ErrorType: "invalid_request", Description: "id_token_hint is not an ID token of this provider for this client."})
	errSubjects             = fixed(oidc.Error{ErrorType: "invalid_request", Description: "id_token_hint and the claim sub name different users."})
	errLoginRequired        = fixed(oidc.Error{ErrorType: "login_required", Description: "The user has to sign in."})
	errInteraction          = fixed(oidc.Error{ErrorType: "interaction_required", Description: "The user has to prove more than was proven."})
	errConsent              = fixed(oidc.Error{ErrorType: "consent_required", Description: "The user has to allow the access."})
	errSelection            = fixed(oidc.Error{ErrorType: "account_selection_required", Description: "The user has to choose an account."})
	errUnmet                = fixed(oidc.Error{ErrorType: "unmet_authentication_requirements", Description: "The authentication that the request calls essential cannot be reached by this user."})
	errRefused              = fixed(oidc.Error{ErrorType: "access_denied", Description: "The user did not allow the access."})
	errOtherAccount         = fixed(oidc.Error{ErrorType: "access_denied", Description: "The client is for the users of another account."})
)
