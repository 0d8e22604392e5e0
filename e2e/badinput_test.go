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

// wire is a request as it goes over the wire, without what a client library
// would do to it.
type wire struct {
	method, path, body string
	header             map[string]string
}

// send sends a request and returns the answer with its body.
func (s *system) send(t testing.TB, q wire) (*http.Response, string) {
	t.Helper()
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	r, err := http.NewRequest(q.method, s.Issuer, body)
	if err != nil {
		t.Fatal(err)
	}
	path, query, _ := strings.Cut(q.path, "?")
	r.URL.Path, r.URL.RawQuery = path, query
	if q.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range q.header {
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Set(name, value)
		}
	}
	resp, err := (&http.Client{Transport: s.httpClient().Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		t.Fatalf("%s %.80s: %v", q.method, q.path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// What no browser and no library sends. Each gets a clear refusal, nothing
// panics, and people sign in as before.
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
		"GET on token":               {wire{method: "GET", path: "/token"}, "405", ""},
		"GET on introspect":          {wire{method: "GET", path: "/introspect"}, "405", ""},
		"PUT on authorize":           {wire{method: "PUT", path: "/authorize"}, "405", ""},
		"DELETE on a screen":         {wire{method: "DELETE", path: "/login/sign-in"}, "405", ""},
		"TRACE":                      {wire{method: "TRACE", path: "/"}, "404 405", ""},
		"no such page":               {wire{method: "GET", path: "/nothing"}, "404", "no page at this address"},
		"unclean path":               {wire{method: "GET", path: "//authorize/../token"}, "404 405", ""},
		"operators' pages":           {wire{method: "GET", path: "/metrics"}, "404", ""},
		"operators' profiles":        {wire{method: "GET", path: "/debug/pprof/"}, "404", ""},
		"P01 another host":           {wire{method: "GET", path: "/", header: map[string]string{"Host": "evil.example"}}, "421", ""},
		"P01 another port":           {wire{method: "GET", path: "/.well-known/openid-configuration", header: map[string]string{"Host": "localhost:1"}}, "421", ""},
		"P01 forwarded host":         {wire{method: "GET", path: "/.well-known/openid-configuration", header: map[string]string{"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "X-Forwarded-Proto": "https"}}, "200", s.Issuer},
		"health of any host":         {wire{method: "GET", path: "/healthz", header: map[string]string{"Host": "10.0.0.7"}}, "200", "ok"},
		"P06 huge header":            {wire{method: "GET", path: "/", header: map[string]string{"X-Long": strings.Repeat("x", 60<<10)}}, "431", ""},
		"P06 long URL":               {wire{method: "GET", path: "/authorize?state=" + strings.Repeat("x", 17<<10)}, "414", ""},
		"I04 a megabyte of password": {wire{method: "POST", path: loginPath, body: form(func(f url.Values) { f.Set("email", "a@b.example"); f.Set("password", strings.Repeat("x", 1<<20)) })}, "413", "too large"},
		"P06 a megabyte of token":    {wire{method: "POST", path: "/token", body: "code=" + strings.Repeat("x", 1<<20)}, "413", ""},
		"P06 101 parameters":         {wire{method: "POST", path: "/token", body: strings.Repeat("a=b&", 101)}, "400 413", ""},
		"P06 multipart":              {wire{method: "POST", path: loginPath, body: "--b\r\n\r\n--b--", header: map[string]string{"Content-Type": "multipart/form-data; boundary=b"}}, "415", ""},
		"P06 compressed":             {wire{method: "POST", path: "/token", body: "x", header: map[string]string{"Content-Encoding": "gzip"}}, "400 415", ""},
		"JSON for a form":            {wire{method: "POST", path: "/token", body: `{"aud":[1]}`, header: map[string]string{"Content-Type": "application/json"}}, "400 415", ""},
		"JSON for a screen":          {wire{method: "POST", path: loginPath, body: `{"aud":[1]}`, header: map[string]string{"Content-Type": "application/json"}}, "415", ""},
		"invalid UTF-8 at a screen":  {wire{method: "POST", path: loginPath, body: form(func(f url.Values) { f.Set("email", "a\xff@b.example") })}, "400", ""},
		"invalid UTF-8 at token":     {wire{method: "POST", path: "/token", body: "grant_type=authorization_code&code=%ff%fe", header: map[string]string{"Authorization": basic}}, "400", ""},
		"invalid UTF-8 at authorize": {wire{method: "GET", path: authorize("&login_hint=%ff%fe")}, "303 400", ""},
		"broken escapes":             {wire{method: "GET", path: authorize("&login_hint=%zz")}, "400", ""},
		"A01 client_id twice":        {wire{method: "GET", path: authorize("&client_id=" + id)}, "400", ""},
		"A01 redirect_uri twice":     {wire{method: "GET", path: authorize("&redirect_uri=" + url.QueryEscape(rp.URL))}, "400", ""},
		"A01 state twice":            {wire{method: "GET", path: authorize("&state=x")}, "303 400", ""},
		"A01 grant_type twice":       {wire{method: "POST", path: "/token", body: "grant_type=client_credentials&grant_type=refresh_token", header: map[string]string{"Authorization": basic}}, "400", "invalid_request"},
		"a field of a screen twice":  {wire{method: "POST", path: loginPath, body: form(func(f url.Values) { f["email"] = []string{"a@b.example", "c@d.example"} })}, "400", ""},
		"no form token":              {wire{method: "POST", path: loginPath, body: form(func(f url.Values) { f.Del("csrf") })}, "403", ""},
		"H01 a form of another site": {wire{method: "POST", path: loginPath, body: form(func(url.Values) {}), header: map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}}, "403", ""},
		"H01 Origin: null":           {wire{method: "POST", path: loginPath, body: form(func(url.Values) {}), header: map[string]string{"Origin": "null"}}, "403", ""},
		"unknown request":            {wire{method: "GET", path: "/login/sign-in?r=x"}, "410", "This sign-in is over."},
		"no request":                 {wire{method: "GET", path: "/login/enter-code"}, "410", ""},
		"long request":               {wire{method: "GET", path: "/login/enter-code?r=" + strings.Repeat("x", 12<<10)}, "410", ""},
		"max_age no number":          {wire{method: "GET", path: authorize("&max_age=soon")}, "303", "error=invalid_request"},
		"A07 max_age too large":      {wire{method: "GET", path: authorize("&max_age=9223372036854775808")}, "303", "error=invalid_request"},
		"claims no object":           {wire{method: "GET", path: authorize("&claims=" + url.QueryEscape(`["acr"]`))}, "303", "error=invalid_request"},
		"claims of wrong types":      {wire{method: "GET", path: authorize("&claims=" + url.QueryEscape(`{"id_token":{"acr":{"essential":"yes","value":5,"values":"x"}}}`))}, "303", "error=invalid_request"},
		"A07 deep claims":            {wire{method: "GET", path: authorize("&claims=" + url.QueryEscape(strings.Repeat(`{"a":`, 1500)+"1"+strings.Repeat("}", 1500)))}, "303", "error=invalid_request"},
		"A03 response_type token":    {wire{method: "GET", path: strings.Replace(authorize(""), "response_type=code", "response_type=token", 1)}, "303", "error=unsupported_response_type"},
		"C03 plain PKCE":             {wire{method: "GET", path: strings.Replace(authorize(""), "code_challenge_method=S256", "code_challenge_method=plain", 1)}, "303", "error=invalid_request"},
		"C04 a code that is none":    {wire{method: "POST", path: "/token", body: "grant_type=authorization_code&code=str_x&redirect_uri=" + url.QueryEscape(rp.URL), header: map[string]string{"Authorization": basic}}, "400", "invalid_grant"},
		"D01 two methods at once":    {wire{method: "POST", path: "/token", body: "grant_type=refresh_token&refresh_token=x&client_id=" + id + "&client_secret=" + secret, header: map[string]string{"Authorization": basic}}, "400 401", ""},
		"D01 no credential":          {wire{method: "POST", path: "/token", body: "grant_type=refresh_token&refresh_token=x&client_id=" + id}, "401", "invalid_client"},
		"D04 broken Basic":           {wire{method: "POST", path: "/token", body: "grant_type=refresh_token", header: map[string]string{"Authorization": "Basic %%%"}}, "401", "invalid_client"},
		"unknown grant type":         {wire{method: "POST", path: "/token", body: "grant_type=magic", header: map[string]string{"Authorization": basic}}, "400", "unsupported_grant_type"},
		"password grant":             {wire{method: "POST", path: "/token", body: "grant_type=password&username=a&password=b", header: map[string]string{"Authorization": basic}}, "400", "unsupported_grant_type"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := s.send(t, c.wire)
			if !strings.Contains(c.status, fmt.Sprint(resp.StatusCode)) {
				t.Errorf("status %d, want %s: %.300s", resp.StatusCode, c.status, body)
			}
			if !strings.Contains(body+resp.Header.Get("Location"), c.says) {
				t.Errorf("it doesn't say %q: %.300s %s", c.says, body, resp.Header.Get("Location"))
			}
			if strings.Contains(body, "goroutine") || strings.Contains(body, ".go:") || strings.Contains(body, "SQL") {
				t.Errorf("the answer shows the inside: %.500s", body)
			}
		})
	}
	s.oddTokens(t, basic, authorize)
	s.rawSockets(t)
	if log := s.log(); strings.Contains(log, "panic") || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the log tells of faults of ours: %s", log)
	}
	wantMFA(t, w.tokens(rp).Claims)
}

// oddTokens puts tokens of wrong types wherever a token is taken.
func (s *system) oddTokens(t *testing.T, basic string, authorize func(string) string) {
	jwt := func(header, payload string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
	}
	for _, token := range []string{
		jwt(`{"alg":"RS256"}`, `{"aud":[1]}`), jwt(`{"alg":"none"}`, `{"aud":{"a":1},"exp":"x"}`), jwt(`[]`, `null`), jwt(`{"alg":"HS256","kid":{}}`, `[1]`),
		`{"aud":[1]}`, "..", strings.Repeat(".", 10_000), "a.b.c.d.e", "\x00", strings.Repeat("A", 15<<10),
	} {
		escaped := url.QueryEscape(token)
		for _, q := range []wire{
			{method: "GET", path: authorize("&id_token_hint=" + escaped)},
			{method: "GET", path: authorize("&request=" + escaped)},
			{method: "GET", path: "/end_session?id_token_hint=" + escaped},
			{method: "POST", path: "/end_session", body: "id_token_hint=" + escaped},
			{method: "GET", path: "/userinfo", header: map[string]string{"Authorization": "Bearer " + strings.ReplaceAll(token, "\x00", "%00")}},
			{method: "POST", path: "/userinfo", body: "access_token=" + escaped},
			{method: "POST", path: "/introspect", body: "token=" + escaped, header: map[string]string{"Authorization": basic}},
			{method: "POST", path: "/revoke", body: "token=" + escaped, header: map[string]string{"Authorization": basic}},
			{method: "POST", path: "/token", body: "grant_type=refresh_token&refresh_token=" + escaped, header: map[string]string{"Authorization": basic}},
			{method: "POST", path: "/token", body: "grant_type=authorization_code&code=" + escaped, header: map[string]string{"Authorization": basic}},
			{method: "POST", path: "/token", body: "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=" + escaped},
			{method: "GET", path: "/login/sign-in?r=" + escaped},
		} {
			resp, body := s.send(t, q)
			if resp.StatusCode >= 500 || strings.HasPrefix(q.path, "/token") && resp.StatusCode < 400 {
				t.Errorf("%s %.60s with %.40q: %d %.200s", q.method, q.path, token, resp.StatusCode, body)
			}
		}
	}
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
