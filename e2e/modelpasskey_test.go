package e2e

import (
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"stile/stiletest"
	"stile/stiletest/softkey"
	"stile/storage"
)

// Passkeys in the lives of people: made in My Account, signed in with in one step
// or as the second one, removed. Who knows the password alone has none.

// What a sign-in with the password alone has proven, and one with a passkey.
const (
	acrPassword          = "urn:stile:acr:password"
	acrPhishingResistant = "phr"
)

// passkey is one of somebody's.
type passkey struct {
	*softkey.Authenticator
	name string
	over bool // removed: opens nothing any more
}

// live are somebody's passkeys that open something.
func (h *human) live() []*passkey {
	return slices.DeleteFunc(slices.Clone(h.passkeys), func(k *passkey) bool { return k.over })
}

// makesPasskey adds a passkey in My Account.
func (w *world) makesPasskey(*rapid.T) {
	t, h := w.visits("/account/passkeys", "account-passkey")
	if h == nil {
		return
	}
	k := &passkey{Authenticator: softkey.New(w.Issuer), name: "Key " + string(rune('A'+len(h.passkeys)))}
	action, options, fields := t.walker.Page().PasskeyForm()
	fields.Set("passkey", k.Create(options))
	fields.Set("name", k.name)
	if t.walker.Send(action, fields); t.walker.Page().Screen() != "account" {
		w.t.Fatalf("no passkey is made: %s", t.walker.Page())
	}
	h.passkeys = append(h.passkeys, k)
}

// removesPasskey removes one in My Account, if need be a day later. All else ends.
func (w *world) removesPasskey(*rapid.T) {
	for range 2 {
		t, h := w.visits("/account", "account")
		if h == nil || len(h.live()) == 0 {
			return
		}
		k := rapid.SampledFrom(h.live()).Draw(w.draw, "passkey")
		switch removed := w.presses(t, "Remove "+k.name, "account"); {
		case t.walker.Page().Screen() == "account-refused": // not yet
			w.clock.Move(25 * time.Hour)
			continue
		case removed && strings.Contains(t.walker.Page().Text(), "The passkey is removed."):
			w.ended(h, t.desk)
			if w.follows(h); !k.over {
				w.t.Fatalf("%s of %s is still there", k.name, h.Email)
			}
		}
		return
	}
}

// usesPasskey signs in with a passkey, of those that were removed too.
func (w *world) usesPasskey(*rapid.T) {
	h := w.someone()
	if len(h.passkeys) == 0 {
		return
	}
	i := rapid.IntRange(0, len(h.passkeys)-1).Draw(w.draw, "passkey")
	t := w.begin(w.somewhere(), h, "", append(w.asks(), "prompt", "login")...)
	if rapid.Bool().Draw(w.draw, "after the password") && t.by == h {
		w.step(t)
	}
	if _, options, _ := t.walker.Page().PasskeyForm(); options != "" && !w.provesPasskey(t, h, h.passkeys[i]) {
		return
	}
	if w.walk(t, enough) {
		w.redeem(t)
	}
}

// provesPasskey answers the form of the page with a passkey, and tells whether
// that was right.
func (w *world) provesPasskey(t *tab, h *human, k *passkey) bool {
	before := t.walker.Page()
	action, options, fields := before.PasskeyForm()
	fields.Set("passkey", k.Get(options))
	after := t.walker.Send(action, fields)
	switch refused := after.Status >= 400 && after.Screen() == before.Screen(); {
	case refused && !k.over && t.by == h:
		w.t.Fatalf("%s of %s is refused: %s", k.name, h.Email, after)
	case refused:
		return false
	case k.over:
		w.t.Fatalf("%s of %s opens something, and was removed: %s", k.name, h.Email, after)
	}
	t.by, t.walker.who, t.walker.app = h, h.person, h.app
	t.typed, t.passkey = append(t.typed, byPasskey), slices.Index(h.passkeys, k)+1
	w.arrives(t, before)
	return true
}

// follows finds out which passkeys are left, after what takes back some of them,
// and tries those that are gone.
func (w *world) follows(h *human) {
	own, err := w.db.Passkeys(w.t.Context(), h.id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, k := range h.live() {
		k.over = !slices.ContainsFunc(own, func(p storage.Passkey) bool { return p.Name == k.name })
		if k.over {
			w.provesPasskey(w.begin(w.newDesk(), h, ""), h, k)
		}
	}
}

// boundedByPasskey fails if claims say more than a passkey has proven.
func (w *world) boundedByPasskey(d *desk, h *human, c stiletest.Claims) {
	p, ok := d.proven[h][byPasskey]
	if ok = ok && p.gen > 0 && !h.passkeys[p.gen-1].over; !ok {
		w.t.Fatalf("claims %+v of %s: no passkey was used here that still is one: %v", c, h.Email, d.proven[h])
	}
	latest, given := p.at, map[kind]bool{}
	for _, k := range []kind{byPassword, byApp, byRecovery} {
		if other, was := d.proven[h][k]; was && other.gen == h.gen[k] {
			given[k] = true
			if other.at.After(latest) {
				latest = other.at
			}
		}
	}
	if slices.Contains(c.AMR, "pwd") && !given[byPassword] || slices.Contains(c.AMR, "otp") && !given[byApp] && !given[byRecovery] {
		w.t.Fatalf("claims %+v of %s: proven here was %v", c, h.Email, d.proven[h])
	}
	if c.AuthTime > latest.Unix()+1 {
		w.t.Fatalf("auth_time %d of %s: proven here was %v", c.AuthTime, h.Email, d.proven[h])
	}
}
