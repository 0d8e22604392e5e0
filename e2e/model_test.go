package e2e

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stile/stiletest"
)

// kind is a kind of proof in the model.
type kind int

const (
	byPassword kind = iota
	byApp
	byRecovery
	byPasskey
)

// proof is when something was proven, and by which password, app, set of codes
// or passkey of all that somebody has had.
type proof struct {
	at  time.Time
	gen int
}

func (p proof) String() string {
	return fmt.Sprintf("%s by %d", p.at.UTC().Format(time.DateTime), p.gen)
}

// human is what the model knows of somebody: what is right now, and what is at hand.
type human struct {
	person
	id       string
	gen      [3]int // of password, app and set of recovery codes; 0: never had one
	passkeys []*passkey
	app      *stiletest.Authenticator
	phone    bool // the app is at hand
	codes    []string
	former   []mailbox // of addresses before the present one
	enhanced bool
}

// desk is a browser, and what each human has proven in its session there.
type desk struct {
	*stiletest.Browser
	present *human // who signed in here last
	proven  map[*human]map[kind]proof
	trusted map[*human]*trust
}

// issued is what the client holds of one sign-in.
type issued struct {
	by      *human
	claims  stiletest.Claims
	tokens  stiletest.Tokens
	gen     [3]int
	trust   *trust // in whose browser that was
	over    bool   // must be refused
	unclear bool   // the model doesn't say
}

// tab is a sign-in under way.
type tab struct {
	desk    *desk
	walker  *walker
	by      *human
	attempt stiletest.Attempt
	passkey int    // the number of the passkey that was typed, from 1
	typed   []kind // right answers, which count once the sign-in is complete
	next    *stiletest.Authenticator
	plain   bool // nobody asks for more than is required
	ticked  bool // that no code is asked for here
}

// world is an account, its people, their browsers, and somebody who knows
// passwords and nothing else.
type world struct {
	*system
	t       reporting
	draw    *rapid.T
	rp      *stiletest.RP
	account string
	people  []*human
	desks   []*desk
	thief   *desk
	doors   []string
	held    []*issued
	parked  []*tab
	twoStep bool
	// mayTrust: the account lets its people trust browsers.
	mayTrust bool
}

// reporting lets helpers of tests fail a check, which then is made smaller.
type reporting struct {
	testing.TB
	draw *rapid.T
}

func (r reporting) Helper()                      {}
func (r reporting) Error(args ...any)            { r.draw.Error(args...) }
func (r reporting) Errorf(f string, args ...any) { r.draw.Errorf(f, args...) }
func (r reporting) Fatal(args ...any)            { r.draw.Fatal(args...) }
func (r reporting) Fatalf(f string, args ...any) { r.draw.Fatalf(f, args...) }

// TestE05_PeopleAtSeveralBrowsers takes the people of an account through random
// days: sign-ins that are broken off and taken up again, lost phones, forgotten
// passwords, recovery codes, passkeys, trusted browsers, other addresses, the admin's switch; with a thief
// beside them who knows every password. After each act no token may claim more than
// was proven in its browser, nothing that ended may work, no browser may be trusted
// but where its user proved both steps and chose so, nobody but its owner may have
// changed an authenticator; and in the end everybody still gets in.
func TestE05_PeopleAtSeveralBrowsers(t *testing.T) {
	t.Parallel()
	// In make test always the same days; others with -rapid.checks.
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		seed := flag.Lookup("rapid.seed")
		_, _ = checks.Value.Set("12"), seed.Value.Set("20")
		t.Cleanup(func() { _, _ = checks.Value.Set(checks.DefValue), seed.Value.Set(seed.DefValue) })
	}
	s := startWithClock(t, "")
	rapid.Check(t, func(draw *rapid.T) {
		w := newWorld(s, reporting{t, draw}, draw)
		draw.Repeat(map[string]func(*rapid.T){
			"sign in":               w.signsIn,
			"break off":             w.breaksOff,
			"take up again":         w.takesUp,
			"refresh":               w.refreshes,
			"time passes":           w.timePasses,
			"the switch":            w.switches,
			"new device":            w.newDevice,
			"forgotten password":    w.forgets,
			"change password":       w.changes,
			"new recovery codes":    w.newCodes,
			"Enhanced Security":     w.enhances,
			"sign out":              w.signsOut,
			"sign out others":       w.signsOutOthers,
			"lose the phone":        func(*rapid.T) { w.someone().phone = false },
			"reset by an operator":  w.operator,
			"that was not me":       w.notMe,
			"trust or not":          w.allows,
			"sign in where trusted": w.signsInTrusted,
			"forget browsers":       w.forgetsBrowsers,
			"a thief":               w.robs,
			"another address":       w.moves,
			"mailboxes are read":    w.readsMail,
			"a copied cookie":       w.copies,
			"make a passkey":        w.makesPasskey,
			"remove a passkey":      w.removesPasskey,
			"sign in by passkey":    w.usesPasskey,
			"":                      w.holds,
		})
		for _, h := range w.people {
			w.comesBack(h)
		}
	})
}

func newWorld(s *system, t reporting, draw *rapid.T) *world {
	w := &world{system: s, t: t, draw: draw, rp: s.console(t), account: s.newAccount(t, "optional")}
	w.doors = append([]string{""}, slices.Sorted(maps.Keys(sensitive()))...)
	for range 2 {
		h := &human{person: s.newPerson(t, w.account), gen: [3]int{byPassword: 1}}
		p, err := s.db.PersonByEmail(t.Context(), h.Email)
		if err != nil {
			t.Fatal(err)
		}
		h.id = p.User.ID
		w.people = append(w.people, h)
	}
	for range 3 {
		w.desks = append(w.desks, w.newDesk())
	}
	w.thief = w.newDesk()
	if w.chance("trusted browsers") {
		w.settles()
	}
	return w
}

func (w *world) newDesk() *desk {
	return &desk{Browser: stiletest.NewBrowser(w.t), proven: map[*human]map[kind]proof{}, trusted: map[*human]*trust{}}
}

func (w *world) someone() *human {
	return w.people[rapid.IntRange(0, len(w.people)-1).Draw(w.draw, "human")]
}

func (w *world) somewhere() *desk {
	return w.desks[rapid.IntRange(0, len(w.desks)-1).Draw(w.draw, "browser")]
}

func (w *world) chance(what string) bool { return rapid.Bool().Draw(w.draw, what) }

// required tells whether somebody has to prove two steps.
func (w *world) required(h *human) bool { return w.twoStep || h.enhanced }

// ended is what a change of what protects somebody's sign-in does to everything
// else: sessions in other browsers, what clients hold, and sign-ins under way.
func (w *world) ended(h *human, but *desk) {
	for _, d := range append(slices.Clone(w.desks), w.thief) {
		if d != but {
			delete(d.proven, h)
		}
	}
	for _, i := range w.held {
		i.over = i.over || i.by == h
	}
	w.untrusted(h, "")
}

// completed books what was typed in a sign-in that is complete.
func (w *world) completed(t *tab) {
	if t.desk.proven[t.by] == nil {
		t.desk.proven[t.by] = map[kind]proof{}
	}
	for _, k := range t.typed {
		p := proof{at: w.clock.Now(), gen: t.passkey}
		if k != byPasskey {
			p.gen = t.by.gen[k]
		}
		t.desk.proven[t.by][k] = p
	}
	t.typed = nil
	t.desk.present = t.by
}

// bounded fails if claims say more than somebody has proven in a browser.
func (w *world) bounded(d *desk, h *human, c stiletest.Claims) {
	if c.ACR == acrPhishingResistant || slices.Contains(c.AMR, "hwk") {
		w.boundedByPasskey(d, h, c)
		return
	}
	valid := func(k kind) (proof, bool) {
		p, ok := d.proven[h][k]
		return p, ok && p.gen == h.gen[k]
	}
	password, known := valid(byPassword)
	app, held := valid(byApp)
	if code, ok := valid(byRecovery); ok && (!held || code.at.After(app.at)) {
		app, held = code, true
	}
	latest := password.at
	if held && app.at.Before(latest) && c.ACR == acrMFA {
		latest = app.at
	}
	switch {
	case !known || slices.Contains(c.AMR, "otp") && !held || slices.Contains(c.AMR, "mfa") != (c.ACR == acrMFA) || c.ACR == acrMFA && !held:
		w.t.Fatalf("claims %+v of %s: proven here was %v", c, h.Email, d.proven[h])
	case c.AuthTime > latest.Unix()+1:
		w.t.Fatalf("auth_time %s of %s: proven here was %v", time.Unix(c.AuthTime, 0), h.Email, d.proven[h])
	case w.required(h) && c.ACR != acrMFA && !w.stands(h, d.trusted[h]):
		w.t.Fatalf("claims %+v of %s, of whom two steps are required", c, h.Email)
	}
}

// holds checks what must be so after every act.
func (w *world) holds(*rapid.T) {
	for _, d := range w.desks {
		w.present(d)
	}
	w.present(w.thief)
	for _, h := range w.people {
		w.trustHolds(h)
	}
}

// present tells who is signed in in a browser, nil for nobody, or for somebody of
// whom more is required by now. What a token says of that is checked.
func (w *world) present(d *desk) *human {
	at := w.rp.Begin("prompt", "none")
	page := d.Open(at.URL)
	if page.URL.Query().Get("code") == "" {
		return nil
	}
	tokens := w.rp.Redeem(at, page.URL)
	h := w.owner(tokens)
	w.draw.Logf("browser %d: %s %s", slices.Index(w.desks, d), h.Email, tokens.Claims.ACR)
	w.bounded(d, h, tokens.Claims)
	if d == w.thief && tokens.Claims.ACR != acrPassword {
		w.t.Fatalf("a thief has proven two steps: %+v", tokens.Claims)
	}
	return h
}

func (w *world) owner(tokens stiletest.Tokens) *human {
	email := w.rp.Email(tokens)
	i := slices.IndexFunc(w.people, func(h *human) bool { return h.Email == email })
	if i < 0 {
		w.t.Fatalf("tokens of %s", email)
	}
	return w.people[i]
}

// protected is what must not change by a stranger's doing.
func (s *system) protected(t testing.TB, userID string) string {
	t.Helper()
	p, err := s.db.PersonByID(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := s.db.OwnTrusted(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, a := range p.Subject.Authenticators { // suspended or not
		ids = append(ids, a.ID)
	}
	for _, b := range trusted {
		ids = append(ids, "trusted:"+b.ID)
	}
	if _, err := s.db.ExportAsked(t.Context(), userID); err == nil {
		ids = append(ids, "export")
	}
	if a, err := s.db.AddressAsked(t.Context(), userID); err == nil {
		ids = append(ids, a.Email)
	}
	return fmt.Sprint(ids, p.User.Enhanced, p.User.Email)
}
