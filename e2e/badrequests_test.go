package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// formType is what browsers send forms as.
const formType = "application/x-www-form-urlencoded"

// answer is what came back for one request, redirects not followed.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

// ask sends one request; headers are name, value, name, value.
func (s *system) ask(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, s.Issuer+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if r.Header.Add(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %.80s: %v", method, path, err)
	}
	return read(t, resp)
}

// askRaw sends a request target as it stands, which libraries would tidy up.
func (s *system) askRaw(t testing.TB, target string) answer {
	t.Helper()
	host := strings.TrimPrefix(s.Issuer, "http://")
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, host)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("GET %s: %v", target, err)
	}
	return read(t, resp)
}

func read(t testing.TB, resp *http.Response) answer {
	t.Helper()
	defer resp.Body.Close()
	// A server that has said no to a large body may close before all was sent.
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 500 || bytes.Contains(body, []byte("panic")) || bytes.Contains(body, []byte("goroutine ")) {
		t.Errorf("status %d: %.500s", resp.StatusCode, body)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// want fails unless the status is one of these.
func (a answer) want(t testing.TB, statuses ...int) {
	t.Helper()
	for _, s := range statuses {
		if a.Status == s {
			return
		}
	}
	t.Errorf("status %d, want %d: %v\n%.800s", a.Status, statuses, a.Header, a.Body)
}

// wantRefusal fails unless the answer is a redirect to the client with an error.
func (a answer) wantRefusal(t testing.TB, code string) {
	t.Helper()
	a.want(t, http.StatusFound, http.StatusSeeOther)
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil || to.Query().Get("error") != code || to.Query().Get("iss") == "" {
		t.Errorf("redirect to %q, want error %s and iss", a.Header.Get("Location"), code)
	}
}

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

// Whatever is sent, somebody gets a clear answer, and the program lives on.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	console, api := s.demoClient(t, "console"), s.demoClient(t, "api")
	request := func(more ...string) string {
		q := url.Values{
			"client_id": {console.ID}, "redirect_uri": {console.RedirectURIs[0]}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
		}
		for i := 0; i+1 < len(more); i += 2 {
			q.Set(more[i], more[i+1])
		}
		return q.Encode()
	}
	asAPI := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(api.ID)+":"+url.QueryEscape(api.Secret)))
	alive := func(t *testing.T) {
		t.Helper()
		s.ask(t, "GET", "/healthz", "").want(t, http.StatusOK)
		if strings.Contains(s.log(), "panic") {
			t.Errorf("the log tells of a panic: %s", tail(s.log(), 2000))
		}
	}

	t.Run("P06 I05 the sign-in form", func(t *testing.T) {
		for name, send := range map[string]func(w *walker, form url.Values) (answer, []int){
			"1 MB password": func(w *walker, form url.Values) (answer, []int) {
				form.Set("password", strings.Repeat("x", 1<<20))
				return w.sendForm(form.Encode(), formType), []int{http.StatusRequestEntityTooLarge}
			},
			"password of 2 kB": func(w *walker, form url.Values) (answer, []int) {
				form.Set("password", strings.Repeat("x", 2<<10))
				return w.sendForm(form.Encode(), formType), []int{http.StatusUnprocessableEntity}
			},
			"invalid UTF-8": func(w *walker, form url.Values) (answer, []int) {
				form.Set("password", "\xff\xfe")
				return w.sendForm(form.Encode(), formType), []int{http.StatusBadRequest}
			},
			"NUL in the address": func(w *walker, form url.Values) (answer, []int) {
				form.Set("email", "a\x00gent@example.com")
				return w.sendForm(form.Encode(), formType), []int{http.StatusUnprocessableEntity}
			},
			"field twice": func(w *walker, form url.Values) (answer, []int) {
				return w.sendForm(form.Encode()+"&email=admin%40example.com", formType), []int{http.StatusBadRequest}
			},
			"101 fields": func(w *walker, form url.Values) (answer, []int) {
				return w.sendForm(form.Encode()+strings.Repeat("&x=y", 101), formType), []int{http.StatusRequestEntityTooLarge}
			},
			"broken escape": func(w *walker, form url.Values) (answer, []int) {
				return w.sendForm(form.Encode()+"&x=%zz", formType), []int{http.StatusBadRequest}
			},
			"multipart": func(w *walker, _ url.Values) (answer, []int) {
				return w.sendForm("--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b"), []int{http.StatusUnsupportedMediaType}
			},
			"gzip": func(w *walker, form url.Values) (answer, []int) {
				return w.sendForm(gzipped(form.Encode()), formType, "Content-Encoding", "gzip"), []int{http.StatusUnsupportedMediaType}
			},
			"JSON": func(w *walker, _ url.Values) (answer, []int) {
				return w.sendForm(`{"email":1}`, "application/json"), []int{http.StatusUnsupportedMediaType}
			},
		} {
			t.Run(name, func(t *testing.T) {
				w := newWalker(t, s, s.demoUser(t, agent))
				w.Open(s.Issuer + "/authorize?" + request())
				w.want("sign-in")
				form := w.Page().Fields()
				form.Set("email", agent)
				form.Set("password", "whatever this is")
				got, want := send(w, form)
				got.want(t, want...)
				if !strings.Contains(got.Body, `<html lang="`) || got.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("not a page: %v %.200s", got.Header, got.Body)
				}
				alive(t)
			})
		}
	})

	t.Run("tokens that are none", func(t *testing.T) {
		part := base64.RawURLEncoding.EncodeToString
		for _, payload := range []string{`{"aud":[1]}`, `{"aud":{"a":1}}`, `{"aud":1,"exp":"x"}`, `{"exp":1e400}`, `{"iss":[],"sub":{}}`, `[]`, `null`, `"x"`, `{`, ``, "\xff"} {
			for _, header := range []string{`{"alg":"none"}`, `{"alg":"RS256","kid":1}`, `{"alg":["ES256"]}`, `null`} {
				jwt := part([]byte(header)) + "." + part([]byte(payload)) + "." + part([]byte("signature"))
				s.ask(t, "GET", "/userinfo", "", "Authorization", "Bearer "+jwt).want(t, http.StatusUnauthorized)
				s.ask(t, "POST", "/userinfo", url.Values{"access_token": {jwt}}.Encode(), "Content-Type", formType).want(t, http.StatusUnauthorized)
				var state struct{ Active *bool }
				a := s.ask(t, "POST", "/introspect", url.Values{"token": {jwt}}.Encode(), "Content-Type", formType, "Authorization", asAPI)
				if a.want(t, http.StatusOK); json.Unmarshal([]byte(a.Body), &state) != nil || state.Active == nil || *state.Active {
					t.Errorf("introspection of %s: %s", payload, a.Body)
				}
				s.ask(t, "POST", "/revoke", url.Values{"token": {jwt}}.Encode(), "Content-Type", formType, "Authorization", asAPI).want(t, http.StatusOK)
				s.ask(t, "POST", "/token", url.Values{
					"grant_type": {"client_credentials"}, "client_assertion": {jwt},
					"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
				}.Encode(), "Content-Type", formType).want(t, http.StatusBadRequest, http.StatusUnauthorized)
				s.ask(t, "POST", "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {jwt}, "client_id": {"desktop"}}.Encode(), "Content-Type", formType).want(t, http.StatusBadRequest)
				s.ask(t, "GET", "/authorize?"+request("id_token_hint", jwt), "").want(t, http.StatusFound, http.StatusSeeOther, http.StatusBadRequest)
				s.ask(t, "GET", "/authorize?"+request("request", jwt), "").wantRefusal(t, "request_not_supported")
				s.ask(t, "GET", "/end_session?id_token_hint="+jwt, "").want(t, http.StatusSeeOther, http.StatusOK, http.StatusBadRequest)
			}
		}
		alive(t)
	})

	t.Run("A07 parameters of the authorization endpoint", func(t *testing.T) {
		many := strings.TrimSpace(strings.Repeat("de ", 4000))
		for name, c := range map[string][]string{
			"max_age -1": {"max_age", "-1"}, "max_age 2^63": {"max_age", "9223372036854775808"}, "max_age of words": {"max_age", "one hour"},
			"ui_locales of 4000 tags": {"ui_locales", many}, "claims that are no JSON": {"claims", "{"}, "claims deep": {"claims", strings.Repeat(`{"a":`, 1000)},
			"claims of another type": {"claims", `{"id_token":[1]}`}, "prompt": {"prompt", "none login"},
		} {
			t.Run(name, func(t *testing.T) {
				s.ask(t, "GET", "/authorize?"+request(c...), "").wantRefusal(t, "invalid_request")
				s.ask(t, "POST", "/authorize", request(c...), "Content-Type", formType).wantRefusal(t, "invalid_request")
			})
		}
		large := request("claims", `{"id_token":"`+strings.Repeat("x", 1<<20)+`"}`)
		s.ask(t, "POST", "/authorize", large, "Content-Type", formType).want(t, http.StatusRequestEntityTooLarge)
		s.ask(t, "GET", "/authorize?"+large, "").want(t, http.StatusRequestHeaderFieldsTooLarge, http.StatusRequestURITooLong)
		s.ask(t, "GET", "/authorize?"+request()+"&scope=openid", "").want(t, http.StatusBadRequest, http.StatusSeeOther, http.StatusFound)
		s.ask(t, "GET", "/authorize?"+request()+"&client_id="+console.ID, "").want(t, http.StatusBadRequest)
		s.ask(t, "GET", "/authorize?"+request()+"&redirect_uri=https%3A%2F%2Fevil.example", "").want(t, http.StatusBadRequest)
		s.ask(t, "GET", "/authorize?"+request("state", "\xff"), "").want(t, http.StatusBadRequest, http.StatusSeeOther, http.StatusFound)
		s.ask(t, "GET", "/authorize?%zz", "").want(t, http.StatusBadRequest)
		alive(t)
	})

	t.Run("P01 P06 other methods, hosts, sizes and encodings", func(t *testing.T) {
		s.ask(t, "GET", "/token", "").want(t, http.StatusMethodNotAllowed)
		s.ask(t, "DELETE", "/.well-known/openid-configuration", "").want(t, http.StatusMethodNotAllowed)
		s.ask(t, "PUT", "/login/sign-in", "").want(t, http.StatusMethodNotAllowed, http.StatusNotFound)
		s.ask(t, "GET", "/jwks", "", "X-Long", strings.Repeat("x", 40<<10)).want(t, http.StatusRequestHeaderFieldsTooLarge)
		s.ask(t, "GET", "/jwks?x="+strings.Repeat("x", 17<<10), "").want(t, http.StatusRequestURITooLong)
		s.ask(t, "GET", "/", "", "Host", "evil.example").want(t, http.StatusMisdirectedRequest)
		s.ask(t, "GET", "/", "", "X-Forwarded-Host", "evil.example").want(t, http.StatusNotFound)
		for _, path := range []string{"/healthz", "/readyz"} {
			s.ask(t, "GET", path, "", "Host", "10.0.0.1").want(t, http.StatusOK)
		}
		form := url.Values{"token": {"x"}}.Encode()
		s.ask(t, "POST", "/introspect", gzipped(form), "Content-Type", formType, "Content-Encoding", "gzip", "Authorization", asAPI).want(t, http.StatusUnsupportedMediaType)
		s.ask(t, "POST", "/introspect", `{"token":1}`, "Content-Type", "application/json", "Authorization", asAPI).want(t, http.StatusUnsupportedMediaType)
		s.ask(t, "POST", "/introspect", form+"&token=y", "Content-Type", formType, "Authorization", asAPI).want(t, http.StatusBadRequest)
		s.ask(t, "POST", "/introspect", "token="+strings.Repeat("x", 1<<20), "Content-Type", formType, "Authorization", asAPI).want(t, http.StatusRequestEntityTooLarge)
		s.ask(t, "POST", "/introspect", "token=%ff", "Content-Type", formType, "Authorization", asAPI).want(t, http.StatusOK, http.StatusBadRequest)
		s.ask(t, "POST", "/token", form, "Content-Type", formType, "Authorization", "Basic !!!").want(t, http.StatusUnauthorized)
		alive(t)
	})

	t.Run("H05 no path leads to another host", func(t *testing.T) {
		for _, target := range []string{"//evil.example", "//evil.example/", `/\evil.example`, `/\\evil.example/`, "/%5cevil.example", "/%2f%2fevil.example", "///evil.example/..", "//evil.example/%2e%2e", "//evil.example/login/sign-in", "/login//evil.example", "http://evil.example/"} {
			a := s.askRaw(t, target)
			a.want(t, http.StatusNotFound, http.StatusBadRequest, http.StatusMovedPermanently, http.StatusPermanentRedirect, http.StatusMisdirectedRequest, http.StatusSeeOther)
			to := a.Header.Get("Location")
			home, _ := url.Parse(s.Issuer)
			if u, err := home.Parse(to); err != nil || u.Host != home.Host || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
				t.Errorf("%s leads to %q", target, to)
			}
		}
		alive(t)
	})
}

// sendForm sends a body from this browser to the form that it shows.
func (w *walker) sendForm(body, kind string, headers ...string) answer {
	w.t.Helper()
	headers = append(headers, "Content-Type", kind, "Origin", w.s.Issuer)
	for _, c := range w.Cookies(w.s.Issuer) {
		headers = append(headers, "Cookie", c.Name+"="+c.Value)
	}
	return w.s.ask(w.t, http.MethodPost, strings.TrimPrefix(w.Page().Action(), w.s.Issuer), body, headers...)
}

// wire is a request as it goes over the wire; headers are name, value, name, value.
type wire struct {
	method, path, body string
	headers            []string
}

// What no browser and no library sends: doors that are shut, forms of other
// sites, tokens in the wrong place, broken HTTP. Nobody is kept from signing in
// by it.
func TestDoorsThatAreShut(t *testing.T) {
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
		"invalid UTF-8 at token":     {wire{method: "POST", path: "/token", body: "grant_type=authorization_code&code=%ff%fe", headers: []string{"Authorization", basic}}, "400", ""},
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
