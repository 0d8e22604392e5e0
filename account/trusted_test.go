package account_test

import (
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
	"stile/templates"
)

// trusting is a browser that its user trusts, where a session of the password
// alone is open.
func (w *world) trusting(email string) *seat {
	w.t.Helper()
	s := w.seat(email)
	expect(w.t, s.open("/account"), "account", 200)
	s.again(map[string]string{templates.FieldTrust: "yes"})
	expect(w.t, s.Page(), "account", 200)
	if s.again(nil); s.Page().Screen() != "account" {
		w.t.Fatalf("not trusted: %s", s.Page())
	}
	return s
}

// again signs in again, long after the session is over. A code is given only with
// what else the form is to hold.
func (s *seat) again(with map[string]string) {
	s.w.t.Helper()
	s.w.wait(13 * time.Hour)
	s.Open(s.w.url + "/account")
	s.Submit(map[string]string{templates.FieldEmail: s.email, templates.FieldPassword: password})
	if with != nil {
		with[templates.FieldCode] = s.app.Code()
		s.Submit(with)
	}
}

// A trusted browser opens the page, and nothing that protects the sign-in: what
// is trusted is forgotten with the second factor only.
func TestL05_ForgettingTakesTheSecondFactor(t *testing.T) {
	w := newWorld(t)
	a := w.person(agent).Account
	_, err := w.db.UpdatePolicy(t.Context(), a.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.SetTrustDays(14)
		return s.Policy, nil
	}, audit.System)
	must(t, err)
	other := w.trusting(boss)
	s := w.trusting(agent)
	live := func(email string) int {
		t.Helper()
		list, err := w.db.OwnTrusted(t.Context(), w.person(email).User.ID)
		must(t, err)
		return len(list)
	}
	theirs, err := w.db.OwnTrusted(t.Context(), w.person(boss).User.ID)
	must(t, err)
	says(t, s.Page(), "Firefox on Windows")
	says(t, s.Page(), "This browser")
	if !strings.Contains(s.Page().Body, `value="forget-all"`) {
		t.Error("nothing forgets all")
	}

	const forget = "Forget Firefox on Windows"
	expect(t, s.Press(forget), "enter-code", 200)
	s.Open(w.url + "/account")
	expect(t, s.Press("Forget all"), "enter-code", 200)
	if live(agent) != 1 {
		t.Fatal("forgotten without the second factor")
	}
	says(t, expect(t, s.prove(), "account", 200), "You have confirmed that it is you.")
	form := s.Page().Fields()
	form.Set(templates.FieldDo, templates.DoForget)
	for what, id := range map[string]string{"somebody else's": theirs[0].ID, "none": "none", "no": ""} {
		form.Set(templates.FieldID, id)
		says(t, s.Send(w.url+"/account", form), "Already removed.")
		if live(agent) != 1 || live(boss) != 1 {
			t.Errorf("%s id forgets a browser", what)
		}
	}
	s.Open(w.url + "/account")
	says(t, s.Press(forget), "The browser is not trusted any more.")
	says(t, s.Page(), "No browser is trusted.")
	if live(agent) != 0 || live(boss) != 1 {
		t.Errorf("%d and %d are left", live(agent), live(boss))
	}
	if s.again(nil); s.Page().Screen() != "enter-code" {
		t.Errorf("G05 forgotten, yet: %s", s.Page())
	}

	other.open("/account")
	other.Press("Forget all")
	says(t, other.prove(), "You have confirmed that it is you.")
	says(t, other.Press("Forget all"), "No browser is trusted any more.")
	if live(boss) != 0 {
		t.Error("some are left")
	}
}
