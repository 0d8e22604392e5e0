package storage

// Metadata is what a client registers, under the names of RFC 7591 and OpenID
// Connect Dynamic Client Registration.
type Metadata struct {
	Name                    string   `json:"client_name,omitempty"`
	ApplicationType         string   `json:"application_type,omitempty"` // web (default) or native
	RedirectURIs            []string `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs  []string `json:"post_logout_redirect_uris,omitempty"`
	GrantTypes              []string `json:"grant_types,omitempty"`
	ResponseTypes           []string `json:"response_types,omitempty"`
	TokenEndpointAuthMethod string   `json:"token_endpoint_auth_method,omitempty"`
	Scope                   string   `json:"scope,omitempty"` // what it may ask for, separated by spaces
	ClientURI               string   `json:"client_uri,omitempty"`
	PolicyURI               string   `json:"policy_uri,omitempty"`
	TOSURI                  string   `json:"tos_uri,omitempty"`
	LogoURI                 string   `json:"logo_uri,omitempty"`
	InitiateLoginURI        string   `json:"initiate_login_uri,omitempty"`
	DefaultMaxAge           *int     `json:"default_max_age,omitempty"` // seconds
	RequireAuthTime         bool     `json:"require_auth_time,omitempty"`
	DefaultACRValues        []string `json:"default_acr_values,omitempty"`
	IDTokenSignedResponse   string   `json:"id_token_signed_response_alg,omitempty"`
	// Extensions of Stile.
	RequirePKCE      *bool    `json:"require_pkce,omitempty"`       // nil: yes
	StrictFormAction bool     `json:"strict_form_action,omitempty"` // the CSP of its pages names its redirect URI only
	AllowedOrigins   []string `json:"allowed_origins,omitempty"`    // CORS
	IntrospectAll    bool     `json:"introspect_all,omitempty"`     // it is an API that the tokens of all clients are meant for (RFC 7662)
}
