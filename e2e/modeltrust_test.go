package e2e

import (
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"stile/audit"
	"stile/storage"
)

// trustFor is for how long a browser may be trusted where the account allows it.
const trustFor = 14 * 24 * time.Hour

// trust is a browser that somebody has chosen to be asked for no code in.
type trust struct {
	id    string
	until time.Time
	over  bool // was ended
}

// holds tells whether the browser stands for the code.
func (x *trust) holds(now time.Time) bool { return x != nil && !x.over && now.Before(x.until) }

// stands tells whether a trusted browser is enough in place of the two steps that
// are required of somebody: of those that the account wants, never of one's own.
func (w *world) stands(h *human, x *trust) bool { return !h.enhanced && x.holds(w.clock.Now()) }

// untrusted ends a trusted browser of somebody; all of them with "".
func (w *world) untrusted(h *human, id string) {
	for _, d := range append(slices.Clone(w.desks), w.thief) {
		if x := d.trusted[h]; x != nil && (id == "" || id == x.id) {
			x.over = true
			delete(d.trusted, h)
		}
	}
}

// trusts books the browser of a sign-in that has just ended, in which the box was
// ticked beside a right code, and tells whether it is a trusted one.
func (w *world) trusts(t *tab) bool {
	list, err := w.db.OwnTrusted(w.t.Context(), t.by.id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range list {
		if !slices.ContainsFunc(w.desks, func(d *desk) bool { return d.trusted[t.by] != nil && d.trusted[t.by].id == b.ID }) {
			w.draw.Logf("%s trusts browser %d", t.by.Email, slices.Index(w.desks, t.desk))
			t.desk.trusted[t.by] = &trust{id: b.ID, until: w.clock.Now().Add(trustFor)}
			return true
		}
	}
	return false
}

// ticks adds the box beside the code, where there is one and it is wanted.
func (w *world) ticks(t *tab, code map[string]string) {
	if strings.Contains(t.walker.Page().Body, `name="trust"`) && w.chance("trust") {
		code["trust"] = "yes"
		t.ticked = true
	}
}

// mustAsk fails if a code is asked for where only the account wants one, and the
// browser is trusted.
func (w *world) mustAsk(t *tab) {
	if !t.plain || !w.stands(t.by, t.desk.trusted[t.by]) {
		return
	}
	p, err := w.db.PersonByID(w.t.Context(), t.by.id)
	if err != nil {
		w.t.Fatal(err)
	}
	if !p.Subject.Exposed && !p.Suspended {
		w.t.Fatalf("a trusted browser of %s asks for a code", t.by.Email)
	}
}

// trustHolds checks that those browsers are trusted that somebody chose in a
// sign-in with the code, unless it ended: none less, and none more.
func (w *world) trustHolds(h *human) {
	list, err := w.db.OwnTrusted(w.t.Context(), h.id)
	if err != nil {
		w.t.Fatal(err)
	}
	now, known := w.clock.Now(), 0
	for i, d := range w.desks {
		x := d.trusted[h]
		there := x != nil && slices.ContainsFunc(list, func(b storage.TrustedBrowser) bool { return b.ID == x.id })
		if there {
			known++
		}
		if there != x.holds(now) && x.until.Sub(now).Abs() > time.Minute {
			w.t.Fatalf("browser %d is trusted by %s: %t", i, h.Email, there)
		}
	}
	if known < len(list) {
		w.t.Fatalf("%d browsers are trusted by %s, who knows of %d", len(list), h.Email, known)
	}
}

// settles begins with people who have an app and may trust their browsers, in one
// of which each has just signed in. The thief was there before any of that.
func (w *world) settles() {
	w.intrudes(w.begin(w.thief, w.people[0], ""))
	w.allows(nil)
	w.switches(nil)
	for i, h := range w.people {
		if t := w.begin(w.desks[i], h, ""); w.walk(t, enough) {
			w.redeem(t)
		}
	}
	w.signsInTrusted(nil)
}

// trusting draws somebody in a browser trusted by them; nil if there is none.
func (w *world) trusting() (*desk, *human) {
	type pair struct {
		d *desk
		h *human
	}
	var all []pair
	for _, d := range w.desks {
		for _, h := range w.people {
			if d.trusted[h].holds(w.clock.Now()) {
				all = append(all, pair{d, h})
			}
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	i := rapid.IntRange(0, len(all)-1).Draw(w.draw, "trusted")
	return all[i].d, all[i].h
}

// signsInTrusted gives the password again in a trusted browser.
func (w *world) signsInTrusted(*rapid.T) {
	d, h := w.trusting()
	if d == nil {
		return
	}
	if t := w.begin(d, h, "", "prompt", "login"); w.walk(t, enough) {
		w.redeem(t)
	}
}

// allows lets the account's people trust browsers, or no longer.
func (w *world) allows(*rapid.T) {
	w.mayTrust = !w.mayTrust
	w.policy(func(p *storage.Policy) {
		if p.TrustFor = 0; w.mayTrust {
			p.TrustFor = trustFor
		}
	})
	if !w.mayTrust {
		for _, h := range w.people {
			w.untrusted(h, "")
		}
	}
}

// policy changes what the account requires.
func (w *world) policy(change func(*storage.Policy)) {
	a, err := w.db.Account(w.t.Context(), w.account)
	if err == nil {
		_, err = w.db.UpdatePolicy(w.t.Context(), a.ID, func(s storage.AccountState) (storage.Policy, error) {
			change(&s.Policy)
			return s.Policy, nil
		}, audit.System)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// forgetsBrowsers forgets the browser that was trusted last, or all of them.
func (w *world) forgetsBrowsers(*rapid.T) {
	t, h := w.visits("/account", "account")
	if h == nil {
		return
	}
	list, err := w.db.OwnTrusted(w.t.Context(), h.id)
	if err != nil {
		w.t.Fatal(err)
	}
	button, id := "Forget all", ""
	if len(list) > 0 && w.chance("one") {
		button, id = "Forget Go-http-client", list[0].ID
	}
	if slices.Contains(t.walker.Page().Texts("button"), button) != (len(list) > 0) {
		w.t.Fatalf("%d browsers are trusted: %s", len(list), t.walker.Page())
	}
	if w.presses(t, button, "account") {
		w.untrusted(h, id)
	}
}
