package e2e

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"stile/audit"
	"stile/demo"
	"stile/storage"
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
		return false
	}
	t.typed = append(t.typed, proves...)
	if after.URL.Query().Get("r") != before.URL.Query().Get("r") || !strings.HasPrefix(after.URL.Path, "/login/") {
		w.completed(t)
	}
	return true
}

// step answers the screen that is shown, as its owner would, and tells whether
// the sign-in goes on.
func (w *world) step(t *tab) bool {
	h, p := t.by, t.walker.Page()
	w.draw.Logf("%s at %s", h.Email, p.Screen())
	switch p.Screen() {
	case "sign-in":
		t.typed = nil
		return w.answer(t, map[string]string{"email": h.Email, "password": h.Password}, byPassword)
	case "two-step-introduction", "install-app":
		return w.answer(t, nil)
	case "verify-email":
		code := w.newestCode()
		if code == "" {
			return false
		}
		return w.answer(t, map[string]string{"code": code})
	case "device-wait": // for another day
		t.walker.Submit(nil)
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
	until(w.t, "sent", w.idle, w.log)
	var newest demo.Message
	for _, h := range w.people {
		for _, m := range w.system.messages(w.t, h.Email) {
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
	}
	return true
}

// answerPrompt answers the code prompt with what is at hand.
func (w *world) answerPrompt(t *tab) bool {
	h := t.by
	switch {
	case h.phone && h.app != nil:
		return w.answer(t, map[string]string{"code": h.app.Code()}, byApp)
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
	w.held = append(w.held, &issued{by: h, claims: tokens.Claims, tokens: tokens, gen: h.gen})
}

func (w *world) asks() []string {
	return rapid.SampledFrom([][]string{nil, nil, {"acr_values", acrMFA}, {"prompt", "login"}, {"max_age", "60"}, {"prompt", "select_account"}}).Draw(w.draw, "request")
}

func (w *world) signsIn(*rapid.T) {
	t := w.begin(w.somewhere(), w.someone(), "", w.asks()...)
	if w.walk(t, enough) {
		w.redeem(t)
	}
}

func (w *world) breaksOff(*rapid.T) {
	t := w.begin(w.somewhere(), w.someone(), "", w.asks()...)
	if !w.walk(t, rapid.IntRange(1, 7).Draw(w.draw, "screens")) {
		w.parked = append(w.parked, t)
	} else {
		w.redeem(t)
	}
}

func (w *world) takesUp(*rapid.T) {
	if len(w.parked) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.parked)-1).Draw(w.draw, "tab")
	t := w.parked[i]
	w.parked = slices.Delete(w.parked, i, i+1)
	t.walker.app = t.by.app
	if w.walk(t, enough) {
		w.redeem(t)
	}
}

// refreshes uses a refresh token: it works exactly if nothing ended it, and says
// what was said before.
func (w *world) refreshes(*rapid.T) {
	if len(w.held) == 0 {
		return
	}
	i := rapid.SampledFrom(w.held).Draw(w.draw, "tokens")
	stands := !i.over && i.gen[byPassword] == i.by.gen[byPassword] && (i.claims.ACR == acrMFA || !w.required(i.by))
	tokens, err := w.rp.Refresh(i.tokens.RefreshToken)
	switch {
	case err == nil && i.over:
		w.t.Fatalf("a refresh token of %s works that has ended", i.by.Email)
	case err == nil && w.required(i.by) && i.claims.ACR != acrMFA:
		w.t.Fatalf("a refresh gives %+v to %s, of whom two steps are required", i.claims, i.by.Email)
	case err == nil:
		i.tokens.Token = tokens.Token
		if tokens.IDToken != "" && fmt.Sprint(tokens.Claims.AMR, tokens.Claims.ACR, tokens.Claims.AuthTime) != fmt.Sprint(i.claims.AMR, i.claims.ACR, i.claims.AuthTime) {
			w.t.Fatalf("a refresh says %+v after %+v", tokens.Claims, i.claims)
		}
	case stands && !i.unclear:
		w.t.Fatalf("a refresh of %+v is refused: %v", i.claims, err)
	default:
		i.unclear = true
	}
}

func (w *world) timePasses(*rapid.T) {
	w.clock.Move(rapid.SampledFrom([]time.Duration{time.Minute, 11 * time.Minute, 70 * time.Minute, 13 * time.Hour, 25 * time.Hour}).Draw(w.draw, "time"))
}

func (w *world) switches(*rapid.T) {
	w.twoStep = !w.twoStep
	a, err := w.db.Account(w.t.Context(), w.account)
	if err == nil {
		_, err = w.db.UpdatePolicy(w.t.Context(), a.ID, func(s storage.AccountState) (storage.Policy, error) {
			s.Policy.TwoStep = w.twoStep
			return s.Policy, nil
		}, audit.System)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// newDevice connects another app, from the code prompt.
func (w *world) newDevice(*rapid.T) {
	t := w.begin(w.somewhere(), w.someone(), "", "prompt", "login", "acr_values", acrMFA)
	for range 3 {
		if t.walker.Page().Screen() == "enter-code" {
			t.walker.Press("Set up a new mobile device")
			break
		}
		if !w.step(t) {
			break
		}
	}
	if w.walk(t, enough) {
		w.redeem(t)
	}
}

// forgets sets another password by e-mail.
func (w *world) forgets(*rapid.T) { w.resets(w.someone()) }

func (w *world) resets(h *human) bool {
	const subject = "Choose a new password"
	before := len(w.system.messages(w.t, h.Email))
	b := w.newDesk().Browser
	b.Open(w.Issuer + "/forgot-password")
	b.Submit(map[string]string{"email": h.Email})
	until(w.t, "answered", func() bool { return w.idle() }, w.log)
	if len(w.system.messages(w.t, h.Email)) == before {
		return false // too many were sent
	}
	b.Open(w.resetLink(w.t, h.Email))
	if b.Page().Screen() != "message-link" {
		return false
	}
	b.Submit(nil)
	h.Password += "*"
	b.Submit(map[string]string{"new-password": h.Password})
	if b.Page().Screen() != "sign-in" {
		w.t.Fatalf("%s: %s", subject, b.Page())
	}
	h.gen[byPassword]++
	w.ended(h, nil)
	return true
}

// idle tells whether every message that was written has been handed over.
func (w *world) idle() bool {
	n, err := w.db.OutboxLength(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return n == 0
}

// visits opens a page of My Account, with whatever is asked for, and tells whose
// it is. nil: it did not come to that.
func (w *world) visits(path, screen string) (*tab, *human) {
	t := w.begin(w.somewhere(), w.someone(), w.Issuer+path)
	if !w.walk(t, enough) {
		return t, nil
	}
	return t, w.shown(t, screen)
}

// shown tells whose page this is, nil if it is another.
func (w *world) shown(t *tab, screen string) *human {
	p := t.walker.Page()
	if p.Screen() != screen {
		return nil
	}
	i := slices.IndexFunc(w.people, func(h *human) bool { return strings.Contains(p.Body, h.Email) })
	if i < 0 {
		w.t.Fatalf("nobody's page: %s", p)
	}
	return w.people[i]
}

// presses presses a button of My Account, proves anew what is asked for, and
// presses it again.
func (w *world) presses(t *tab, button, screen string) (done bool) {
	for range 2 {
		if !slices.Contains(t.walker.Page().Texts("button"), button) {
			return false
		}
		t.walker.Press(button)
		if t.walker.Page().Screen() == screen && !strings.Contains(t.walker.Page().Text(), "You have confirmed that it is you.") {
			return true
		}
		if !w.walk(t, enough) {
			return false
		}
	}
	return false
}

func (w *world) changes(*rapid.T) {
	t, h := w.visits("/account/password", "account-password")
	if h == nil {
		return
	}
	next := h.Password + "-"
	if t.walker.Submit(map[string]string{"new-password": next}).Screen() != "account" {
		w.t.Fatalf("the password is not changed: %s", t.walker.Page())
	}
	h.Password = next
	h.gen[byPassword]++
	for k, p := range t.desk.proven[h] {
		if k == byPassword && p.gen == h.gen[byPassword]-1 {
			t.desk.proven[h][k] = proof{p.at, h.gen[byPassword]} // goes on under the new one
		}
	}
	kept := maps.Clone(t.desk.proven[h])
	for _, i := range w.held {
		i.unclear = i.unclear || i.by == h && !i.over // those of this session may stay
	}
	for _, d := range append(slices.Clone(w.desks), w.thief) {
		delete(d.proven, h)
	}
	t.desk.proven[h] = kept
}

func (w *world) newCodes(*rapid.T) {
	t, h := w.visits("/account", "account")
	if h == nil || !w.presses(t, "Make new codes", "account-recovery-codes") {
		return
	}
	h.codes = recoveryCodes(w.t, t.walker.Page().Texts("li"))
	h.gen[byRecovery]++
}

func (w *world) enhances(*rapid.T) {
	t, h := w.visits("/account", "account")
	if h == nil {
		return
	}
	button := "Turn on"
	if h.enhanced {
		button = "Turn off"
	}
	w.presses(t, button, "account")
	p, err := w.db.PersonByID(w.t.Context(), h.id)
	if err != nil {
		w.t.Fatal(err)
	}
	h.enhanced = p.User.Enhanced
}

func (w *world) signsOut(*rapid.T) {
	d := w.somewhere()
	d.Open(w.Issuer + "/account")
	if !strings.HasPrefix(d.Page().Screen(), "account") {
		return
	}
	d.Press("Sign out")
	clear(d.proven)
}

func (w *world) signsOutOthers(*rapid.T) {
	t, h := w.visits("/account/sessions", "account-sessions")
	if h != nil && w.presses(t, "Sign out everywhere else", "account-sessions") {
		w.ended(h, t.desk)
	}
}

func (w *world) operator(*rapid.T) {
	h := w.someone()
	err := w.db.ResetAuthenticator(w.t.Context(), h.id, audit.System)
	if errors.Is(err, storage.ErrNotFound) {
		return // there is none
	} else if err != nil {
		w.t.Fatal(err)
	}
	if h.app != nil {
		h.app, h.codes = nil, nil
		h.gen[byApp]++
		h.gen[byRecovery]++
	}
	w.ended(h, nil)
}

// notMe presses the link of the newest notice.
func (w *world) notMe(*rapid.T) {
	h := w.someone()
	until(w.t, "sent", w.idle, w.log)
	for _, m := range w.system.messages(w.t, h.Email) {
		link := notMeLink.FindString(m.Text)
		if link == "" {
			continue
		}
		b := w.newDesk().Browser
		if b.Open(link).Status != 200 {
			return
		}
		before := w.protected(h)
		b.Submit(nil)
		w.ended(h, nil)
		if w.protected(h) != before { // the app of the notice takes no codes any more
			h.phone = false
		}
		return
	}
}

// robs lets the thief try everything with somebody's password, and nothing else.
func (w *world) robs(*rapid.T) {
	h := w.someone()
	guarded := h.app != nil
	before := w.protected(h)
	paths := append([]string{""}, w.doors...)
	t := w.begin(w.thief, h, rapid.SampledFrom(paths).Draw(w.draw, "door"))
	for range 6 {
		p := t.walker.Page()
		w.draw.Logf("thief as %s at %s", h.Email, p.Screen())
		switch p.Screen() {
		case "sign-in":
			t.typed = nil
			w.answer(t, map[string]string{"email": h.Email, "password": h.Password}, byPassword)
			continue
		case "two-step-introduction", "install-app", "connect-device":
			t.walker.Submit(nil)
			continue
		case "enter-code":
			if w.chance("guess") {
				t.walker.Submit(map[string]string{"code": "000000"})
			} else {
				t.walker.Press("Set up a new mobile device")
			}
			continue
		case "verify-email":
			t.walker.Submit(map[string]string{"code": "000000"})
		}
		break
	}
	if guarded {
		for _, button := range []string{"Make new codes", "Turn off", "Sign out everywhere else", "Turn on"} {
			if slices.Contains(t.walker.Page().Texts("button"), button) {
				t.walker.Press(button)
			}
		}
		if w.protected(h) != before {
			w.t.Fatalf("a thief with the password alone has changed %s into %s", before, w.protected(h))
		}
	}
}

// comesBack holds the promise that there is always a way in, for who has the
// mailbox: if need be with a new password, or another day.
func (w *world) comesBack(h *human) {
	for range 4 {
		t := w.begin(w.newDesk(), h, "", "acr_values", acrMFA)
		if w.walk(t, enough) {
			w.redeem(t)
			return
		}
		w.clock.Move(25 * time.Hour)
	}
	w.t.Fatalf("no way in for %s", h.Email)
}
