package e2e

import (
	"slices"
	"strings"

	"stile/demo"
	"stile/stiletest"
)

// begin opens a sign-in of somebody in a browser, to the client or to a page.
// Where somebody is signed in already it is theirs, unless the request is to
// choose among them.
func (w *world) begin(d *desk, h *human, page string, params ...string) *tab {
	if !slices.Contains(params, "select_account") {
		if d.proven[d.present] != nil {
			h = d.present
		}
		if there := w.present(d); there != nil {
			h = there
		}
	}
	own := *d.Browser // a window of its own, of the same browser
	t := &tab{desk: d, by: h, attempt: w.rp.Begin(append(params, "scope", "openid email offline_access")...), walker: &walker{Browser: &own, t: w.t, s: w.system, who: h.person, app: h.app}}
	t.plain = page == "" && !slices.Contains(params, "acr_values")
	own.Again = t.walker.newestCode
	if page == "" {
		page = t.attempt.URL
	}
	own.Open(page)
	return t
}

// answer fills in the screen, and tells whether that was right. What was proven
// counts once its sign-in is over, which may lead straight into another.
func (w *world) answer(t *tab, values map[string]string, proves ...kind) bool {
	before := t.walker.Page()
	after := t.walker.Submit(values)
	if after.Status >= 400 && after.Screen() == before.Screen() {
		t.ticked = false
		return false
	}
	t.typed = append(t.typed, proves...)
	w.arrives(t, before)
	return true
}

// arrives books what was proven if the sign-in of an earlier page is over.
func (w *world) arrives(t *tab, before *stiletest.Page) {
	after := t.walker.Page()
	if after.URL.Query().Get("r") != before.URL.Query().Get("r") || !strings.HasPrefix(after.URL.Path, "/login/") {
		w.completed(t)
		if t.ticked && !w.trusts(t) && before.Screen() == "enter-code" {
			w.t.Fatalf("the browser in which %s has ticked the box is not trusted", t.by.Email)
		}
		t.ticked = false
	}
}

// step answers the screen that is shown, as its owner would, and tells whether
// the sign-in goes on.
func (w *world) step(t *tab) bool {
	h, p := t.by, t.walker.Page()
	w.draw.Logf("%s at %s", h.Email, p.Screen())
	switch p.Screen() {
	case "sign-in":
		t.typed, t.ticked = nil, false
		return w.answer(t, map[string]string{"email": h.Email, "password": h.Password}, byPassword)
	case "two-step-introduction", "install-app", "check-up":
		return w.answer(t, nil)
	case "verify-email":
		code := w.newestCode()
		if code == "" {
			return false
		}
		return w.answer(t, map[string]string{"code": code})
	case "device-wait": // for another day
		if t.walker.Page().Fields().Has("csrf") { // a wait helps
			t.walker.Submit(nil)
		}
		return false
	case "select-account":
		if strings.Contains(p.Text(), h.Email) {
			t.walker.choose(h.person)
		} else {
			t.walker.Press("Use another account")
		}
	case "connect-device":
		t.next = w.newAuthenticator(w.t, t.walker.key())
		return w.answer(t, nil)
	case "setup-code":
		if !w.answer(t, map[string]string{"code": t.next.Code()}) {
			return false
		}
		if t.walker.Page().Screen() == "done" {
			w.connected(t)
		}
	case "done":
		h.codes = recoveryCodes(w.t, t.walker.Page().Texts("li"))
		return w.answer(t, map[string]string{"kept": "yes"})
	case "enter-code":
		w.mustAsk(t)
		if !p.Fields().Has("code") { // the passkey is wanted
			live := h.live()
			return len(live) > 0 && w.provesPasskey(t, h, live[0])
		}
		return w.answerPrompt(t)
	case "recovery-code":
		if len(h.codes) == 0 {
			return false
		}
		code := h.codes[0]
		h.codes = h.codes[1:]
		return w.answer(t, map[string]string{"recovery": code}, byRecovery)
	case "new-password": // somebody else knows the present one
		return w.renews(t)
	default:
		return false
	}
	return true
}

// newestCode is the code that was sent last to anybody.
func (w *world) newestCode() string {
	w.delivered(w.t)
	var newest demo.Message
	for _, h := range w.people {
		for _, m := range w.messages(w.t, h.Email) {
			if strings.Contains(m.Subject, "Email Verification") && m.Date.After(newest.Date) {
				newest = m
			}
		}
	}
	return codeAlone.FindString(newest.Text)
}

// renews chooses another password in the sign-in that asks for it. All sessions
// end, and what was proven here goes on in the one to come.
func (w *world) renews(t *tab) bool {
	h := t.by
	next := h.Password + "+"
	ticked := t.ticked
	t.ticked = false
	h.gen[byPassword]++
	if !w.answer(t, map[string]string{"new-password": next}) {
		h.gen[byPassword]--
		return false
	}
	h.Password = next
	here := t.desk.proven[h]
	w.ended(h, nil)
	if len(t.typed) == 0 { // it is complete
		t.desk.proven[h] = here
		if ticked {
			w.trusts(t)
		}
	}
	return true
}

// answerPrompt answers the code prompt with what is at hand.
func (w *world) answerPrompt(t *tab) bool {
	h := t.by
	switch {
	case h.phone && h.app != nil:
		code := map[string]string{"code": h.app.Code()}
		w.ticks(t, code)
		return w.answer(t, code, byApp)
	case len(h.codes) > 0:
		t.walker.Press("Use a recovery code")
	default:
		t.walker.Press("Set up a new mobile device")
	}
	return true
}

// connected books an app that has just given its first code.
func (w *world) connected(t *tab) {
	h := t.by
	if h.gen[byApp] > 0 && h.app != nil {
		w.ended(h, t.desk)
	}
	h.app, h.phone = t.next, true
	h.gen[byApp]++
	h.gen[byRecovery]++
	t.walker.app = h.app
	w.follows(h)
}

// walk answers screens until there are no more, and tells whether the sign-in
// came to its end: at the client, or at a page of My Account.
func (w *world) walk(t *tab, most int) bool {
	for range most {
		if !w.step(t) {
			break
		}
	}
	return t.walker.Page().URL.Query().Get("code") != "" || strings.HasPrefix(t.walker.Page().Screen(), "account")
}

// enough is more screens than any sign-in has.
const enough = 14

// redeem gets the client its tokens, of whoever the sign-in was for.
func (w *world) redeem(t *tab) {
	tokens := w.rp.Redeem(t.attempt, t.walker.Page().URL)
	h := w.owner(tokens)
	w.bounded(t.desk, h, tokens.Claims)
	w.held = append(w.held, &issued{by: h, claims: tokens.Claims, tokens: tokens, gen: h.gen, trust: t.desk.trusted[h]})
}
