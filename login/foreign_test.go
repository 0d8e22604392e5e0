package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"stile/authn"
	"stile/signin"
	"stile/templates"
)

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
			for do := range map[string]bool{"": true, templates.DoNewDevice: true, templates.DoSendAgain: true, templates.DoAskAdmin: true, templates.DoStartWait: true} {
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
	if posts != 20 { // those of links among them
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

// What can't be reached by anybody is said, where the client did not hear it.

func TestL06_UnmetIsSaid(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin(func(r *signin.Request) {
		r.Ask.Levels, r.Ask.Essential = []authn.Level{authn.LevelPhishingResistant}, true
	})
	p := w.password(b, begun, member)
	expect(t, p, "error", 403)
	if cookie(b, w.url, "stile-session") != "" {
		t.Error("a session was made")
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
