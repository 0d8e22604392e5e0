package login_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/templates"
)

// hundred gives a hundred wrong passwords in unknown browsers, through all pauses.
func (w *world) hundred(email string) {
	w.t.Helper()
	b := w.browser()
	b.Open(w.begin())
	for n := 0; n < 100; {
		p := b.Submit(pair(email, "wrong"))
		switch p.Status {
		case http.StatusTooManyRequests:
			w.wait(time.Hour)
			b.Open(w.begin())
		case http.StatusUnprocessableEntity:
			says(w.t, p, "do not match")
			n++
		default:
			w.t.Fatalf("wrong password %d: %s", n, p)
		}
	}
	w.wait(time.Hour)
}

func TestI02_AfterAHundredWrongPasswordsALinkIsNeeded(t *testing.T) {
	w := newWorld(t)
	own := w.browser()
	w.password(own, w.begin(), member)
	w.arrived(own)
	w.hundred(member)
	w.hundred("nobody@example.com")
	before := len(w.events(audit.SignInFailed))
	var texts []string
	for _, email := range []string{member, "nobody@example.com"} {
		b := w.browser()
		b.Open(w.begin())
		statements := w.db.Statements()
		p := expect(t, b.Submit(pair(email, password)), "sign-in", 422)
		says(t, p, "There were too many wrong passwords for this address. If it has an account, a message is on its way")
		texts = append(texts, strings.ReplaceAll(changing.ReplaceAllString(p.Body, "$1"), email, "ADDRESS")+http.StatusText(p.Status)+strings.Repeat("x", int(w.db.Statements()-statements)))
	}
	cut := regexp.MustCompile(`Reference[^/]*`)
	if cut.ReplaceAllString(texts[0], "") != cut.ReplaceAllString(texts[1], "") {
		t.Errorf("answers differ:\n%s\n%s", texts[0], texts[1])
	}
	if n := len(w.events(audit.SignInFailed)) - before; n != 0 {
		t.Errorf("%d passwords were judged", n)
	}
	if n := len(w.events(audit.LinkAsked)); n != 2 {
		t.Errorf("%d links were asked for", n)
	}
	m, n := w.mail(member, templates.MailUnlock)
	if n != 1 || !strings.HasPrefix(m.Data[templates.DataLink], w.url+"/unlock?token=stm_") {
		t.Fatalf("%d messages: %+v", n, m)
	}
	own.Open(w.begin(func(r *request) { r.SomeoneElse, r.Ask.Since = true, w.now() }))
	own.Submit(pair(member, password))
	w.arrived(own) // nobody keeps the owner out of a known browser

	stranger := w.browser()
	stranger.Open(w.begin())
	expect(t, stranger.Submit(pair(member, password)), "sign-in", 422)
	expect(t, w.browser().Open(m.Data[templates.DataLink]), "error", 410) // followed by a newer one
	m, _ = w.mail(member, templates.MailUnlock)

	b := w.browser()
	p := expect(t, b.Open(m.Data[templates.DataLink]), "message-link", 200)
	says(t, p, "Is this your browser?")
	expect(t, b.Submit(nil), "sign-in", 200)
	expect(t, w.browser().Open(m.Data[templates.DataLink]), "error", 410)
	says(t, expect(t, b.Submit(pair(member, "wrong")), "sign-in", 422), "do not match")
	b.Open(w.begin())
	b.Submit(pair(member, password))
	w.arrived(b)
	// A success: everybody may try again.
	stranger.Open(w.begin())
	says(t, expect(t, stranger.Submit(pair(member, "wrong")), "sign-in", 422), "do not match")
}
