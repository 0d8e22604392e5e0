package locale

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed *.json
var files embed.FS

// Bundle holds the texts of all languages. A language is read when it is first
// spoken. It is safe for concurrent use.
type Bundle struct {
	overlay   fs.FS // may be nil
	languages map[Lang]func() *texts
}

// texts are those of one language.
type texts struct {
	lang      Lang
	localizer *i18n.Localizer
	plain     map[string]string // messages without placeholder or plural, which are most
}

var builtIn = sync.OnceValue(func() *Bundle { return newBundle(nil) })

// Load returns the built-in texts with those of overlay laid over them: files
// named en.json, fr.json, … that hold any of the keys. A file that can't be
// read as such is an error that names it. A nil overlay gives the built-in texts.
func Load(overlay fs.FS) (*Bundle, error) {
	if overlay == nil {
		return builtIn(), nil
	}
	b := newBundle(overlay)
	for _, l := range Supported {
		if _, err := b.read(l); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func newBundle(overlay fs.FS) *Bundle {
	b := &Bundle{overlay: overlay, languages: make(map[Lang]func() *texts, len(Supported))}
	for _, l := range Supported {
		b.languages[l] = sync.OnceValue(func() *texts {
			t, err := b.read(l)
			if err != nil { // the built-in files are proven by tests, the others were read by Load
				return &texts{lang: l, localizer: i18n.NewLocalizer(i18n.NewBundle(language.English))}
			}
			return t
		})
	}
	return b
}

// For returns the texts of a language; of an unknown one, English.
func (b *Bundle) For(l Lang) Printer {
	load, ok := b.languages[l]
	if !ok {
		load = b.languages[English]
	}
	return Printer{load()}
}

func (b *Bundle) read(l Lang) (*texts, error) {
	return b.readWith(l, func(s string) string { return s })
}

// readWith reads the texts of a language and passes each through change.
func (b *Bundle) readWith(l Lang, change func(string) string) (*texts, error) {
	name := string(l) + ".json"
	data, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("texts of language %s: %w", l, err)
	}
	bundle := i18n.NewBundle(language.Make(string(l)))
	t := &texts{lang: l, plain: make(map[string]string, 400)}
	if err := t.add(bundle, data, name, change); err != nil {
		return nil, err
	}
	if b.overlay != nil {
		data, err := fs.ReadFile(b.overlay, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("texts of language %s: %w", l, err)
		}
		if err := t.add(bundle, data, name, change); err != nil {
			return nil, err
		}
	}
	t.localizer = i18n.NewLocalizer(bundle, string(l))
	return t, nil
}

func (t *texts) add(bundle *i18n.Bundle, data []byte, name string, change func(string) string) error {
	file, err := i18n.ParseMessageFileBytes(data, name, nil)
	if err != nil {
		return fmt.Errorf("texts in %s: %w", name, err)
	}
	for _, m := range file.Messages {
		for _, form := range []*string{&m.One, &m.Many, &m.Other} {
			if *form != "" {
				*form = change(*form)
			}
		}
		if m.One == "" && !hasPlaceholder(m.Other) {
			t.plain[m.ID] = m.Other
		} else {
			delete(t.plain, m.ID)
		}
	}
	if err := bundle.AddMessages(file.Tag, file.Messages...); err != nil {
		return fmt.Errorf("texts in %s: %w", name, err)
	}
	return nil
}
