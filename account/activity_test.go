package account_test

import (
	"slices"
	"testing"

	"stile/templates"
)

// The history says by what a sign-in was confirmed, which is not a code each time.
func TestHistorySaysWhatConfirmedASignIn(t *testing.T) {
	w := newWorld(t)
	s := w.seat(agent)
	var codes []string
	s.Open(w.url + "/account")
	for s.Page().Screen() != "account" {
		if s.Page().Screen() == "done" {
			codes = s.Page().Texts("code")
		}
		s.step()
	}
	s = s.another()
	s.Open(w.url + "/account/activity")
	s.step()
	s.Press("Use a recovery code")
	s.Submit(map[string]string{templates.FieldRecovery: codes[0]})
	p := expect(t, s.Press("Not now"), "account-activity", 200)
	if said := p.Texts("small"); !slices.Contains(said, "A recovery code was used.") || !slices.Contains(said, "A code was asked for and given.") {
		t.Errorf("the history says %q", said)
	}
}
