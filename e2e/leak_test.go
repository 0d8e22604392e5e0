package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// secrets are what a test has used that only its owner may ever read.
type secrets struct {
	long  map[string]string // value → what it is
	codes map[string]string // of six digits, which chance writes too
}

func (s secrets) add(what string, values ...string) {
	for _, v := range values {
		switch {
		case len(v) == 6:
			s.codes[v] = what
		case len(v) > 6:
			s.long[v] = what
		}
	}
}

// cookies adds all cookies that this browser was ever given.
func (s secrets) cookies(w *walker) {
	for _, a := range w.Visited {
		for _, c := range (&http.Response{Header: a.Header}).Cookies() {
			if c.Name != "stile_lang" {
				s.add("cookie "+c.Name, c.Value)
			}
		}
	}
}

// forms are the ways in which a value may have been written.
func forms(value string) map[string]string {
	return map[string]string{
		"raw": value, "URL-encoded": url.QueryEscape(value), "path-escaped": url.PathEscape(value),
		"base64": base64.RawStdEncoding.EncodeToString([]byte(value)), "base64url": base64.RawURLEncoding.EncodeToString([]byte(value)),
		"hex": hex.EncodeToString([]byte(value)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(value))),
	}
}

// counted is what the log counts, which may look like a code.
var counted = regexp.MustCompile(`"(took|bytes|time|network|addr|address|pid)":("[^"]*"|\d+)`)

// find reports each secret that a text holds.
func (s secrets) find(t *testing.T, where string, text []byte) {
	t.Helper()
	if len(text) == 0 {
		t.Errorf("%s is empty: nothing was searched", where)
	}
	for value, what := range s.long {
		for form, written := range forms(value) {
			if bytes.Contains(text, []byte(written)) {
				t.Errorf("%s holds the %s (%s)", where, what, form)
			}
		}
	}
	words := counted.ReplaceAll(text, nil)
	for value, what := range s.codes {
		near := `(?i)code\W{0,6}` + value
		if strings.HasPrefix(where, "log") {
			near = `\b` + value + `\b`
		}
		if regexp.MustCompile(near).Match(words) {
			t.Errorf("%s holds the %s %s", where, what, value)
		}
	}
}

// One person does everything there is, at the most talkative level; afterwards
// nothing that was secret stands anywhere.
func TestO01_J07_SecretsStandNowhere(t *testing.T) {
	t.Parallel()
	s := startServe(t, "log:\n  level: debug\n")
	used := secrets{map[string]string{}, map[string]string{}}
	account := s.newAccount(t, "required")
	who := person{account, strings.ToLower(rand.Text()[:10]) + "@example.com", "marked password " + rand.Text()}
	used.add("password", who.Password)
	s.stile(t, who.Password+"\n", "user", "create", "--account", account, "--email", who.Email, "--name", "Pat Person", "--password-stdin")
	rp := s.console(t)
	used.add("client secret", rp.OAuth.ClientSecret)

	// Enrolment, with wrong entries on the way.
	w := newWalker(t, s, who)
	attempt := rp.Begin()
	w.Open(attempt.URL)
	wrong := "mistyped password " + rand.Text()
	used.add("wrong password", wrong)
	w.Submit(map[string]string{"email": who.Email, "password": wrong})
	w.wantProblem("sign-in", "do not match")
	w.password()
	w.Submit(nil)
	w.want("verify-email")
	mailed := s.codeByMail(t, who.Email, 0)
	used.add("e-mail code", mailed)
	miss := other(mailed)
	used.add("wrong e-mail code", miss)
	w.Submit(map[string]string{"code": miss})
	w.want("verify-email")
	w.Submit(map[string]string{"code": mailed})
	w.want("install-app")
	w.Submit(nil)
	w.app = s.newAuthenticator(t, w.key())
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(w.app.Key())
	if err != nil {
		t.Fatal(err)
	}
	used.add("TOTP key", w.app.Key(), string(raw))
	w.Submit(nil)
	setup := w.app.Code()
	used.add("setup code", setup)
	w.Submit(map[string]string{"code": setup})
	w.want("done")
	recovery := recoveryCodes(t, w.Page().Texts("li"))
	for _, c := range recovery {
		used.add("recovery code", c, strings.ToUpper(c), strings.ReplaceAll(c, "-", ""), strings.ToUpper(strings.ReplaceAll(c, "-", "")))
	}
	w.keep()
	code := w.app.Code()
	used.add("code", code)
	used.add("wrong code", other(code))
	w.Submit(map[string]string{"code": other(code)})
	w.want("enter-code")
	w.Submit(map[string]string{"code": code})
	at := w.Page().URL
	used.add("authorization code", at.Query().Get("code"))

	// Tokens.
	tokens := rp.Redeem(attempt, at)
	wantMFA(t, tokens.Claims)
	used.add("access token", tokens.AccessToken)
	used.add("refresh token", tokens.RefreshToken)
	used.add("ID token", tokens.IDToken)
	rp.Email(tokens)
	again, err := rp.Refresh(tokens.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	used.add("access token after the refresh", again.AccessToken)
	used.add("refresh token after the refresh", again.RefreshToken)
	basic := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(rp.OAuth.ClientID) + ":" + url.QueryEscape(rp.OAuth.ClientSecret)))
	for _, token := range []string{again.AccessToken, again.RefreshToken, "not a token"} {
		s.ask(t, "POST", "/introspect", url.Values{"token": {token}}.Encode(), "Content-Type", formType, "Authorization", "Basic "+basic).want(t, http.StatusOK)
	}
	if _, err := rp.Exchange(attempt, at.Query().Get("code")); err == nil { // once more: the grant ends
		t.Error("the authorization code was taken twice")
	}
	used.cookies(w)

	// Another browser, with a recovery code.
	w = w.elsewhere()
	attempt = rp.Begin()
	w.Open(attempt.URL)
	w.password()
	w.Press("Use a recovery code")
	unknown := "0000-1111-2222-3333"
	used.add("wrong recovery code", unknown)
	w.Submit(map[string]string{"recovery": unknown})
	w.want("recovery-code")
	w.Submit(map[string]string{"recovery": recovery[3]})
	w.Press("Not now")
	used.add("authorization code", w.Page().URL.Query().Get("code"))
	tokens = rp.Redeem(attempt, w.Page().URL)
	used.add("access token", tokens.AccessToken)
	used.add("refresh token", tokens.RefreshToken)
	used.cookies(w)
	s.mails(t, who.Email, "A recovery code was used", 1)
	if len(used.long) < 30 || len(used.codes) < 4 {
		t.Fatalf("only %d long and %d short secrets were used", len(used.long), len(used.codes))
	}

	var toOthers, toAll []byte
	for _, m := range s.messages(t, "") {
		text := m.Subject + "\n" + m.Text + "\n" + m.HTML + "\n"
		toAll = append(toAll, text...)
		if m.To != who.Email {
			toOthers = append(toOthers, text...)
		}
	}
	if bytes.Contains(toOthers, []byte(mailed)) {
		t.Error("the e-mail code was sent to somebody else")
	}
	secrets{used.long, nil}.find(t, "mail", toAll)
	used.find(t, "log", []byte(s.log()))
	if !strings.Contains(s.log(), `"level":"DEBUG"`) {
		t.Errorf("the log is not talkative: %s", tail(s.log(), 500))
	}
	used.find(t, "audit log", []byte(s.stile(t, "", "audit", "list", "--json")))
	s.proc.stop(t)
	used.find(t, "log of the end", []byte(s.log()))
	files, err := os.ReadDir(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	searched := 0
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), "stile.db") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(s.Dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 0 {
			searched++
			used.find(t, "database file "+f.Name(), text)
		}
	}
	if searched == 0 {
		t.Error("no database file was searched")
	}
}

// other is another code of six digits than this one.
func other(code string) string {
	last := code[5] - '0'
	return code[:5] + string('0'+(last+1)%10)
}
