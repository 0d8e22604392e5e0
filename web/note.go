package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"stile/seal"
)

// paramNote is the parameter of a note.
const paramNote = "note"

// noteLife is how long a note can be read, also by loading the page again.
const noteLife = 15 * time.Minute

// sealed is a value that travels with the browser, and until when it counts.
type sealed struct {
	Until int64           `json:"u"`
	Value json.RawMessage `json:"v"`
}

// Seal hides a value that travels in a URL or a cookie. It opens again for the
// same words only; v becomes JSON.
func (k *Kit) Seal(v any, life time.Duration, bind ...string) (string, error) {
	value, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return seal.SealJSON(k.ring, seal.PurposeNote, bound(bind), sealed{k.now().Add(life).Unix(), value})
}

// Unseal opens what [Kit.Seal] hid into v and tells whether it was ours, for
// these words, and not over.
func (k *Kit) Unseal(s string, v any, bind ...string) bool {
	found, err := seal.OpenJSON[sealed](k.ring, seal.PurposeNote, bound(bind), s)
	return err == nil && k.now().Unix() < found.Until && json.Unmarshal(found.Value, v) == nil
}

func bound(words []string) string { return strings.Join(words, "\x00") }

// WithNote adds a note to a path of our own: what the page there is told by the
// one before it, such as what was done, or what was typed. Nobody else can write
// one or read it, neither in a link nor in a log, and it opens on that page only,
// for this browser in its present session, and for the same words.
func (k *Kit) WithNote(r *http.Request, path string, v any, bind ...string) (string, error) {
	u, err := url.Parse(path)
	if err != nil {
		return "", err
	}
	holder := k.holder(r)
	if holder == "" {
		return path, nil // nobody to tell
	}
	note, err := k.Seal(v, noteLife, append([]string{paramNote, holder, u.Path}, bind...)...)
	if err != nil {
		return "", err
	}
	query := u.Query()
	query.Set(paramNote, note)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// Note reads the note of a page into v and tells whether there is one.
func (k *Kit) Note(r *http.Request, v any, bind ...string) bool {
	note := r.URL.Query().Get(paramNote)
	holder := k.holder(r)
	return r.Method != http.MethodPost && note != "" && holder != "" &&
		k.Unseal(note, v, append([]string{paramNote, holder, r.URL.Path}, bind...)...)
}

// WithoutNote returns where a request goes, without its note.
func WithoutNote(r *http.Request) string {
	u := *r.URL
	query := u.Query()
	if !query.Has(paramNote) {
		return u.RequestURI()
	}
	query.Del(paramNote)
	u.RawQuery = query.Encode()
	return u.RequestURI()
}

// SetSealed sets a cookie that the browser can neither read nor change.
func (k *Kit) SetSealed(w http.ResponseWriter, name string, v any, age time.Duration) error {
	value, err := k.Seal(v, age, "cookie", name)
	if err != nil {
		return err
	}
	k.SetCookie(w, name, value, age)
	return nil
}

// Sealed reads a cookie of [Kit.SetSealed] into v and tells whether it was
// there, once, and ours.
func (k *Kit) Sealed(r *http.Request, name string, v any) bool {
	value := k.Cookie(r, name)
	return value != "" && k.Unseal(value, v, "cookie", name)
}

// SealHere hides a value in a form of a page: it opens again only for this
// browser, in its present session, as form tokens do, and for the same words.
func (k *Kit) SealHere(w http.ResponseWriter, r *http.Request, v any, life time.Duration, bind ...string) (string, error) {
	if aboutOf(r).flow || k.holder(r) == "" {
		k.Binding(w, r)
	}
	return k.Seal(v, life, append([]string{"form", k.holder(r)}, bind...)...)
}

// UnsealHere opens what [Kit.SealHere] hid into v and tells whether it was ours,
// for this browser and these words, and not over.
func (k *Kit) UnsealHere(r *http.Request, s string, v any, bind ...string) bool {
	holder := k.holder(r)
	return s != "" && holder != "" && k.Unseal(s, v, append([]string{"form", holder}, bind...)...)
}
