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
	"stile/storage"
)

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
	t.walker.app, t.plain = t.by.app, false
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
	enough := i.claims.ACR != acrPassword || !w.required(i.by) || w.stands(i.by, i.trust)
	stands := !i.over && i.gen[byPassword] == i.by.gen[byPassword] && enough
	tokens, err := w.rp.Refresh(i.tokens.RefreshToken)
	switch {
	case err == nil && i.over:
		w.t.Fatalf("a refresh token of %s works that has ended", i.by.Email)
	case err == nil && !enough:
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
	w.policy(func(p *storage.Policy) { p.TwoStep = w.twoStep })
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
	before := len(w.messages(w.t, h.Email))
	b := w.newDesk().Browser
	b.Open(w.Issuer + "/forgot-password")
	b.Submit(map[string]string{"email": h.Email})
	w.delivered(w.t)
	if len(w.messages(w.t, h.Email)) == before {
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
	w.untrusted(h, "")
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
	w.follows(h)
	w.ended(h, nil)
}

// notMe presses the link of the newest notice.
func (w *world) notMe(*rapid.T) {
	h := w.someone()
	w.delivered(w.t)
	for _, m := range w.messages(w.t, h.Email) {
		link := notMeLink.FindString(m.Text)
		if link == "" {
			continue
		}
		b := w.newDesk().Browser
		if b.Open(link).Status != 200 {
			return
		}
		b.Submit(nil)
		w.ended(h, nil)
		p, err := w.db.PersonByID(w.t.Context(), h.id)
		if err != nil {
			w.t.Fatal(err)
		}
		h.phone = h.phone && !p.Suspended // the app of the notice takes no codes any more
		w.follows(h)
		if p.RecoveryID == "" && h.codes != nil {
			h.codes = nil // they came with it, or after it
			h.gen[byRecovery]++
		}
		return
	}
}

// comesBack holds the promise that there is always a way in, for who has the
// mailbox: if need be with a new password, or another day.
func (w *world) comesBack(h *human) {
	for range 10 { // a new address settles
		t := w.begin(w.newDesk(), h, "", "acr_values", acrMFA)
		if w.walk(t, enough) {
			w.redeem(t)
			return
		}
		w.clock.Move(25 * time.Hour)
	}
	w.t.Fatalf("no way in for %s", h.Email)
}
