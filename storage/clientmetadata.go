package storage

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Metadata is what a client registers, under the names of RFC 7591 and OpenID
// Connect Dynamic Client Registration 1.0.
type Metadata struct {
	Name                    string   `json:"client_name,omitempty" yaml:"client_name" doc:"What users read."`
	ApplicationType         string   `json:"application_type,omitempty" yaml:"application_type" enum:"web,native" doc:"Left out: web."`
	RedirectURIs            []string `json:"redirect_uris,omitempty" yaml:"redirect_uris"`
	PostLogoutRedirectURIs  []string `json:"post_logout_redirect_uris,omitempty" yaml:"post_logout_redirect_uris"`
	GrantTypes              []string `json:"grant_types,omitempty" yaml:"grant_types" enum:"authorization_code,refresh_token,client_credentials,urn:ietf:params:oauth:grant-type:device_code" doc:"Left out: authorization_code."`
	ResponseTypes           []string `json:"response_types,omitempty" yaml:"response_types" enum:"code"`
	TokenEndpointAuthMethod string   `json:"token_endpoint_auth_method,omitempty" yaml:"token_endpoint_auth_method" enum:"client_secret_basic,client_secret_post,none" doc:"Left out: client_secret_basic; none: a public client."`
	Scope                   string   `json:"scope,omitempty" yaml:"scope" doc:"What it may ask for, separated by spaces."`
	ClientURI               string   `json:"client_uri,omitempty" yaml:"client_uri"`
	PolicyURI               string   `json:"policy_uri,omitempty" yaml:"policy_uri"`
	TOSURI                  string   `json:"tos_uri,omitempty" yaml:"tos_uri"`
	LogoURI                 string   `json:"logo_uri,omitempty" yaml:"logo_uri"`
	InitiateLoginURI        string   `json:"initiate_login_uri,omitempty" yaml:"initiate_login_uri"`
	DefaultMaxAge           *int     `json:"default_max_age,omitempty" yaml:"default_max_age" minimum:"0" doc:"Seconds."`
	RequireAuthTime         bool     `json:"require_auth_time,omitempty" yaml:"require_auth_time"`
	DefaultACRValues        []string `json:"default_acr_values,omitempty" yaml:"default_acr_values"`
	IDTokenSignedResponse   string   `json:"id_token_signed_response_alg,omitempty" yaml:"id_token_signed_response_alg" enum:"RS256,ES256,EdDSA" doc:"Left out: RS256."`
	// Extensions of Stile.
	RequirePKCE      *bool    `json:"require_pkce,omitempty" yaml:"require_pkce" doc:"Left out: yes."`
	StrictFormAction bool     `json:"strict_form_action,omitempty" yaml:"strict_form_action" doc:"The content security policy of its pages names its redirect URI only."`
	AllowedOrigins   []string `json:"allowed_origins,omitempty" yaml:"allowed_origins" doc:"May call from the browser (CORS)."`
	IntrospectAll    bool     `json:"introspect_all,omitempty" yaml:"introspect_all" doc:"It is an API that the tokens of all clients are meant for (RFC 7662)."`
}

// Names of RFC 7591 that code branches on.
const (
	GrantCode              = "authorization_code"
	GrantRefresh           = "refresh_token"
	GrantClientCredentials = "client_credentials"
	GrantDevice            = "urn:ietf:params:oauth:grant-type:device_code"

	AuthNone  = "none" // a public client
	AuthBasic = "client_secret_basic"
	AuthPost  = "client_secret_post"

	TypeWeb    = "web"
	TypeNative = "native"
)

// Bounds on what is registered.
const (
	maxURIs     = 50
	maxURIBytes = 2000
	maxScopes   = 100
)

// MetadataError says which field of the metadata is refused, and why. Field is
// the registered name: redirect_uris becomes the error invalid_redirect_uri of
// RFC 7591, section 3.2.2, others invalid_client_metadata.
type MetadataError struct {
	Field  string
	Value  string // empty if it is the field as a whole
	Reason string
}

func (e MetadataError) Error() string {
	if e.Value == "" {
		return e.Field + ": " + e.Reason
	}
	return fmt.Sprintf("%s: %q: %s", e.Field, e.Value, e.Reason)
}

// Filled returns the metadata with the defaults of RFC 7591, section 2, in the
// fields that were left out.
func (m Metadata) Filled() Metadata {
	if m.ApplicationType == "" {
		m.ApplicationType = TypeWeb
	}
	if m.TokenEndpointAuthMethod == "" {
		m.TokenEndpointAuthMethod = AuthBasic
	}
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{GrantCode}
	}
	if len(m.ResponseTypes) == 0 && slices.Contains(m.GrantTypes, GrantCode) {
		m.ResponseTypes = []string{"code"}
	}
	if m.IDTokenSignedResponse == "" {
		m.IDTokenSignedResponse = "RS256"
	}
	return m
}

// RequiresPKCE tells whether the client has to use PKCE: a public one always.
func (m Metadata) RequiresPKCE() bool { return m.Public() || m.RequirePKCE == nil || *m.RequirePKCE }

// Public tells whether the client has no secret.
func (m Metadata) Public() bool { return m.TokenEndpointAuthMethod == AuthNone }

var scopeToken = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]{1,100}$`) // RFC 6749, section 3.3

// Validate refuses, with [MetadataError], what may not be registered, however it
// came in. It wants filled metadata.
func (m Metadata) Validate() error {
	if m.Name != "" {
		if err := checkName("client", m.Name); err != nil {
			return MetadataError{Field: "client_name", Reason: err.Error()}
		}
	}
	for _, choice := range []struct {
		field  string
		values []string
		among  []string
	}{
		{"application_type", []string{m.ApplicationType}, []string{TypeWeb, TypeNative}},
		{"token_endpoint_auth_method", []string{m.TokenEndpointAuthMethod}, []string{AuthNone, AuthBasic, AuthPost}},
		{"grant_types", m.GrantTypes, []string{GrantCode, GrantRefresh, GrantClientCredentials, GrantDevice}},
		{"response_types", m.ResponseTypes, []string{"code"}},
		{"id_token_signed_response_alg", []string{m.IDTokenSignedResponse}, []string{"RS256", "ES256", "EdDSA"}},
	} {
		for _, v := range choice.values {
			if !slices.Contains(choice.among, v) {
				return MetadataError{choice.field, v, "is not supported: use " + strings.Join(choice.among, ", ")}
			}
		}
	}
	if err := m.consistent(); err != nil {
		return err
	}
	if len(strings.Fields(m.Scope)) > maxScopes {
		return MetadataError{"scope", "", "more than " + strconv.Itoa(maxScopes) + " values"}
	}
	for _, s := range append(strings.Fields(m.Scope), m.DefaultACRValues...) {
		if !scopeToken.MatchString(s) {
			return MetadataError{"scope", s, "is not a scope or acr value of at most 100 characters"}
		}
	}
	if m.DefaultMaxAge != nil && *m.DefaultMaxAge < 0 {
		return MetadataError{"default_max_age", "", "is negative"}
	}
	return m.validateURIs()
}

// consistent refuses fields that contradict one another.
func (m Metadata) consistent() error {
	has := func(grant string) bool { return slices.Contains(m.GrantTypes, grant) }
	code := has(GrantCode)
	for _, rule := range []struct {
		broken bool
		err    MetadataError
	}{
		{
			code != slices.Contains(m.ResponseTypes, "code"),
			MetadataError{"response_types", "", "code and the grant type authorization_code belong together"},
		},
		{
			code && len(m.RedirectURIs) == 0,
			MetadataError{"redirect_uris", "", "the grant type authorization_code needs at least one"},
		},
		{
			!code && len(m.RedirectURIs) > 0,
			MetadataError{"redirect_uris", "", "only the grant type authorization_code uses them"},
		},
		{
			has(GrantRefresh) && !code && !has(GrantDevice),
			MetadataError{"grant_types", GrantRefresh, "needs a grant type that gives refresh tokens"},
		},
		{
			has(GrantClientCredentials) && m.Public(),
			MetadataError{"grant_types", GrantClientCredentials, "is not for public clients: give it a secret"},
		},
		{
			m.RequirePKCE != nil && !*m.RequirePKCE && m.Public(),
			MetadataError{"require_pkce", "", "a public client can't do without"},
		},
		{
			m.IntrospectAll && m.Public(),
			MetadataError{"introspect_all", "", "a public client can't prove that it is the API: give it a secret"},
		},
	} {
		if rule.broken {
			return rule.err
		}
	}
	return nil
}

func (m Metadata) validateURIs() error {
	for _, list := range []struct {
		field  string
		values []string
		check  func(string) string
	}{
		{"redirect_uris", m.RedirectURIs, m.redirectURI},
		{"post_logout_redirect_uris", m.PostLogoutRedirectURIs, m.redirectURI},
		{"allowed_origins", m.AllowedOrigins, origin},
		{"client_uri", optional(m.ClientURI), webURI},
		{"policy_uri", optional(m.PolicyURI), webURI},
		{"tos_uri", optional(m.TOSURI), webURI},
		{"logo_uri", optional(m.LogoURI), webURI},
		{"initiate_login_uri", optional(m.InitiateLoginURI), webURI},
	} {
		if len(list.values) > maxURIs {
			return MetadataError{list.field, "", "more than " + strconv.Itoa(maxURIs)}
		}
		for i, v := range list.values {
			reason := list.check(v)
			if reason == "" && slices.Contains(list.values[:i], v) {
				reason = "is given twice"
			}
			if reason != "" {
				return MetadataError{list.field, v, reason}
			}
		}
	}
	return nil
}

func optional(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}

// answers are the parameters that an answer adds to a redirect URI. One that
// has them already would carry them twice.
var answers = []string{
	"code", "state", "iss", "error", "error_description", "error_uri", "response", "id_token",
	"access_token", "token_type", "expires_in", "scope", "session_state",
}

// redirectURI says why a URI can't be one that answers are sent to, or nothing.
// Such URIs are compared byte by byte (RFC 9700, section 4.1), so they have to
// be complete and mean one place.
func (m Metadata) redirectURI(text string) string {
	u, reason := absoluteURI(text)
	if reason != "" {
		return reason
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "the query can't be read"
	}
	for _, name := range answers {
		if query.Has(name) {
			return "it has the parameter " + name + " already, which the answer brings"
		}
	}
	if u.Scheme == "https" || u.Scheme == "http" {
		return webURI(text)
	}
	switch {
	// RFC 8252, section 7.1: a scheme of one's own is a domain name reversed.
	case !strings.Contains(u.Scheme, "."):
		return "a private scheme is a domain name turned around, such as com.example.app:/callback"
	case u.Opaque != "":
		return "write a slash after the colon, such as com.example.app:/callback"
	case u.Port() != "":
		return "a private scheme has no port"
	case m.ApplicationType != TypeNative:
		return "private schemes are for the application type native"
	}
	return ""
}

// webURI says why a URI is not one of a page that may be linked to: https, or
// http on this computer.
func webURI(text string) string {
	u, reason := absoluteURI(text)
	if reason != "" {
		return reason
	}
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return "use https"
	case u.Scheme == "http" && !loopback(host):
		return "use https: http is only for this computer (127.0.0.1, [::1] or localhost)"
	case !hostOK(u):
		return "the host is not a lower-case domain name or address"
	}
	return ""
}

// origin says why text is not an origin as browsers send it (RFC 6454, section 6.2).
func origin(text string) string {
	if reason := webURI(text); reason != "" {
		return reason
	}
	u, _ := url.Parse(text)
	if text != u.Scheme+"://"+u.Host {
		return "an origin is only scheme, host and port, such as https://app.example.com"
	}
	return ""
}

// uriBytes are what RFC 3986 lets stand in a URI, but for the star: that would
// be meant as a wildcard.
var uriBytes = regexp.MustCompile(`^[A-Za-z0-9._~:/?\[\]@!$&'()+,;=%-]+$`)

// absoluteURI takes a URI apart that is complete, and means what it seems to.
func absoluteURI(text string) (*url.URL, string) {
	if strings.Contains(text, "*") {
		return nil, "wildcards are not allowed: register each URI"
	}
	if strings.Contains(text, "#") {
		return nil, "fragments are not allowed"
	}
	if len(text) > maxURIBytes || !uriBytes.MatchString(text) {
		return nil, "it has characters that a URI can't have, or more than " + strconv.Itoa(maxURIBytes)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, "it is not a URI"
	case u.Scheme == "" || text[:len(u.Scheme)] != u.Scheme: // Parse lower-cases it
		return nil, "it has to begin with a lower-case scheme, such as https"
	case u.User != nil || strings.Contains(u.Host, "@"):
		return nil, "it must not name a user"
	case strings.ContainsFunc(u.Path, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }):
		return nil, "the path hides characters that are not allowed"
	case slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." }):
		return nil, "the path has the steps . or .."
	}
	return u, ""
}

// loopback tells whether a host name means this computer.
func loopback(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

var domainName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// hostOK tells whether a URL's host is a domain name or an address, with a port
// that exists or none.
func hostOK(u *url.URL) bool {
	host, port := u.Hostname(), u.Port()
	if strings.HasSuffix(u.Host, ":") {
		return false
	}
	if port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || port != strconv.Itoa(n) {
			return false
		}
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == "" && addr.String() == host
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	// A name that ends in a number is an address written in a way that browsers read differently.
	return len(host) <= 253 && domainName.MatchString(host) && strings.Trim(last, "0123456789") != ""
}
