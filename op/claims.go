package op

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"stile/token"
)

// Bounds of the claims parameter.
const (
	maxClaims     = 8 << 10 // bytes
	maxClaimCount = 64      // members of userinfo and of id_token
)

// wanted is what a grant keeps of what a client asked for: the claims that it
// wants in the ID token too (OpenID Connect Core, section 5.5), and the scopes
// that were left out of what was granted, since some libraries repeat them at
// each refresh. UserInfo gives all that the scopes open, and nothing else, so
// there is nothing to keep for it. What the client said about the values of
// claims is settled when the request is answered.
type wanted struct {
	IDToken []string `json:"id_token,omitempty"`
	LeftOut []string `json:"left_out,omitempty"`
}

// String returns what a grant stores; empty for nothing.
func (w wanted) String() string {
	if w.IDToken == nil && w.LeftOut == nil {
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
	c.IDToken = slices.Sorted(maps.Keys(parts.IDToken))
	c.acr = parts.IDToken["acr"]
	if sub := parts.IDToken["sub"]; sub != nil {
		values, err := sub.texts()
		if err != nil || len(values) > 1 {
			return c, errClaims()
		}
		c.subject = strings.Join(values, "")
	}
	_, err := c.acrValues()
	return c, err
}

// acrValues returns the values that the acr claim may have; nil if the
// parameter says nothing about them.
func (c claimsRequest) acrValues() ([]string, error) {
	if c.acr == nil {
		return nil, nil
	}
	return c.acr.texts()
}

// texts returns value and values of a claim that is a text; null is none.
func (c claim) texts() ([]string, error) {
	list := c.Values
	if c.Value != nil && string(c.Value) != "null" {
		list = append([]json.RawMessage{c.Value}, list...)
	}
	var texts []string
	for _, raw := range list {
		var text *string
		if json.Unmarshal(raw, &text) != nil || text == nil || *text == "" {
			return nil, errClaims()
		}
		texts = append(texts, *text)
	}
	return texts, nil
}

// acrEssential tells whether one of [claimsRequest.acrValues] has to be reached.
// Who names values and doesn't call them voluntary means them.
func (c claimsRequest) acrEssential() bool {
	return c.acr != nil && (c.acr.Essential == nil || *c.acr.Essential)
}
