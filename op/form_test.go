package op

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	zop "github.com/zitadel/oidc/v3/pkg/op"
)

// statusOf returns the status that the library writes for an error.
func statusOf(err error) int {
	if err == nil {
		return http.StatusOK
	}
	w := httptest.NewRecorder()
	zop.WriteError(w, httptest.NewRequest(http.MethodPost, "/", nil), err, nil)
	return w.Code
}

func TestP06_BodiesAreBoundedAndOfOneType(t *testing.T) {
	known := []string{"grant_type", "code", "scope"}
	read := func(body io.Reader, header ...string) error {
		r := httptest.NewRequest(http.MethodPost, pathToken, body)
		r.Header.Set("Content-Type", formType)
		for i := 0; i < len(header); i += 2 {
			r.Header[header[i]] = strings.Split(header[i+1], "|")
		}
		_, err := readForm(httptest.NewRecorder(), r, known)
		return err
	}
	form := func(text string) io.Reader { return strings.NewReader(text) }
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"plain":                    {read(form("grant_type=x&code=y")), 200},
		"with a charset":           {read(form("code=y"), "Content-Type", formType+"; charset=UTF-8"), 200},
		"unknown parameters":       {read(form("foo=1&bar=2")), 200},
		"nothing, of any type":     {read(form(""), "Content-Type", "text/plain"), 200},
		"100 parameters":           {read(form(numbered(100))), 200},
		"identity encoding":        {read(form("code=y"), "Content-Encoding", "identity"), 200},
		"64 KiB":                   {read(form("code=" + strings.Repeat("x", maxBody-5))), 200},
		"one byte more":            {read(form("code=" + strings.Repeat("x", maxBody-4))), 413},
		"101 parameters":           {read(form(numbered(101))), 413},
		"JSON":                     {read(form(`{"code":"y"}`), "Content-Type", "application/json"), 415},
		"multipart":                {read(form("x"), "Content-Type", "multipart/form-data; boundary=x"), 415},
		"no type":                  {read(form("code=y"), "Content-Type", ""), 415},
		"two types":                {read(form("code=y"), "Content-Type", formType+"|text/plain"), 415},
		"compressed":               {read(form("code=y"), "Content-Encoding", "gzip"), 415},
		"compressed twice":         {read(form("code=y"), "Content-Encoding", "identity|gzip"), 415},
		"broken escape":            {read(form("code=%zz")), 400},
		"semicolon":                {read(form("code=y;scope=z")), 400},
		"invalid UTF-8":            {read(form("code=%ff")), 400},
		"invalid UTF-8 in a name":  {read(form("%ff=1")), 400},
		"NUL":                      {read(form("code=a%00b")), 400},
		"line feed":                {read(form("code=a%0ab")), 400},
		"body that breaks off":     {read(io.MultiReader(form("code="), failing{})), 400},
		"unknown parameter, twice": {read(form("foo=1&foo=2")), 400},
	} {
		if got := statusOf(c.err); got != c.want {
			t.Errorf("%s: status %d, want %d (%v)", name, got, c.want, c.err)
		}
	}
}

func numbered(n int) string {
	pairs := make([]string, n)
	for i := range pairs {
		pairs[i] = "p" + strings.Repeat("x", i) + "=1"
	}
	return strings.Join(pairs, "&")
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestZitadel14_RepeatedParametersAreRefused(t *testing.T) {
	known := []string{"code", "scope", "resource"}
	for _, body := range []string{"code=a&code=b", "code=a&code=a", "code=&code=a", "code=a&scope=x&code="} {
		if _, err := parseForm(body, known); !errors.Is(err, errRepeated()) {
			t.Errorf("%s: %v", body, err)
		}
	}
	// RFC 8707 lets a client name several resources.
	form, err := parseForm("resource=a&resource=b&code=&scope=x&unknown=1", known)
	if err != nil || len(form["resource"]) != 2 || form.Has("code") || form.Get("scope") != "x" || form.Has("unknown") {
		t.Errorf("kept %v, %v", form, err)
	}
}

func FuzzForm(f *testing.F) {
	f.Add("grant_type=authorization_code&code=stc_x&redirect_uri=https%3A%2F%2Frp%2Fcb")
	f.Add("a=1&a=2;b")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := parseForm(body, []string{"code", "scope"})
		if err != nil {
			return
		}
		for name, values := range form {
			if name != "code" && name != "scope" || len(values) != 1 || values[0] == "" || !plain(values[0]) {
				t.Errorf("%q: kept %q=%q", body, name, values)
			}
		}
	})
}
