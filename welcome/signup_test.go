package welcome_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/signin"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

const sam = "sam@sales.example"

// newSignUps is a world where addresses of the sales people may sign up.
func newSignUps(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.restart(map[string]string{"sales.example": "Example Sales", "xn--bcher-kva.example": w.support.ID, "gone.example": "No Such Account"})
	return w
}

func (w *world) signUp(b *stiletest.Browser, email string) *stiletest.Page {
	w.t.Helper()
	expect(w.t, b.Open(w.url+signin.SignUpPath), "sign-up", 200)
	return b.Submit(map[string]string{templates.FieldEmail: email})
}

// signUpLink signs up and returns the link of the message.
func (w *world) signUpLink(email string) string {
	w.t.Helper()
	expect(w.t, w.signUp(w.browser(), email), "sign-up-sent", 200)
	links, _ := w.links(templates.MailSignUp)
	if len(links) != 1 {
		w.t.Fatalf("links %v", links)
	}
	return links[0]
}

func TestSignUpToFirstSignIn(t *testing.T) {
	w := newSignUps(t)
	b := w.browser()
	p := expect(t, b.Open(w.url+"/welcome"), "sign-in", 200)
	expect(t, b.Open(w.url+p.Links(signin.SignUpPath)[0]), "sign-up", 200)
	expect(t, b.Submit(map[string]string{templates.FieldEmail: "sam"}), "sign-up", 422)
	p = expect(t, b.Submit(map[string]string{templates.FieldEmail: strings.ToUpper(sam)}), "sign-up-sent", 200)
	if u := strings.ToLower(p.URL.String()); strings.Contains(u, "@") || strings.Contains(u, "%40") || strings.Contains(u, "sales.example") {
		t.Errorf("the address is in a URL: %s", p.URL)
	}
	elsewhere := p.Links("/login/sign-in")
	links, _ := w.links(templates.MailSignUp)
	if len(links) != 1 || !regexp.MustCompile(`^`+regexp.QuoteMeta(w.url)+`/invitation\?token=stm_[A-Za-z0-9_-]{43}$`).MatchString(links[0]) {
		t.Fatalf("links %v", links)
	}
	p = expect(t, b.Open(links[0]), "invitation", 200)
	says(t, p, "Your account at Example Sales will have the address sam@sales.example")
	w.nobody(sam)
	says(t, expect(t, b.Submit(nil), "new-password", 200), "At least 15 characters")
	p = expect(t, choose(b, fresh), "sign-in", 200)
	says(t, p, "Your password is set.")
	if p.Field(templates.FieldEmail) != sam {
		t.Error("the address is not filled in")
	}
	expect(t, b.Submit(map[string]string{templates.FieldPassword: fresh}), "welcome", 200)
	person, err := w.db.PersonByEmail(t.Context(), sam)
	must(t, err)
	if u := person.User; u.EmailVerifiedAt == nil || person.Account.ID != w.sales.ID || !slices.Equal(u.Roles, []string{storage.RoleMember}) || len(person.Subject.Seats) != 0 {
		t.Errorf("user = %+v", person)
	}
	// The other browser, in which it began, goes on with the address filled in.
	other := w.browser()
	p = expect(t, other.Open(w.url+elsewhere[0]), "sign-in", 200)
	if !strings.EqualFold(p.Field(templates.FieldEmail), sam) {
		t.Error("the address is not filled in where it began")
	}
	expect(t, other.Submit(map[string]string{templates.FieldPassword: fresh}), "welcome", 200)
	lines, err := w.db.Events(t.Context(), storage.EventFilter{Kind: audit.InvitationSent})
	must(t, err)
	if len(lines) != 1 || lines[0].Actor.Kind != "" || lines[0].Reason != "sign_up" || lines[0].AccountID != w.sales.ID {
		t.Errorf("lines = %+v", lines)
	}
	says(t, expect(t, w.browser().Open(links[0]), "error", 410), "This link was used or is too old.")
}

// In somebody else's browser the sign-in that follows is not his.
func TestL02_SignUpInAnotherUsersBrowser(t *testing.T) {
	w := newSignUps(t)
	b := w.browser()
	b.Open(w.url + "/welcome")
	expect(t, b.Submit(map[string]string{templates.FieldEmail: elsif, templates.FieldPassword: password}), "welcome", 200)
	p := expect(t, w.signUp(b, sam), "sign-up-sent", 200)
	expect(t, b.Open(w.url+p.Links("/login/sign-in")[0]), "sign-in", 200)
	links, _ := w.links(templates.MailSignUp)
	w.toForm(b, links[0])
	expect(t, choose(b, fresh), "sign-in", 200)
	expect(t, b.Submit(map[string]string{templates.FieldPassword: fresh}), "welcome", 200)
}

// Whoever asks learns nothing about an address, and nobody writes less for it.
func TestI01_SignUpTellsNothing(t *testing.T) {
	w := newSignUps(t)
	disabled, err := w.db.CreateUser(t.Context(), storage.User{AccountID: w.sales.ID, Email: "gone@sales.example", Name: "G"}, audit.System)
	must(t, err)
	_, err = w.db.UpdateUser(t.Context(), disabled.ID, func(u *storage.User) error { at := w.now(); u.DisabledAt = &at; return nil }, audit.System)
	must(t, err)
	w.invite(w.sales, "invited@sales.example")
	type answer struct {
		body, headers   string
		status, cookies int
		statements      int64
		mails           int
	}
	changing := regexp.MustCompile(`Reference[^/]*|name="(csrf|r)" value="[^"]*|[?]r=[^"]*`)
	var want answer
	for i, email := range []string{elsif, sam, "gone@sales.example", "invited@sales.example"} {
		b := w.browser()
		b.Open(w.url + signin.SignUpPath)
		statements := w.db.Statements()
		p := b.Submit(map[string]string{templates.FieldEmail: email})
		got := answer{body: changing.ReplaceAllString(p.Body, ""), status: p.Status, cookies: len(b.Cookies(w.url)), statements: w.db.Statements() - statements}
		for _, name := range slices.Sorted(maps.Keys(p.Header)) {
			if !slices.Contains([]string{"Set-Cookie", "Content-Length", "Date"}, name) {
				got.headers += name + ": " + strings.Join(p.Header[name], ", ") + "\n"
			}
		}
		links, _ := w.links(templates.MailSignUp)
		if got.mails = len(links); i == 0 {
			want = got
		}
		if email == "invited@sales.example" { // its first message goes
			got.statements = want.statements
		}
		if got != want || got.mails != 1 {
			t.Errorf("%s: %+v, want %+v", email, got, want)
		}
		if email == elsif {
			says(t, expect(t, w.browser().Open(links[0]), "invitation", 200), "You have an account already")
			b.Open(links[0])
			expect(t, b.Open(w.url+b.Page().Links("/login/")[0]), "sign-in", 200)
			expect(t, b.Submit(map[string]string{templates.FieldPassword: password}), "welcome", 200)
		}
	}
}

func TestSignUpOfAnotherDomain(t *testing.T) {
	w := newSignUps(t)
	for _, email := range []string{
		"sam@example.com", "sam@mail.sales.example", "sam@sales.example.com", "sam@evilsales.example", "sam@example", "sam@sаles.example", /* Cyrillic */
		"sam@sales.example@evil.example", "sam@evil.example#sales.example", "sam@bucher.example",
	} {
		p := w.signUp(w.browser(), email)
		expect(t, p, "sign-up", 422)
		if !strings.Contains(email, "#") && strings.Count(email, "@") == 1 {
			says(t, p, "ask your admin for an invitation")
		}
	}
	if all, err := w.db.LeaseMail(t.Context(), 10, time.Hour); err != nil || len(all) != 0 {
		t.Errorf("messages %v, %v", all, err)
	}
	for _, email := range []string{"SAM@Sales.EXAMPLE", "ｓam@x", "sam@ＳＡＬＥＳ.example", "a@BÜCHER.example", "a@xn--bcher-kva.example"} {
		if p := w.signUp(w.browser(), email); strings.HasPrefix(email, "ｓ") != (p.Status == 422) {
			t.Errorf("%s: %s", email, p)
		}
	}
}

func TestSignUpWhereTheAccountTakesNobodyIn(t *testing.T) {
	w := newSignUps(t)
	link := w.signUpLink(sam)
	early := w.browser()
	w.toForm(early, link)
	says(t, expect(t, w.signUp(w.browser(), "sam@gone.example"), "sign-up", 503), "No account can be created with this address at present.")
	suspend := func(at *time.Time) {
		_, err := w.db.UpdateAccount(t.Context(), w.sales.ID, func(a *storage.Account) error { a.SuspendedAt = at; return nil }, audit.System)
		must(t, err)
	}
	now := w.now()
	suspend(&now)
	says(t, expect(t, w.signUp(w.browser(), "other@sales.example"), "sign-up", 503), "No account can be created")
	if !strings.Contains(w.log.String(), `account="Example Sales"`) || !strings.Contains(w.log.String(), "No Such Account") {
		t.Error("the log does not say why")
	}
	if links, _ := w.links(templates.MailSignUp); len(links) != 0 {
		t.Error("a message went out")
	}
	expect(t, choose(early, fresh), "error", 410)
	w.nobody(sam)
	suspend(nil)
	// The link is only as good as the configuration.
	for _, signUp := range []map[string]string{nil, {"other.example": "Example Sales"}, {"sales.example": "Example Support"}} {
		w.restart(map[string]string{"sales.example": w.sales.ID})
		b := w.browser()
		w.toForm(b, link)
		w.restart(signUp)
		expect(t, w.browser().Open(link), "error", 410)
		expect(t, choose(b, fresh), "error", 410)
	}
	w.nobody(sam)
	w.restart(nil)
	expect(t, w.browser().Open(w.url+signin.SignUpPath), "error", http.StatusNotFound)
	if p := expect(t, w.browser().Open(w.url+"/welcome"), "sign-in", 200); len(p.Links(signin.SignUpPath)) != 0 {
		t.Error("the sign-in leads to a page that there is not")
	}
	w.restart(map[string]string{"sales.example": w.sales.ID})
	expect(t, w.browser().Open(link), "invitation", 200)
}

func TestI02_SignUpsAreBounded(t *testing.T) {
	w := newSignUps(t)
	asked := func(email string) int {
		t.Helper()
		expect(t, w.signUp(w.browser(), email), "sign-up-sent", 200)
		links, _ := w.links(templates.MailSignUp)
		return len(links)
	}
	sent := 0
	for _, email := range []string{elsif, sam} {
		for i := range 5 {
			n := asked(email)
			sent += n
			if want := map[bool]int{true: 1}[i < 3]; n != want {
				t.Errorf("%s, message %d: %d were sent", email, i+1, n)
			}
		}
	}
	for sent < 20 {
		sent += asked("a" + strings.Repeat("x", sent) + "@sales.example")
	}
	if n := asked("another@sales.example"); n != 0 {
		t.Error("a network sends more than 20 an hour")
	}
	w.wait(time.Hour)
	if n := asked(sam); n != 1 {
		t.Error("nothing an hour later")
	}
}

// Nobody takes anything from an invitation by signing up with its address.
func TestSignUpOfWhoIsInvited(t *testing.T) {
	w := newSignUps(t)
	w.invite(w.sales, sam, func(i *storage.Invitation) {
		i.Roles, i.InvitedBy = []string{storage.RoleMember, storage.RoleAuditor}, "Ada Admin"
	})
	w.links(templates.MailInvitation) // has gone out
	link := w.signUpLink(sam)
	w.restart(nil) // the admin's word holds without the operator's
	b := w.browser()
	says(t, w.browser().Open(link), "Example Sales invites you")
	w.toForm(b, link)
	expect(t, choose(b, fresh), "sign-in", 200)
	person, err := w.db.PersonByEmail(t.Context(), sam)
	must(t, err)
	if person.User.Name != "Iris Bernhardsdottir" || !slices.Contains(person.User.Roles, storage.RoleAuditor) {
		t.Errorf("user = %+v", person.User)
	}
}

func TestSignUpInOnesLanguage(t *testing.T) {
	w := newSignUps(t)
	b := w.browser()
	b.Header.Set("Accept-Language", "de")
	expect(t, b.Open(w.url+signin.SignUpPath), "sign-up", 200)
	says(t, expect(t, b.Send(w.url+signin.SignUpPath, url.Values{templates.FieldCSRF: {b.Page().Field(templates.FieldCSRF)}, templates.FieldEmail: {sam}}), "sign-up-sent", 200), "unterwegs")
	all, err := w.db.LeaseMail(t.Context(), 10, time.Hour)
	must(t, err)
	if len(all) != 1 || all[0].Lang != "de" || all[0].Data[templates.DataUntil] == "" || all[0].Data[templates.DataAccount] != "Example Sales" {
		t.Errorf("message = %+v", all)
	}
}
