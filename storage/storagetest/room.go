package storagetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"stile/device"
	"stile/storage"
)

var roomPromises = []promise{
	{"TestAccountHoldsABoundedNumber", boundedAccount},
}

// boundedAccount fills an account through apply, and adds one more in each way.
func boundedAccount(t *testing.T, e Engine) {
	dbs, _ := e.openTwice(t)
	db := dbs[0]
	full := func(prefix string, n int) storage.Desired {
		a := storage.DesiredAccount{
			Name: "Full", Products: []string{}, DeviceGroups: []storage.DesiredDeviceGroup{}, Clients: []storage.DesiredClient{},
		}
		for i := range n {
			name := fmt.Sprintf("%s-%d", prefix, i)
			a.Products = append(a.Products, name)
			a.DeviceGroups = append(a.DeviceGroups, storage.DesiredDeviceGroup{Name: name, Version: "4.3", Build: 1575})
			a.Clients = append(a.Clients, storage.DesiredClient{ID: name, Metadata: storage.Metadata{
				TokenEndpointAuthMethod: storage.AuthNone, RedirectURIs: []string{"https://app.example.com/cb"},
			}})
		}
		return storage.Desired{Accounts: []storage.DesiredAccount{a}}
	}
	refused := func(what string, kind storage.Kind, err error) {
		t.Helper()
		var f storage.FullError
		if !errors.As(err, &f) || f.Kind != kind || f.Most != storage.MaxPerAccount || !strings.Contains(err.Error(), "at most 500") {
			t.Errorf("%s: %v", what, err)
		}
	}
	apply(t, db, full("a", storage.MaxPerAccount-1), storage.ApplyOptions{})
	a := got(db.Account(t.Context(), "Full"))(t)
	for kind, create := range map[storage.Kind]func(db *storage.DB, name string) error{
		storage.KindProduct: func(db *storage.DB, name string) error {
			return second(db.CreateProduct(t.Context(), storage.Product{AccountID: a.ID, Name: name}, By))
		},
		storage.KindDeviceGroup: func(db *storage.DB, name string) error {
			return second(db.SaveDeviceGroup(t.Context(), storage.DeviceGroup{AccountID: a.ID, Group: device.Group{Name: name, Has: version("4.3", 1575)}}, By))
		},
		storage.KindClient: func(db *storage.DB, name string) error {
			c := webClient(db, name)
			c.AccountID = a.ID
			return second(db.CreateClient(t.Context(), c, By))
		},
	} {
		taken := 0
		for _, err := range together(4, dbs, func(i int, db *storage.DB) error { return create(db, fmt.Sprint("b-", i)) }) {
			if err == nil {
				taken++
				continue
			}
			refused(string(kind), kind, err)
		}
		if taken != 1 {
			t.Errorf("%s: %d were taken in the last place", kind, taken)
		}
	}
	groups := got(db.DeviceGroups(t.Context(), a.ID))(t)
	groups[0].Name = "renamed"
	must(t, second(db.SaveDeviceGroup(t.Context(), groups[0], By))) // is not one more
	must(t, second(db.CreateClient(t.Context(), webClient(db, "of-nobody"), By)))
	if _, err := db.Apply(t.Context(), full("c", 1), storage.ApplyOptions{}, By); err == nil {
		t.Error("apply takes one more")
	} else {
		refused("apply", storage.KindProduct, err)
	}
	prune := storage.ApplyOptions{Prune: []storage.Kind{storage.KindProduct, storage.KindDeviceGroup, storage.KindClient}}
	apply(t, db, full("d", storage.MaxPerAccount), prune) // all of them in the places of others
	if _, err := db.Apply(t.Context(), full("e", storage.MaxPerAccount+1), prune, By); err == nil {
		t.Error("apply takes more than fit")
	}
}
