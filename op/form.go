package op

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// What one request may hold.
const (
	maxURL        = 16 << 10
	maxBody       = 64 << 10
	maxParameters = 100
)

const formType = "application/x-www-form-urlencoded"

// mayRepeat are the parameters that their RFCs (8693, 8707) let a client send
// several times.
var mayRepeat = []string{"audience", "resource"}

// readForm reads the parameters of a request from its body, and from nowhere
// else: what stands in a URL ends up in logs. Only the parameters named in
// known are kept (RFC 6749 section 3.2: unknown ones are ignored, empty ones
// are as if left out). The error is what the client is told.
func readForm(w http.ResponseWriter, r *http.Request, known []string) (url.Values, error) {
	if e := strings.Join(r.Header["Content-Encoding"], ","); e != "" && !strings.EqualFold(e, "identity") {
		return nil, refuse(http.StatusUnsupportedMediaType, errEncodedBody())
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, refuse(http.StatusRequestEntityTooLarge, errTooLarge())
	} else if err != nil {
		return nil, refuse(http.StatusBadRequest, errMalformed())
	}
	if len(body) == 0 { // many clients name no type for nothing
		return url.Values{}, nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != formType || len(r.Header["Content-Type"]) != 1 {
		return nil, refuse(http.StatusUnsupportedMediaType, errNotForm())
	}
	return parseForm(string(body), known)
}

// parseForm is [readForm] from the text on.
func parseForm(body string, known []string) (url.Values, error) {
	if strings.Count(body, "&") >= maxParameters {
		return nil, refuse(http.StatusRequestEntityTooLarge, errTooLarge())
	}
	all, err := url.ParseQuery(body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, errMalformed())
	}
	kept := make(url.Values, len(all))
	for name, values := range all {
		if len(values) > 1 && !slices.Contains(mayRepeat, name) {
			return nil, refuse(http.StatusBadRequest, errRepeated())
		}
		if !plain(name) || slices.ContainsFunc(values, func(v string) bool { return !plain(v) }) {
			return nil, refuse(http.StatusBadRequest, errMalformed())
		}
		if slices.Contains(known, name) && values[0] != "" {
			kept[name] = values
		}
	}
	return kept, nil
}

// plain tells whether s is UTF-8 without control characters, so that it can be
// compared, stored in either database and logged without surprises.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}
