package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/signin"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

func TestA05_AForeignOrBrokenRequest(t *testing.T) {
	w := newWorld(t)
	a, b := w.browser(), w.browser()
	begun := w.begin()
	w.password(a, begun, agent)

	t.Run("another browser starts from the first screen", func(t *testing.T) {
		for _, screen := range []string{"two-step-introduction", "verify-email", "enter-code", "done"} {
			expect(t, b.Open(w.at(begun, screen)), "sign-in", 200)
		}
		w.password(b, begun, member)
		w.arrived(b)
		expect(t, a.Open(begun), "two-step-introduction", 200)
	})
	t.Run("one byte changed", func(t *testing.T) {
		for _, i := range []int{1, 12, 30} {
			cut := []byte(begun)
			at := len(cut) - i
			cut[at] ^= 1
			p := b.Open(string(cut))
			if p.Status != 410 && p.Status != 400 {
				t.Errorf("byte %d changed: %s", i, p)
			}
		}
		expect(t, b.Open(w.url+"/login/sign-in"), "error", 410)
		expect(t, b.Open(begun+"&r=1.test.x"), "error", 400)
	})
	t.Run("after its time", func(t *testing.T) {
		open := w.browser()
		open.Open(begun)
		w.wait(signin.RequestLife)
		p := expect(t, open.Submit(pair(agent, password)), "error", 410)
		says(t, p, "This sign-in is over")
		if links := p.Links("https://console.example"); len(links) != 1 {
			t.Errorf("the page leads nowhere: %v", links)
		}
		expect(t, a.Open(begun), "error", 410)
	})
}

func TestG01_IdsAreNewAtEachRise(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin()
	// Somebody planted both cookies, and knows the link.
	planted := map[string]string{
		"stile-session": seal.NewToken(seal.KindBrowser).Reveal(),
		"stile-login":   seal.NewToken(seal.KindBinding).Reveal(),
	}
	plant := func(b *stiletest.Browser) {
		for name, value := range planted {
			b.Header.Set("Cookie", strings.TrimPrefix(b.Header.Get("Cookie")+"; "+name+"="+value, "; "))
		}
	}
	plant(b)
	b.Open(begun)
	b.Header.Del("Cookie") // from now on they are in the jar, or replaced there
	u, err := url.Parse(w.url)
	must(t, err)
	if got := cookie(b, w.url, "stile-login"); got != planted["stile-login"] {
		t.Fatalf("the planted cookie was not taken over: %q", got)
	}
	_ = u
	b.Submit(pair(agent, password))
	expect(t, b.Page(), "two-step-introduction", 200)
	proven := cookie(b, w.url, "stile-login")
	if proven == planted["stile-login"] || proven == "" {
		t.Error("the binding is still the planted one")
	}
	attacker := w.browser()
	plant(attacker)
	expect(t, attacker.Open(begun), "sign-in", 200)

	w.password(b, w.begin(), member)
	w.arrived(b)
	first := cookie(b, w.url, "stile-session")
	if first == "" || first == planted["stile-session"] {
		t.Error("the session is found by a planted id")
	}
	// Each rise brings another id, and voids the one before.
	b.Open(w.begin(func(r *signin.Request) { r.Ask.Since = w.now().Add(time.Second) }))
	w.wait(2 * time.Second)
	b.Submit(pair(member, password))
	second := cookie(b, w.url, "stile-session")
	if second == first {
		t.Error("the id stayed")
	}
	stale := w.browser()
	stale.Header.Set("Cookie", "stile-session="+first)
	expect(t, stale.Open(w.begin()), "sign-in", 200)
}

func cookie(b *stiletest.Browser, address, name string) string {
	for _, c := range b.Cookies(address) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func TestG02_CookiesOfOneMeetTheRequestOfAnother(t *testing.T) {
	w := newWorld(t)
	a, b := w.browser(), w.browser()
	forA, forB := w.begin(), w.begin()
	w.password(a, forA, agent)
	w.password(b, forB, agent)
	expect(t, a.Open(forB), "sign-in", 200)
	// Two cookies of one name are none.
	tossed := w.browser()
	tossed.Header.Set("Cookie", "stile-login="+cookie(a, w.url, "stile-login")+"; stile-login=x")
	expect(t, tossed.Open(forA), "sign-in", 200)
	own := w.browser()
	own.Header.Set("Cookie", "stile-login="+cookie(a, w.url, "stile-login"))
	expect(t, own.Open(forA), "two-step-introduction", 200)
}

func TestG04_LimitsWhileAFormIsOpen(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, _ := w.enrolled(b, agent)
	begun := w.begin(func(r *signin.Request) { r.Ask.Since = w.now() })
	w.password(b, begun, agent)
	w.wait(11 * time.Minute) // more than a sign-in lives without a step
	p := expect(t, b.Submit(code(app.Code())), "sign-in", 200)
	if p.Field(templates.FieldEmail) != agent {
		t.Error("the address was lost")
	}
	b.Submit(pair(agent, password))
	b.Submit(code(app.Code()))
	w.arrived(b)
}

func TestG05_EvidenceIsOfOneUser(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.enrolled(b, agent)
	// The agent's session in two steps says nothing for the member.
	begun := w.begin(func(r *signin.Request) { r.Ask.Levels, r.Ask.Essential = []authn.Level{authn.LevelMFA}, true })
	b.Open(begun)
	w.arrived(b)
	begun = w.begin(func(r *signin.Request) {
		r.Ask.Levels, r.Ask.Essential = []authn.Level{authn.LevelMFA}, true
		r.Ask.Subject = w.person(member).User.ID
	})
	p := expect(t, b.Open(begun), "sign-in", 200)
	if p.Field(templates.FieldEmail) != "" {
		t.Error("the page tells who is signed in, or who is wanted")
	}
	says(t, expect(t, b.Submit(pair(agent, password)), "sign-in", 422), "do not match")
	expect(t, b.Submit(pair(member, password)), "two-step-introduction", 200)
}

func TestSomeoneElse(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.enrolled(b, agent)
	w.wait(2 * time.Minute)
	begun := w.begin(func(r *signin.Request) { r.Ask.Since = w.now() })
	w.password(b, begun, agent)
	p := expect(t, b.Press("Sign in as someone else"), "sign-in", 200)
	if p.Field(templates.FieldEmail) != "" {
		t.Error("the address of the one who leaves is filled in")
	}
	b.Submit(pair(member, password))
	if a := w.arrived(b); a.Email != member {
		t.Errorf("arrived as %+v", a)
	}
}

// Every form of every screen refuses what another site sends.
func TestH01_EveryScreenRefusesForeignForms(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin()
	w.password(b, begun, agent)
	request := b.Page().Field(templates.FieldRequest)
	posts := 0
	err := w.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		methods, err := route.GetMethods()
		if err != nil || !contains(methods, http.MethodPost) {
			return nil
		}
		path, err := route.GetPathTemplate()
		must(t, err)
		posts++
		before := len(w.events(""))
		for name, send := range map[string]func(url.Values, http.Header){
			"no token":         func(f url.Values, _ http.Header) { f.Del(templates.FieldCSRF) },
			"of another route": func(f url.Values, _ http.Header) {},
			"cross-site":       func(_ url.Values, h http.Header) { h.Set("Sec-Fetch-Site", "cross-site") },
			"null origin":      func(_ url.Values, h http.Header) { h.Set("Origin", "null") },
		} {
			fields := url.Values{templates.FieldRequest: {request}, templates.FieldCSRF: {"x"}, templates.FieldCode: {"123456"}}
			for do := range map[string]bool{"": true, templates.DoNewDevice: true, templates.DoSendAgain: true} {
				fields.Set(templates.FieldDo, do)
				b.Header = http.Header{}
				send(fields, b.Header)
				if p := b.Send(w.url+path, fields); p.Status != http.StatusForbidden || p.Screen() != "error" {
					t.Errorf("%s, %s: %s", path, name, p)
				}
			}
		}
		if len(w.events("")) != before {
			t.Errorf("%s changed something", path)
		}
		return nil
	})
	must(t, err)
	if posts != 9 {
		t.Errorf("%d screens take forms", posts)
	}
	b.Header = http.Header{}
	expect(t, b.Open(begun), "two-step-introduction", 200)
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

// A victim's browser can't be signed in as the attacker by a form of his.
func TestH02_SignInForms(t *testing.T) {
	w := newWorld(t)
	attacker, victim := w.browser(), w.browser()
	begun := w.begin()
	attackers := attacker.Open(begun).Fields()
	attackers.Set(templates.FieldEmail, member)
	attackers.Set(templates.FieldPassword, password)
	p := expect(t, victim.Send(w.url+"/login/sign-in", attackers), "error", 403) // no cookie yet
	says(t, p, "cookies")
	victim.Open(w.begin())
	expect(t, victim.Send(w.url+"/login/sign-in", attackers), "error", 403)
	if cookie(victim, w.url, "stile-session") != "" {
		t.Error("the victim is signed in")
	}
}

func TestH05_NoRouteTakesAURL(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin()
	for _, next := range []string{"//evil.example", "/\\evil.example", "https:evil.example", "https://evil.example"} {
		q := url.QueryEscape(next)
		b.Open(begun + "&next=" + q + "&return=" + q + "&lang=" + q + "&notice=" + q)
		for _, link := range b.Page().Links("") {
			if strings.Contains(link, "//evil") && !strings.HasPrefix(link, "/login/") {
				t.Errorf("a link to %s", link)
			}
		}
		b.Submit(pair(member, password))
		w.arrived(b)
		b = w.browser()
		begun = w.begin()
	}
	// Where it ends is sealed by us, and still has to be a path of ours.
	begun = w.begin(func(r *signin.Request) { r.Return = "//evil.example" })
	p := w.password(w.browser(), begun, member)
	expect(t, p, "error", 500)
}

func TestH06_EveryRedirectIs303(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	seen := 0
	b.Transport(roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil && resp.StatusCode/100 == 3 {
			seen++
			if resp.StatusCode != http.StatusSeeOther {
				t.Errorf("%s %s: %d", r.Method, r.URL.Path, resp.StatusCode)
			}
			if to := resp.Header.Get("Location"); !strings.HasPrefix(to, "/") {
				t.Errorf("%s leads to %s", r.URL.Path, to)
			}
		}
		return resp, err
	}))
	w.enrolled(b, agent)
	if seen < 8 {
		t.Errorf("%d redirects", seen)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestP01_ForwardedHostsChangeNothing(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, h := range []string{"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded"} {
		b.Header.Set(h, "evil.example")
	}
	w.password(b, w.begin(), agent)
	b.Submit(nil)
	m, _ := w.mail(agent, templates.MailEmailCode)
	if m.Data[templates.DataIssuer] != w.url {
		t.Errorf("the mail says %s", m.Data[templates.DataIssuer])
	}
	if strings.Contains(b.Page().Body, "evil.example") {
		t.Error("the page names the forged host")
	}
}

func TestP06_LargeForms(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.Open(w.begin())
	fields := b.Page().Fields()
	fields.Set(templates.FieldEmail, member)
	fields.Set(templates.FieldPassword, strings.Repeat("x", 70_000))
	before := w.db.Statements()
	expect(t, b.Send(b.Page().Action(), fields), "error", 413)
	if w.db.Statements() != before {
		t.Error("a statement was sent for it")
	}
}

func TestSwitchedOffMeanwhile(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin()
	w.password(b, begun, agent)
	w.user(agent, func(u *storage.User) { at := w.now(); u.DisabledAt = &at })
	p := b.Submit(nil)
	if p.Screen() != "error" && p.Screen() != "sign-in" {
		t.Errorf("went on to %s", p)
	}
	if _, n := w.mail(agent, templates.MailEmailCode); n != 0 {
		t.Error("a mail was sent")
	}
}

func TestLanguageSwitchKeepsTheSignIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin()
	w.password(b, begun, agent)
	p := b.Open(w.at(begun, "two-step-introduction") + "&lang=fr")
	if got := p.Header.Get("Content-Language"); got != "fr" || p.Screen() != "two-step-introduction" {
		t.Fatalf("in %s: %s", got, p)
	}
	p = b.Submit(nil) // and holds on the next screens
	if got := p.Header.Get("Content-Language"); got != "fr" || p.Screen() != "verify-email" {
		t.Errorf("in %s: %s", got, p)
	}
	if m, _ := w.mail(agent, templates.MailEmailCode); m.Lang != "fr" {
		t.Errorf("mail in %q", m.Lang)
	}
	p = b.Submit(code("0")) // also on a page that answers a form
	if got := p.Header.Get("Content-Language"); got != "fr" || p.Status != 422 {
		t.Errorf("in %s: %s", got, p)
	}
	if !strings.Contains(p.Body, `value="nl"`) || !strings.Contains(p.Body, url.QueryEscape(p.Field(templates.FieldRequest))) {
		t.Errorf("no way to Dutch that keeps the sign-in: %s", p.Body)
	}
	p = expect(t, b.Open(w.at(begun, "verify-email")+"&lang=nl"), "verify-email", 200)
	if got := p.Header.Get("Content-Language"); got != "nl" {
		t.Errorf("in %s", got)
	}
}

func TestPolicyTurnedOnMeanwhile(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.password(b, w.begin(), member)
	w.arrived(b)
	w.policy(w.sales, func(p *storage.Policy) { p.TwoStep = true })
	expect(t, b.Open(w.begin()), "two-step-introduction", 200)
	if e := w.events(audit.SignInSucceeded); len(e) != 1 || e[0].Reason != string(authn.ReasonNotRequired) {
		t.Errorf("the first sign-in was told as %+v", e)
	}
}
