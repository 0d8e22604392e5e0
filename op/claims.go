package op

import (
	"encoding/json"
	"maps"
	"slices"

	"stile/token"
)

// Bounds of the claims parameter.
const (
	maxClaims     = 8 << 10 // bytes
	maxClaimCount = 64      // members of userinfo and of id_token
)

// wanted are the claims that a client asked for by name (OpenID Connect Core,
// section 5.5): what a grant keeps of the claims parameter. What the client
// said about their values is settled when the request is answered.
type wanted struct {
	UserInfo []string `json:"userinfo,omitempty"`
	IDToken  []string `json:"id_token,omitempty"`
}

// String returns what a grant stores; empty for nothing.
func (w wanted) String() string {
	if w.UserInfo == nil && w.IDToken == nil {
		return ""
	}
	text, _ := json.Marshal(w) // lists of strings always can be marshalled
	return string(text)
}

// wantedOf reads what a grant stores.
func wantedOf(stored string) (w wanted, err error) {
	if stored == "" {
		return w, nil
	}
	return w, json.Unmarshal([]byte(stored), &w)
}

// claim is what the claims parameter says about one claim.
type claim struct {
	Essential *bool             `json:"essential"`
	Value     json.RawMessage   `json:"value"`
	Values    []json.RawMessage `json:"values"`
}

// claimsRequest is a parsed claims parameter.
type claimsRequest struct {
	wanted
	acr     *claim // of the ID token
	subject string // the user that the sub of the ID token has to be; empty for any
}

// parseClaims reads a claims parameter. Claims and members that nobody knows
// are kept out of the way; anything malformed is an error.
func parseClaims(text string) (claimsRequest, error) {
	var c claimsRequest
	if text == "" {
		return c, nil
	}
	if len(text) > maxClaims || token.CheckObject([]byte(text)) != nil {
		return c, errClaims()
	}
	var parts struct {
		UserInfo map[string]*claim `json:"userinfo"`
		IDToken  map[string]*claim `json:"id_token"`
	}
	if json.Unmarshal([]byte(text), &parts) != nil || len(parts.UserInfo)+len(parts.IDToken) > maxClaimCount {
		return c, errClaims()
	}
	c.UserInfo = slices.Sorted(maps.Keys(parts.UserInfo))
	c.IDToken = slices.Sorted(maps.Keys(parts.IDToken))
	c.acr = parts.IDToken["acr"]
	if sub := parts.IDToken["sub"]; sub != nil && sub.Value != nil {
		if json.Unmarshal(sub.Value, &c.subject) != nil || c.subject == "" {
			return c, errClaims()
		}
	}
	if _, err := c.acrValues(); err != nil {
		return c, err
	}
	return c, nil
}

// acrValues returns the values that the acr claim may have; nil if the
// parameter says nothing about them.
func (c claimsRequest) acrValues() ([]string, error) {
	if c.acr == nil {
		return nil, nil
	}
	texts := c.acr.Values
	if c.acr.Value != nil {
		texts = append([]json.RawMessage{c.acr.Value}, texts...)
	}
	var values []string
	for _, t := range texts {
		var v string
		if json.Unmarshal(t, &v) != nil {
			return nil, errClaims()
		}
		values = append(values, v)
	}
	return values, nil
}

// acrEssential tells whether one of the values has to be reached. Who names
// values and doesn't call them voluntary means them.
func (c claimsRequest) acrEssential() bool {
	if c.acr == nil || c.acr.Value == nil && c.acr.Values == nil {
		return false
	}
	return c.acr.Essential == nil || *c.acr.Essential
}
