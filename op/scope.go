package op

import (
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"stile/manage"
	"stile/storage"
	"stile/token"
)

// scope says which claims a scope opens (OpenID Connect Core, section 5.4).
type scope struct {
	name   string
	claims []string
}

// scopes are those that mean something to this provider. A client may be
// registered for others; they are granted and left to the APIs that know them.
var scopes = []scope{
	{oidc.ScopeOpenID, nil},
	{oidc.ScopeProfile, []string{"name", "locale", "zoneinfo"}},
	{oidc.ScopeEmail, []string{"email", "email_verified"}},
	{"account", []string{"account_id", "account_name"}},
	{"roles", []string{"roles"}},
	{"entitlements", []string{"entitlements"}},
	{oidc.ScopeOfflineAccess, nil},
}

// ownScopes open the machine API of this installation, to programs that work for
// an account. They open no claims; what each allows is in package manage.
var ownScopes = manage.Scopes()

// userClaims fills in the claims about a user, each by its name.
var userClaims = map[string]func(*token.Person, storage.Person){
	"name":           func(c *token.Person, p storage.Person) { c.Name = p.User.Name },
	"locale":         func(c *token.Person, p storage.Person) { c.Locale = either(p.User.Language, p.Account.Language) },
	"zoneinfo":       func(c *token.Person, p storage.Person) { c.ZoneInfo = either(p.User.TimeZone, p.Account.TimeZone) },
	"email":          func(c *token.Person, p storage.Person) { c.Email = p.User.Email },
	"email_verified": func(c *token.Person, p storage.Person) { c.EmailVerified = new(p.User.EmailVerifiedAt != nil) },
	"account_id":     func(c *token.Person, p storage.Person) { c.AccountID = p.Account.ID },
	"account_name":   func(c *token.Person, p storage.Person) { c.AccountName = p.Account.Name },
	"roles":          func(c *token.Person, p storage.Person) { c.Roles = p.User.Roles },
	"entitlements":   func(c *token.Person, p storage.Person) { c.Entitlements = p.Products },
}

// claimsOpen returns the claims that the scopes open. A client gets no others,
// whatever it asks for by name (section 5.5): scopes are what it is registered
// for, and what its user is asked about.
func claimsOpen(granted []string) []string {
	var open []string
	for _, s := range scopes {
		if slices.Contains(granted, s.name) {
			open = append(open, s.claims...)
		}
	}
	return open
}

// claimsOf fills in all the claims that the scopes open.
func claimsOf(person storage.Person, granted []string) token.Person {
	return fillIn(person, claimsOpen(granted))
}

// namedClaimsOf fills in the named ones of the claims that the scopes open.
func namedClaimsOf(person storage.Person, granted, named []string) token.Person {
	return fillIn(person, both(named, claimsOpen(granted)))
}

func fillIn(person storage.Person, names []string) token.Person {
	var c token.Person
	for _, name := range names {
		userClaims[name](&c, person)
	}
	return c
}

// both returns the members of list that are members of other too.
func both(list, other []string) []string {
	var kept []string
	for _, s := range list {
		if slices.Contains(other, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

func either(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// narrow returns which of the granted scopes a refresh is for (RFC 6749 section
// 6): all of them, or those that it names. Some libraries repeat their first
// request; what was left out of its answer is left out again. The second value
// is false if something is named that was never asked for.
func narrow(granted, leftOut []string, named string) ([]string, bool) {
	if named == "" {
		return granted, true
	}
	var kept []string
	for s := range strings.FieldsSeq(named) {
		switch {
		case slices.Contains(granted, s):
			if !slices.Contains(kept, s) {
				kept = append(kept, s)
			}
		case s == oidc.ScopeOfflineAccess || slices.Contains(leftOut, s):
		default:
			return nil, false
		}
	}
	return kept, true
}
