package account_test

import (
	"strings"
	"testing"

	"stile/templates"
)

// Whoever has come in by a recovery code makes new ones with a code of the app, and
// not before. They can be downloaded, though the set that let in is void.
func TestM02_NewCodesAreDownloadedThoughTheOldOnesLetIn(t *testing.T) {
	w := newWorld(t)
	var old []string
	s := w.seat(agent)
	s.Open(w.url + "/account")
	for s.Page().Screen() != "account" {
		if s.Page().Screen() == "done" {
			old = s.Page().Texts("code")
		}
		s.step()
	}
	set := w.person(agent).RecoveryID
	s = s.another()
	s.Open(w.url + "/account")
	s.step()
	s.Press("Use a recovery code")
	s.Submit(map[string]string{templates.FieldRecovery: old[0]})
	expect(t, s.Press("Not now"), "account", 200)
	expect(t, s.Press("Make new codes"), "enter-code", 200)
	if w.person(agent).RecoveryID != set {
		t.Error("a recovery code made others")
	}
	expect(t, s.prove(), "account", 200)
	made := expect(t, s.Press("Make new codes"), "account-recovery-codes", 200)
	noSwitch(t, made)
	codes := made.Texts("code")
	p := s.Press("Download")
	if !strings.HasPrefix(p.Header.Get("Content-Type"), "text/plain") || !strings.Contains(p.Body, codes[0]) || !strings.Contains(p.Body, codes[9]) {
		t.Errorf("the file: %s", p)
	}
}
