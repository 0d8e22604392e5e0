package api

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"stile/authn"
	"stile/manage"
	"stile/roster"
	"stile/storage"
)

// What the description and lists of users say of how much there may be is what
// the rules say.
func TestBoundsAreThoseOfTheRules(t *testing.T) {
	a, err := New(Options{Issuer: "https://id.example.com", Manage: &manage.Service{}})
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ MaxItems, Maximum int }
			}
		}
	}
	if err := json.Unmarshal(a.Document(), &d); err != nil {
		t.Fatal(err)
	}
	for _, schema := range []string{"PolicyChange", "UserChange", "NewInvitation"} {
		if most := d.Components.Schemas[schema].Properties["products"].MaxItems; most != storage.MaxPerAccount {
			t.Errorf("%s.products: at most %d, want %d", schema, most, storage.MaxPerAccount)
		}
	}
	if most := d.Components.Schemas["PolicyChange"].Properties["trusted_browser_days"].Maximum; most != authn.MaxTrustDays {
		t.Errorf("trusted_browser_days: at most %d, want %d", most, authn.MaxTrustDays)
	}
	for n, fits := range map[int]bool{storage.MaxPerAccount: true, storage.MaxPerAccount + 1: false} {
		products := make([]string, n)
		for i := range products {
			products[i] = strconv.Itoa(i)
		}
		_, err := roster.Read(strings.NewReader(roster.Header + "\nann@example.com,Ann,," + strings.Join(products, ";") + ",,\n"))
		if (err == nil) != fits {
			t.Errorf("a list in which somebody has %d products: %v", n, err)
		}
	}
}
