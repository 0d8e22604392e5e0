package op

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"stile/storage"
	"stile/templates"
	"stile/web"
)

// What one authorization request may hold, in bytes where nothing else is said.
const (
	maxAuthorizeParams = 100
	maxState           = 8 << 10
	maxNonce           = 1 << 10
	maxScope           = 2 << 10
	maxACRValues       = 4 << 10
	maxLocales         = 1 << 10
	maxLoginHint       = 320
	maxHint            = 16 << 10
)

// bounds are the parameters of the authorization endpoint (OpenID Connect Core,
// section 3.1.2.1; RFC 6749, 7636, 9101, 9396) with how long each may be.
// All others are ignored.
var bounds = map[string]int{
	"client_id": 256, "redirect_uri": 4 << 10, "response_type": 256, "response_mode": 64,
	"scope": maxScope, "state": maxState, "nonce": maxNonce,
	"code_challenge": 128, "code_challenge_method": 64,
	"prompt": 256, "max_age": 32, "acr_values": maxACRValues, "claims": maxClaims,
	"id_token_hint": maxHint, "login_hint": maxLoginHint,
	"ui_locales": maxLocales, "claims_locales": maxLocales, "display": 64,
	"request": maxHint, "request_uri": 4 << 10, "registration": maxClaims, "authorization_details": maxClaims,
}

// parameters are the parameters of an authorization request, as sent: nothing
// is checked but their form. A parameter without a value is as if left out
// (RFC 6749, section 3.1).
type parameters struct {
	values   map[string]string
	repeated []string // given more than once, or in query and body
}

// readParameters reads the known parameters of a request from its query and, if
// it is a POST, its body.
// It fails with a [web.UserError] if that can't be read at all.
func readParameters(r *http.Request, known map[string]int) (parameters, error) {
	texts := []string{r.URL.RawQuery}
	if r.Method == http.MethodPost {
		body, err := readBody(r)
		if err != nil {
			return parameters{}, err
		}
		texts = append(texts, body)
	}
	p, ok := parseParameters(known, texts...)
	if !ok {
		return parameters{}, pageOf(templates.ErrorRequest, errMalformed(), "")
	}
	return p, nil
}

// readBody returns the form that a browser posts here from anywhere.
func readBody(r *http.Request) (string, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != formType || r.Header.Get("Content-Encoding") != "" {
		return "", web.UserError{Kind: templates.ErrorRequest, Status: http.StatusUnsupportedMediaType, Err: errNotForm()}
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if _, exceeded := errors.AsType[*http.MaxBytesError](err); exceeded {
		return "", web.UserError{Kind: templates.ErrorTooLarge}
	}
	if err != nil {
		return "", web.UserError{Kind: templates.ErrorRequest, Err: err}
	}
	return string(body), nil
}

// parseParameters takes the known parameters out of form-encoded texts. Text
// that is no form is refused, as are too many parameters, and control characters
// in them: not every database takes those, and no log should.
func parseParameters(known map[string]int, texts ...string) (parameters, bool) {
	p := parameters{values: map[string]string{}}
	seen, count := map[string]bool{}, 0
	for _, text := range texts {
		for pair := range strings.SplitSeq(text, "&") {
			if pair == "" {
				continue
			}
			if count++; count > maxAuthorizeParams {
				return parameters{}, false
			}
			name, value, _ := strings.Cut(pair, "=")
			name, nameErr := url.QueryUnescape(name)
			value, valueErr := url.QueryUnescape(value)
			if nameErr != nil || valueErr != nil || !readable(name, value) {
				return parameters{}, false
			}
			if _, ok := known[name]; !ok {
				continue
			}
			if seen[name] {
				p.repeated = append(p.repeated, name)
			}
			seen[name] = true
			p.values[name] = value
		}
	}
	return p, true
}

// readable is plain, but for claims: JSON may be set in lines.
func readable(name, value string) bool {
	if name == "claims" {
		value = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(value)
	}
	return plain(value)
}

// get returns a parameter, or "".
func (p parameters) get(name string) string { return p.values[name] }

// sure tells whether a parameter was given once.
func (p parameters) sure(name string) bool {
	return p.values[name] != "" && !slices.Contains(p.repeated, name)
}

// tooLong returns the name of a parameter that is longer than it may be, or "".
func (p parameters) tooLong(bounds map[string]int) string {
	for name, value := range p.values {
		if len(value) > bounds[name] {
			return name
		}
	}
	return ""
}

// target returns where answers to the request go, errors included. An unknown
// response_mode is answered in the way of the code flow, and a state that was
// given twice is not answered at all.
func (p parameters) target(uri redirectURI) target {
	t := target{URI: uri, Mode: modeQuery}
	if m := responseMode(p.get("response_mode")); p.sure("response_mode") && t.takes(m) {
		t.Mode = m
	}
	if p.sure("state") && len(p.get("state")) <= maxState {
		t.State = p.get("state")
	}
	return t
}

// authorization is a validated authorization request: what is sealed and comes
// back when the user has signed in. What has to be proven stands beside it, in
// the sign-in request.
type authorization struct {
	ID        string   `json:"grant"` // of the request, which gives at most one grant
	Target    target   `json:"target"`
	Scope     []string `json:"scope"`
	Offline   bool     `json:"offline,omitempty"` // the grant outlives the session
	Nonce     string   `json:"nonce,omitempty"`
	Challenge string   `json:"challenge,omitempty"` // S256
	Claims    wanted   `json:"claims,omitzero"`
	ACR       []string `json:"acr,omitempty"` // values asked for that we know, in the client's order

	Silent  bool `json:"silent,omitempty"`  // prompt=none
	Select  bool `json:"select,omitempty"`  // prompt=select_account
	Create  bool `json:"create,omitempty"`  // prompt=create
	Consent bool `json:"consent,omitempty"` // prompt=consent

	Visited bool   `json:"visited,omitempty"` // the user has been through a sign-in for it
	Allowed string `json:"allowed,omitempty"` // id of the user who has allowed this very request
}

// request is an authorization request with the parts that the sign-in has a say in.
type request struct {
	authorization
	ask       askParameters
	loginHint string
	locales   []string
}

// askParameters are the parameters that say what has to be proven.
type askParameters struct {
	maxAge *time.Duration
	login  bool     // prompt=login
	acr    []string // acr_values
	claims claimsRequest
	hint   string // id_token_hint
}

// parseRequest checks all parameters but client_id and redirect_uri, in the
// order in which a developer would want to hear of mistakes. The error is what
// the client is told.
func parseRequest(p parameters, c *client, t target, prompts []string) (request, error) {
	a := request{authorization: authorization{Target: t}}
	if err := refuseUnknown(p, c, t); err != nil {
		return a, err
	}
	var err error
	if a.Challenge, err = parseChallenge(p, c); err != nil {
		return a, err
	}
	if err = a.parsePrompt(p.get("prompt"), prompts); err != nil {
		return a, err
	}
	if a.ask.maxAge, err = parseMaxAge(p.get("max_age")); err != nil {
		return a, err
	}
	if a.Scope = openScopes(strings.Fields(p.get("scope")), c); len(a.Scope) == 0 {
		return a, errScope()
	}
	a.Offline = slices.Contains(a.Scope, oidc.ScopeOfflineAccess)
	if a.ask.claims, err = parseClaims(p.get("claims")); err != nil {
		return a, err
	}
	a.Claims = a.ask.claims.wanted
	a.Claims.IDToken = both(a.Claims.IDToken, claimsOpen(a.Scope))
	a.Claims.LeftOut = leftOut(strings.Fields(p.get("scope")), a.Scope)
	a.Nonce = p.get("nonce")
	a.ask.acr = strings.Fields(p.get("acr_values"))
	a.ask.hint = p.get("id_token_hint")
	a.loginHint = p.get("login_hint")
	a.locales = strings.Fields(p.get("ui_locales"))
	return a, nil
}

// refuseUnknown refuses what this provider does not do at all, or that nobody
// can read for sure.
func refuseUnknown(p parameters, c *client, t target) error {
	switch {
	case len(p.repeated) > 0:
		return errRepeated()
	case p.get("response_mode") != "" && !t.takes(responseMode(p.get("response_mode"))):
		return errResponseMode()
	case p.get("request") != "":
		return errRequestObject()
	case p.get("request_uri") != "":
		return errRequestURI()
	case p.get("registration") != "":
		return errRegistration()
	case p.get("authorization_details") != "":
		return errAuthorizationDetails()
	case p.get("response_type") == "":
		return errResponseTypeMissing()
	case p.get("response_type") != string(oidc.ResponseTypeCode):
		return errResponseType()
	case !c.may(oidc.GrantTypeCode):
		return errGrantNotRegistered()
	}
	if p.tooLong(bounds) != "" {
		return errTooLarge()
	}
	return nil
}

// parseChallenge returns the PKCE challenge (RFC 7636): S256 only; not needed
// by a confidential client that registered so.
func parseChallenge(p parameters, c *client) (string, error) {
	challenge, method := p.get("code_challenge"), p.get("code_challenge_method")
	switch {
	case challenge == "" && method == "" && !requiresPKCE(c):
		return "", nil
	case challenge == "":
		return "", errChallengeMissing()
	case method != string(oidc.CodeChallengeMethodS256):
		return "", errChallengeMethod()
	case len(challenge) < 43 || len(challenge) > 128 || strings.ContainsFunc(challenge, notBase64url):
		return "", errChallenge()
	}
	return challenge, nil
}

func requiresPKCE(c *client) bool {
	return c.Metadata.RequiresPKCE()
}

func notBase64url(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	return !letter && (r < '0' || r > '9') && r != '-' && r != '_'
}

// parseMaxAge reads seconds in decimal; nil for none.
func parseMaxAge(text string) (*time.Duration, error) {
	if text == "" {
		return nil, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return nil, errMaxAge()
	}
	age := time.Duration(seconds) * time.Second
	return &age, nil
}

// identityScopes is what a client may ask for that registered no scopes.
var identityScopes = []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail}

// openScopes returns the scopes of a request that are open to the client, each
// once, in its order. Others are ignored (RFC 6749, section 3.3); so is
// offline_access where there would be no refresh token.
func openScopes(asked []string, c *client) []string {
	var open []string
	for _, s := range asked {
		allowed := c.IsScopeAllowed(s)
		if len(c.scopes) == 0 {
			allowed = slices.Contains(identityScopes, s)
		}
		if s == oidc.ScopeOfflineAccess && !c.may(oidc.GrantTypeRefreshToken) {
			allowed = false
		}
		if allowed && !slices.Contains(open, s) {
			open = append(open, s)
		}
	}
	return open
}

// maxLeftOut bounds the scopes that are remembered though they were not granted.
const maxLeftOut = 20

// leftOut returns what was asked for and is not open.
func leftOut(asked, open []string) []string {
	var out []string
	for _, s := range asked {
		if len(out) < maxLeftOut && !slices.Contains(open, s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// clientOf returns the client of a request and where its answers go. What fails
// here can't be told to any client: the error is a page.
func (p *Provider) clientOf(ctx context.Context, params parameters) (*client, target, error) {
	if !params.sure("client_id") {
		return nil, target{}, pageOf(templates.ErrorUnknownClient, errClientID(), "client_id")
	}
	c, err := p.knownClient(ctx, params.get("client_id"))
	if err != nil {
		return nil, target{}, err
	}
	sent := params.get("redirect_uri")
	uri, ok := matchRedirect(c.Metadata.RedirectURIs, sent)
	if !ok || !params.sure("redirect_uri") {
		page := pageOf(templates.ErrorRedirectURI, errRedirectURI(), "redirect_uri")
		page.Client = c.page()
		page.Developer.Sent, page.Developer.Registered = sent, c.Metadata.RedirectURIs
		return nil, target{}, page
	}
	return c, params.target(uri), nil
}

// knownClient returns a client that may be used, or a page that says that there
// is none.
func (p *Provider) knownClient(ctx context.Context, id string) (*client, error) {
	if len(id) > bounds["client_id"] {
		return nil, pageOf(templates.ErrorUnknownClient, errClientID(), "client_id")
	}
	c, err := p.client(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, pageOf(templates.ErrorUnknownClient, errClientID(), "client_id")
	}
	return c, err
}
