package account_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"stile/address"
	"stile/audit"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

const fresh = "agent.new@example.com"

// ask asks for another address and returns the link of its message.
func (s *seat) ask(to string) string {
	s.w.t.Helper()
	expect(s.w.t, s.open("/account/email"), "account-email", 200)
	expect(s.w.t, s.Submit(map[string]string{templates.FieldEmail: to}), "account-email", 200)
	stored, err := address.Canonical(to)
	must(s.w.t, err)
	return s.w.mail(stored, templates.MailAddressConfirm).Data[templates.DataLink]
}

func TestL02_AddressChangeKeepsTheSecondStep(t *testing.T) {
	w := newWorld(t)
	s := w.seat(agent)
	s.open("/account")
	other := s.another()
	other.open("/account")
	w.wait(11 * time.Minute)
	// It takes proofs of the last minutes, at the level that the user has.
	expect(t, s.Open(w.url+"/account/email"), "sign-in", 200)
	s.Submit(map[string]string{templates.FieldEmail: agent, templates.FieldPassword: password})
	expect(t, s.Page(), "enter-code", 200)
	link := s.ask("Agent.New@Example.com")
	says(t, s.Page(), "We have sent a message to "+fresh)
	w.mail(agent, templates.MailAddressAsked)
	if w.person(agent).User.EmailChangedAt != nil || !other.in() {
		t.Fatal("asking has changed something")
	}
	// Programs that look into messages open links.
	p := expect(t, s.Open(link), "account-email-confirm", 200)
	if w.person(agent).User.Email != agent {
		t.Fatal("opening the link has changed something")
	}
	for _, says := range []string{agent, fresh} {
		if !strings.Contains(p.Text(), says) {
			t.Errorf("the page doesn't say %q: %s", says, p)
		}
	}
	twin := p.Fields()
	before := s.Cookies(w.url)
	says(t, expect(t, s.Submit(nil), "account-profile", 200), "Your e-mail address is changed")
	u := w.person(fresh).User
	if u.EmailVerifiedAt == nil || !u.EmailVerifiedAt.Equal(w.now()) || !u.EmailChangedAt.Equal(w.now()) {
		t.Errorf("verified %v, changed %v", u.EmailVerifiedAt, u.EmailChangedAt)
	}
	if _, err := w.db.PersonByEmail(t.Context(), agent); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the former address: %v", err)
	}
	// Everything else is over, old cookies too, and the link.
	if other.in() || !s.in() {
		t.Error("the other browser is in, or this one is out")
	}
	for i, c := range s.Cookies(w.url) {
		if strings.HasSuffix(c.Name, "session") && c.Value == before[i].Value {
			t.Error("the cookie of the session is the same")
		}
	}
	expect(t, s.Open(link), "error", 410)
	twin.Set(templates.FieldCSRF, expect(t, s.open("/account/email"), "account-email", 200).Field(templates.FieldCSRF))
	if p := s.Send(w.url+"/account/email/confirm", twin); p.Screen() == "account-profile" {
		t.Error("the link worked twice")
	}
	w.mail(fresh, templates.MailAddressChanged)
	former := stiletest.NewBrowser(t)
	p = expect(t, former.Open(w.mail(agent, templates.MailAddressChanged).Data[templates.DataLink]), "not-me", 200)
	if strings.Contains(p.Body, fresh) {
		t.Error("the former mailbox learns the new address")
	}

	// A new sign-in, by the new address, asks for the second step as before.
	again := s.another()
	again.email = fresh
	again.Open(w.url + "/account")
	again.Submit(map[string]string{templates.FieldEmail: fresh, templates.FieldPassword: password})
	expect(t, again.Page(), "enter-code", 200)
	again.prove()
	expect(t, again.Page(), "account", 200)
	events, err := w.db.Events(t.Context(), storage.EventFilter{SubjectID: u.ID, Kinds: []audit.Kind{audit.AddressAsked, audit.AddressChanged}})
	must(t, err)
	if len(events) != 2 {
		t.Errorf("events: %+v", events)
	}
	for _, e := range events {
		if e.Kind == audit.AddressChanged && e.Detail["sessions_ended"] != "1" {
			t.Errorf("ended: %v", e.Detail)
		}
		for _, text := range e.Detail {
			if strings.Contains(text, "@") {
				t.Errorf("an address in the log: %v", e.Detail)
			}
		}
	}
}

// Whether somebody has an address is seen in no answer, and neither in how often
// one may ask; its holder hears of it, and nothing else happens.
func TestI01_AskingForAnAddressTellsNothing(t *testing.T) {
	w := newWorld(t)
	var bodies [2]string
	for i, to := range []string{"nobody@sales.example", agent + ".not"} {
		if i == 1 {
			to = boss
		}
		s := w.seat(member)
		s.open("/account/email")
		w.wait(time.Minute)
		p := expect(t, s.Submit(map[string]string{templates.FieldEmail: to}), "account-email", 200)
		text := strings.ReplaceAll(p.Text(), to, "ADDRESS")
		bodies[i] = strings.ReplaceAll(text, w.now().Add(20*time.Minute).Format("15:04"), "TIME")
		w.mail(member, templates.MailAddressAsked)
		w.wait(time.Hour)
	}
	if bodies[0] != bodies[1] {
		t.Errorf("a free address:\n%s\none that somebody has:\n%s", bodies[0], bodies[1])
	}
	if n := len(w.mails(boss, templates.MailAddressConfirm)); n != 0 {
		t.Errorf("%d links to somebody else's address", n)
	}
	// Neither mailbox hears who it was, and from where.
	taken, free := w.mail(boss, templates.MailAddressTaken), w.mail("nobody@sales.example", templates.MailAddressConfirm)
	for _, told := range []storage.Mail{taken, free} {
		for name, value := range told.Data {
			if strings.Contains(value, "member") || strings.Contains(value, "Sales") || name == templates.DataNetwork && value != "" {
				t.Errorf("%s tells %s = %q", told.Kind, name, value)
			}
		}
	}
	if taken.Data[templates.DataLink] != "" {
		t.Error("the holder gets a link")
	}
}

func TestI06_AddressThatCollides(t *testing.T) {
	w := newWorld(t)
	s := w.seat(member)
	s.open("/account/email")
	for typed, words := range map[string]string{
		"": "Enter your e-mail address", "no address": "in the form name@example.com", "Bo\u0131s@example.com": "in the form name@example.com",
		" MEMBER@sales.example ": "This is your address already", strings.Repeat("a", 320) + "@example.com": "in the form name@example.com",
	} {
		says(t, expect(t, s.Submit(map[string]string{templates.FieldEmail: typed}), "account-email", 422), words)
	}
	// The message goes to the form that is stored. Somebody gets the address while
	// it is on its way.
	const stored = "new@xn--bcher-kva.example"
	link := s.ask("New@B\u00fccher.example")
	expect(t, s.Open(link), "account-email-confirm", 200)
	account := w.person(member).Account
	w.user(account, stored, storage.RoleMember)
	says(t, expect(t, s.Submit(nil), "account-email-confirm", 409), "can’t be used any more")
	if w.person(member).User.EmailChangedAt != nil || !s.in() {
		t.Error("something has changed")
	}
	// Once it is free again, the same link does: nothing was spent.
	must(t, w.db.DeleteUser(t.Context(), w.person(stored).User.ID, audit.System))
	s.Open(link)
	expect(t, s.Submit(nil), "account-profile", 200)
	w.person(stored)
}

// The link alone is nothing: a stranger's mailbox does not make the user his.
func TestAddressLinkTakesTheUser(t *testing.T) {
	w := newWorld(t)
	s := w.seat(member)
	link := s.ask(fresh)
	token, err := url.Parse(link)
	must(t, err)

	stranger := w.seat(boss)
	stranger.open("/account")
	p := expect(t, stranger.Open(link), "account-email-confirm", 403)
	if strings.Contains(p.Text(), member) || strings.Contains(p.Text(), fresh) {
		t.Errorf("the page tells whom the link is for: %s", p)
	}
	form := expect(t, stranger.open("/account/profile"), "account-profile", 200).Fields()
	form.Set(templates.FieldToken, token.Query().Get("token"))
	for _, to := range []string{"/account/email", "/account/email/confirm"} { // a form of another page is none of this one's
		if p := stranger.Send(w.url+to, form); p.Status != 403 {
			t.Errorf("%s: %s", to, p)
		}
	}
	if w.person(member).User.Email != member {
		t.Fatal("changed by somebody else")
	}
	// The user opens it where nobody is signed in: the sign-in comes back to it.
	elsewhere := s.another()
	expect(t, elsewhere.Open(link), "sign-in", 200)
	expect(t, elsewhere.prove(), "account-email-confirm", 200)
	// Too late for the form: proofs again, and nothing has changed yet.
	w.wait(11 * time.Minute)
	expect(t, elsewhere.Submit(nil), "sign-in", 200)
	says(t, expect(t, elsewhere.prove(), "account-email-confirm", 200), "You have confirmed that it is you")
	expect(t, elsewhere.Submit(nil), "account-profile", 200)
	w.person(fresh)
	if s.in() {
		t.Error("the other browser is still in")
	}
}

func TestAddressLinksThatDoNotWork(t *testing.T) {
	w := newWorld(t)
	s := w.seat(member)
	first := s.ask(fresh)
	page := expect(t, s.Open(first), "account-email-confirm", 200).Fields()
	gone := func(what, link string) {
		t.Helper()
		expect(t, s.open("/account"), "account", 200)
		expect(t, s.Open(link), "error", 410)
		if w.person(member).User.Email != member {
			t.Fatalf("%s: changed", what)
		}
	}
	w.wait(time.Minute)
	second := s.ask("second@example.com")
	gone("replaced", first)
	expect(t, s.Send(w.url+"/account/email/confirm", page), "error", 410)
	w.wait(20 * time.Minute)
	gone("too old", second)
	gone("nonsense", w.url+"/account/email/confirm?token=stm_"+strings.Repeat("x", 43))
	gone("none", w.url+"/account/email/confirm")

	// A link for a new password is none for an address, and what was sent to the
	// address before no longer works.
	third := s.ask("third@example.com")
	b := stiletest.NewBrowser(t)
	b.Open(w.url + "/forgot-password")
	b.Submit(map[string]string{templates.FieldEmail: member})
	reset := w.mail(member, templates.MailPasswordReset).Data[templates.DataLink]
	gone("of another kind", w.url+"/account/email/confirm?"+strings.SplitN(reset, "?", 2)[1])
	expect(t, s.Open(third), "account-email-confirm", 200)
	expect(t, s.Submit(nil), "account-profile", 200)
	expect(t, b.Open(reset), "error", 410)
}

// "This wasn't me", in the notice to the present address, voids what waits.
func TestNotMeVoidsTheAddressAskedFor(t *testing.T) {
	w := newWorld(t)
	thief := w.seat(member)
	link := thief.ask(fresh)
	b := stiletest.NewBrowser(t)
	b.Open(w.mail(member, templates.MailAddressAsked).Data[templates.DataLink])
	expect(t, b.Submit(nil), "not-me-done", 200)
	if thief.in() {
		t.Fatal("the thief is still in")
	}
	thief.open("/account") // has the password
	expect(t, thief.Open(link), "error", 410)
	if w.person(member).User.Email != member {
		t.Error("changed")
	}
	says(t, expect(t, thief.open("/account/email"), "account-email", 200), member)
	if strings.Contains(thief.Page().Text(), fresh) {
		t.Error("the address still waits")
	}
}

// For seven days notices go to the former address too, with the link that takes
// back; however often the address changes meanwhile.
func TestNoticesGoToFormerAddresses(t *testing.T) {
	w := newWorld(t)
	s := w.seat(member)
	for _, to := range []string{"one@example.com", "two@example.com"} {
		s.Open(s.ask(to))
		expect(t, s.Submit(nil), "account-profile", 200)
		s.email = to
		w.wait(time.Hour)
	}
	turn := func(button string, kind templates.MailKind, told ...string) {
		t.Helper()
		expect(t, s.open("/account"), "account", 200)
		s.Press(button)
		s.prove()
		if s.Page().Screen() == "account" && strings.Contains(s.Page().Text(), "Choose again") {
			s.Press(button)
		}
		for _, to := range []string{member, "one@example.com", "two@example.com"} {
			got := w.mails(to, kind)
			want := 0
			for _, x := range told {
				if x == to {
					want = 1
				}
			}
			if len(got) != want {
				t.Errorf("%s: %d messages to %s, want %d", kind, len(got), to, want)
			}
			for _, m := range got {
				if m.Data[templates.DataLink] == "" {
					t.Errorf("%s to %s has no link that takes it back", kind, to)
				}
			}
		}
	}
	w.wait(6 * 24 * time.Hour)
	turn("Turn on", templates.MailTwoStepOn, member, "one@example.com", "two@example.com")
	w.wait(25 * time.Hour)
	turn("Turn off", templates.MailTwoStepOff, "two@example.com")
	must(t, w.db.RemoveExpired(t.Context()))
	if former := w.person("two@example.com").User.FormerEmails; former != nil {
		t.Errorf("still stored: %v", former)
	}
}

// One mailbox must not be flooded, nor the former owner drowned in changes.
func TestAskingForAddressesIsBound(t *testing.T) {
	w := newWorld(t)
	s := w.seat(member)
	s.ask(fresh)
	says(t, expect(t, s.Submit(map[string]string{templates.FieldEmail: "b@example.com"}), "account-email", 429), "We have sent as many messages as we may")
	if n := len(w.mails("b@example.com", templates.MailAddressConfirm)); n != 0 {
		t.Errorf("%d messages", n)
	}
	for i := range 5 {
		w.wait(5 * time.Hour)
		to := string(rune('c'+i)) + "@example.com"
		s.Open(s.ask(to))
		s.prove()
		expect(t, s.Submit(nil), "account-profile", 200)
		s.email = to
	}
	w.wait(5 * time.Hour)
	s.open("/account/email")
	says(t, expect(t, s.Submit(map[string]string{templates.FieldEmail: "z@example.com"}), "account-email", 422), "changed too often")
}
