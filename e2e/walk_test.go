package e2e

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"stile/stiletest"
)

// walker is somebody at a browser that runs no scripts.
type walker struct {
	*stiletest.Browser
	t   testing.TB
	s   *system
	who person
	app *stiletest.Authenticator // nil until enrolled
}

// newWalker returns a person with a browser that knows nothing yet.
func newWalker(t testing.TB, s *system, who person) *walker {
	t.Helper()
	w := &walker{Browser: stiletest.NewBrowser(t), t: t, s: s, who: who}
	w.Again = w.newestCode
	if s.http != nil {
		w.Transport(s.http.Transport)
	}
	return w
}

// newestCode is what people type who have to send a code again: by then the app
// shows another.
func (w *walker) newestCode(form url.Values) {
	if w.app != nil && form.Get("code") == w.app.At(w.app.Last()) {
		form.Set("code", w.app.Code())
	}
}

// elsewhere is the same person with the same authenticator at another browser.
func (w *walker) elsewhere() *walker {
	w.t.Helper()
	other := newWalker(w.t, w.s, w.who)
	other.app = w.app
	return other
}

// want fails unless the page is the named screen.
func (w *walker) want(screen string) {
	w.t.Helper()
	if w.Page().Screen() != screen {
		w.t.Fatalf("want screen %s, have %s", screen, w.Page())
	}
}

// wantProblem fails unless the page is the named screen with status 422 and a
// summary that says this.
func (w *walker) wantProblem(screen, says string) {
	w.t.Helper()
	w.want(screen)
	if w.Page().Status != 422 || !strings.Contains(w.Page().Text(), says) {
		w.t.Fatalf("want status 422 and %q, have %s", says, w.Page())
	}
}

// password answers the first screen.
func (w *walker) password() {
	w.t.Helper()
	w.want("sign-in")
	w.Submit(map[string]string{"email": w.who.Email, "password": w.who.Password})
}

// enrol walks through screens 2 to 7.
func (w *walker) enrol() {
	w.t.Helper()
	w.connect()
	w.Submit(map[string]string{"code": w.app.Code()})
	w.keep()
}

// connect walks through screens 2 to 5, and holds the key then.
func (w *walker) connect() {
	w.t.Helper()
	w.connectUntil("setup-code")
}

// connectUntil walks from screen 2 as far as a screen.
func (w *walker) connectUntil(last string) {
	w.t.Helper()
	sent := len(w.s.mails(w.t, w.who.Email, "Email Verification", 0))
	for _, screen := range []string{"two-step-introduction", "verify-email", "install-app", "connect-device", "setup-code"} {
		w.want(screen)
		if screen == last {
			return
		}
		switch screen {
		case "verify-email":
			w.Submit(map[string]string{"code": w.s.codeByMail(w.t, w.who.Email, sent)})
		case "connect-device":
			w.app = w.s.newAuthenticator(w.t, w.key())
			w.Submit(nil)
		default:
			w.Submit(nil)
		}
	}
}

// key reads the key from the link of the connect-device screen.
func (w *walker) key() string {
	w.t.Helper()
	links := w.Page().Links("otpauth:")
	if len(links) != 1 {
		w.t.Fatalf("%d otpauth links on %s", len(links), w.Page())
	}
	uri, err := url.Parse(links[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return uri.Query().Get("secret")
}

// keep says that the recovery codes are kept.
func (w *walker) keep() {
	w.t.Helper()
	w.want("done")
	w.Submit(map[string]string{"kept": "yes"})
}

// code answers the code prompt.
func (w *walker) code() {
	w.t.Helper()
	w.want("enter-code")
	w.Submit(map[string]string{"code": w.app.Code()})
}

// signIn opens a page that leads to the sign-in and does what the screens ask
// for, until there are no more.
func (w *walker) signIn(address string) *stiletest.Page {
	w.t.Helper()
	w.Open(address)
	return w.goOn()
}

// goOn does what the screens ask for, until there are no more.
func (w *walker) goOn() *stiletest.Page {
	w.t.Helper()
	for range 4 {
		switch w.Page().Screen() {
		case "sign-in":
			w.password()
		case "two-step-introduction":
			w.enrol()
		case "enter-code":
			w.code()
		}
	}
	return w.Page()
}

// tokens signs in to a relying party and returns what it gets.
func (w *walker) tokens(rp *stiletest.RP, params ...string) stiletest.Tokens {
	w.t.Helper()
	attempt := rp.Begin(params...)
	return rp.Redeem(attempt, w.signIn(attempt.URL).URL)
}

// console returns the claims of the console's session in this browser.
func (w *walker) console() stiletest.Claims {
	w.t.Helper()
	var claims stiletest.Claims
	if err := json.Unmarshal([]byte(w.Open(w.s.Console+"/session").Body), &claims); err != nil {
		w.t.Fatalf("%v in %s", err, w.Page())
	}
	return claims
}

// wantMFA fails unless the claims say that password and code were given.
func wantMFA(t testing.TB, c stiletest.Claims) {
	t.Helper()
	if !slices.Equal(slices.Sorted(slices.Values(c.AMR)), []string{"mfa", "otp", "pwd"}) || c.ACR != "urn:stile:acr:mfa" || c.AuthTime == 0 {
		t.Errorf("claims %+v: want amr pwd, otp, mfa and the multi-factor acr", c)
	}
}

// wantPassword fails unless the claims say that a password was given, and no more.
func wantPassword(t testing.TB, c stiletest.Claims) {
	t.Helper()
	if !slices.Equal(c.AMR, []string{"pwd"}) || c.ACR != "urn:stile:acr:password" || c.AuthTime == 0 {
		t.Errorf("claims %+v: want amr pwd alone and the password acr", c)
	}
}
