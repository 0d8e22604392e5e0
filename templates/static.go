package templates

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// StaticPath is the path under which the static files are served; the name
// with the hash of the content follows.
const StaticPath = "/static/"

// StaticCacheControl is the Cache-Control of every static file: its name
// changes with its content.
const StaticCacheControl = "public, max-age=31536000, immutable"

// File is a static file, ready to be answered with StaticCacheControl.
type File struct {
	Name string // with the hash: "stile.1f2e3d4c5b6a.css"
	Type string // media type
	ETag string // with quotes
	Body []byte // not to be changed
}

// static holds the static files by their name, with and without hash.
type static struct {
	hashed map[string]File
	plain  map[string]string // name without hash → path
}

var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func loadStatic(files fs.FS) (static, error) {
	s := static{hashed: map[string]File{}, plain: map[string]string{}}
	entries, err := fs.ReadDir(files, "static")
	if err != nil {
		return s, fmt.Errorf("templates: %w", err)
	}
	for _, e := range entries {
		body, err := fs.ReadFile(files, "static/"+e.Name())
		if err != nil {
			return s, fmt.Errorf("templates: %w", err)
		}
		ext := path.Ext(e.Name())
		if mediaTypes[ext] == "" {
			continue
		}
		if ext == ".css" {
			body = squeeze(body)
		}
		sum := sha256.Sum256(body)
		hash := hex.EncodeToString(sum[:6])
		f := File{
			Name: strings.TrimSuffix(e.Name(), ext) + "." + hash + ext,
			Type: mediaTypes[ext], ETag: `"` + hash + `"`, Body: body,
		}
		s.hashed[f.Name] = f
		s.plain[e.Name()] = StaticPath + f.Name
	}
	return s, nil
}

var (
	comments = regexp.MustCompile(`(?s)/\*.*?\*/`)
	spaces   = regexp.MustCompile(`\s*([{};,])\s*|(:) |\s*\n\s*`)
)

// squeeze leaves out of a style sheet what only its readers need.
func squeeze(css []byte) []byte {
	css = spaces.ReplaceAll(comments.ReplaceAll(css, nil), []byte("$1$2"))
	return bytes.ReplaceAll(css, []byte(";}"), []byte("}"))
}

// StaticURL is the path of a static file by the name it has in this package,
// "stile.css"; empty for every other name.
func (s *Set) StaticURL(name string) string { return s.static.plain[name] }

// Static returns the file of a name that holds the hash of its content, as the
// pages link it; false for every other name.
func (s *Set) Static(name string) (File, bool) {
	f, ok := s.static.hashed[name]
	return f, ok
}

// formPostScript is the one script that stands in a page: that of FormPost.
const formPostScript = "document.forms[0].submit()"

// FormPostScriptHash is the source for script-src that lets the script of
// FormPost run and nothing else: "'sha256-…'".
var FormPostScriptHash = ScriptHash(formPostScript)

// ScriptHash is the source for script-src that lets one inline script run.
func ScriptHash(script string) string {
	sum := sha256.Sum256([]byte(script))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
