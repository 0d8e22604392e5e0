package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"stile/seal"
	"stile/templates"
)

// formSite has a form that holds on to the session, and one of a sign-in.
func formSite(t *testing.T) (*site, *int) {
	s := newSite(t, "https://id.example.com")
	accepted := new(int)
	form := func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodGet {
			w.Header().Set("X-Token", s.FormToken(w, r, route(r)))
			return nil
		}
		if _, err := s.Form(w, r); err != nil {
			return err
		}
		*accepted++
		return nil
	}
	s.router.Handle("/login/a", s.HandleFlow(form)).Name("login.a")
	s.router.Handle("/login/b", s.HandleFlow(form)).Name("login.b")
	s.router.Handle("/account", s.Handle(form)).Name("account")
	return s, accepted
}

// open fetches the form at path and returns its token and the login cookie.
func open(t *testing.T, s *site, path string, cookies ...string) (token string, all []string) {
	t.Helper()
	r := get(path)
	r.Header.Set("Cookie", strings.Join(cookies, "; "))
	res := s.ask(r)
	for _, c := range res.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	return res.Header.Get("X-Token"), cookies
}

func send(s *site, path, token string, cookies []string, headers ...string) int {
	r := post(path, url.Values{templates.FieldCSRF: {token}}.Encode())
	r.Header.Set("Cookie", strings.Join(cookies, "; "))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return s.ask(r).StatusCode
}

func TestH01_FormsAreOurs(t *testing.T) {
	s, accepted := formSite(t)
	session := "__Host-stile-session=" + seal.NewToken(seal.KindBrowser).Reveal()
	otherSession := "__Host-stile-session=" + seal.NewToken(seal.KindBrowser).Reveal()
	own, cookies := open(t, s, "/login/a")
	foreign, _ := open(t, s, "/login/a")
	otherRoute, _ := open(t, s, "/login/b", cookies...)
	ofSession, _ := open(t, s, "/account", session)
	ofOther, _ := open(t, s, "/account", otherSession)

	for _, c := range []struct {
		name    string
		path    string
		token   string
		cookies []string
		headers []string
		want    int
	}{
		{"own form, no browser headers", "/login/a", own, cookies, nil, 200},
		{"own form, same origin", "/login/a", own, cookies, []string{"Sec-Fetch-Site", "same-origin", "Origin", "null"}, 200},
		{"typed or restored", "/login/a", own, cookies, []string{"Sec-Fetch-Site", "none"}, 200},
		{"older browser", "/login/a", own, cookies, []string{"Origin", "https://id.example.com"}, 200},
		{"session form", "/account", ofSession, []string{session}, nil, 200},
		{"sign-in form while signed in", "/login/a", own, append(cookies, session), nil, 200},
		{"cross-site", "/login/a", own, cookies, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"other subdomain", "/login/a", own, cookies, []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"null origin", "/login/a", own, cookies, []string{"Origin", "null"}, 403},
		{"other origin", "/login/a", own, cookies, []string{"Origin", "https://evil.example"}, 403},
		{"other scheme", "/login/a", own, cookies, []string{"Origin", "http://id.example.com"}, 403},
		{"two origins", "/login/a", own, cookies, []string{"Origin", "https://id.example.com", "Origin", "https://id.example.com"}, 403},
		{"no token", "/login/a", "", cookies, nil, 403},
		{"token of another browser", "/login/a", foreign, cookies, nil, 403},
		{"token of another route", "/login/a", otherRoute, cookies, nil, 403},
		{"token of another session", "/account", ofOther, []string{session}, nil, 403},
		{"token of a browser for a session", "/account", own, append(cookies, session), nil, 403},
		{"no cookies", "/login/a", own, nil, nil, 403},
	} {
		before := *accepted
		if got := send(s, c.path, c.token, c.cookies, c.headers...); got != c.want || (*accepted > before) != (c.want == 200) {
			t.Errorf("%s: status %d, want %d", c.name, got, c.want)
		}
	}

	s.at = s.at.Add(24 * time.Hour)
	if got := send(s, "/login/a", own, cookies); got != 200 {
		t.Errorf("token of the day before: status %d", got)
	}
	s.at = s.at.Add(24 * time.Hour)
	if got := send(s, "/login/a", own, cookies); got != 403 {
		t.Errorf("token of two days before: status %d", got)
	}
}

func TestP06_WhatIsReadIsBounded(t *testing.T) {
	s, accepted := formSite(t)
	token, cookies := open(t, s, "/login/a")
	good := templates.FieldCSRF + "=" + token
	for _, c := range []struct {
		name, kind, encoding, body string
		want                       int
	}{
		{"good", "application/x-www-form-urlencoded", "", good, 200},
		{"charset", "application/x-www-form-urlencoded; charset=UTF-8", "", good, 200},
		{"other charset", "application/x-www-form-urlencoded; charset=utf-7", "", good, 415},
		{"multipart", "multipart/form-data; boundary=x", "", good, 415},
		{"no type", "", "", good, 415},
		{"gzip", "application/x-www-form-urlencoded", "gzip", good, 415},
		{"too large", "application/x-www-form-urlencoded", "", good + "&a=" + strings.Repeat("a", MaxBody), 413},
		{"101 fields", "application/x-www-form-urlencoded", "", good + strings.Repeat("&a=1", 100), 413},
		{"field twice", "application/x-www-form-urlencoded", "", good + "&a=1&a=1", 400},
		{"token twice", "application/x-www-form-urlencoded", "", good + "&" + good, 400},
		{"not UTF-8", "application/x-www-form-urlencoded", "", good + "&a=%ff", 400},
		{"broken escape", "application/x-www-form-urlencoded", "", good + "&a=%zz", 400},
		{"semicolon", "application/x-www-form-urlencoded", "", good + ";a=1", 400},
	} {
		r := post("/login/a", c.body)
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
		r.Header.Set("Content-Type", c.kind)
		if c.encoding != "" {
			r.Header.Set("Content-Encoding", c.encoding)
		}
		before := *accepted
		if got := s.ask(r).StatusCode; got != c.want || (*accepted > before) != (c.want == 200) {
			t.Errorf("%s: status %d, want %d", c.name, got, c.want)
		}
	}
	unknownLength := post("/login/a", good+"&a="+strings.Repeat("a", MaxBody))
	unknownLength.ContentLength = -1
	if got := s.ask(unknownLength).StatusCode; got != 413 {
		t.Errorf("too large, length not told: status %d", got)
	}
	if got := s.ask(get("/login/a?x=" + strings.Repeat("a", maxURL))).StatusCode; got != 414 {
		t.Errorf("long URL: status %d", got)
	}
}

func TestLanguageOrder(t *testing.T) {
	s := newSite(t, "https://id.example.com")
	s.router.Handle("/page", s.Handle(func(w http.ResponseWriter, r *http.Request) error {
		return s.Page(w, r, http.StatusOK, templates.SignedOut{}, Languages(r.Header.Get("X-User"), "xx de"), DefaultLanguage("it"))
	}))
	for _, c := range []struct{ query, user, cookie, accept, want string }{
		{"", "", "", "", "de"},
		{"?lang=fr", "nl", "es", "pt", "fr"},
		{"?lang=xx", "nl", "es", "pt", "nl"},
		{"", "nl-BE", "es", "pt", "nl"},
	} {
		r := get("/page" + c.query)
		r.Header.Set("X-User", c.user)
		r.Header.Set("Accept-Language", c.accept)
		r.Header.Set("Cookie", "stile_lang="+c.cookie)
		res := s.ask(r)
		if got := res.Header.Get("Content-Language"); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
		if kept := len(res.Cookies()) == 1; kept != (c.want == "fr") {
			t.Errorf("%+v: cookies %v", c, res.Cookies())
		}
	}
	s.router.Handle("/open", s.Handle(func(w http.ResponseWriter, r *http.Request) error {
		return s.Page(w, r, http.StatusOK, templates.SignedOut{}, DefaultLanguage("it"))
	}))
	for _, c := range []struct{ cookie, accept, want string }{
		{"es", "pt;q=0.5, fr", "es"}, {"", "pt;q=0.5, fr", "fr"}, {"", "xx", "it"},
	} {
		r := get("/open")
		r.Header.Set("Accept-Language", c.accept)
		r.Header.Set("Cookie", "stile_lang="+c.cookie)
		if got := s.ask(r).Header.Get("Content-Language"); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
