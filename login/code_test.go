package login_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

func TestK01_ACodeWorksOnce(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, _ := w.enrolled(b, agent)
	one, two := w.browser(), w.browser()
	w.password(one, w.begin(), agent)
	w.password(two, w.begin(), agent)
	step := w.now().Unix() / 30
	one.Submit(code(app.At(step)))
	w.arrived(one)
	for range 6 { // it costs no attempt
		says(t, expect(t, two.Submit(code(app.At(step))), "enter-code", 422), "used already")
	}
	says(t, expect(t, two.Submit(code(app.At(step-1))), "enter-code", 422), "used already") // older than the newest
	w.wait(30 * time.Second)                                                                // still within the drift that is allowed
	says(t, expect(t, two.Submit(code(app.At(step))), "enter-code", 422), "used already")
	two.Submit(code(app.At(step + 1)))
	w.arrived(two)
}

func TestK02_ACodeWorksOnceAtTheSameInstant(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, _ := w.enrolled(b, agent)
	for range 3 {
		w.wait(time.Minute)
		one := w.browser()
		w.password(one, w.begin(), agent)
		before := len(w.events(audit.SignInSucceeded))
		fields := one.Page().Fields()
		fields.Set(templates.FieldCode, app.Code())
		w.parallel(16, one, one.Page().Action(), fields)
		if n := len(w.events(audit.SignInSucceeded)) - before; n != 1 {
			t.Errorf("%d sign-ins of one code", n)
		}
	}
}

func TestK03_StepsAroundNow(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, _ := w.enrolled(b, agent)
	for _, c := range []struct {
		step int64
		ok   bool
	}{{-3, false}, {-2, false}, {2, false}, {3, false}, {-1, true}, {0, true}, {1, true}} {
		one := w.browser()
		w.password(one, w.begin(), agent)
		one.Submit(code(app.At(w.now().Unix()/30 + c.step)))
		if arrived := one.Page().URL.Path == "/app"; arrived != c.ok {
			t.Errorf("step %+d: %s", c.step, one.Page())
		}
		if c.ok {
			w.wait(5 * time.Minute)
		}
	}
}

func TestK04_GuessesAreCountedByUser(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, recovery := w.enrolled(b, agent)
	wrong := other(app.At(0))
	for i := range 5 {
		fresh := w.browser() // each with a fresh password
		w.password(fresh, w.begin(), agent)
		p := expect(t, fresh.Submit(code(wrong)), "enter-code", 422)
		if i == 0 && strings.Contains(p.Text(), "date and time") {
			t.Error("the first wrong code brings the hint about the clock")
		}
	}
	fresh := w.browser()
	w.password(fresh, w.begin(), agent)
	p := expect(t, fresh.Submit(code(app.Code())), "enter-code", 429)
	says(t, p, "Try again at 15:49") // 14:49 UTC, told in the account's zone
	if p.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	// The other ways stay open.
	expect(t, fresh.Press("Use a recovery code"), "recovery-code", 200)
	expect(t, fresh.Submit(map[string]string{templates.FieldRecovery: recovery[0]}), "two-step-introduction", 200)
	expect(t, fresh.Press("Not now"), "", 200)
	w.arrived(fresh)
	// And after the pause the code is heard.
	w.wait(15 * time.Minute)
	later := w.browser()
	w.password(later, w.begin(), agent)
	later.Submit(code(app.Code()))
	w.arrived(later)
}

func TestClockHintFromTheSecondWrongCodeOn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, _ := w.enrolled(b, agent)
	one := w.browser()
	w.password(one, w.begin(), agent)
	// A code of a step that is near brings no other answer than one that is far.
	for i, step := range []int64{2, 1000} {
		p := expect(t, one.Submit(code(app.At(w.now().Unix()/30+step))), "enter-code", 422)
		if hint := strings.Contains(p.Text(), "date and time"); hint != (i == 1) {
			t.Errorf("wrong code %d: hint %v", i+1, hint)
		}
	}
}

func TestSuspendedAfterTooManyInARow(t *testing.T) {
	w := newWorld(t, func(o *settings) { o.limits.TOTP.InARow = 8 })
	b := w.browser()
	app, _ := w.enrolled(b, agent)
	wrong := other(app.At(0))
	for range 8 {
		p := w.password(b, w.begin(func(r *request) { r.Ask.Since = w.now() }), agent)
		expect(t, p, "enter-code", 200)
		if p = b.Submit(code(wrong)); p.Status == http.StatusTooManyRequests {
			w.wait(25 * time.Hour)
			w.password(b, w.begin(func(r *request) { r.Ask.Since = w.now() }), agent)
			b.Submit(code(wrong))
		}
		if w.person(agent).Suspended {
			break
		}
	}
	if !w.person(agent).Suspended {
		t.Fatal("wrong codes in a row suspend nothing")
	}
	if _, n := w.mail(agent, templates.MailAuthenticatorSuspended); n != 1 {
		t.Errorf("%d notices", n)
	}
	// The way back is an enrolment, never a way around.
	fresh := w.browser()
	expect(t, w.password(fresh, w.begin(), agent), "two-step-introduction", 200)
}

func TestRecoveryCode(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	_, codes := w.enrolled(b, agent)
	before := w.person(agent).TOTP.ID
	recover := func(c string) map[string]string { return map[string]string{templates.FieldRecovery: c} }

	one := w.browser()
	w.password(one, w.begin(), agent)
	one.Press("Use a recovery code")
	expect(t, one.Submit(recover("")), "recovery-code", 422)
	expect(t, one.Submit(recover("abcd")), "recovery-code", 422)
	expect(t, one.Submit(recover("0000-0000-0000-0000")), "recovery-code", 422)
	p := expect(t, one.Submit(recover(" "+strings.ToUpper(strings.ReplaceAll(codes[3], "-", " ")))), "two-step-introduction", 200)
	says(t, p, "9")
	if m, n := w.mail(agent, templates.MailRecoveryCodeUsed); n != 1 || m.Data[templates.DataLeft] != "9" {
		t.Errorf("%d notices, %s left", n, m.Data[templates.DataLeft])
	}
	one.Press("Not now")
	if a := w.arrived(one); a.AMR != "mfa otp pwd" {
		t.Errorf("arrived as %+v", a)
	}

	two := w.browser()
	w.password(two, w.begin(), agent)
	two.Press("Use a recovery code")
	says(t, expect(t, two.Submit(recover(codes[3])), "recovery-code", 422), "")
	expect(t, two.Submit(recover(codes[4])), "two-step-introduction", 200)
	// It stands in place of the e-mail code.
	expect(t, two.Submit(nil), "install-app", 200)
	if _, n := w.mail(agent, templates.MailEmailCode); n != 0 {
		t.Error("a mail was sent")
	}
	app := w.app6238(expect(t, two.Submit(nil), "connect-device", 200))
	two.Submit(nil)
	expect(t, two.Submit(code(app.Code())), "done", 200)
	two.Submit(nil)
	two.Submit(nil)
	if p := w.person(agent); p.TOTP.ID == before || p.RecoveryLeft != 10 {
		t.Errorf("%d codes, authenticator replaced: %v", p.RecoveryLeft, p.TOTP.ID != before)
	}
	w.wait(time.Minute)
	if two.Page().Screen() == "enter-code" {
		two.Submit(code(app.Code()))
	}
	w.arrived(two)
	three := w.browser()
	w.password(three, w.begin(), agent)
	three.Press("Use a recovery code")
	expect(t, three.Submit(recover(codes[5])), "recovery-code", 422) // of the set before
}

func TestReenrolmentByRecoveryCodeOnly(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	_, codes := w.enrolled(b, agent)
	w.policy(w.support, func(p *storage.Policy) { p.Reenrolment = storage.ReenrolByRecovery })
	one := w.browser()
	w.password(one, w.begin(), agent)
	page := expect(t, one.Press("Set up a new mobile device"), "recovery-code", 200)
	says(t, page, "asks for a recovery code before a new device is connected")
	says(t, page, "An admin of Example Support can let you in again.")
	expect(t, one.Submit(recovering("0000-0000-0000-0000")), "recovery-code", 422)
	// Who asked for another device isn't asked again whether it is wanted.
	says(t, expect(t, one.Submit(recovering(codes[0])), "install-app", 200), "9 are left")
	replaced := w.app6238(expect(t, one.Submit(nil), "connect-device", 200))
	expect(t, one.Submit(nil), "setup-code", 200)
	expect(t, one.Submit(code(replaced.Code())), "done", 200)
	if w.person(agent).User.CooldownUntil == nil {
		t.Error("no cool-down after a replacement without the old app")
	}
}

// Who makes an authenticator suspended by wrong codes does not get around the
// account's rule.
func TestK08_SuspensionIsNoWayAround(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	_, codes := w.enrolled(b, agent)
	w.policy(w.support, func(p *storage.Policy) { p.Reenrolment = storage.ReenrolByRecovery })
	p := w.person(agent)
	must(t, w.db.SuspendTOTP(t.Context(), p.User.ID, p.TOTP.ID, nil, audit.Event{Kind: audit.AuthenticatorPaused}))
	one := w.browser()
	begun := w.begin()
	expect(t, w.password(one, begun, agent), "two-step-introduction", 200)
	expect(t, one.Submit(nil), "recovery-code", 200)
	expect(t, one.Open(w.at(begun, "verify-email")), "two-step-introduction", 200)
	if _, n := w.mail(agent, templates.MailEmailCode); n != 0 {
		t.Error("a mail was sent")
	}
	expect(t, one.Submit(nil), "recovery-code", 200)
	expect(t, one.Submit(recovering(codes[0])), "install-app", 200)
}

func TestRecoveryCodesShowUntilContinue(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin()
	w.password(b, begun, agent)
	app := w.toKey(b, agent)
	b.Submit(nil)
	p := b.Submit(code(app.Code()))
	codes := p.Texts("code")
	again := b.Open(w.at(begun, "done")).Texts("code")
	if len(codes) != 10 || strings.Join(codes, " ") != strings.Join(again, " ") {
		t.Error("reloading shows other codes")
	}
	p = b.Open(w.at(begun, "recovery-codes.txt"))
	if p.Status != 200 || !strings.HasPrefix(p.Header.Get("Content-Type"), "text/plain") || !strings.Contains(p.Body, codes[9]) ||
		p.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(p.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the file: %v %s", p.Header, p.Body)
	}
	other := w.browser()
	if p := other.Open(w.at(begun, "recovery-codes.txt")); strings.Contains(p.Body, codes[0]) {
		t.Error("another browser gets the codes")
	}
	b.Open(w.at(begun, "done"))
	fields := b.Page().Fields()
	fields.Set(templates.FieldKept, "yes")
	expect(t, b.Send(b.Page().Action(), fields), "enter-code", 200) // no reminder then
	if p := b.Open(w.at(begun, "recovery-codes.txt")); p.Status != 410 {
		t.Errorf("the codes are shown again: %s", p)
	}
}

// A step-up on a session has no row before the first answer; a wrong one first
// must not get lost between the two.
func TestStepUpWithAWrongCodeFirst(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.password(b, w.begin(func(r *request) { r.Ask.Levels, r.Ask.Essential = []authn.Level{authn.LevelMFA}, true }), member)
	app, _ := w.enrol(b, member)
	b.Submit(code(app.Code()))
	w.arrived(b)
	w.wait(2 * time.Hour)
	w.password(b, w.begin(), member)
	if a := w.arrived(b); a.AMR != "pwd" {
		t.Fatalf("arrived as %+v", a)
	}
	p := b.Open(w.begin(func(r *request) { r.Ask.Levels, r.Ask.Essential = []authn.Level{authn.LevelMFA}, true }))
	says(t, expect(t, p, "enter-code", 200), "Acme Console")
	expect(t, b.Submit(code(other(app.At(0)))), "enter-code", 422)
	b.Submit(code(app.Code()))
	if a := w.arrived(b); a.AMR != "mfa otp pwd" {
		t.Errorf("arrived as %+v", a)
	}
}

func TestWaivedFirstCode(t *testing.T) {
	w := newWorld(t)
	w.policy(w.support, func(p *storage.Policy) { p.WaiveFirst = true })
	b := w.browser()
	w.password(b, w.begin(), agent)
	app := w.toKey(b, agent)
	b.Submit(nil)
	b.Submit(code(app.Code()))
	b.Submit(nil)
	b.Submit(nil)
	if a := w.arrived(b); a.AMR != "mfa otp pwd" {
		t.Errorf("arrived as %+v", a)
	}
}

func TestMoreTime(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin()
	w.password(b, begun, agent)
	for range 5 {
		w.wait(9 * time.Minute)
		expect(t, b.Press("I need more time"), "two-step-introduction", 200)
	}
	w.wait(9 * time.Minute)
	expect(t, b.Open(begun), "two-step-introduction", 200)
	w.wait(6 * time.Minute) // sixty minutes after it began
	expect(t, b.Open(begun), "error", 410)
}

func TestL10_Q02_WithoutADatabaseNobodyGetsIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := w.begin()
	b.Open(begun)
	fields := b.Page().Fields()
	fields.Set(templates.FieldEmail, member)
	fields.Set(templates.FieldPassword, password)
	must(t, w.db.Close())
	b.Impatient = true
	for _, p := range []*stiletest.Page{b.Open(begun), b.Send(w.url+"/login/sign-in", fields)} {
		if p.Status != http.StatusServiceUnavailable || p.Header.Get("Retry-After") == "" || strings.Contains(p.Body, "database") {
			t.Errorf("without a database: %s", p)
		}
	}
	if cookie(b, w.url, "stile-session") != "" {
		t.Error("somebody was signed in")
	}
}

func recovering(c string) map[string]string { return map[string]string{templates.FieldRecovery: c} }
