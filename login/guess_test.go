package login_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stile/audit"
	"stile/signin"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

func pair(email, pass string) map[string]string {
	return map[string]string{templates.FieldEmail: email, templates.FieldPassword: pass}
}

// changing is what differs between any two answers.
var changing = regexp.MustCompile(`(name="csrf" value=")[^"]+|(name="challenge" value=")[^"]+|(challenge&#34;:&#34;)[^&]+|(name="r" value="|[?&;]r=)[^"&]+|<bdi>[^<]+</bdi>|[A-Z2-7]{12}`)

func TestI01_OneAnswerForAllWhoDoNotGetIn(t *testing.T) {
	type answer struct {
		status     int
		body       string
		headers    string
		cookies    int
		statements int64
		events     int
		mails      int
	}
	w := newWorld(t)
	ask := func(begun, email, pass string) answer {
		b := w.browser()
		b.Open(begun)
		fields := b.Page().Fields()
		fields.Set(templates.FieldEmail, email)
		fields.Set(templates.FieldPassword, pass)
		events, before := len(w.events(audit.SignInFailed)), w.db.Statements()
		p := b.Send(b.Page().Action(), fields)
		a := answer{status: p.Status, statements: w.db.Statements() - before, cookies: len(b.Cookies(w.url))}
		a.events = len(w.events(audit.SignInFailed)) - events
		n, err := w.db.OutboxLength(t.Context())
		must(t, err)
		a.mails = n
		a.body = changing.ReplaceAllString(strings.ReplaceAll(p.Body, email, "ADDRESS"), "$1$2$3")
		for _, name := range slices.Sorted(func(yield func(string) bool) {
			for name := range p.Header {
				if !yield(name) {
					return
				}
			}
		}) {
			if name != "Date" && name != "Set-Cookie" && name != "Content-Length" {
				a.headers += fmt.Sprintln(name, p.Header[name])
			}
		}
		return a
	}
	for name, hint := range map[string]bool{"plain": false, "with login_hint": true} {
		t.Run(name, func(t *testing.T) {
			var want answer
			for i, c := range []struct{ what, email, pass string }{
				{"wrong password", member, "wrong"},
				{"unknown address", "nobody@example.com", "wrong"},
				{"disabled, right password", gone, password},
				{"no password yet", newcomer, password},
				{"two steps, wrong password", agent, "wrong"},
			} {
				begun := w.begin(func(r *signin.Request) {
					if hint {
						r.LoginHint = c.email
					}
				})
				got := ask(begun, c.email, c.pass)
				if i == 0 {
					want = got
					if want.status != 422 || want.events != 1 || want.mails != 0 || want.statements == 0 {
						t.Errorf("a wrong password: status %d, %d events, %d mails, %d statements", want.status, want.events, want.mails, want.statements)
					}
					continue
				}
				if got != want {
					t.Errorf("%s differs from a wrong password:\n%+v\n%+v", c.what, got, want)
				}
			}
		})
	}
	t.Run("when there were too many", func(t *testing.T) {
		w = newWorld(t)
		var texts []string
		for _, email := range []string{member, "nobody@example.com"} {
			for range 11 {
				ask(w.begin(), email, "wrong")
			}
			got := ask(w.begin(), email, password)
			if got.status != 429 || got.events != 0 {
				t.Errorf("%s: status %d, %d events", email, got.status, got.events)
			}
			texts = append(texts, got.body)
			if !regexp.MustCompile(`Too many tries\. Try again at .*, or reset your password\.`).MatchString(got.body) {
				t.Errorf("%s: the way on isn't named: %s", email, got.body)
			}
		}
		if texts[0] != texts[1] {
			t.Error("the limit's answer tells addresses apart")
		}
	})
}

// A suspended account's people are refused like everybody.
func TestI01_SuspendedAccount(t *testing.T) {
	w := newWorld(t)
	_, err := w.db.UpdateAccount(t.Context(), w.sales.ID, func(a *storage.Account) error { at := w.now(); a.SuspendedAt = &at; return nil }, audit.System)
	must(t, err)
	b := w.browser()
	p := expect(t, w.password(b, w.begin(), member), "sign-in", 422)
	says(t, p, "do not match")
}

func TestL11_TheFactorShowsAfterThePasswordOnly(t *testing.T) {
	w := newWorld(t)
	enrolling := w.browser()
	w.enrolled(enrolling, agent)
	var texts []string
	for _, email := range []string{agent, member} {
		b := w.browser()
		b.Open(w.begin())
		texts = append(texts, strings.ReplaceAll(expect(t, b.Submit(pair(email, "wrong")), "sign-in", 422).Text(), email, ""))
	}
	cut := regexp.MustCompile(`Reference.*`)
	if cut.ReplaceAllString(texts[0], "") != cut.ReplaceAllString(texts[1], "") {
		t.Errorf("answers differ:\n%s\n%s", texts[0], texts[1])
	}
}

func TestFormMistakesCostNothing(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.Open(w.begin())
	for _, c := range []struct{ email, pass, says string }{
		{"", "", "Enter your e-mail address"},
		{"", "", "Enter your password"},
		{"nobody", "x", "name@example.com"},
		{member, "", "Enter your password"},
	} {
		before := w.db.Statements()
		p := expect(t, b.Submit(pair(c.email, c.pass)), "sign-in", 422)
		says(t, p, c.says)
		if p.Field(templates.FieldEmail) != c.email || p.Field(templates.FieldPassword) != "" {
			t.Errorf("came back with %q, %q", p.Field(templates.FieldEmail), p.Field(templates.FieldPassword))
		}
		if n := w.db.Statements() - before; n > 1 {
			t.Errorf("%d statements", n)
		}
	}
	says(t, expect(t, b.Submit(pair(member, strings.Repeat("x", 300))), "sign-in", 422), "do not match")
}

func TestI03_ParallelGuessesAreCounted(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.Open(w.begin())
	for range 9 {
		b.Submit(pair(member, "wrong"))
	}
	before := len(w.events(audit.SignInFailed))
	fields := b.Page().Fields()
	fields.Set(templates.FieldEmail, member)
	fields.Set(templates.FieldPassword, "wrong")
	statuses := w.parallel(40, b, b.Page().Action(), fields)
	if evaluated := len(w.events(audit.SignInFailed)) - before; evaluated != 1 || statuses[422] != 1 || statuses[429] != 39 {
		t.Errorf("%d guesses were evaluated: %v", evaluated, statuses)
	}
	// Even the right password is not heard now, and the page says until when.
	p := expect(t, b.Submit(pair(member, password)), "sign-in", 429)
	says(t, p, "Try again at 14:33")
	if p.Header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", p.Header.Get("Retry-After"))
	}
	if told := w.events(audit.LimitReached); len(told) != 1 || told[0].Reason != "password" {
		t.Errorf("the pause was told of %d times", len(told))
	}
	w.wait(time.Minute)
	b.Submit(pair(member, password))
	w.arrived(b)
}

// parallel posts the same form many times at once, with the browser's cookies,
// and counts the statuses.
func (w *world) parallel(n int, b *stiletest.Browser, address string, fields url.Values) map[int]int {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	must(w.t, err)
	u, err := url.Parse(w.url)
	must(w.t, err)
	jar.SetCookies(u, b.Cookies(w.url))
	client := &http.Client{Jar: nil, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var mu sync.Mutex
	statuses := map[int]int{}
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(fields.Encode()))
			if err != nil {
				w.t.Error(err)
				return
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for _, c := range jar.Cookies(u) {
				r.AddCookie(c)
			}
			resp, err := client.Do(r)
			if err != nil {
				w.t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			statuses[resp.StatusCode]++
		})
	}
	all.Wait()
	return statuses
}

// Who finds the pool of hashes full hears so, and has lost no attempt.
func TestI04_TooBusyToHash(t *testing.T) {
	w := newWorld(t, func(o *settings) { o.hashing.Memory, o.hashing.Workers, o.hashing.Queue = 1<<14, 1, time.Nanosecond })
	b := w.browser()
	b.Open(w.begin())
	fields := b.Page().Fields()
	fields.Set(templates.FieldEmail, member)
	fields.Set(templates.FieldPassword, "wrong")
	statuses := w.parallel(9, b, b.Page().Action(), fields)
	judged := len(w.events(audit.SignInFailed))
	if statuses[503] == 0 || statuses[422] != judged || statuses[503]+judged != 9 {
		t.Errorf("%d judged: %v", judged, statuses)
	}
	for range 9 - judged { // what was not judged is left to try
		expect(t, b.Submit(pair(member, "wrong")), "sign-in", 422)
	}
	expect(t, b.Submit(pair(member, "wrong")), "sign-in", 422)
	expect(t, b.Submit(pair(member, "wrong")), "sign-in", 429)
}

// The owner gets in from a browser that is known, whatever strangers do.
func TestI02_AKnownBrowserIsNotLockedOut(t *testing.T) {
	w := newWorld(t)
	own := w.browser()
	w.password(own, w.begin(), member)
	w.arrived(own)
	w.wait(9 * time.Hour) // the session is over, the browser still known
	stranger := w.browser()
	stranger.Open(w.begin())
	for range 11 {
		stranger.Submit(pair(member, "wrong"))
	}
	expect(t, stranger.Submit(pair(member, password)), "sign-in", 429)
	w.password(own, w.begin(), member)
	w.arrived(own)
}

func TestJ07_NoSecretInTheLog(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	app, recovery := w.enrolled(b, agent)
	_ = app
	log := w.log.String()
	for _, secret := range append(recovery, password) {
		if strings.Contains(log, secret) {
			t.Error("the log holds a secret")
		}
	}
	for _, e := range w.events("") {
		if text := fmt.Sprintf("%+v", e); strings.Contains(text, password) || strings.Contains(text, agent) {
			t.Errorf("event tells too much: %s", text)
		}
	}
}
