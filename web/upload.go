package web

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"sync"
	"time"
	"unicode/utf8"

	"stile/templates"
)

// maxUpload is how many bytes the body of a form with a file may have.
const maxUpload = 9 << 20

// maxPart bounds the fields beside the file.
const maxPart = 4 << 10

// maxUploads is how many files this process works on at a time: each is held in
// memory, more than once, until it is done with.
const maxUploads = 2

// uploadPause is when to try again if there are as many: nobody sends one, and
// nothing is done with it, for much longer.
const uploadPause = 10 * time.Second

// BeginUpload is called before a file is read into memory, and end when nothing
// of it is used any more. While there are too many it fails with a [UserError]
// of status 503 that says when to try again.
func (k *Kit) BeginUpload() (end func(), err error) {
	select {
	case k.places <- struct{}{}:
		return sync.OnceFunc(func() { <-k.places }), nil
	default:
		return nil, UserError{Kind: templates.ErrorUnavailable, RetryAfter: uploadPause, Err: errors.New("too many files at a time")}
	}
}

// TakeUploads lets the forms of a path bring a file. Everywhere else bodies are
// small, and not multipart. It is called before the first request.
func (k *Kit) TakeUploads(path string) { k.uploads[path] = true }

// bodyLimit is how many bytes of a body are read at a path.
func (k *Kit) bodyLimit(path string) int64 {
	if k.uploads[path] {
		return maxUpload
	}
	return MaxBody
}

// File is what a form has brought. Close it when nothing of it is used any more.
type File struct {
	Bytes []byte // empty if none was chosen, or none was taken
	// Busy is why none was taken although one may have come: see [Kit.BeginUpload].
	Busy error
	end  func()
}

// Close lets the next file in.
func (f File) Close() {
	if f.end != nil {
		f.end()
	}
}

// Upload reads a form with one file in a field, under the rules of [Kit.Form].
// Where there is no place for the file, the form is read without it.
func (k *Kit) Upload(r *http.Request, field string) (url.Values, File, error) {
	var f File
	f.end, f.Busy = k.BeginUpload()
	form, err := readUpload(r, field, &f)
	if err == nil {
		err = k.CheckForm(r, form)
	}
	if err != nil {
		f.Close()
		return nil, File{}, err
	}
	return form, f, nil
}

func readUpload(r *http.Request, field string, file *File) (form url.Values, err error) {
	if r.Header.Get("Content-Encoding") != "" {
		return nil, UserError{Kind: templates.ErrorRequest, Status: http.StatusUnsupportedMediaType, Err: errors.New("form with a content encoding")}
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, UserError{Kind: templates.ErrorRequest, Status: http.StatusUnsupportedMediaType, Err: err}
	}
	form = url.Values{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, nil
		}
		if err != nil {
			return nil, unreadable(err)
		}
		if err := takePart(part, field, form, file); err != nil {
			return nil, err
		}
	}
}

// takePart reads one field of the form, each once.
func takePart(part *multipart.Part, field string, form url.Values, file *File) error {
	name := part.FormName()
	limit := int64(maxPart)
	if name == field {
		limit = maxUpload
	}
	var body []byte
	var err error
	if name == field && file.Busy != nil {
		_, err = io.Copy(io.Discard, part)
	} else {
		body, err = io.ReadAll(io.LimitReader(part, limit+1))
	}
	switch {
	case err != nil:
		return unreadable(err)
	case int64(len(body)) > limit, len(form) >= maxFields:
		return UserError{Kind: templates.ErrorTooLarge}
	case form.Has(name), !utf8.ValidString(name):
		return UserError{Kind: templates.ErrorRequest, Err: errors.New("field given twice, or not UTF-8")}
	case name == field:
		file.Bytes = body
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
