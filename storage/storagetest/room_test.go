package storagetest

import (
	"testing"

	"stile/audit"
	"stile/device"
	"stile/storage"
)

// Whoever gives an account one more of what it has a bounded number of waits for
// the account, so that two in the last place are counted one after the other. So
// does whoever signs up, and keeps an invitation that an admin has just sent.
func TestOneMoreOfAnAccountWaitsForIt(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		if h.DB.Embedded() {
			t.Skip("one writes at a time anyway")
		}
		ctx := t.Context()
		for what, create := range map[string]func() error{
			"product": func() error {
				return second(h.DB.CreateProduct(ctx, storage.Product{AccountID: h.Account.ID, Name: "One more"}, By))
			},
			"device group": func() error {
				g := device.Group{Name: "One more", Has: version("4.3", 1575)}
				return second(h.DB.SaveDeviceGroup(ctx, storage.DeviceGroup{AccountID: h.Account.ID, Group: g}, By))
			},
			"client": func() error {
				c := webClient(h.DB, "one-more")
				c.AccountID = h.Account.ID
				return second(h.DB.CreateClient(ctx, c, By))
			},
			"sign-up": func() error {
				return h.DB.SignUp(ctx, selfInvited(h.Account, "sam@example.com", "link"), mayInvite, audit.Actor{})
			},
		} {
			held, err := Raw(t, h.URL).BeginTx(ctx, nil)
			must(t, err)
			defer held.Rollback()
			_, err = held.ExecContext(ctx, `UPDATE accounts SET updated_at = updated_at WHERE id = $1`, h.Account.ID)
			must(t, err)
			made := make(chan error, 1)
			go func() { made <- create() }()
			h.waiting(t, 1, func() bool { return len(made) > 0 })
			if len(made) > 0 {
				t.Errorf("a %s was made while somebody else changed what the account has", what)
			}
			must(t, held.Commit())
			must(t, <-made)
		}
	})
}
