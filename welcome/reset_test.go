package welcome_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/signin"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

// forgot asks for a link in a browser.
func (w *world) forgot(b *stiletest.Browser, email string) *stiletest.Page {
	w.t.Helper()
	expect(w.t, b.Open(w.url+signin.ForgotPath), "forgot-password", 200)
	return b.Submit(map[string]string{templates.FieldEmail: email})
}

// links returns the links of the messages that were queued since the last call,
// and how many messages go nowhere.
func (w *world) links(kind templates.MailKind) (links []string, nowhere int) {
	w.t.Helper()
	all, err := w.db.LeaseMail(w.t.Context(), 1000, 24*time.Hour)
	must(w.t, err)
	for _, m := range all {
		switch {
		case m.Kind != string(kind):
		case m.To == "":
			nowhere++
		default:
			links = append(links, m.Data[templates.DataLink])
		}
	}
	return links, nowhere
}

func (w *world) link(email string) string {
	w.t.Helper()
	w.forgot(w.browser(), email)
	links, _ := w.links(templates.MailPasswordReset)
	if len(links) != 1 {
		w.t.Fatalf("links %v", links)
	}
	return links[0]
}

const fresh = "a quite different password"

func TestI07_ForgottenPassword(t *testing.T) {
	w := newWorld(t)
	other := w.browser() // of the same user, signed in
	other.Open(w.url + "/welcome")
	other.Submit(map[string]string{templates.FieldEmail: elsif, templates.FieldPassword: password})
	expect(t, other.Page(), "welcome", 200)

	b := w.browser()
	expect(t, b.Open(w.url+"/welcome"), "sign-in", 200)
	expect(t, b.Open(w.url+b.Page().Links("/forgot-password")[0]), "forgot-password", 200)
	expect(t, b.Submit(map[string]string{templates.FieldEmail: "elsif"}), "forgot-password", 422)
	p := expect(t, b.Submit(map[string]string{templates.FieldEmail: strings.ToUpper(elsif)}), "forgot-password", 200)
	says(t, p, "If the address has an account, a message is on its way.")
	expect(t, w.browser().Open(w.url+p.Links("/login/sign-in")[0]), "sign-in", 200)
	links, nowhere := w.links(templates.MailPasswordReset)
	if len(links) != 1 || nowhere != 0 || !regexp.MustCompile(`^`+regexp.QuoteMeta(w.url)+`/reset-password\?token=stm_[A-Za-z0-9_-]{43}$`).MatchString(links[0]) {
		t.Fatalf("links %v", links)
	}
	for range 3 { // a scanner
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r, err := http.NewRequestWithContext(t.Context(), method, links[0], nil)
			must(t, err)
			r.Host = strings.TrimPrefix(w.url, "http://")
			res, err := http.DefaultClient.Do(r)
			must(t, err)
			_ = res.Body.Close()
		}
	}
	expect(t, b.Open(links[0]), "message-link", 200)
	p = expect(t, b.Submit(nil), "new-password", 200)
	says(t, p, "At least 15 characters")
	if p.Field(templates.FieldEmail) != elsif || p.URL.RawQuery != "" {
		t.Errorf("form at %s", p.URL)
	}
	for pass, words := range map[string]string{"": "Choose a password", "short": "Use at least 15", "Example Sales 12": "made of your name", strings.Repeat("x", 257): "at most 256"} {
		says(t, expect(t, choose(b, pass), "new-password", 422), words)
	}
	before := w.elsif().User
	p = expect(t, choose(b, fresh), "sign-in", 200)
	says(t, p, "Your password is set.")
	if p.Field(templates.FieldEmail) != elsif {
		t.Error("the address is not filled in")
	}
	if now := w.elsif().User; now.PasswordVersion != before.PasswordVersion+1 || now.PasswordResetAt == nil || now.Epoch != before.Epoch+1 {
		t.Errorf("user %+v", now)
	}
	expect(t, other.Open(w.url+"/welcome"), "sign-in", 200) // all sessions have ended
	expect(t, b.Submit(map[string]string{templates.FieldPassword: password}), "sign-in", 422)
	expect(t, b.Submit(map[string]string{templates.FieldPassword: fresh}), "welcome", 200) // back to what was begun
	if token := links[0][strings.Index(links[0], "=")+1:]; strings.Contains(w.log.String(), token) || strings.Contains(w.log.String(), fresh) {
		t.Error("the log holds the token or the password")
	}
	says(t, expect(t, w.browser().Open(links[0]), "error", 410), "This link was used or is too old.")
	lines, err := w.db.Events(t.Context(), storage.EventFilter{Kind: audit.PasswordChanged})
	must(t, err)
	if len(lines) != 1 || lines[0].Reason != "reset" || lines[0].SubjectID != before.ID || lines[0].Detail["sessions_ended"] != "1" {
		t.Errorf("lines %+v", lines)
	}
}

func (w *world) elsif() storage.Person {
	p, err := w.db.PersonByEmail(w.t.Context(), elsif)
	must(w.t, err)
	return p
}

func TestI07_ResetWithoutAGoodLink(t *testing.T) {
	w := newWorld(t)
	first := w.link(elsif)
	early := w.browser()
	early.Open(first)
	early.Submit(nil)
	second := w.link(elsif)
	invitation := w.invite(w.sales, iris)
	gone := func(what string, p *stiletest.Page) {
		t.Helper()
		if p.Screen() != "error" || p.Status != 410 || len(p.Links(signin.ForgotPath)) != 1 {
			t.Errorf("%s: %s", what, p)
		}
	}
	gone("replaced by a newer one", choose(early, fresh))
	gone("replaced by a newer one", w.browser().Open(first))
	for what, token := range map[string]string{
		"none": "", "an invitation's": invitation[strings.Index(invitation, "=")+1:], "nonsense": "stm_" + strings.Repeat("x", 43), "of another kind": strings.Replace(second, "stm_", "sta_", 1),
	} {
		b := w.browser()
		gone(what, b.Open(w.url+signin.ResetPath+"?token="+url.QueryEscape(token)))
		b.Open(second)
		form := expect(t, b.Submit(nil), "new-password", 200).Fields()
		form.Set(templates.FieldToken, token)
		form.Set(templates.FieldNewPassword, fresh)
		gone(what, b.Send(w.url+signin.ResetPath, form))
	}
	expect(t, w.browser().Open(strings.Replace(second, "/reset-password", "/unlock", 1)), "error", 410)
	twin := w.browser()
	twin.Open(second)
	twin.Submit(nil)
	b := w.browser()
	b.Open(second)
	b.Submit(nil)
	expect(t, choose(b, fresh), "sign-in", 200)
	gone("used", choose(twin, fresh+" again"))
	late := w.link(elsif)
	w.wait(20 * time.Minute)
	gone("over", w.browser().Open(late))
	if v := w.elsif().User.PasswordVersion; v != 2 {
		t.Errorf("the password was set %d times", v-1)
	}
}

// Whoever asks learns nothing about an address, and nobody writes less for it.
func TestI01_ForgottenPasswordTellsNothing(t *testing.T) {
	w := newWorld(t)
	_, err := w.db.CreateUser(t.Context(), storage.User{AccountID: w.sales.ID, Email: "new@sales.example", Name: "N"}, audit.System)
	must(t, err)
	disabled, err := w.db.CreateUser(t.Context(), storage.User{AccountID: w.sales.ID, Email: "gone@sales.example", Name: "G"}, audit.System)
	must(t, err)
	_, err = w.db.UpdateUser(t.Context(), disabled.ID, func(u *storage.User) error { at := w.now(); u.DisabledAt = &at; return nil }, audit.System)
	must(t, err)
	type answer struct {
		body                            string
		status, cookies, events, outbox int
		statements                      int64
	}
	changing := regexp.MustCompile(`Reference[^/]*|name="csrf" value="[^"]*`)
	var want answer
	for i, email := range []string{elsif, "nobody@example.com", "gone@sales.example", "new@sales.example"} {
		b := w.browser()
		b.Open(w.url + signin.ForgotPath)
		statements, events := w.db.Statements(), w.count()
		p := b.Submit(map[string]string{templates.FieldEmail: email})
		got := answer{body: changing.ReplaceAllString(p.Body, ""), status: p.Status, cookies: len(b.Cookies(w.url)), statements: w.db.Statements() - statements}
		got.events = w.count() - events
		links, nowhere := w.links(templates.MailPasswordReset)
		got.outbox = len(links) + nowhere
		if known := len(links) == 1; known != (i == 0 || i == 3) {
			t.Errorf("%s: links %v", email, links)
		}
		if i == 0 {
			want = got
		}
		if got != want || got.events != 1 || got.outbox != 1 {
			t.Errorf("%s: %+v, want %+v", email, got, want)
		}
	}
}

// count returns how many lines about links the audit log has.
func (w *world) count() int {
	lines, err := w.db.Events(w.t.Context(), storage.EventFilter{Kind: audit.LinkAsked, Limit: 1000})
	must(w.t, err)
	return len(lines)
}

func TestI02_LinksAreBounded(t *testing.T) {
	w := newWorld(t)
	asked := func(email string) int {
		t.Helper()
		says(t, expect(t, w.forgot(w.browser(), email), "forgot-password", 200), "If the address has an account")
		links, nowhere := w.links(templates.MailPasswordReset)
		return len(links) + nowhere
	}
	sent := 0
	for _, email := range []string{elsif, "nobody@example.com"} {
		for i := range 5 {
			n := asked(email)
			sent += n
			if want := map[bool]int{true: 1}[i < 3]; n != want {
				t.Errorf("%s, message %d: %d were sent", email, i+1, n)
			}
		}
	}
	for sent < 20 {
		sent += asked("a" + strings.Repeat("x", sent) + "@example.com")
	}
	if n := asked("another@example.com"); n != 0 {
		t.Error("a network sends more than 20 an hour")
	}
	w.wait(time.Hour)
	if n := asked(elsif); n != 1 {
		t.Error("nothing an hour later")
	}
}

// In somebody else's browser the sign-in that follows is not his, and the
// password alone opens nothing that wants a second factor.
func TestL02_ResetSignsNobodyIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.toForm(b, w.invite(w.support, iris))
	choose(b, "correct horse")
	link := w.link(iris)
	b = w.browser()
	b.Open(w.url + "/welcome")
	expect(t, b.Submit(map[string]string{templates.FieldEmail: elsif, templates.FieldPassword: password}), "welcome", 200)
	b.Open(link)
	says(t, b.Submit(nil), "At least 8 characters")
	expect(t, choose(b, "battery staple"), "sign-in", 200)
	expect(t, b.Submit(map[string]string{templates.FieldPassword: "battery staple"}), "two-step-introduction", 200)
}

// A sign-in that waits for one user is not what another one's link goes on with: it
// would refuse the password that was set a moment ago.
func TestALinkGoesOnWithoutWhatWaitsForAnotherUser(t *testing.T) {
	w := newWorld(t)
	path := func(userID string) string {
		path, err := w.signIns.Begin(t.Context(), signin.Request{ClientID: "tool", Home: "/tool", Return: "/welcome", Ask: authn.Ask{Subject: userID}})
		must(t, err)
		return w.url + path
	}
	other, err := w.db.CreateUser(t.Context(), storage.User{AccountID: w.sales.ID, Email: iris, Name: "Iris"}, audit.System)
	must(t, err)
	last := ""
	for wanted, client := range map[string]string{other.ID: "", w.elsif().User.ID: "tool", "": "tool"} {
		last = fresh + wanted
		b := w.browser()
		b.Open(path(wanted))
		b.Open(w.url + b.Page().Links("/forgot-password")[0])
		b.Submit(map[string]string{templates.FieldEmail: elsif})
		links, _ := w.links(templates.MailPasswordReset)
		b.Open(links[0])
		b.Submit(nil)
		p := expect(t, choose(b, last), "sign-in", 200)
		if req := w.opened(p.URL.String()); req.ClientID != client {
			t.Errorf("of %q: goes on for %q, want %q", wanted, req.ClientID, client)
		}
		p = b.Submit(map[string]string{templates.FieldEmail: elsif, templates.FieldPassword: last})
		if to := map[string]string{"": "/account", "tool": "/welcome"}[client]; p.URL.Path != to {
			t.Errorf("of %q: at %s", wanted, p)
		}
	}

	// An invitation to an address that has a user by now, too.
	b := w.browser()
	b.Open(path(other.ID))
	b.Open(w.url + b.Page().Links("/forgot-password")[0])
	b.Submit(map[string]string{templates.FieldEmail: iris})
	p := expect(t, b.Open(w.invite(w.support, elsif)), "invitation", 200)
	b.Open(w.url + p.Links("/login/")[0])
	expect(t, b.Submit(map[string]string{templates.FieldPassword: last}), "welcome", 200)
}
