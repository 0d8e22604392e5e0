package login_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

// What an approval by an admin is good for: one device, once, in one browser.

// Taken up again: from a later sign-in in the same browser, and only there.
func TestK08_ApprovalInAnotherBrowser(t *testing.T) {
	w, _, _ := askWorld(t)
	before := w.person(agent).TOTP.ID
	b := w.browser()
	w.ask(b, agent)
	r := w.request()
	must(t, w.decide(r, true, boss))

	// The same password elsewhere finds nothing of it, and can only ask anew.
	thief := w.browser()
	begun := w.begin()
	w.password(thief, begun, agent)
	p := expect(t, thief.Open(w.at(begun, "ask-admin")), "ask-admin", 200)
	if strings.Contains(p.Text(), r.Label) || strings.Contains(p.Text(), "approved") {
		t.Errorf("tells of the other's request: %s", p)
	}
	w.force(thief, begun) // as if there were an approval
	expect(t, thief.Open(w.at(begun, "install-app")), "enter-code", 200)
	w.still(before)
	if n := len(w.events(audit.DeviceUsed)); n != 0 {
		t.Fatalf("the approval was used %d times", n)
	}

	// Left, and taken up from another sign-in of the browser that asked.
	w.wait(20 * time.Minute)
	begun = w.begin()
	w.password(b, begun, agent)
	expect(t, b.Press("Set up a new mobile device"), "ask-admin", 200)
	says(t, b.Page(), "Your request "+r.Label+" is approved")
	expect(t, b.Submit(nil), "install-app", 200)
	w.still(before)
}

// Who plants his login cookie, and has asked, gains nothing when his victim goes
// on in that browser: the request is then the victim's alone.
func TestK07_RequestThatWasPlanted(t *testing.T) {
	w, _, _ := askWorld(t)
	before := w.person(agent).TOTP.ID
	thief := w.browser()
	at := w.ask(thief, agent)
	begun := w.begin()
	victim := w.noted(thief, begun)
	w.password(victim, begun, agent)
	expect(t, victim.Press("Set up a new mobile device"), "ask-admin", 200)
	r := w.request()
	says(t, victim.Page(), "Your request is "+r.Label)
	must(t, w.decide(r, true, boss)) // whom the victim has rung
	p := expect(t, thief.Open(w.at(at, "ask-admin")), "ask-admin", 200)
	if strings.Contains(p.Text(), "approved.") {
		t.Errorf("the thief's browser has the approval: %s", p)
	}
	w.force(thief, at)
	expect(t, thief.Open(w.at(at, "install-app")), "enter-code", 200)
	expect(t, victim.Press("Check again"), "ask-admin", 200)
	expect(t, victim.Submit(nil), "install-app", 200)
	w.still(before)
}

// A stranger who asks too takes the first one's place: one request is open, and
// an approval of the other's letters is void.
func TestK08_OneOpenRequest(t *testing.T) {
	w, _, _ := askWorld(t)
	b := w.browser()
	w.ask(b, agent)
	first := w.request()
	w.wait(31 * time.Second)
	w.ask(w.browser(), agent)
	second := w.request()
	if first.ID == second.ID {
		t.Fatal("the second asked for nothing")
	}
	if err := w.decide(first, true, boss); !errors.Is(err, storage.ErrSpent) {
		t.Errorf("the first, approved: %v", err)
	}
	must(t, w.decide(second, true, boss))
	expect(t, b.Press("Check again"), "ask-admin", 200)
	says(t, b.Page(), "no longer works")
}

func TestK08_ApprovalWorksOnce(t *testing.T) {
	w, _, _ := askWorld(t)
	before := w.person(agent).TOTP.ID
	b := w.browser()
	begun := w.ask(b, agent)
	must(t, w.decide(w.request(), true, boss))
	b.Press("Check again")
	again := w.noted(b, w.at(begun, "ask-admin"))
	expect(t, b.Submit(nil), "install-app", 200)
	expect(t, again.Submit(nil), "install-app", 200) // pressed twice, in one sign-in
	if n := len(w.events(audit.DeviceUsed)); n != 1 {
		t.Errorf("used %d times", n)
	}
	// The enrolment is dropped; another sign-in of the browser asks anew.
	next := w.begin()
	w.password(b, next, agent)
	p := expect(t, b.Open(w.at(next, "ask-admin")), "ask-admin", 200)
	says(t, p, "Ask an admin")
	expect(t, b.Open(w.at(next, "install-app")), "enter-code", 200)
	expect(t, again.Open(w.at(begun, "ask-admin")), "install-app", 200)
	w.still(before)
}

func TestK08_ApprovalThatIsOver(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"after an hour": func(w *world) { w.wait(time.Hour) },
		"after the password changed": func(w *world) {
			phc, err := w.passwords.Hash(w.t.Context(), password)
			must(w.t, err)
			must(w.t, w.db.SetPassword(w.t.Context(), w.person(agent).User.ID, phc, audit.System))
		},
		"after the user was signed out everywhere": func(w *world) { must(w.t, w.db.SignOutUser(w.t.Context(), w.person(agent).User.ID, audit.System)) },
		"after another rule was set": func(w *world) {
			w.policy(w.support, func(p *storage.Policy) { p.Reenrolment = storage.ReenrolByRecovery })
		},
		"of another user": func(w *world) {
			phc, err := w.passwords.Hash(w.t.Context(), password)
			must(w.t, err)
			w.user(agent, func(u *storage.User) { u.Email = "former@example.com" })
			_, err = w.db.CreateUser(w.t.Context(), storage.User{AccountID: w.support.ID, Email: agent, Name: "Other", Password: phc}, audit.System)
			must(w.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, _ := askWorld(t)
			b := w.browser()
			w.ask(b, agent)
			must(t, w.decide(w.request(), true, boss))
			b.Press("Check again")
			change(w)
			b.Submit(nil)
			if b.Page().Screen() == "install-app" {
				t.Fatal("the approval still works")
			}
			begun := w.begin()
			w.password(b, begun, agent)
			if b.Page().Screen() == "enter-code" {
				b.Press("Set up a new mobile device")
			}
			if strings.Contains(b.Page().Text(), "is approved") {
				t.Errorf("the approval is taken up: %s", b.Page())
			}
			b.Open(w.at(begun, "install-app"))
			if s := b.Page().Screen(); s == "install-app" {
				t.Errorf("at %s", s)
			}
			if n := len(w.events(audit.DeviceUsed)); n != 0 {
				t.Errorf("used %d times", n)
			}
		})
	}
}

func TestK08_RefusedByAnAdmin(t *testing.T) {
	w, app, _ := askWorld(t)
	b := w.browser()
	begun := w.ask(b, agent)
	r := w.request()
	must(t, w.decide(r, false, boss))
	expect(t, b.Press("Check again"), "ask-admin", 200)
	says(t, b.Page(), "An admin refused your request "+r.Label)
	w.force(b, begun)
	expect(t, b.Open(w.at(begun, "install-app")), "enter-code", 200)
	if err := w.decide(r, true, deputy); !errors.Is(err, storage.ErrSpent) {
		t.Errorf("approved after it was refused: %v", err)
	}
	// The present app always suffices.
	b.Submit(code(app.Code()))
	w.arrived(b)
}
