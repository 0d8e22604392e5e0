package op

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

// holding is what a client has from one grant, and what was proven for it.
type holding struct {
	access, refresh string
	proven          authn.Evidence
}

// TestE05_TokensNeverSayMoreThanWasProven takes users, clients and the admin
// through random days. Whatever a token says must be what was proven for its
// own grant, and enough for the policy of that moment; nothing that ended works
// again.
func TestE05_TokensNeverSayMoreThanWasProven(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("20") // in make test; more with -rapid.checks
		defer func() { _ = f.Value.Set(f.DefValue) }()
	}
	rapid.Check(t, func(draw *rapid.T) {
		r := newRig(t)
		defer func() { r.must(r.db.Close()) }()
		var sessions []storage.Session
		var held []holding
		twoStep := false
		keep := func(a reply, proven authn.Evidence) {
			if a.Status != 200 {
				if enough(twoStep, proven) && a.text("error") != "invalid_grant" {
					draw.Fatalf("refused: %d %s", a.Status, a.Text)
				}
				return
			}
			if !enough(twoStep, proven) {
				draw.Fatalf("tokens for %v under two steps %v", proven.AMR(), twoStep)
			}
			compare(draw, "ID token", r.claims(a.text("id_token"), "RS256"), proven)
			held = append(held, holding{a.text("access_token"), a.text("refresh_token"), proven})
		}
		draw.Repeat(map[string]func(*rapid.T){
			"sign in by password":    func(*rapid.T) { sessions = append(sessions, r.signIn(authn.Password)) },
			"sign in by two factors": func(*rapid.T) { sessions = append(sessions, r.signIn(authn.Password, authn.TOTP)) },
			"an hour passes":         func(*rapid.T) { r.at = r.at.Add(time.Hour) },
			"a minute passes":        func(*rapid.T) { r.at = r.at.Add(time.Minute) },
			"the admin flips the switch": func(*rapid.T) {
				twoStep = !twoStep
				_, err := r.db.UpdatePolicy(t.Context(), r.account.ID, func(s storage.AccountState) (storage.Policy, error) {
					s.Policy.TwoStep = twoStep
					return s.Policy, nil
				}, audit.System)
				r.must(err)
			},
			"a client asks": func(draw *rapid.T) {
				if len(sessions) == 0 {
					return
				}
				s := rapid.SampledFrom(sessions).Draw(draw, "session")
				if !r.at.Before(s.ExpiresAt) {
					return
				}
				keep(r.exchange("console", r.code("console", s)), s.Evidence)
			},
			"a client refreshes": func(draw *rapid.T) {
				if len(held) == 0 {
					return
				}
				h := rapid.SampledFrom(held).Draw(draw, "grant")
				keep(r.refresh("console", h.refresh), h.proven)
			},
			"": func(draw *rapid.T) {
				for _, h := range held[max(0, len(held)-2):] {
					a := r.introspect("api", h.access)
					if a.Body["active"] != true {
						continue
					}
					if !enough(twoStep, h.proven) {
						draw.Fatalf("active for %v under two steps %v", h.proven.AMR(), twoStep)
					}
					compare(draw, "introspection", a.Body, h.proven)
				}
			},
		})
	})
}

func enough(twoStep bool, e authn.Evidence) bool { return !twoStep || e.Level() >= authn.LevelMFA }

func compare(t *rapid.T, what string, said map[string]any, proven authn.Evidence) {
	acr := defaultLevels().Name(proven.Level())
	if !slices.Equal(texts(said["amr"]), proven.AMR()) || said["acr"] != acr || said["auth_time"] != float64(proven.AuthTime().Unix()) {
		t.Fatalf("%s says %v, proven was %s", what, said, fmt.Sprint(proven))
	}
}
