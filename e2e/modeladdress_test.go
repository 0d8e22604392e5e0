package e2e

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"stile/demo"
)

// settling is how long a new address alone replaces no app, and how long a former
// one hears of what is done.
const settling = 7 * 24 * time.Hour

// mailbox is the one of an address that was somebody's.
type mailbox struct {
	address string
	left    time.Time
}

// unsettled tells whether somebody's address is too new to replace an app.
func (w *world) unsettled(h *human) bool {
	return len(h.former) > 0 && w.clock.Now().Before(h.former[len(h.former)-1].left.Add(settling-time.Hour))
}

// moves gives somebody another address: asked for in My Account, told to the
// present mailbox, and confirmed by the link that the new one gets.
func (w *world) moves(*rapid.T) {
	t, h := w.visits("/account/email", "account-email")
	if h == nil {
		return
	}
	to := strings.ToLower(rand.Text()[:10]) + "@example.com"
	if !strings.Contains(t.walker.Submit(map[string]string{"email": to}).Text(), "We have sent a message to "+to) {
		return // too often
	}
	w.mails(w.t, h.Email, "Somebody asked to change your e-mail address", 1)
	link := confirmLink.FindString(w.mails(w.t, to, "Confirm your new e-mail address", 1)[0].Text)
	if h.app != nil && w.chance("the thief has the link") {
		before := w.protected(w.t, h.id)
		thief := w.begin(w.thief, h, link)
		w.intrudes(thief)
		if thief.walker.Page().Screen() == "account-email-confirm" && thief.by == h {
			thief.walker.Submit(nil)
			w.intrudes(thief)
		}
		if now := w.protected(w.t, h.id); now != before {
			w.t.Fatalf("a thief with the link and the password has changed %s into %s", before, now)
		}
	}
	if w.chance("never confirmed") {
		return
	}
	t.walker.Open(link)
	if t.walker.Page().Screen() != "account-email-confirm" || t.walker.Submit(nil).Screen() != "account-profile" {
		w.t.Fatalf("the address is not confirmed: %s", t.walker.Page())
	}
	h.former = append(h.former, mailbox{h.Email, w.clock.Now()})
	h.Email = to
	w.ended(h, t.desk)
	for _, m := range h.former[max(0, len(h.former)-1):] {
		w.mails(w.t, m.address, "Your e-mail address was changed", 1)
	}
	w.mails(w.t, to, "Your e-mail address was changed", 1)
}

// readsMail tries what somebody can do who reads a former mailbox of a person, or
// the present one while it is new, and who knows the password.
func (w *world) readsMail(*rapid.T) {
	h := w.someone()
	if len(h.former) == 0 {
		return
	}
	w.delivered(w.t)
	before := w.protected(w.t, h.id)
	for _, m := range h.former {
		w.hears(h, m)
	}
	last := h.former[len(h.former)-1]
	read := w.messages(w.t, last.address)
	b := w.newDesk().Browser
	for _, m := range read {
		if link := resetLink.FindString(m.Text); link != "" && b.Open(link).Screen() != "error" {
			w.t.Fatalf("a link to the former address opens %s", b.Page())
		}
	}
	b.Open(w.Issuer + "/forgot-password")
	b.Submit(map[string]string{"email": last.address})
	w.delivered(w.t)
	if got := w.messages(w.t, last.address); len(got) > len(read) {
		w.t.Fatalf("the former address gets %q", got[0].Subject)
	}
	if h.app == nil || !w.unsettled(h) {
		return
	}
	t := w.begin(w.thief, h, "", "prompt", "login", "acr_values", acrMFA)
	w.intrudes(t)
	if code := w.newestCode(); t.by == h && t.walker.Page().Screen() == "verify-email" && code != "" {
		t.walker.Submit(map[string]string{"code": code})
		w.intrudes(t)
	}
	if screen := t.walker.Page().Screen(); screen == "connect-device" || screen == "setup-code" {
		w.t.Fatalf("a mailbox that was %s's since %s replaces the app", h.Email, last.left)
	}
	p, err := w.db.PersonByID(w.t.Context(), h.id)
	if err != nil {
		w.t.Fatal(err)
	}
	h.phone = h.phone && !p.Suspended
	if now := w.protected(w.t, h.id); now != before {
		w.t.Fatalf("the mailbox alone has changed %s into %s", before, now)
	}
}

// hears checks that a former address was told of what the present one was told of,
// for as long as it is to be and no longer.
func (w *world) hears(h *human, m mailbox) {
	told := w.messages(w.t, m.address)
	for _, notice := range w.messages(w.t, h.Email) {
		link := notMeLink.FindString(notice.Text)
		since := notice.Date.Sub(m.left)
		if link == "" || since < time.Minute || (since-settling).Abs() < time.Hour {
			continue
		}
		copied := slices.ContainsFunc(told, func(c demo.Message) bool { return strings.Contains(c.Text, link) })
		if copied != (since < settling) {
			w.t.Fatalf("the former address %s hears of %q after %s: %t", m.address, notice.Subject, since, copied)
		}
	}
}
