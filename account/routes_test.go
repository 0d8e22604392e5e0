package account_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"stile/account"
	"stile/audit"
	"stile/seal"
	"stile/storage"
	"stile/templates"
)

// What is asked of all routes is asked of the table of routes, so that a new one
// is asked too.

// unsigned are the routes that somebody who is not signed in gets.
var unsigned = map[account.Route]bool{
	{Method: "GET", Path: "/account/switch"}:    true, // leads to the choice of a user
	{Method: "POST", Path: "/account/sign-out"}: true,
}

// unproven are the routes that take no proofs of the last minutes: what they do
// neither weakens nor replaces anything that protects a sign-in.
var unproven = map[account.Route]bool{
	{Method: "GET", Path: "/account"}:                                           true,
	{Method: "POST", Path: "/account", Do: templates.DoTurnOn}:                  true, // asks for more from now on
	{Method: "POST", Path: "/account", Do: templates.DoNewDevice}:               true, // a sign-in that asks for everything
	{Method: "GET", Path: "/account/passkey"}:                                   true,
	{Method: "POST", Path: "/account/passkey", Do: templates.DoRenamePasskey}:   true,
	{Method: "POST", Path: "/account/recovery-codes", Do: templates.DoDownload}: true, // what the browser has sent, as a file
	{Method: "GET", Path: "/account/sessions"}:                                  true,
	{Method: "POST", Path: "/account/sessions", Do: templates.DoEndApp}:         true,
	{Method: "GET", Path: "/account/activity"}:                                  true,
	{Method: "GET", Path: "/account/profile"}:                                   true,
	{Method: "POST", Path: "/account/profile"}:                                  true,
	{Method: "GET", Path: "/account/data"}:                                      true,
	{Method: "GET", Path: "/account/email/confirm"}:                             true, // a page whose form takes proofs
}

// eachRoute runs a test for each route.
func eachRoute(t *testing.T, do func(t *testing.T, r account.Route)) {
	t.Helper()
	for _, r := range account.Routes() {
		t.Run(strings.Trim(r.Method+" "+r.Path+" "+r.Do, " "), func(t *testing.T) { do(t, r) })
	}
}

// form is one of a route with what its page needs, and the token that the page
// would have for this browser at a time.
func (s *seat) form(r account.Route, at time.Time) url.Values {
	s.w.t.Helper()
	return url.Values{
		templates.FieldCSRF: {s.token(r, at)}, templates.FieldDo: {r.Do}, templates.FieldEmail: {"new@example.com"},
		templates.FieldNewPassword: {"another quite long password"}, templates.FieldConfirm: {s.email}, templates.FieldName: {"New name"},
		templates.FieldLocale: {"de"}, templates.FieldZone: {"Europe/Rome"}, templates.FieldID: {"none"},
	}
}

func (s *seat) token(r account.Route, at time.Time) string {
	s.w.t.Helper()
	session := cookie(s, "stile-session")
	if session == "" {
		s.w.t.Fatal("no session")
	}
	return s.w.db.Hasher().Text(seal.HashForm, "session "+session, "account."+r.Path, strconv.FormatInt(at.Unix()/(24*60*60), 10))
}

// asks opens a page, or sends its form.
func (s *seat) asks(r account.Route) {
	s.w.t.Helper()
	if r.Method == http.MethodPost {
		s.Send(s.w.url+r.Path, s.form(r, s.w.now()))
		return
	}
	s.Open(s.w.url + r.Path)
}

func cookie(s *seat, name string) string {
	for _, c := range s.Cookies(s.w.url) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// state is all that a form could change of somebody. That a page was opened, and
// that a sign-in began, is not.
func (w *world) state(email string) string {
	w.t.Helper()
	p := w.person(email)
	held, err := w.db.HeldOf(w.t.Context(), p.User.ID)
	must(w.t, err)
	for i := range held.Sessions {
		held.Sessions[i].Seen = time.Time{}
	}
	events, err := w.db.Events(w.t.Context(), storage.EventFilter{SubjectID: p.User.ID, Limit: 500})
	must(w.t, err)
	text, err := json.Marshal([]any{p, held, len(events)})
	must(w.t, err)
	return string(text)
}

// owner is a browser of somebody who was just asked for everything, and who has
// another browser that is trusted.
func (w *world) owner(email string) *seat {
	w.t.Helper()
	a := w.person(email).Account
	_, err := w.db.UpdatePolicy(w.t.Context(), a.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.SetTrustDays(14)
		return s.Policy, nil
	}, audit.System)
	must(w.t, err)
	s := w.trusting(email).another()
	expect(w.t, s.open("/account"), "account", 200)
	return s
}

func TestH01_FormsAreTakenFromOurPagesOnly(t *testing.T) {
	w := newWorld(t)
	s := w.owner(agent)
	other := s.another()
	expect(t, other.open("/account"), "account", 200)
	before := w.state(agent)
	eachRoute(t, func(t *testing.T, r account.Route) {
		if r.Method != http.MethodPost {
			return
		}
		with := func(token string) url.Values {
			form := s.form(r, w.now())
			form.Set(templates.FieldCSRF, token)
			return form
		}
		elsewhere := r
		elsewhere.Path += "/elsewhere"
		good := s.form(r, w.now())
		for name, c := range map[string]struct {
			form         url.Values
			header, says string
		}{
			"no token":                   {form: with("")},
			"a token of another browser": {form: with(other.token(r, w.now()))},
			"a token of another route":   {form: with(s.token(elsewhere, w.now()))},
			"a token of another day":     {form: with(s.token(r, w.now().Add(-48*time.Hour)))},
			"another origin":             {good, "Origin", "https://evil.example"},
			"no origin":                  {good, "Origin", "null"},
			"another site":               {good, "Sec-Fetch-Site", "cross-site"},
			"a sibling":                  {good, "Sec-Fetch-Site", "same-site"},
		} {
			if s.Header.Del("Origin"); c.header != "" {
				s.Header.Set(c.header, c.says)
			}
			p := s.Send(w.url+r.Path, c.form)
			s.Header.Del(c.header)
			if p.Status != http.StatusForbidden || p.Screen() != "error" {
				t.Errorf("%s: %s", name, p)
			}
		}
		if after := w.state(agent); after != before {
			t.Errorf("something was changed:\n%s\n%s", before, after)
		}
	})
	if !s.in() {
		t.Error("signed out")
	}
}

func TestH03_HeadersOfEveryPage(t *testing.T) {
	w := newWorld(t)
	s := w.owner(agent)
	eachRoute(t, func(t *testing.T, r account.Route) {
		if r.Method != http.MethodGet || unsigned[r] {
			return
		}
		for _, fault := range s.Open(w.url + r.Path).Unguarded() {
			t.Error(fault)
		}
	})
}

// A session that is over does nothing, though its cookie and its forms are there.
func TestL04_NothingWithoutASession(t *testing.T) {
	w := newWorld(t)
	s := w.owner(agent)
	w.wait(61 * time.Minute)
	before := w.state(agent)
	eachRoute(t, func(t *testing.T, r account.Route) {
		if unsigned[r] {
			return
		}
		if s.asks(r); s.Page().Screen() != "sign-in" {
			t.Errorf("not asked to sign in: %s", s.Page())
		}
		if after := w.state(agent); after != before {
			t.Errorf("something was changed:\n%s\n%s", before, after)
		}
	})
}

// What protects the sign-in takes proofs of the last ten minutes, of all factors
// that its owner has.
func TestK08_SensitiveActsTakeFreshProofs(t *testing.T) {
	w := newWorld(t)
	s := w.owner(agent)
	for what, asked := range map[string]func() string{
		"proofs of eleven minutes ago": func() string { w.wait(11 * time.Minute); return "sign-in" },
		"a fresh password in a browser that is trusted": func() string {
			s.again(map[string]string{templates.FieldTrust: "yes"})
			s.again(nil)
			return "enter-code"
		},
	} {
		screen := asked()
		expect(t, s.Open(w.url+"/account"), "account", 200)
		before, left := w.state(agent), 0
		eachRoute(t, func(t *testing.T, r account.Route) {
			if unsigned[r] || unproven[r] {
				left++
				return
			}
			if s.asks(r); s.Page().Screen() != screen {
				t.Errorf("%s: want %s, got %s", what, screen, s.Page())
			}
			if after := w.state(agent); after != before {
				t.Errorf("%s: something was changed:\n%s\n%s", what, before, after)
			}
		})
		if left != len(unsigned)+len(unproven) {
			t.Errorf("%d of the routes that take no proofs are there", left)
		}
	}
}

// A recovery code is in the place of a factor that is lost. It opens everything to
// look at, and the way to a new device; leaving that for later opens nothing that
// would be closed after it.
func TestK08_ARecoveryCodeHoldsSensitiveActs(t *testing.T) {
	w := newWorld(t)
	codes := w.seat(agent).recovery()
	w.wait(time.Hour)
	s := w.seat(agent)
	s.Open(w.url + "/account")
	s.Submit(map[string]string{templates.FieldEmail: s.email, templates.FieldPassword: password})
	s.recover(codes[0])
	expect(t, s.Press("Not now"), "account", 200)
	before := w.state(agent)
	eachRoute(t, func(t *testing.T, r account.Route) {
		if unsigned[r] || unproven[r] && r.Method == http.MethodPost {
			return
		}
		s.asks(r)
		if unproven[r] {
			if s.Page().Screen() == "enter-code" {
				t.Errorf("not open to look at: %s", s.Page())
			}
			return
		}
		expect(t, s.Page(), "enter-code", 200)
		says(t, s.Page(), "A recovery code is not enough for this")
		if after := w.state(agent); after != before {
			t.Errorf("something was changed:\n%s\n%s", before, after)
		}
	})

	if s.Open(w.url + "/account/passkeys"); strings.Contains(s.Page().Text(), "Use a recovery code") {
		t.Error("another recovery code is asked for, which would be spent for nothing")
	}
	// A new device is the way on: closed for a day then, which the admins hear of.
	s.Press("Set up a new mobile device")
	expect(t, s.prove(), "account-refused", 403)
	if p := w.person(agent); p.Passkeys != 0 || p.User.CooldownUntil == nil || !p.User.CooldownUntil.After(w.now().Add(23*time.Hour)) {
		t.Errorf("%d passkeys, closed until %v", p.Passkeys, p.User.CooldownUntil)
	}
	w.mail(boss, templates.MailMemberReplaced)
	w.wait(24 * time.Hour)
	expect(t, s.open("/account/password"), "account-password", 200)
}

// recovery connects an app, and returns the recovery codes that are shown then.
func (s *seat) recovery() []string {
	s.w.t.Helper()
	expect(s.w.t, s.open("/account"), "account", 200)
	expect(s.w.t, s.Press("Make new codes"), "account-recovery-codes", 200)
	return s.Page().Texts("code")
}

// recover gives a recovery code at the code prompt.
func (s *seat) recover(code string) {
	s.w.t.Helper()
	s.Press("Use a recovery code")
	expect(s.w.t, s.Submit(map[string]string{templates.FieldRecovery: code}), "two-step-introduction", 200)
}

// After a device was replaced without the old one, nothing else is for a day.
func TestK08_CoolDownHoldsSensitiveActs(t *testing.T) {
	w := newWorld(t)
	s := w.owner(agent)
	w.wait(11 * time.Minute)
	s = s.another()
	s.Open(w.url + "/account")
	s.Submit(map[string]string{templates.FieldEmail: s.email, templates.FieldPassword: password})
	expect(t, s.Page(), "enter-code", 200)
	s.Press("Set up a new mobile device")
	expect(t, s.prove(), "account", 200)
	before := w.state(agent)
	eachRoute(t, func(t *testing.T, r account.Route) {
		if unsigned[r] || unproven[r] {
			return
		}
		if s.asks(r); s.Page().Status != http.StatusForbidden || s.Page().Screen() != "account-refused" {
			t.Errorf("not refused: %s", s.Page())
		}
		if after := w.state(agent); after != before {
			t.Errorf("something was changed:\n%s\n%s", before, after)
		}
	})
	w.wait(24 * time.Hour)
	expect(t, s.open("/account/password"), "account-password", 200)
}
