package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"

	"stile/stiletest"
)

// The sample desktop app signs in through a browser, keeps its tokens where only
// its owner reads them, and renews them.
func TestDesktopApp(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	home := t.TempDir()
	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=", "DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(home, "none")}
	args := []string{"--issuer", s.Issuer, "--client-id", "desktop", "--json"}

	app := start(t, env, "desktop", append(args, "--no-browser")...)
	address, err := app.Stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("the app printed no URL: %s", app.Log())
	}
	w := newWalker(t, s, s.demoUser(t, agent))
	page := w.signIn(strings.TrimSpace(address))
	if !strings.Contains(page.Text(), "You can close this page") {
		t.Errorf("the browser ends at %s", page)
	}
	signedIn := claimsIn(t, app.wait(t))
	wantMFA(t, signedIn)

	var kept []string
	err = filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			kept = append(kept, path)
		}
		return err
	})
	if err != nil || len(kept) != 1 {
		t.Fatalf("files in the home directory: %q, %v", kept, err)
	}
	info, err := os.Stat(kept[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the tokens are kept with mode %v: %v", info.Mode(), err)
	}

	for range 2 { // each time with the successor of the token before
		renewed := claimsIn(t, start(t, env, "desktop", append(args, "--refresh")...).wait(t))
		if renewed.Subject != signedIn.Subject || renewed.AuthTime != signedIn.AuthTime || renewed.ACR != signedIn.ACR || !slices.Equal(renewed.AMR, signedIn.AMR) {
			t.Errorf("renewed claims %+v, want what was proven: %+v", renewed, signedIn)
		}
	}
}

func claimsIn(t testing.TB, text string) (c stiletest.Claims) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return c
}

// A mobile app: on a phone, the key typed by hand, and the answer at a private
// scheme (RFC 8252, section 7.1).
func TestMobileApp(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	const redirect = "com.example.app:/callback"
	app := s.registered(t, s.stile(t, "", "client", "create", "--json", "--name", "My Mobile", "--type", "native", "--redirect-uri", redirect))
	if app.Secret != "" {
		t.Error("a native app got a secret")
	}
	rp := s.rp(t, app, redirect)
	who := s.newPerson(t, s.newAccount(t, "required"))
	c := startChrome(t, phone)
	answers := c.redirects()
	blocked := c.blocked()

	attempt := rp.Begin()
	c.open(attempt.URL)
	c.screen("sign-in")
	c.password(who)
	authenticator := c.enrol(s, who, func(name string) { c.picture("mobile-" + name) })
	c.screen("enter-code")
	c.fill("code", authenticator.Code())
	do(c, "send the code", chromedp.Click(chromedp.CSS("main form button")))
	wantMFA(t, rp.Redeem(attempt, privateAnswer(t, answers, redirect)).Claims)
	if b := blocked(); len(b) > 0 {
		t.Errorf("the browser was kept from going on: %q", b)
	}

	// Who is signed in gets an answer at once.
	again := rp.Begin()
	do(c, "open the request", chromedp.Evaluate[chromedp.Void](fmt.Sprintf("location.href = %q; undefined", again.URL)))
	until(t, "answered again", func() bool { return len(matching(answers(), redirect)) == 2 }, func() string { return fmt.Sprint(answers()) })
	last, err := url.Parse(matching(answers(), redirect)[1])
	if err != nil {
		t.Fatal(err)
	}
	wantMFA(t, rp.Redeem(again, last).Claims)
}

func matching(all []string, prefix string) (found []string) {
	for _, one := range all {
		if strings.HasPrefix(one, prefix) {
			found = append(found, one)
		}
	}
	return found
}

// privateAnswer waits until the browser was sent to an app, and returns where.
func privateAnswer(t testing.TB, redirects func() []string, redirectURI string) *url.URL {
	t.Helper()
	until(t, "sent to "+redirectURI, func() bool { return len(matching(redirects(), redirectURI)) > 0 }, func() string { return fmt.Sprint(redirects()) })
	u, err := url.Parse(matching(redirects(), redirectURI)[0])
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// blocked collects what the browser says it has kept pages from doing.
func (c *chrome) blocked() func() []string {
	c.t.Helper()
	var mu sync.Mutex
	var seen []string
	err := chromedp.Listen(c.ctx, func(ev any) {
		if e, ok := ev.(*cdplog.EventEntryAdded); ok && strings.Contains(e.Entry.Text, "Content Security Policy") {
			mu.Lock()
			seen = append(seen, e.Entry.Text)
			mu.Unlock()
		}
	})
	if err != nil {
		c.t.Fatal(err)
	}
	send(c, cdplog.Enable, cdp.Empty{})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

// Which redirect URIs of an app are answered, and which get a page and no
// redirect (RFC 8252, sections 7.2 and 7.3).
func TestB03_RedirectsOfApps(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	who := s.newPerson(t, s.newAccount(t, "optional"))
	w := newWalker(t, s, who)
	const claimed = "https://app.example/signed-in"
	w.Apps = []string{claimed}
	port := func(host string) string { return "http://" + host + freeAddress(t)[len("127.0.0.1"):] + "/callback" }

	for _, c := range []struct {
		registered, used string
		answered         bool
	}{
		{"http://127.0.0.1/callback", port("127.0.0.1"), true},
		{"http://127.0.0.1/callback", port("127.0.0.1"), true},
		{"http://[::1]/callback", port("[::1]"), true},
		{"http://localhost/callback", port("localhost"), true},
		{claimed, claimed, true},
		{"com.example.app:/callback", "com.example.app:/callback", true},
		{"http://127.0.0.1/callback", port("localhost"), false},
		{"http://127.0.0.1/callback", port("127.0.0.1") + "/more", false},
		{"http://127.0.0.1/callback", port("127.0.0.1") + "?x=1", false},
		{"com.example.app:/callback", "com.example.app:/other", false},
		{claimed, strings.Replace(claimed, "app.example", "app.example:8443", 1), false},
		{claimed, port("127.0.0.1"), false},
	} {
		app := s.registered(t, s.stile(t, "", "client", "create", "--json", "--name", "App", "--type", "native", "--redirect-uri", c.registered))
		rp := s.rp(t, app, c.used)
		if c.answered {
			w.Apps = append(w.Apps, c.used) // the app listens there
		}
		attempt := rp.Begin()
		page := w.signIn(attempt.URL)
		if !c.answered {
			if page.Screen() != "error" || page.Status != http.StatusBadRequest || page.URL.Host != strings.TrimPrefix(s.Issuer, "http://") {
				t.Errorf("registered %s, used %s: %s", c.registered, c.used, page)
			}
			continue
		}
		wantPassword(t, rp.Redeem(attempt, page.URL).Claims)
	}
}

// hops is a callback that sends the browser on to another host, and from there
// on to the next place, as clients behind gateways do.
func hops(t testing.TB, end string) (callback string) {
	t.Helper()
	second := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<!doctype html><title>client</title><body data-screen=client><main>back at the client</main>")
			return
		}
		http.Redirect(w, r, strings.Replace(end, "SELF", r.Host, 1), http.StatusFound)
	}))
	t.Cleanup(second.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(second.URL, "https://"), ":")
	first := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://gateway.localhost:"+port+"/?"+r.URL.RawQuery, http.StatusFound)
	}))
	t.Cleanup(first.Close)
	return first.URL + "/callback"
}

// Chromium applies the form-action of the last page to every redirect that
// follows its form, the client's own among them.
func TestH09_ClientsThatRedirectOn(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	who := s.newPerson(t, s.newAccount(t, "optional"))
	const app = "com.example.app:/signed-in"
	for _, c := range []struct {
		name, end string
		strict    bool
		arrives   bool
	}{
		{"to other hosts", "https://SELF/end", false, true},
		{"to an app", app, false, true},
		{"to other hosts, though the client forbids it", "https://SELF/end", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			callback := hops(t, c.end)
			rp := s.rp(t, s.newClient(t, map[string]any{
				"client_name": "Hops", "application_type": "native", "redirect_uris": []string{callback, app},
				"strict_form_action": c.strict, "scope": "openid",
			}), callback, "openid")
			b := startChrome(t, desktop)
			redirects, blocked := b.redirects(), b.blocked()
			b.open(rp.Begin().URL)
			b.screen("sign-in")
			b.fill("email", who.Email)
			b.fill("password", who.Password)
			do(b, "sign in", chromedp.Click(chromedp.CSS("main form button")))
			switch {
			case !c.arrives:
				until(t, "kept from going on", func() bool { return len(blocked()) > 0 }, func() string { return fmt.Sprint(redirects()) })
				return
			case c.end == app:
				privateAnswer(t, redirects, app)
			default:
				b.screen("client")
			}
			if at := blocked(); len(at) > 0 {
				t.Errorf("the browser was kept from going on: %q", at)
			}
		})
	}
}
