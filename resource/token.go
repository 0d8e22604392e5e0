package resource

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// Token is what a verified access token says.
type Token struct {
	Subject   string // the user, or the service
	ClientID  string // the app that calls
	AccountID string // the account of the user, or that the service belongs to
	Scopes    []string
	// ACR, AMR and AuthTime say what the user has proven, and since when: empty
	// in tokens of services.
	ACR      string
	AMR      []string
	AuthTime time.Time
	Expires  time.Time
}

// Service tells whether the token is of a service: no user stands behind it.
func (t Token) Service() bool { return t.Subject == t.ClientID }

// HasScope tells whether the token is for a scope.
func (t Token) HasScope(scope string) bool { return slices.Contains(t.Scopes, scope) }

type tokenKey struct{}

// From returns the token that a request was let in with, or the zero Token
// outside of [Verifier.Require].
func From(ctx context.Context) Token {
	t, _ := ctx.Value(tokenKey{}).(Token)
	return t
}

func withToken(ctx context.Context, t Token) context.Context {
	return context.WithValue(ctx, tokenKey{}, t)
}

// errToken says that something is not an access token for this API, or one no
// longer. Whoever sends it learns no more.
var errToken = errors.New("resource: not an access token for this API")

// maxToken bounds what is taken for a token at all, in bytes.
const maxToken = 8 << 10

// skew is how far another machine's clock may be ahead.
const skew = 60 * time.Second

// verify returns what a token says. The error is errToken, or why the issuer
// could not be asked.
func (v *Verifier) verify(ctx context.Context, text string) (Token, error) {
	switch {
	case text == "" || len(text) > maxToken || !isToken(text):
		return Token{}, errToken
	case strings.Count(text, ".") == 2:
		return v.verifySigned(ctx, text)
	case v.o.ClientID == "":
		return Token{}, errToken
	default:
		return v.ask(ctx, text)
	}
}

// isToken tells whether s is a b64token (RFC 6750 section 2.1).
func isToken(s string) bool {
	return strings.IndexFunc(strings.TrimRight(s, "="), func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~+/", c)
	}) < 0
}

// claims are those of a signed token and of an answer about a handle alike.
type claims struct {
	Issuer       string          `json:"iss"`
	Subject      string          `json:"sub"`
	Audience     audience        `json:"aud"`
	Expires      int64           `json:"exp"`
	IssuedAt     int64           `json:"iat"`
	NotBefore    int64           `json:"nbf"`
	ClientID     string          `json:"client_id"`
	Scope        string          `json:"scope"`
	AccountID    string          `json:"account_id"`
	ACR          string          `json:"acr"`
	AMR          []string        `json:"amr"`
	AuthTime     int64           `json:"auth_time"`
	Confirmation json.RawMessage `json:"cnf"`
}

// token returns what the claims say if they are of a token that lives. One that
// is bound to a key (RFC 7800) is not taken as a bearer token: whoever sends it
// has not shown the key.
func (c claims) token(now time.Time) (Token, error) {
	if c.Subject == "" || c.ClientID == "" || c.Expires <= 0 || !now.Before(time.Unix(c.Expires, 0)) ||
		time.Unix(max(c.IssuedAt, c.NotBefore), 0).After(now.Add(skew)) || len(c.Confirmation) > 0 {
		return Token{}, errToken
	}
	t := Token{
		Subject: c.Subject, ClientID: c.ClientID, AccountID: c.AccountID, Scopes: strings.Fields(c.Scope),
		ACR: c.ACR, AMR: c.AMR, Expires: time.Unix(c.Expires, 0).UTC(),
	}
	if c.AuthTime > 0 {
		t.AuthTime = time.Unix(c.AuthTime, 0).UTC()
	}
	return t, nil
}

// audience is a string or a list of them (RFC 7519 section 4.1.3).
type audience []string

// UnmarshalJSON reads either form.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return err
	}
	*a = many
	return nil
}
