package token

import (
	"encoding/json"
	"errors"
	"slices"

	"stile/seal"
)

// IDClaims are the claims of an ID token. Fields that the issuer sets itself
// are overwritten by [Issuer.ID].
type IDClaims struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        string   `json:"aud"`           // the client
	AuthorizedParty string   `json:"azp,omitempty"` // the client again, for libraries that look there
	Expires         int64    `json:"exp"`
	IssuedAt        int64    `json:"iat"`
	AuthTime        int64    `json:"auth_time"` // seconds since 1970
	Nonce           string   `json:"nonce,omitempty"`
	ACR             string   `json:"acr,omitempty"`
	AMR             []string `json:"amr,omitempty"`
	SID             string   `json:"sid,omitempty"`
	AccessTokenHash string   `json:"at_hash,omitempty"`
	Person                   // what the claims parameter asked for in the ID token

	AccessToken seal.Secret `json:"-"` // the token that goes with it, for at_hash
}

// Person are the claims about a user, for ID token and UserInfo alike
// (OpenID Connect Core, section 5.1, and Stile's own). Empty ones are left out;
// EmailVerified is a pointer so that false is sent.
type Person struct {
	Name          string   `json:"name,omitempty"`
	Locale        string   `json:"locale,omitempty"`
	ZoneInfo      string   `json:"zoneinfo,omitempty"`
	UpdatedAt     int64    `json:"updated_at,omitempty"` // seconds since 1970
	Email         string   `json:"email,omitempty"`
	EmailVerified *bool    `json:"email_verified,omitempty"`
	AccountID     string   `json:"account_id,omitempty"`
	AccountName   string   `json:"account_name,omitempty"`
	Roles         []string `json:"roles,omitempty"`
	Entitlements  []string `json:"entitlements,omitempty"` // names of the products held (RFC 9068, section 2.2.3.1)
}

// AccessClaims are the claims of a service's access token (RFC 9068).
type AccessClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"` // the client
	Audience  Audience `json:"aud"`
	Expires   int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	ID        string   `json:"jti"`
	ClientID  string   `json:"client_id"`
	Scope     string   `json:"scope,omitempty"`
	AccountID string   `json:"account_id,omitempty"` // the account that the client belongs to
}

// Audience is a list that is written as a string when it has one member, and
// read from either form (RFC 7519, section 4.1.3). Anything else is an error.
type Audience []string

// MarshalJSON writes one member as a string.
func (a Audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// UnmarshalJSON reads a string or a list of strings.
func (a *Audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = Audience{one}
		return nil
	}
	var many []*string // a pointer tells null from the empty string
	if json.Unmarshal(b, &many) != nil || slices.Contains(many, nil) {
		return errors.New("token: aud is neither a string nor a list of strings")
	}
	*a = make(Audience, len(many))
	for i, s := range many {
		(*a)[i] = *s
	}
	return nil
}
