package account_test

import (
	"strings"
	"testing"

	"stile/templates"
)

// Whoever has come in by a recovery code and makes new ones has proven too little
// for anything else from then on: the codes on the page can still be downloaded.
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
	s = s.another()
	s.Open(w.url + "/account")
	s.step()
	s.Press("Use a recovery code")
	s.Submit(map[string]string{templates.FieldRecovery: old[0]})
	expect(t, s.Press("Not now"), "account", 200)
	made := expect(t, s.Press("Make new codes"), "account-recovery-codes", 200)
	noSwitch(t, made)
	codes := made.Texts("code")
	p := s.Press("Download")
	if !strings.HasPrefix(p.Header.Get("Content-Type"), "text/plain") || !strings.Contains(p.Body, codes[0]) || !strings.Contains(p.Body, codes[9]) {
		t.Errorf("the file: %s", p)
	}
	expect(t, s.Open(w.url+"/account"), "enter-code", 200) // nothing else
}
