package admin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"stile/storage"
	"stile/templates"
)

// fill gives an account as many products, device groups and apps as it may have.
func (s *site) fill(t testing.TB, a storage.Account) []storage.Product {
	t.Helper()
	full := storage.DesiredAccount{Name: a.Name}
	for i := range storage.MaxPerAccount {
		name := fmt.Sprintf("Item %03d", i)
		full.Products = append(full.Products, name)
		if i > 0 {
			full.DeviceGroups = append(full.DeviceGroups, storage.DesiredDeviceGroup{Name: name, Version: "4.3", Build: 1575})
		}
		full.Clients = append(full.Clients, storage.DesiredClient{ID: fmt.Sprint(a.ID, "-", i), Metadata: storage.Metadata{
			TokenEndpointAuthMethod: storage.AuthNone, RedirectURIs: []string{"https://app.example/callback"},
		}})
	}
	if _, err := s.DB().Apply(t.Context(), storage.Desired{Accounts: []storage.DesiredAccount{full}}, storage.ApplyOptions{}, by); err != nil {
		t.Fatal(err)
	}
	products, err := s.DB().Products(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	return products
}

// The pages that list all products take all of them, and those that add a
// record say what the limit is.
func TestPagesOfAFullAccount(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	products := s.fill(t, a)
	g := s.enters(t, a, storage.RoleAdmin)

	g.Open(s.url + "/admin/settings")
	form := g.form(templates.DoReview)
	form.Set("two_step", "products")
	for _, p := range products[1:] {
		form.Set("product."+p.ID, "yes")
	}
	g.Send(s.url+"/admin/settings", form)
	g.want("admin-review", 200)
	g.Press("Choose something else")
	g.want("admin-settings", 200)
	if n := strings.Count(g.Page().Body, " checked"); n < len(products) {
		t.Errorf("%d boxes are ticked", n)
	}
	g.Send(s.url+"/admin/settings", form)
	g.Submit(nil)
	g.want("admin-settings", 200)
	if p := s.policy(t, a); !p.TwoStep || len(p.Products) != len(products)-1 || slices.Contains(p.Products, products[0].ID) {
		t.Errorf("on: %v, for %d products", p.TwoStep, len(p.Products))
	}

	g.Open(s.url + "/admin/users/" + g.user.ID)
	form = g.Page().Fields()
	for _, p := range products {
		form.Set("product."+p.ID, "yes")
	}
	g.Send(s.url+"/admin/users/"+g.user.ID, form)
	g.want("admin-user", 200)
	if n := strings.Count(g.Page().Body, " checked"); n < len(products) {
		t.Errorf("%d boxes are ticked", n)
	}
	g.Open(s.url + "/admin/users/invite")
	invited := g.Page().Fields()
	for _, p := range products {
		invited.Set("product."+p.ID, "yes")
	}
	invited.Set("email", "new-"+a.ID+"@example.com")
	invited.Set("name", "New")
	g.Send(s.url+"/admin/users/invite", invited)
	g.want("admin-invitations", 200)
	g.Open(s.url + "/admin/products")
	g.want("admin-products", 200)

	const full = "The organisation has 500 of these"
	g.Submit(map[string]string{"name": "One more"})
	g.want("admin-products", 422)
	g.says(full)
	g.Open(s.url + "/admin/device-groups")
	g.Submit(map[string]string{"name": "One more", "client_version": "4.3", "client_build": "1575"})
	g.want("admin-device-groups", 422)
	g.says(full)
	g.Open(s.url + "/admin/clients/connect")
	g.Submit(map[string]string{"client_name": "One more", "client_kind": "web", "redirect_uris": "https://new.example/callback"})
	g.want("admin-connect", 422)
	g.says(full)
}
