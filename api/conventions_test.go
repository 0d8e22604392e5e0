package api_test

import (
	"net/http"
	"strings"
	"testing"
)

// What is sent wrongly is answered with a problem that says how (RFC 9457), and
// nothing is done.
func TestWhatIsSentWrongly(t *testing.T) {
	w := newWorld(t)
	token := w.service("job")
	const group = `{"name":"Phones","has":{"client_version":"4.3","client_build":1}}`
	for name, c := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		says               string
	}{
		"no JSON":                   {"POST", "/device-groups", `{"name":`, nil, 400, "invalid-input"},
		"not UTF-8":                 {"POST", "/device-groups", "{\"name\":\"\xff\"}", nil, 400, "invalid-input"},
		"a member twice":            {"POST", "/device-groups", `{"name":"a","name":"b"}`, nil, 400, "invalid-input"},
		"more after it":             {"POST", "/device-groups", group + group, nil, 400, "invalid-input"},
		"a list":                    {"POST", "/device-groups", `[]`, nil, 400, "invalid-input"},
		"nothing":                   {"POST", "/device-groups", ``, nil, 400, "invalid-input"},
		"an unknown member":         {"POST", "/device-groups", `{"name":"a","has":{"client_version":"4.3","client_build":1},"size":2}`, nil, 422, `"field":"size"`},
		"an unknown member within":  {"POST", "/device-groups", `{"name":"a","has":{"client_version":"4.3","client_build":1,"os":""}}`, nil, 422, `"field":"has.os"`},
		"a missing member":          {"POST", "/device-groups", `{"name":"a"}`, nil, 422, `"field":"has"`},
		"a role that isn't":         {"POST", "/invitations", `{"email":"z@here.example","name":"Z","roles":["king"]}`, nil, 422, "roles"},
		"a grant type that isn't":   {"POST", "/clients", `{"client_name":"x","grant_types":["password"]}`, nil, 422, "grant_types"},
		"a missing member within":   {"POST", "/device-groups", `{"name":"a","has":{"client_version":"4.3"}}`, nil, 422, `"field":"has.client_build"`},
		"text for a number":         {"POST", "/device-groups", `{"name":"a","has":{"client_version":"4.3","client_build":"1"}}`, nil, 422, "client_build"},
		"no media type":             {"POST", "/device-groups", group, []string{"Content-Type", ""}, 415, "application/json"},
		"another media type":        {"POST", "/device-groups", group, []string{"Content-Type", "text/plain"}, 415, "application/json"},
		"JSON for a list of users":  {"POST", "/users/import", `{}`, nil, 415, "text/csv"},
		"compressed":                {"POST", "/device-groups", group, []string{"Content-Encoding", "gzip"}, 415, ""},
		"too much":                  {"POST", "/device-groups", strings.Repeat(" ", 61<<10) + group, nil, 413, ""},
		"far too much":              {"POST", "/device-groups", strings.Repeat(" ", 100<<10) + group, nil, 413, ""},
		"a parameter that isn't":    {"GET", "/users?sort=name", "", nil, 422, `"field":"sort"`},
		"a body where there's none": {"GET", "/users", "{}", nil, 400, "no body"},
		"a path that isn't":         {"GET", "/groups", "", nil, 404, ""},
		"a path with a slash more":  {"GET", "/users/", "", nil, 404, ""},
		"a path with an empty part": {"GET", "//users", "", nil, 404, ""},
		"a path of dots":            {"GET", "/users/..%2f..%2faccount", "", nil, 404, ""},
		"too long a path":           {"GET", "/users?text=" + strings.Repeat("a", 20<<10), "", nil, 414, "Too Long"},
	} {
		a := w.call(token, c.method, c.path, c.body, c.headers...)
		w.want(name, a, c.status, c.says)
		if strings.Contains(a.text, "king") || strings.Contains(a.text, `"a"`) {
			t.Errorf("%s: the answer repeats what was sent: %s", name, a.text)
		}
	}
	if groups := w.call(token, "GET", "/device-groups", "").items(); len(groups) != 1 {
		t.Errorf("the groups are %v", groups)
	}
}

// A path says which methods it takes, whoever asks (RFC 9110 section 15.5.6).
func TestMethods(t *testing.T) {
	w := newWorld(t)
	for path, c := range map[string]struct{ methods, allow string }{
		"/account":       {"POST PUT PATCH DELETE OPTIONS TRACE", "GET, HEAD"},
		"/policy":        {"POST PUT DELETE OPTIONS", "GET, HEAD, PATCH"},
		"/products":      {"PUT PATCH DELETE", "GET, HEAD, POST"},
		"/events/export": {"HEAD POST", "GET"},
		"/openapi.json":  {"POST DELETE", "GET, HEAD"},
	} {
		for method := range strings.FieldsSeq(c.methods) {
			a := w.bare("", method, path)
			if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != c.allow || a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s %s: %d, Allow %q, %s", method, path, a.status, a.header.Get("Allow"), a.header.Get("Content-Type"))
			}
		}
	}
	token := w.service("job")
	for _, path := range []string{"/policy", "/users", "/users/" + w.here.user.ID, "/openapi.json"} {
		got, head := w.call(token, "GET", path, ""), w.call(token, "HEAD", path, "")
		if head.status != 200 || head.text != "" || head.header.Get("ETag") != got.header.Get("ETag") || head.header.Get("Content-Type") != got.header.Get("Content-Type") {
			t.Errorf("HEAD %s: %d, %v, %q; GET %v", path, head.status, head.header, head.text, got.header)
		}
	}
}

// bare is call without looking at the answer's body, which HEAD leaves out.
func (w *world) bare(token, method, path string) reply {
	w.t.Helper()
	r := must[*http.Request](w.t)(http.NewRequestWithContext(w.t.Context(), method, w.issuer+"/api/v1"+path, nil))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp := must[*http.Response](w.t)(w.http.Do(r))
	_ = resp.Body.Close()
	return reply{status: resp.StatusCode, header: resp.Header}
}

// A new record is where Location says, also for whoever repeats the request.
func TestNewRecordsAreWhereLocationSays(t *testing.T) {
	w := newWorld(t)
	token := w.service("job")
	for path, body := range map[string]string{
		"/products": `{"name":"Chat"}`, "/device-groups": `{"name":"Phones","has":{"client_version":"4.3","client_build":1}}`,
		"/clients": `{"client_name":"Phones","redirect_uris":["https://x.example/cb"]}`,
	} {
		made := w.call(token, "POST", path, body, "Idempotency-Key", path)
		again := w.call(token, "POST", path, body, "Idempotency-Key", path)
		at := made.header.Get("Location")
		rest, ok := strings.CutPrefix(at, "/api/v1"+path+"/")
		if made.status != 201 || !ok || again.header.Get("Location") != at {
			t.Errorf("%s: %d, Location %q, then %q", path, made.status, at, again.header.Get("Location"))
		}
		read := w.call(token, "GET", path+"/"+rest, "")
		w.want("read", read, 200, rest)
		if read.header.Get("ETag") != made.header.Get("ETag") {
			t.Errorf("%s: ETag %q, then %q", path, made.header.Get("ETag"), read.header.Get("ETag"))
		}
		if path == "/products" {
			w.want("renamed", w.call(token, "PATCH", path+"/"+rest, `{"name":"Talk"}`, "If-Match", "*"), 200, `"name":"Talk"`)
			w.want("read again", w.call(token, "GET", path+"/"+rest, ""), 200, `"name":"Talk"`)
		}
	}
	w.want("no product", w.call(token, "GET", "/products/"+w.there.product.ID, ""), 404, "")
}

// Also what never gets as far as the API is answered so that programs read it.
func TestProblemsOfTheDoor(t *testing.T) {
	w := newWorld(t)
	r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodGet, w.issuer+"/api/v1/account", nil))
	r.Host = "evil.example"
	resp := must[*http.Response](t)(w.http.Do(r))
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusMisdirectedRequest || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("another host: %s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
}
