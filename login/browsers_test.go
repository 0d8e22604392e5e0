package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

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

// A page of our own that asked one user for something lets another in, without what
// it had asked for; what an app asked of one user is for no other.
func TestSomeoneElseThanWhoWasAsked(t *testing.T) {
	for name, client := range map[string]string{"by a page of ours": "", "by an app": "console"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			w.enrolled(b, agent)
			w.wait(2 * time.Minute)
			asks := func(r *signin.Request) {
				r.ClientID, r.Enhance = client, true
				r.Ask = authn.Ask{Since: w.now(), Subject: w.person(agent).User.ID, Levels: []authn.Level{authn.LevelMFA}, Essential: true}
			}
			w.password(b, w.begin(asks), agent)
			expect(t, b.Press("Sign in as someone else"), "sign-in", 200)
			b.Submit(pair(member, password))
			if client != "" {
				says(t, expect(t, b.Page(), "sign-in", 422), "do not match")
				return
			}
			if a := w.arrived(b); a.Email != member || w.person(member).User.Enhanced {
				t.Errorf("arrived as %+v", a)
			}

			// Without the button: a right pair is nobody's mistake, a wrong one is.
			b.Open(w.begin(asks))
			failed := len(w.events(audit.SignInFailed))
			expect(t, b.Submit(pair(member, "wrong")), "sign-in", 422)
			b.Submit(pair(member, password))
			if a := w.arrived(b); a.Email != member || len(w.events(audit.SignInFailed)) != failed+1 {
				t.Errorf("arrived as %+v", a)
			}
		})
	}
}

// Who signs in as somebody else proves everything, also when it is the same one.
func TestL01_SomeoneElseProvesEverythingAnew(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.enrolled(b, agent)
	w.password(b, w.begin(func(r *signin.Request) { r.Ask.Since = w.now() }), agent)
	expect(t, b.Press("Sign in as someone else"), "sign-in", 200)
	expect(t, b.Submit(pair(agent, password)), "enter-code", 200)
}

// A session lives twelve hours from its code on, however often the password is
// given again meanwhile.
func TestG04_PasswordKeepsNoCodeAlive(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.enrolled(b, agent)
	for given := w.now(); w.now().Sub(given) < 11*time.Hour; {
		w.wait(50 * time.Minute)
		w.password(b, w.begin(func(r *signin.Request) { r.SomeoneElse = true }), agent)
		w.arrived(b)
	}
	w.wait(55 * time.Minute)
	w.password(b, w.begin(func(r *signin.Request) { r.SomeoneElse = true }), agent)
	expect(t, b.Page(), "enter-code", 200)
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

func TestF03_SignedOutIsOut(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.router.HandleFunc("/out", func(rw http.ResponseWriter, r *http.Request) {
		must(t, w.sessions.End(r.Context(), rw, w.sessions.BrowserHash(r), "signed_out", nobody))
	})
	w.password(b, w.begin(), member)
	w.arrived(b)
	old := cookie(b, w.url, "stile-session")
	b.Open(w.url + "/out")
	if cookie(b, w.url, "stile-session") != "" {
		t.Error("the cookie is still there")
	}
	kept := w.browser()
	kept.Header.Set("Cookie", "stile-session="+old)
	expect(t, kept.Open(w.begin()), "sign-in", 200)
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
