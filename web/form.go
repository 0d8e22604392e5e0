package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"stile/templates"
)

// Bounds of what is read of a request.
const (
	MaxBody   = 64 << 10 // bytes of a body
	maxURL    = 16 << 10 // bytes of a request target
	maxFields = 100      // fields of a form or query, see [Kit.LongForm]
)

// Form reads the form of a post and makes sure that it comes from a page of
// ours: [ReadForm], then [Kit.CheckForm].
func (k *Kit) Form(_ http.ResponseWriter, r *http.Request) (url.Values, error) {
	return k.LongForm(r, maxFields)
}

// LongForm is [Kit.Form] for a page that asks more: its form has at most so many
// fields.
func (k *Kit) LongForm(r *http.Request, fields int) (url.Values, error) {
	form, err := readForm(r, fields)
	if err != nil {
		return nil, err
	}
	return form, k.CheckForm(r, form)
}

// CheckForm makes sure that a form comes from a page that this browser was
// given for this route. Errors are [UserError], wrapping [ErrCrossSite] or
// [ErrNoCookies].
func (k *Kit) CheckForm(r *http.Request, form url.Values) error {
	switch err := k.checkToken(r, form.Get(templates.FieldCSRF)); {
	case errors.Is(err, ErrNoCookies):
		return UserError{Kind: templates.ErrorCookies, Err: err}
	case err != nil:
		return UserError{Kind: templates.ErrorFormExpired, Err: err}
	}
	return nil
}

// ReadForm reads the form of a post: at most [MaxBody] bytes, UTF-8, each field
// once. Alone it is for endpoints that other sites may post to, such as
// /authorize. Errors are [UserError].
func ReadForm(r *http.Request) (url.Values, error) { return readForm(r, maxFields) }

func readForm(r *http.Request, fields int) (url.Values, error) {
	if r.Method != http.MethodPost {
		return nil, UserError{Kind: templates.ErrorMethod, Err: errors.New("form in a " + r.Method)}
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || kind != "application/x-www-form-urlencoded" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, UserError{Kind: templates.ErrorRequest, Status: http.StatusUnsupportedMediaType, Err: errors.New("form of another media type")}
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, UserError{Kind: templates.ErrorRequest, Status: http.StatusUnsupportedMediaType, Err: errors.New("form with a content encoding")}
	}
	tooLarge := UserError{Kind: templates.ErrorTooLarge}
	if r.ContentLength > MaxBody {
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if _, exceeded := errors.AsType[*http.MaxBytesError](err); exceeded || len(body) > MaxBody {
		return nil, tooLarge
	}
	if err != nil {
		return nil, UserError{Kind: templates.ErrorRequest, Err: err}
	}
	return parseFields(string(body), fields)
}

// Query reads the query of a request under the rules of [Kit.Form]: UTF-8, each
// parameter once.
func Query(r *http.Request) (url.Values, error) { return parseFields(r.URL.RawQuery, maxFields) }

func parseFields(s string, most int) (url.Values, error) {
	if strings.Count(s, "&") >= most {
		return nil, UserError{Kind: templates.ErrorTooLarge}
	}
	fields, err := url.ParseQuery(s)
	if err != nil {
		return nil, UserError{Kind: templates.ErrorRequest, Err: err}
	}
	for name, values := range fields {
		if len(values) != 1 {
			return nil, UserError{Kind: templates.ErrorRequest, Err: errors.New("field given twice")}
		}
		if !utf8.ValidString(name) || !utf8.ValidString(values[0]) {
			return nil, UserError{Kind: templates.ErrorRequest, Err: errors.New("field is not UTF-8")}
		}
	}
	return fields, nil
}
