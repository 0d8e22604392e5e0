package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Somebody has a new phone: *Set up a new mobile device*, or a recovery code.
func TestNewDevice(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	account := s.newAccount(t, "required")

	t.Run("K08 the old authenticator works until the new one has given a code, and then no more", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, account))
		elsewhere := w.tokens(rp)
		old := w.app
		away := w.Browser // signed in there, with a refresh token

		w = w.elsewhere()
		attempt := rp.Begin()
		w.Open(attempt.URL)
		w.password()
		w.want("enter-code")
		w.Press("Set up a new mobile device")
		w.want("two-step-introduction")
		if !strings.Contains(w.Page().Text(), "Your present authenticator works until the new one is connected.") {
			t.Errorf("the page doesn't say that the old one works: %s", w.Page())
		}
		s.clock.Move(time.Minute) // the last message was for the first enrolment
		w.connect()

		meanwhile := newWalker(t, s, w.who)
		meanwhile.app = old
		wantMFA(t, meanwhile.tokens(rp).Claims)
		if _, err := rp.Refresh(elsewhere.RefreshToken); err != nil {
			t.Errorf("refresh before the new authenticator counts: %v", err)
		}
		// Its answer was the successor; the same token again would be theft.
		kept := meanwhile.tokens(rp)

		w.Submit(map[string]string{"code": w.app.Code()})
		w.want("done")
		if !strings.Contains(w.Page().Text(), "Codes from the earlier one no longer work.") {
			t.Errorf("the page doesn't say that the old one is dead: %s", w.Page())
		}
		w.keep()
		w.Submit(map[string]string{"code": old.Code()})
		w.wantProblem("enter-code", "That is not the code the app shows now.")
		w.code()
		wantMFA(t, rp.Redeem(attempt, w.Page().URL).Claims)

		if _, err := rp.Refresh(kept.RefreshToken); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
			t.Errorf("refresh of a grant from elsewhere: %v, want invalid_grant", err)
		}
		for name, browser := range map[string]*walker{"first": {Browser: away}, "meanwhile": meanwhile} {
			if p := browser.Open(rp.Begin("prompt", "none").URL); p.URL.Query().Get("error") != "login_required" {
				t.Errorf("the %s browser is still signed in: %s", name, p.URL)
			}
		}
		if p := w.Open(rp.Begin("prompt", "none").URL); p.URL.Query().Get("code") == "" {
			t.Errorf("the browser with the new device is signed out: %s", p.URL)
		}
		if m := s.mails(t, w.who.Email, "Your authenticator was replaced", 1); len(m) != 1 || strings.Contains(m[0].Text, w.app.Key()) {
			t.Errorf("notices of the replacement: %+v", m)
		}
	})

	t.Run("K11 broken off after any screen, the old authenticator works as before", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, account))
		w.tokens(rp)
		old := w.app
		for _, last := range []string{"two-step-introduction", "verify-email", "install-app", "connect-device", "setup-code"} {
			s.clock.Move(15 * time.Minute)
			broken := w.elsewhere()
			broken.Open(rp.Begin().URL)
			broken.password()
			broken.want("enter-code")
			broken.Press("Set up a new mobile device")
			broken.connectUntil(last)

			again := newWalker(t, s, w.who)
			again.app = old
			wantMFA(t, again.tokens(rp).Claims)
		}
	})

	t.Run("back from the introduction to the present device", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, account))
		w.tokens(rp)
		w = w.elsewhere()
		attempt := rp.Begin()
		w.Open(attempt.URL)
		w.password()
		w.Press("Set up a new mobile device")
		w.Press("Keep my present device")
		w.code()
		wantMFA(t, rp.Redeem(attempt, w.Page().URL).Claims)
	})

	t.Run("M01 a recovery code lets in once", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, account))
		w.Open(rp.Begin().URL)
		w.password()
		w.connect()
		w.Submit(map[string]string{"code": w.app.Code()})
		codes := recoveryCodes(t, w.Page().Texts("li"))
		sheet := w.Page().Links("/login/recovery-codes.txt")
		if len(sheet) != 1 {
			t.Fatalf("no file with the recovery codes: %q", w.Page().Links(""))
		}
		done := w.Page().URL.String()
		if p := w.Open(s.Issuer + sheet[0]); !strings.Contains(p.Body, codes[9]) || !strings.HasPrefix(p.Header.Get("Content-Type"), "text/plain") || p.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("the file: %v\n%s", p.Header, p.Body)
		}
		w.Open(done)
		w.keep()
		w.code()

		w = w.elsewhere()
		attempt := rp.Begin()
		use := func(code string) {
			w.Open(attempt.URL)
			w.password()
			w.want("enter-code")
			w.Press("Use a recovery code")
			w.want("recovery-code")
			w.Submit(map[string]string{"recovery": code})
		}
		use(" " + strings.ToUpper(strings.ReplaceAll(codes[3], "-", " ")))
		w.want("two-step-introduction")
		if !strings.Contains(w.Page().Text(), "9 are left") {
			t.Errorf("how many are left: %s", w.Page())
		}
		w.Press("Not now")
		tokens := rp.Redeem(attempt, w.Page().URL)
		wantMFA(t, tokens.Claims) // RFC 8176: a recovery code is a one-time password
		if m := s.mails(t, w.who.Email, "A recovery code was used", 1); !strings.Contains(m[0].Text, "9 are left") || strings.Contains(m[0].Text, codes[3]) {
			t.Errorf("notice of the recovery code: %s", m[0].Text)
		}

		w = w.elsewhere()
		use(codes[3])
		w.wantProblem("recovery-code", "That is not one of your unused recovery codes.")
		w.Submit(map[string]string{"recovery": codes[4]})
		w.want("two-step-introduction")
		w.Submit(nil) // a recovery code stands for the e-mail code
		w.want("install-app")
		w.Submit(nil)
		w.app = s.newAuthenticator(t, w.key())
		w.Submit(nil)
		w.Submit(map[string]string{"code": w.app.Code()})
		fresh := recoveryCodes(t, w.Page().Texts("li"))
		w.keep()
		w.goOn()

		w = w.elsewhere() // codes of the older set are void
		use(codes[5])
		w.wantProblem("recovery-code", "That is not one of your unused recovery codes.")
		w.Submit(map[string]string{"recovery": fresh[5]})
		w.want("two-step-introduction")
	})

	t.Run("K04 too many wrong codes pause for a while, and the way out stays open", func(t *testing.T) {
		w := newWalker(t, s, s.newPerson(t, account))
		w.tokens(rp)
		w = w.elsewhere()
		w.Open(rp.Begin().URL)
		w.password()
		for range 5 {
			w.Submit(map[string]string{"code": "000000"})
			w.wantProblem("enter-code", "That is not the code the app shows now.")
		}
		page := w.Submit(map[string]string{"code": w.app.Code()}) // also the right one
		if page.Screen() != "enter-code" || page.Status != http.StatusTooManyRequests || !strings.Contains(page.Text(), "Too many tries. Try again at") {
			t.Errorf("the sixth try: %s", page)
		}
		another := newWalker(t, s, w.who) // nor in another browser
		another.app = w.app
		another.Open(rp.Begin().URL)
		another.password()
		if page := another.Submit(map[string]string{"code": w.app.Code()}); page.Status != http.StatusTooManyRequests {
			t.Errorf("from another browser: %s", page)
		}
		w.Press("Use a recovery code")
		w.want("recovery-code")
		s.clock.Move(16 * time.Minute)
		wantMFA(t, another.elsewhere().tokens(rp).Claims)
	})
}
