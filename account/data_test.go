package account_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
	"stile/templates"
)

// exported is the download of a file of one's own data.
func (s *seat) exported() (body string) {
	s.w.t.Helper()
	expect(s.w.t, s.open("/account/data"), "account-data", 200)
	says(s.w.t, expect(s.w.t, s.Press("Prepare the file"), "account-data", 200), "Your file is ready")
	p := s.Press("Download")
	if p.Status != 200 || p.Header.Get("Content-Type") != "application/json" || !strings.Contains(p.Header.Get("Content-Disposition"), "my-data.json") ||
		p.Header.Get("Cache-Control") != "no-store" {
		s.w.t.Fatalf("no file: %v %s", p.Header, p)
	}
	return p.Body
}

func TestS04_ExportHoldsAllAndNoSecret(t *testing.T) {
	w := newWorld(t)
	b := w.seat(boss)
	b.open("/account")
	w.wait(time.Hour)
	s := w.seat(agent)
	s.open("/account")
	// Something that somebody else did, from elsewhere.
	by := w.person(boss).User.Acting(audit.Actor{Network: "198.51.100.99", UserAgent: "of the boss"})
	_, err := w.db.UpdateUser(t.Context(), w.person(agent).User.ID, func(u *storage.User) error { u.Name = "Another name"; return nil }, by)
	must(t, err)
	body := s.exported()
	var data struct {
		Issuer string
		User   struct{ ID, Email, Name string }
		Account,
		Products any
		Authenticators []struct{ Kind, State string }
		Sessions       []struct {
			UserAgent string `json:"user_agent"`
		}
		Events []struct {
			Kind, Actor, Network string
			ActorKind            string `json:"actor_kind"`
			ActorID              string `json:"actor_id"`
			UserAgent            string `json:"user_agent"`
		}
		Acts []any `json:"acts_on_others"`
	}
	if err := json.Unmarshal([]byte(body), &data); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	who := w.person(agent)
	if data.Issuer != w.url || data.User.ID != who.User.ID || data.User.Email != agent || data.User.Name != "Another name" || len(data.Sessions) != 1 {
		t.Errorf("%+v", data)
	}
	var kinds []string
	for _, a := range data.Authenticators {
		kinds = append(kinds, a.Kind)
	}
	slices.Sort(kinds)
	if !slices.Equal(kinds, []string{"recovery", "totp"}) {
		t.Errorf("authenticators: %v", kinds)
	}
	seen := map[string]bool{}
	for _, e := range data.Events {
		seen[e.Kind] = true
	}
	for _, kind := range []string{"user.changed", "sign_in.succeeded", "authenticator.added", "data.asked", "data.exported"} {
		if !seen[kind] {
			t.Errorf("no event %s", kind)
		}
	}
	for what, secret := range map[string]string{
		"password": w.phc, "its scheme": "argon2", "key": s.app.Key(), "its text": strings.ToLower(s.app.Key()),
		"another's id": by.ID, "another's network": by.Network, "another's browser": by.UserAgent,
	} {
		if strings.Contains(body, secret) {
			t.Errorf("the file has the %s", what)
		}
	}
	for _, c := range s.Cookies(w.url) {
		if len(c.Value) > 20 && strings.Contains(body, c.Value) {
			t.Errorf("the file has the cookie %s", c.Name)
		}
	}
	w.mail(agent, templates.MailDataAsked)
	// What an admin did to others is in that admin's file.
	if body := b.exported(); !strings.Contains(body, `"acts_on_others": [`+"\n    {") || strings.Contains(body, agent) {
		t.Errorf("the admin's own acts: %s", body)
	}
}

func TestS04_ExportOnceWithinADayByItsUser(t *testing.T) {
	w := newWorld(t)
	s := w.seat(member)
	s.open("/account/data")
	w.wait(11 * time.Minute)
	expect(t, s.Press("Prepare the file"), "sign-in", 200) // a sensitive act
	says(t, expect(t, s.prove(), "account-data", 200), "You have confirmed that it is you")
	s.Press("Prepare the file")
	form, id := s.Page().Fields(), s.Page().Field(templates.FieldID)
	if id == "" {
		t.Fatalf("no export waits: %s", s.Page())
	}

	// By another, who knows its id.
	o := w.seat(boss)
	theft := expect(t, o.open("/account/data"), "account-data", 200).Fields()
	theft.Set(templates.FieldDo, templates.DoTakeExport)
	theft.Set(templates.FieldID, id)
	expect(t, o.Send(w.url+"/account/data", theft), "account-data", 200)

	// Without proofs of the last minutes.
	w.wait(11 * time.Minute)
	expect(t, s.Send(w.url+"/account/data", form), "sign-in", 200)
	expect(t, s.prove(), "account-data", 200)
	form.Set(templates.FieldCSRF, s.Page().Field(templates.FieldCSRF))
	if p := s.Send(w.url+"/account/data", form); !strings.Contains(p.Body, member) || p.Header.Get("Content-Disposition") == "" {
		t.Fatalf("no file: %s", p)
	}
	expect(t, s.Send(w.url+"/account/data", form), "account-data", 200) // not twice
	if id := s.Page().Field(templates.FieldID); id != "" {
		t.Error("it is offered again")
	}

	// Too late, and after somebody said that it was somebody else.
	s.open("/account/data")
	s.Press("Prepare the file")
	w.wait(24 * time.Hour)
	s.open("/account/data")
	says(t, s.Page(), "Prepare the file")
	s.Press("Prepare the file")
	w.mails(member, templates.MailDataAsked)
	w.wait(time.Minute)
	expect(t, s.open("/account/data"), "account-data", 200)
	if s.Page().Field(templates.FieldID) == "" {
		t.Fatalf("no export waits: %s", s.Page())
	}
	must(t, w.db.SignOutUser(t.Context(), w.person(member).User.ID, audit.System))
	says(t, expect(t, s.open("/account/data"), "account-data", 200), "Prepare the file")
}

func TestS03_ErasureOfOneself(t *testing.T) {
	w := newWorld(t)
	s := w.seat(agent)
	s.open("/account")
	other := s.another()
	other.open("/account")
	s.open("/account/email")
	w.wait(time.Minute)
	expect(t, s.Submit(map[string]string{templates.FieldEmail: fresh}), "account-email", 200)
	w.wait(11 * time.Minute)
	expect(t, s.Open(w.url+"/account/data"), "account-data", 200)
	expect(t, s.Open(w.url+"/account/data/erase"), "sign-in", 200) // a sensitive act
	p := expect(t, s.prove(), "account-erase", 200)
	says(t, p, "You leave Example Support")
	id := w.person(agent).User.ID
	for _, typed := range []string{"", boss, "erase"} {
		says(t, expect(t, s.Submit(map[string]string{templates.FieldConfirm: typed}), "account-erase", 422), "Type your own e-mail address")
	}
	w.mails(agent, templates.MailErased)
	says(t, expect(t, s.Submit(map[string]string{templates.FieldConfirm: " Agent@Example.com "}), "signed-out", 200), "Your user is erased")
	noSwitch(t, s.Page())

	for _, b := range []*seat{s, other} {
		if b.in() {
			t.Error("still signed in")
		}
	}
	if _, err := w.db.PersonByID(t.Context(), id); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the user: %v", err)
	}
	w.mail(agent, templates.MailErased)
	if told := w.mail(boss, templates.MailMemberLeft); told.Data[templates.DataAddress] != agent {
		t.Errorf("the admin is told %v", told.Data)
	}
	events, err := w.db.Events(t.Context(), storage.EventFilter{SubjectID: id, Kind: audit.UserChanged})
	must(t, err)
	if len(events) != 2 || !slices.ContainsFunc(events, func(e storage.StoredEvent) bool { return e.Reason == "erased" && e.Actor.ID == id }) {
		t.Errorf("events: %+v", events)
	}
	s.Open(w.url + "/account")
	expect(t, s.Submit(map[string]string{templates.FieldEmail: agent, templates.FieldPassword: password}), "sign-in", 422)
	// The same address is somebody new.
	w.user(w.person(boss).Account, agent, storage.RoleMember)
	if w.person(agent).User.ID == id {
		t.Error("the id was given again")
	}
}

// Nobody leaves an account without an admin.
func TestN04_LastAdminErasesNobody(t *testing.T) {
	w := newWorld(t)
	s := w.seat(boss)
	says(t, expect(t, s.open("/account/data"), "account-data", 200), "You are the only admin of your organisation")
	if links := s.Page().Links("/account/data/erase"); len(links) > 0 {
		t.Error("the page leads on")
	}
	expect(t, s.open("/account/data/erase"), "account-data", 200)
	// There were two when the form was opened.
	const second = "second@example.com"
	w.user(w.person(boss).Account, second, storage.RoleAdmin)
	expect(t, s.open("/account/data/erase"), "account-erase", 200)
	form := s.Page().Fields()
	must(t, w.db.DeleteUser(t.Context(), w.person(second).User.ID, audit.System))
	form.Set(templates.FieldConfirm, boss)
	says(t, expect(t, s.Send(w.url+"/account/data/erase", form), "account-data", 200), "You are the only admin")
	w.person(boss)
	if n := len(w.mails(boss, templates.MailErased)); n != 0 {
		t.Errorf("%d messages about what was not done", n)
	}
}
