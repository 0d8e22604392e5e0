package storagetest

import (
	"errors"
	"testing"
	"time"

	"stile/authn"
	"stile/storage"
)

// TestL01_GrantAtTheInstantOfAScheduledSwitch refreshes a grant of the password
// alone until a switch holds that was made long before. Nothing runs in between:
// what is read says by itself what holds.
func TestL01_GrantAtTheInstantOfAScheduledSwitch(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		grant := h.Grant(t, h.SignedIn(t))
		generation := grant.Generation
		judged := func(access string) func(storage.GrantView) (storage.Rotation, error) {
			return func(v storage.GrantView) (storage.Rotation, error) {
				r, err := authn.Require(v.Person.Policy.Policy, v.Person.Subject, authn.Ask{})
				if err == nil && !r.Met(v.Grant.Evidence, v.Person.Subject) {
					err = errDecided
				}
				if err != nil {
					return storage.Rotation{}, err
				}
				return h.Rotate(access)(v)
			}
		}
		at := h.Clock.Now().Add(time.Hour)
		must(t, second(h.DB.UpdatePolicy(t.Context(), h.Account.ID, from(at), By)))
		for _, db := range []*storage.DB{h.DB, h.Open(t)} { // two replicas
			h.Clock.Move(at.Sub(h.Clock.Now()) / 2)
			v, _, err := db.RotateRefresh(t.Context(), grant.ID, generation, judged(h.Name("access")))
			must(t, err)
			generation = v.Grant.Generation
		}
		h.Clock.Move(at.Sub(h.Clock.Now()) - time.Microsecond)
		v, _, err := h.DB.RotateRefresh(t.Context(), grant.ID, generation, judged("last"))
		must(t, err)
		h.Clock.Move(time.Microsecond)
		if _, _, err := h.DB.RotateRefresh(t.Context(), grant.ID, v.Grant.Generation, judged("late")); !errors.Is(err, errDecided) {
			t.Errorf("at the instant: %v", err)
		}
		// What was given before the instant ends with its own time: it is judged too.
		access, err := h.DB.GrantByAccess(t.Context(), "last")
		must(t, err)
		if !access.Person.Policy.TwoStep {
			t.Error("an access token is judged by the policy of before")
		}
	})
}
