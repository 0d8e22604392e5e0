package e2e

import (
	"net/http"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// robs lets the thief try everything with somebody's password, and nothing else.
func (w *world) robs(*rapid.T) {
	door := rapid.SampledFrom(w.doors).Draw(w.draw, "door")
	page := door
	if door != "" {
		page = w.Issuer + door
	}
	t := w.begin(w.thief, w.someone(), page)
	h := t.by
	guarded := h.app != nil || len(h.live()) > 0
	before := w.protected(w.t, h.id)
	w.intrudes(t)
	if !guarded {
		return
	}
	inside := func() bool {
		screen := t.walker.Page().Screen()
		return strings.HasPrefix(screen, "account") && screen != "account-refused"
	}
	switch buttons := sensitive()[door]; {
	case door == "" || !inside():
	case buttons == nil:
		w.t.Fatalf("%s opens to a thief: %s", door, t.walker.Page())
	default:
		button := rapid.SampledFrom(buttons).Draw(w.draw, "button")
		if !w.pushes(t, button) {
			break
		}
		if w.intrudes(t); inside() {
			w.t.Fatalf("%q works for a thief: %s", button, t.walker.Page())
		}
	}
	p, err := w.db.PersonByID(w.t.Context(), h.id)
	if err != nil {
		w.t.Fatal(err)
	}
	h.phone = h.phone && !p.Suspended // after very many guesses it takes no codes any more
	if w.protected(w.t, h.id) != before {
		w.t.Fatalf("a thief with the password alone has changed %s into %s", before, w.protected(w.t, h.id))
	}
}

// intrudes answers the screens as somebody does who has the password alone.
func (w *world) intrudes(t *tab) {
	h := t.by
	for range 6 {
		p := t.walker.Page()
		w.draw.Logf("thief as %s at %s", h.Email, p.Screen())
		switch p.Screen() {
		case "sign-in":
			t.typed = nil
			if !p.Fields().Has("password") { // who it is comes first
				t.walker.Submit(map[string]string{"email": h.Email})
				continue
			}
			w.answer(t, map[string]string{"email": h.Email, "password": h.Password}, byPassword)
			continue
		case "two-step-introduction", "install-app", "connect-device":
			t.walker.Submit(nil)
			continue
		case "enter-code":
			if !p.Fields().Has("code") { // a passkey is wanted, which no thief has
				return
			}
			if w.chance("guess") {
				code := map[string]string{"code": "000000"}
				w.ticks(t, code)
				t.ticked = false
				t.walker.Submit(code)
			} else {
				t.walker.Press("Set up a new mobile device")
			}
			continue
		case "verify-email":
			t.walker.Submit(map[string]string{"code": "000000"})
		}
		break
	}
}

// pushes presses a button of a page that has opened to the thief, which must be
// there exactly if there is something to press it for, and tells whether it was.
func (w *world) pushes(t *tab, button string) bool {
	h := t.by
	there := true
	switch button {
	case "Turn on", "Turn off":
		there = !w.twoStep && h.enhanced == (button == "Turn off")
	case "Forget Go-http-client", "Forget all":
		there = slices.ContainsFunc(w.desks, func(d *desk) bool { return d.trusted[h].holds(w.clock.Now()) })
	}
	if slices.Contains(t.walker.Page().Texts("button"), button) != there {
		w.t.Fatalf("%q is not there: %t: %s", button, there, t.walker.Page())
	}
	if there {
		t.walker.Press(button)
	}
	return there
}

// copies gives the thief's browser the cookie of a trusted one, and the thief tries
// to sign in with it.
func (w *world) copies(*rapid.T) {
	d, h := w.trusting()
	if d == nil {
		return
	}
	for _, c := range d.Cookies(w.Issuer) {
		if strings.HasSuffix(c.Name, "stile-trusted") {
			w.thief.Header.Set("Cookie", (&http.Cookie{Name: c.Name, Value: c.Value}).String())
		}
	}
	w.intrudes(w.begin(w.thief, h, "", "prompt", "login"))
}
