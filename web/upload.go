package web

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"unicode/utf8"

	"stile/templates"
)

// MaxUpload is how many bytes the body of a form with a file may have.
const MaxUpload = 9 << 20

// maxPart bounds the fields beside the file.
const maxPart = 4 << 10

// TakeUploads lets the forms of a path bring a file. Everywhere else bodies are
// small, and not multipart. It is called before the first request.
func (k *Kit) TakeUploads(path string) { k.uploads[path] = true }

// bodyLimit is how many bytes of a body are read at a path.
func (k *Kit) bodyLimit(path string) int64 {
	if k.uploads[path] {
		return MaxUpload
	}
	return MaxBody
}

// Upload reads a form with one file in a field, under the rules of [Kit.Form].
// The file is empty if none was chosen.
func (k *Kit) Upload(r *http.Request, field string) (url.Values, []byte, error) {
	form, file, err := readUpload(r, field)
	if err != nil {
		return nil, nil, err
	}
	return form, file, k.CheckForm(r, form)
}

func readUpload(r *http.Request, field string) (form url.Values, file []byte, err error) {
	if r.Header.Get("Content-Encoding") != "" {
		return nil, nil, UserError{Kind: templates.ErrorRequest, Status: http.StatusUnsupportedMediaType, Err: errors.New("form with a content encoding")}
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, UserError{Kind: templates.ErrorRequest, Status: http.StatusUnsupportedMediaType, Err: err}
	}
	form = url.Values{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, file, nil
		}
		if err != nil {
			return nil, nil, unreadable(err)
		}
		if err := takePart(part, field, form, &file); err != nil {
			return nil, nil, err
		}
	}
}

// takePart reads one field of the form, each once.
func takePart(part *multipart.Part, field string, form url.Values, file *[]byte) error {
	name := part.FormName()
	limit := int64(maxPart)
	if name == field {
		limit = MaxUpload
	}
	body, err := io.ReadAll(io.LimitReader(part, limit+1))
	switch {
	case err != nil:
		return unreadable(err)
	case int64(len(body)) > limit, len(form) >= maxFields:
		return UserError{Kind: templates.ErrorTooLarge}
	case form.Has(name), !utf8.ValidString(name):
		return UserError{Kind: templates.ErrorRequest, Err: errors.New("field given twice, or not UTF-8")}
	case name == field:
		*file = body
		form.Set(name, "") // it was given
		return nil
	case !utf8.Valid(body):
		return UserError{Kind: templates.ErrorRequest, Err: errors.New("field is not UTF-8")}
	}
	form.Set(name, string(body))
	return nil
}

// unreadable says why a form could not be read to its end.
func unreadable(err error) error {
	if _, exceeded := errors.AsType[*http.MaxBytesError](err); exceeded {
		return UserError{Kind: templates.ErrorTooLarge}
	}
	return UserError{Kind: templates.ErrorRequest, Err: err}
}
