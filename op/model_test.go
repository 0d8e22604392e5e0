package op

import (
	"errors"
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
	trust           *trust
}

// trust is a trusted browser of the model.
type trust struct {
	id           string
	since, until time.Time
	forgotten    bool
}

// live tells whether it is one now, where it may be one for so long.
func (b *trust) live(now time.Time, lasts time.Duration) bool {
	return b != nil && !b.forgotten && now.Before(b.until) && now.Before(b.since.Add(lasts))
}

// signedIn is a session of the model.
type signedIn struct {
	storage.Session
	trust *trust
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
		var sessions []signedIn
		var held []holding
		var browsers []*trust
		twoStep, lasts := false, time.Duration(0)
		enough := func(e authn.Evidence, b *trust) bool {
			return !twoStep || e.Level() >= authn.LevelMFA || b.live(r.at, lasts)
		}
		keep := func(a reply, proven authn.Evidence, b *trust) {
			if a.Status != 200 {
				if enough(proven, b) && a.text("error") != "invalid_grant" {
					draw.Fatalf("refused: %d %s", a.Status, a.Text)
				}
				return
			}
			if !enough(proven, b) {
				draw.Fatalf("tokens for %v under two steps %v, trusted %+v for %v at %v", proven.AMR(), twoStep, b, lasts, r.at)
			}
			compare(draw, "ID token", r.claims(a.text("id_token"), "RS256"), proven)
			held = append(held, holding{a.text("access_token"), a.text("refresh_token"), proven, b})
		}
		signIn := func(b *trust, methods ...authn.Method) {
			if r.ends = nil; b != nil {
				r.ends = func(c *storage.Completion) { c.TrustedID = b.id }
			}
			sessions = append(sessions, signedIn{r.signIn(methods...), b})
		}
		change := func(f func(*storage.Policy)) {
			_, err := r.db.UpdatePolicy(t.Context(), r.account.ID, func(s storage.AccountState) (storage.Policy, error) {
				f(&s.Policy)
				return s.Policy, nil
			}, audit.System)
			r.must(err)
		}
		draw.Repeat(map[string]func(*rapid.T){
			"sign in by password":    func(*rapid.T) { signIn(nil, authn.Password) },
			"sign in by two factors": func(*rapid.T) { signIn(nil, authn.Password, authn.TOTP) },
			"trust a browser": func(*rapid.T) {
				if lasts == 0 {
					return
				}
				b := &trust{since: r.at, until: r.at.Add(2 * time.Hour)}
				r.ends = func(c *storage.Completion) {
					c.Trust = &storage.NewTrust{Hash: fmt.Sprint("token ", len(browsers), r.at), Until: b.until, PolicyVersion: r.person().Policy.Version}
				}
				s := r.signIn(authn.Password, authn.TOTP)
				b.id = s.TrustedID
				browsers, sessions = append(browsers, b), append(sessions, signedIn{s, b})
			},
			"sign in by password where the browser is trusted": func(draw *rapid.T) {
				if len(browsers) > 0 {
					signIn(rapid.SampledFrom(browsers).Draw(draw, "browser"), authn.Password)
				}
			},
			"forget all browsers": func(*rapid.T) {
				for _, s := range sessions {
					if !r.at.Before(s.ExpiresAt) {
						continue
					}
					err := r.db.ForgetTrusted(t.Context(), storage.Own{UserID: r.user.ID, SessionID: s.ID, Epoch: r.person().User.Epoch}, "", audit.Event{Kind: audit.BrowserForgotten})
					if err != nil && !errors.Is(err, storage.ErrNotFound) {
						draw.Fatal(err)
					}
					for _, b := range browsers {
						b.forgotten = true
					}
					return
				}
			},
			"an hour passes":  func(*rapid.T) { r.at = r.at.Add(time.Hour) },
			"a minute passes": func(*rapid.T) { r.at = r.at.Add(time.Minute) },
			"two weeks pass":  func(*rapid.T) { r.at = r.at.Add(14 * 24 * time.Hour) },
			"the admin flips the switch": func(*rapid.T) {
				twoStep = !twoStep
				change(func(p *storage.Policy) { p.TwoStep = twoStep })
			},
			"the admin sets the days": func(draw *rapid.T) {
				n := rapid.IntRange(0, 1).Draw(draw, "days")
				lasts = time.Duration(n) * 24 * time.Hour
				change(func(p *storage.Policy) { p.SetTrustDays(n) })
				for _, b := range browsers {
					if end := b.since.Add(lasts); end.Before(b.until) {
						b.until = end
					}
				}
			},
			"a client asks": func(draw *rapid.T) {
				if len(sessions) == 0 {
					return
				}
				s := rapid.SampledFrom(sessions).Draw(draw, "session")
				if !r.at.Before(s.ExpiresAt) {
					return
				}
				keep(r.exchange("console", r.code("console", s.Session)), s.Evidence, s.trust)
			},
			"a client refreshes": func(draw *rapid.T) {
				if len(held) == 0 {
					return
				}
				h := rapid.SampledFrom(held).Draw(draw, "grant")
				keep(r.refresh("console", h.refresh), h.proven, h.trust)
			},
			"": func(draw *rapid.T) {
				for _, h := range held[max(0, len(held)-2):] {
					a := r.introspect("api", h.access)
					if a.Body["active"] != true {
						continue
					}
					if !enough(h.proven, h.trust) {
						draw.Fatalf("active for %v under two steps %v", h.proven.AMR(), twoStep)
					}
					compare(draw, "introspection", a.Body, h.proven)
				}
			},
		})
	})
}

func compare(t *rapid.T, what string, said map[string]any, proven authn.Evidence) {
	acr := defaultLevels().Name(proven.Level())
	if !slices.Equal(texts(said["amr"]), proven.AMR()) || said["acr"] != acr || said["auth_time"] != float64(proven.AuthTime().Unix()) {
		t.Fatalf("%s says %v, proven was %s", what, said, fmt.Sprint(proven))
	}
}
