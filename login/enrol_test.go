package login_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"stile/signin"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

// enrolment are the screens of an enrolment, in their order.
var enrolment = []string{"two-step-introduction", "verify-email", "install-app", "connect-device", "setup-code", "done"}

func TestK05_TheSetupCodeIsSpent(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.password(b, w.begin(), agent)
	app := w.toKey(b, agent)
	b.Submit(nil)
	setup := app.Code()
	b.Submit(code(setup))
	b.Submit(map[string]string{})
	p := expect(t, b.Submit(nil), "enter-code", 200)
	says(t, p, "setup code is spent")
	for range 6 { // it costs no attempt either
		says(t, expect(t, b.Submit(code(setup)), "enter-code", 422), "used already")
	}
	b.Submit(code(app.Code()))
	w.arrived(b)
}

func TestK06_TheKeyShowsOnlyWhileItWaits(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin()
	w.password(b, begun, agent)
	w.toKey(b, agent)
	key := keyOf(t, b.Page())
	app := w.app6238(b.Page())
	if again := keyOf(t, b.Open(w.at(begun, "connect-device"))); again != key {
		t.Error("reloading made another key")
	}
	if strings.Contains(w.log.String(), key) {
		t.Error("the key is in the log")
	}
	b.Submit(nil)
	if again := keyOf(t, b.Open(w.at(begun, "connect-device"))); again != key {
		t.Error("Back shows another key")
	}
	expect(t, b.Submit(nil), "setup-code", 200)
	expect(t, b.Submit(code(app.Code())), "done", 200)
	for _, screen := range enrolment {
		if p := b.Open(w.at(begun, screen)); strings.Contains(p.Body, key) {
			t.Errorf("%s shows the key of an active authenticator", screen)
		}
	}
	other := w.browser()
	w.password(other, w.begin(), agent)
	for _, screen := range enrolment {
		if p := other.Open(w.at(begun, screen)); strings.Contains(p.Body, key) {
			t.Errorf("%s shows the key in another browser", screen)
		}
	}
}

func TestNewKeyReplacesTheOldOne(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.password(b, w.begin(), agent)
	old := w.toKey(b, agent)
	p := expect(t, b.Press("Start over with a new key"), "connect-device", 200)
	says(t, p, "earlier key no longer works")
	app := w.app6238(p)
	b.Submit(nil)
	expect(t, b.Submit(code(old.Code())), "setup-code", 422)
	expect(t, b.Submit(code(app.Code())), "done", 200)
}

func TestAKeyLapses(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin()
	w.password(b, begun, agent)
	old := w.toKey(b, agent)
	b.Submit(nil)
	w.wait(20 * time.Minute)
	b.Open(w.at(begun, "connect-device"))
	b.Submit(nil) // keeps the sign-in alive, but not the key
	w.wait(signin.KeyLife - 19*time.Minute)
	p := expect(t, b.Submit(code(old.Code())), "install-app", 200)
	says(t, p, "earlier key no longer works")
	p = expect(t, b.Submit(nil), "connect-device", 200)
	app := w.app6238(p)
	b.Submit(nil)
	expect(t, b.Submit(code(app.Code())), "done", 200)
}

// The key is the server's and the browser's own, whoever made the request.
func TestK07_NobodyElsesKeyIsConnected(t *testing.T) {
	w := newWorld(t)
	attacker, victim := w.browser(), w.browser()
	begun := w.begin()
	w.password(attacker, begun, agent)
	w.toKey(attacker, agent)
	attackers := keyOf(t, attacker.Page())

	w.wait(time.Minute)
	p := victim.Open(w.at(begun, "setup-code"))
	expect(t, p, "sign-in", 200)
	victim.Submit(pair(agent, password))
	w.toKey(victim, agent)
	if keyOf(t, victim.Page()) == attackers {
		t.Fatal("the victim connects the attacker's key")
	}
	// Nor is one taken from the form.
	fields := victim.Page().Fields()
	fields.Set("key", attackers)
	fields.Set("secret", attackers)
	victim.Send(victim.Page().Action(), fields)
	app := stiletest.NewAuthenticator(t, attackers, w.now)
	expect(t, victim.Submit(code(app.Code())), "setup-code", 422)
}

func TestK08_APasswordAloneReplacesNothing(t *testing.T) {
	w := newWorld(t)
	owner := w.browser()
	// An enrolment begun before the owner's was done.
	early := w.browser()
	w.password(early, w.begin(), agent)
	w.wait(time.Minute)
	app, _ := w.enrolled(owner, agent)
	authenticator := w.person(agent).TOTP.ID

	p := expect(t, early.Submit(nil), "sign-in", 200)
	says(t, p, "changed")
	expect(t, early.Submit(pair(agent, password)), "enter-code", 200)

	b := w.browser()
	begun := w.begin()
	expect(t, w.password(b, begun, agent), "enter-code", 200)
	csrf := b.Page().Field(templates.FieldCSRF)
	for _, screen := range enrolment {
		expect(t, b.Open(w.at(begun, screen)), "enter-code", 200)
		fields := url.Values{templates.FieldRequest: {b.Page().Field(templates.FieldRequest)}, templates.FieldCode: {"000000"}, templates.FieldCSRF: {csrf}}
		if p := b.Send(w.url+"/login/"+screen, fields); p.Status != http.StatusForbidden {
			t.Errorf("%s took the form token of another screen: %s", screen, p)
		}
	}
	// "Set up a new mobile device" asks for the e-mail code, and skips nothing.
	b.Open(w.at(begun, "enter-code"))
	expect(t, b.Press("Set up a new mobile device"), "two-step-introduction", 200)
	expect(t, b.Submit(nil), "verify-email", 200)
	for _, screen := range enrolment[2:] {
		expect(t, b.Open(w.at(begun, screen)), "verify-email", 200)
	}
	if now := w.person(agent).TOTP.ID; now != authenticator {
		t.Error("the authenticator was replaced")
	}
	third := w.browser()
	w.password(third, w.begin(), agent)
	third.Submit(code(app.Code()))
	w.arrived(third)
}

func TestReplacingADevice(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	old, _ := w.enrolled(b, agent)
	other := w.browser()
	w.password(other, w.begin(), agent)
	other.Submit(code(old.Code()))
	w.arrived(other)
	w.wait(time.Minute)

	begun := w.begin(func(r *signin.Request) { r.Ask.Since = w.now() })
	expect(t, w.password(b, begun, agent), "enter-code", 200)
	p := expect(t, b.Press("Set up a new mobile device"), "two-step-introduction", 200)
	says(t, p, "present authenticator")
	app, codes := w.enrol(b, agent)
	if len(codes) != 10 {
		t.Errorf("%d new recovery codes", len(codes))
	}
	if _, n := w.mail(agent, templates.MailAuthenticatorReplaced); n != 1 {
		t.Errorf("%d notices", n)
	}
	expect(t, b.Submit(code(old.At(w.now().Unix()/30))), "enter-code", 422)
	b.Submit(code(app.Code()))
	w.arrived(b)
	if until := w.person(agent).User.CooldownUntil; until == nil || !until.After(w.now().Add(23*time.Hour)) {
		t.Errorf("cool-down until %v", until)
	}
	expect(t, other.Open(w.begin()), "sign-in", 200) // other browsers are signed out
}

// A reset takes the old factor away; who then connects a device has not proven it.
func TestK08_TheDeviceAfterAResetCoolsDown(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.enrolled(b, agent)
	if until := w.person(agent).User.CooldownUntil; until != nil {
		t.Errorf("cool-down until %v after the first enrolment", until)
	}
	must(t, w.db.ResetAuthenticator(t.Context(), w.person(agent).User.ID, nobody))
	w.wait(11 * time.Minute)
	again := w.browser()
	w.password(again, w.begin(), agent)
	w.enrol(again, agent)
	if until := w.person(agent).User.CooldownUntil; until == nil || !until.Equal(w.now().Add(24*time.Hour)) {
		t.Errorf("cool-down until %v, want a day", until)
	}
}

func TestK09_ScreensCanNotBeSkipped(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin()
	all := append([]string{"sign-in"}, enrolment...)
	all = append(all, "enter-code", "recovery-code")
	for _, screen := range all {
		expect(t, b.Open(w.at(begun, screen)), "sign-in", 200)
	}
	w.password(b, begun, agent)
	advance := []func(){
		func() { b.Submit(nil) },
		func() { b.Submit(code(w.code(agent))) },
		func() { b.Submit(nil) },
		func() { b.Submit(nil) },
	}
	for at, next := range advance {
		due := enrolment[at]
		for _, screen := range append(slices.Clone(enrolment[at+1:]), "enter-code", "recovery-code") {
			expect(t, b.Open(w.at(begun, screen)), due, 200)
		}
		expect(t, b.Open(w.at(begun, due)), due, 200)
		for _, method := range []string{http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodPatch} {
			before := len(w.events(""))
			r, err := http.NewRequest(method, w.at(begun, due), nil)
			must(t, err)
			for _, c := range b.Cookies(w.url) {
				r.AddCookie(c)
			}
			resp, err := http.DefaultClient.Do(r)
			must(t, err)
			_ = resp.Body.Close()
			want := http.StatusMethodNotAllowed
			if method == http.MethodHead {
				want = http.StatusOK
			}
			if resp.StatusCode != want {
				t.Errorf("%s %s: status %d", method, due, resp.StatusCode)
			}
			if len(w.events("")) != before {
				t.Errorf("%s %s changed something", method, due)
			}
		}
		next()
	}
	expect(t, b.Page(), "setup-code", 200)
	expect(t, b.Submit(code("")), "setup-code", 422)
	fields := b.Page().Fields()
	fields.Set("step", "finished")
	expect(t, b.Send(b.Page().Action(), fields), "setup-code", 422)
	fields.Set(templates.FieldDo, "finish")
	expect(t, b.Send(b.Page().Action(), fields), "error", 400)
}

func TestK10_TwoBrowsersEnrolAtOnce(t *testing.T) {
	w := newWorld(t)
	first, second := w.browser(), w.browser()
	w.password(first, w.begin(), agent)
	app := w.toKey(first, agent)
	w.wait(time.Minute)
	w.password(second, w.begin(), agent)
	late := w.toKey(second, agent)
	first.Submit(nil)
	second.Submit(nil)
	expect(t, first.Submit(code(app.Code())), "done", 200)
	p := expect(t, second.Submit(code(late.Code())), "sign-in", 200)
	says(t, p, "changed")
	expect(t, second.Submit(pair(agent, password)), "enter-code", 200)
	expect(t, second.Submit(code(late.Code())), "enter-code", 422)
	second.Submit(code(app.Code()))
	w.arrived(second)
}

func TestK10_TwoTabsEnrolAtOnce(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	one, two := w.begin(), w.begin()
	w.password(b, one, agent)
	app := w.toKey(b, agent)
	w.wait(time.Minute)
	w.password(b, two, agent)
	w.toKey(b, agent)
	expect(t, b.Open(w.at(one, "connect-device")), "connect-device", 200) // the other tab lost nothing
	b.Submit(nil)
	expect(t, b.Submit(code(app.Code())), "done", 200)
	says(t, expect(t, b.Open(w.at(two, "connect-device")), "sign-in", 200), "changed")
	b.Open(w.at(one, "done"))
	b.Submit(nil)
	b.Submit(nil)
	w.wait(time.Minute)
	b.Submit(code(app.Code()))
	w.arrived(b)
	b.Open(w.at(two, "connect-device")) // the session is enough for the other tab's client
	if a := w.arrived(b); a.Request == "" {
		t.Error("the other tab did not arrive")
	}
}

func TestK11_AnEnrolmentBrokenOffLeavesTheOldOne(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, _ := w.enrolled(b, agent)
	for stop := range 4 {
		w.wait(11 * time.Minute) // limits of messages
		broken := w.browser()
		w.password(broken, w.begin(), agent)
		broken.Press("Set up a new mobile device")
		steps := []func(){
			func() { broken.Submit(nil) },
			func() { broken.Submit(code(w.code(agent))) },
			func() { broken.Submit(nil) },
			func() { broken.Submit(nil) },
		}
		for _, step := range steps[:stop+1] {
			step()
		}
		fresh := w.browser()
		w.password(fresh, w.begin(), agent)
		expect(t, fresh.Page(), "enter-code", 200)
		fresh.Submit(code(app.Code()))
		w.arrived(fresh)
	}
}

// The steps are counted alike to the end, also where an e-mail code alone would not
// replace the app that has just been connected.
func TestStepsAreCountedAlikeToTheEnd(t *testing.T) {
	for _, rule := range []storage.Reenrolment{storage.ReenrolByEmail, storage.ReenrolByRecovery, storage.ReenrolByAdmin} {
		t.Run(string(rule), func(t *testing.T) {
			w := newWorld(t)
			w.policy(w.support, func(p *storage.Policy) { p.Reenrolment = rule })
			b := w.browser()
			w.password(b, w.begin(), agent)
			says(t, b.Page(), "Step 1 of 6")
			app := w.toKey(b, agent)
			says(t, b.Page(), "Step 4 of 6")
			b.Submit(nil)
			says(t, expect(t, b.Submit(code(app.Code())), "done", 200), "Step 6 of 6")
		})
	}
}
