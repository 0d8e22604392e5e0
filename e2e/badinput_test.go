package e2e

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// wire is a request as it goes over the wire; headers are name, value, name, value.
type wire struct {
	method, path, body string
	headers            []string
}

// What no browser and no library sends, beside badrequests_test.go: doors that
// are shut, forms of other sites, tokens in the wrong place, broken HTTP. Nobody
// is kept from signing in by it.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	rp := s.console(t)
	id, secret := rp.OAuth.ClientID, rp.OAuth.ClientSecret
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
	authorize := func(more string) string { return strings.TrimPrefix(rp.Begin().URL, s.Issuer) + more }
	w := newWalker(t, s, s.newPerson(t, s.newAccount(t, "required")))
	signIn := w.Open(rp.Begin().URL)
	form := func(change func(url.Values)) string {
		f := signIn.Fields()
		change(f)
		return f.Encode()
	}
	loginPath := strings.TrimPrefix(signIn.Action(), s.Issuer)

	for name, c := range map[string]struct {
		wire
		status string // those that will do
		says   string
	}{
		"TRACE":                      {wire{method: "TRACE", path: "/"}, "404 405", ""},
		"unclean path":               {wire{method: "GET", path: "//authorize/../token"}, "404 405", ""},
		"operators' pages":           {wire{method: "GET", path: "/metrics"}, "404", ""},
		"operators' profiles":        {wire{method: "GET", path: "/debug/pprof/"}, "404", ""},
		"P01 another port":           {wire{method: "GET", path: "/.well-known/openid-configuration", headers: []string{"Host", "localhost:1"}}, "421", ""},
		"P01 forwarded host":         {wire{method: "GET", path: "/.well-known/openid-configuration", headers: []string{"X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example", "X-Forwarded-Proto", "https"}}, "200", s.Issuer},
		"P06 a megabyte of token":    {wire{method: "POST", path: "/token", body: "code=" + strings.Repeat("x", 1<<20)}, "413", ""},
		"P06 101 parameters":         {wire{method: "POST", path: "/token", body: strings.Repeat("a=b&", 101)}, "400 413", ""},
		"invalid UTF-8 at token":     {wire{method: "POST", path: "/token", body: "grant_type=authorization_code&code=%ff%fe", headers: []string{"Authorization", basic}}, "400", ""},
		"invalid UTF-8 at authorize": {wire{method: "GET", path: authorize("&login_hint=%ff%fe")}, "303 400", ""},
		"A01 state twice":            {wire{method: "GET", path: authorize("&state=x")}, "303 400", ""},
		"A01 grant_type twice":       {wire{method: "POST", path: "/token", body: "grant_type=client_credentials&grant_type=refresh_token", headers: []string{"Authorization", basic}}, "400", "invalid_request"},
		"no form token":              {wire{method: "POST", path: loginPath, body: form(func(f url.Values) { f.Del("csrf") })}, "403", ""},
		"H01 a form of another site": {wire{method: "POST", path: loginPath, body: form(func(url.Values) {}), headers: []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}}, "403", ""},
		"H01 Origin: null":           {wire{method: "POST", path: loginPath, body: form(func(url.Values) {}), headers: []string{"Origin", "null"}}, "403", ""},
		"unknown request":            {wire{method: "GET", path: "/login/sign-in?r=x"}, "410", "This sign-in is over."},
		"no request":                 {wire{method: "GET", path: "/login/enter-code"}, "410", ""},
		"long request":               {wire{method: "GET", path: "/login/enter-code?r=" + strings.Repeat("x", 12<<10)}, "410", ""},
		"A03 response_type token":    {wire{method: "GET", path: strings.Replace(authorize(""), "response_type=code", "response_type=token", 1)}, "303", "error=unsupported_response_type"},
		"C03 plain PKCE":             {wire{method: "GET", path: strings.Replace(authorize(""), "code_challenge_method=S256", "code_challenge_method=plain", 1)}, "303", "error=invalid_request"},
		"C04 a code that is none":    {wire{method: "POST", path: "/token", body: "grant_type=authorization_code&code=str_x&redirect_uri=" + url.QueryEscape(rp.URL), headers: []string{"Authorization", basic}}, "400", "invalid_grant"},
		"D01 two methods at once":    {wire{method: "POST", path: "/token", body: "grant_type=refresh_token&refresh_token=x&client_id=" + id + "&client_secret=" + secret, headers: []string{"Authorization", basic}}, "400 401", ""},
		"D01 no credential":          {wire{method: "POST", path: "/token", body: "grant_type=refresh_token&refresh_token=x&client_id=" + id}, "401", "invalid_client"},
		"D04 broken Basic":           {wire{method: "POST", path: "/token", body: "grant_type=refresh_token", headers: []string{"Authorization", "Basic %%%"}}, "401", "invalid_client"},
		"unknown grant type":         {wire{method: "POST", path: "/token", body: "grant_type=magic", headers: []string{"Authorization", basic}}, "400", "unsupported_grant_type"},
		"password grant":             {wire{method: "POST", path: "/token", body: "grant_type=password&username=a&password=b", headers: []string{"Authorization", basic}}, "400", "unsupported_grant_type"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.method == http.MethodPost {
				c.headers = append(c.headers, "Content-Type", formType)
			}
			a := s.ask(t, c.method, c.path, c.body, c.headers...)
			if !strings.Contains(c.status, fmt.Sprint(a.Status)) || !strings.Contains(a.Body+a.Header.Get("Location"), c.says) {
				t.Errorf("status %d, want %s and %q: %.300s %s", a.Status, c.status, c.says, a.Body, a.Header.Get("Location"))
			}
		})
	}
	s.rawSockets(t)
	if log := s.log(); strings.Contains(log, "panic") || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the log tells of faults of ours: %s", log)
	}
	wantMFA(t, w.tokens(rp).Claims)
}

// rawSockets speaks HTTP as a client of ours would not.
func (s *system) rawSockets(t *testing.T) {
	host := strings.TrimPrefix(s.Issuer, "http://")
	for name, text := range map[string]string{
		"P03 two lengths":     "POST /token HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
		"P03 bad chunk":       "POST /token HTTP/1.1\r\nHost: " + host + "\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"P03 NUL in header":   "GET / HTTP/1.1\r\nHost: " + host + "\r\nX: a\x00b\r\n\r\n",
		"P03 no host":         "GET / HTTP/1.1\r\n\r\n",
		"P03 no HTTP":         "hello\r\n\r\n",
		"P03 folded header":   "GET / HTTP/1.1\r\n Host: " + host + "\r\n\r\n",
		"P01 absolute target": "GET http://evil.example/.well-known/openid-configuration HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if resp.StatusCode/100 != 4 {
			t.Errorf("%s: status %d", name, resp.StatusCode)
		}
		_ = conn.Close()
	}
}
