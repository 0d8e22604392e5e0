package op

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"stile/authn"
	"stile/storage"
)

var somebody = storage.Person{
	User:     storage.User{ID: "u", Name: "Ada", Email: "ada@example.com", Language: "fr", Roles: []string{"member"}},
	Account:  storage.Account{ID: "a", Name: "Example", Language: "de", TimeZone: "Europe/Berlin"},
	Subject:  authn.Subject{ID: "u", AccountID: "a", Seats: []string{"p1", "p2"}},
	Products: []string{"Helpdesk", "Phone line"},
}

func TestClaimsFollowScopes(t *testing.T) {
	verified := somebody
	verified.User.EmailVerifiedAt = new(time.Unix(1, 0))
	for _, c := range []struct {
		name   string
		person storage.Person
		scope  []string
		want   string
	}{
		{"openid alone", somebody, []string{"openid"}, `{}`},
		{"profile", somebody, []string{"openid", "profile"}, `{"name":"Ada","locale":"fr","zoneinfo":"Europe/Berlin"}`},
		{"an address that nobody verified", somebody, []string{"email"}, `{"email":"ada@example.com","email_verified":false}`},
		{"an address that was verified", verified, []string{"email"}, `{"email":"ada@example.com","email_verified":true}`},
		{"account", somebody, []string{"account"}, `{"account_id":"a","account_name":"Example"}`},
		{"roles and products", somebody, []string{"roles", "entitlements"}, `{"roles":["member"],"entitlements":["Helpdesk","Phone line"]}`},
		{"scopes of others", somebody, []string{"openid", "reports:read"}, `{}`},
	} {
		got, err := json.Marshal(claimsOf(c.person, c.scope))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, want %s (%v)", c.name, got, c.want, err)
		}
	}
	for _, s := range scopes {
		for _, name := range s.claims {
			if userClaims[name] == nil {
				t.Errorf("scope %s promises %s, which nothing fills in", s.name, name)
			}
		}
	}
}

func TestE03_RefreshNarrowsAndNeverWidens(t *testing.T) {
	granted := []string{"openid", "profile"}
	for _, c := range []struct {
		named string
		want  []string
		ok    bool
	}{
		{"", granted, true},
		{"openid", []string{"openid"}, true},
		{"profile openid", []string{"profile", "openid"}, true},
		{"openid openid", []string{"openid"}, true},
		{"openid offline_access", []string{"openid"}, true}, // repeated from the first request
		{"openid left", []string{"openid"}, true},
		{"openid email", nil, false},
		{"admin", nil, false},
		{"OPENID", nil, false},
	} {
		got, ok := narrow(granted, []string{"left"}, c.named)
		if ok != c.ok || !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, %v", c.named, got, ok)
		}
	}
}
