// Package locale picks a language and says texts in it.
//
// Seven languages ship, one JSON file each, in the form of go-i18n. A key names
// a meaning ("error.code.wrong"), never an English text, and stands for one
// whole sentence with named placeholders, so that a translator may turn it
// around. en.json carries a note for translators at every key.
//
//	bundle, err := locale.Load(nil) // nil = the files built in
//	lang := locale.Negotiate(chosen, user.Language, uiLocales, cookie, header, account.Language)
//	text := bundle.For(lang).T("signin.to", "Client", "Acme Console")
//
// # Adding a language
//
// Write xx.json with the keys of en.json, add one line to the list of
// languages below, and let the tests say what is missing.
package locale

import (
	"strings"

	"golang.org/x/text/language"
)

// Lang is one of the supported languages, as a BCP 47 tag without region.
type Lang string

// The languages that ship. English is what is spoken when nothing else is known.
const (
	English    Lang = "en"
	French     Lang = "fr"
	Italian    Lang = "it"
	German     Lang = "de"
	Spanish    Lang = "es"
	Portuguese Lang = "pt"
	Dutch      Lang = "nl"
)

// Supported are the languages that ship, in the order of the switch.
var Supported = []Lang{English, French, Italian, German, Spanish, Portuguese, Dutch}

var endonyms = map[Lang]string{
	English: "English", French: "Français", Italian: "Italiano", German: "Deutsch",
	Spanish: "Español", Portuguese: "Português", Dutch: "Nederlands",
}

// Name of the language in the language itself: "Português".
func (l Lang) Name() string { return endonyms[l] }

// Parse returns the supported language of a tag: "pt-BR" is Portuguese. It says
// false for everything else.
func Parse(tag string) (Lang, bool) {
	if len(tag) > maxTag {
		return "", false
	}
	t, err := language.Parse(tag)
	if err != nil {
		return "", false
	}
	return supported(t)
}

// Bounds of what strangers may send: one tag, one list.
const (
	maxTag  = 64
	maxList = 1024
)

// Negotiate returns the language of the first preference that names a
// supported one, or English. A preference is a tag ("fr-CH"), a list of tags
// with spaces between (ui_locales, OpenID Connect Core 3.1.2.1), or the value of
// an Accept-Language header with weights (RFC 9110 section 12.5.4); an empty or
// broken one is passed over. The caller gives them in this order: the switch
// used in this flow, the user's setting, ui_locales, the language cookie, the
// header, the account's default.
func Negotiate(preferences ...string) Lang {
	for _, p := range preferences {
		if l, ok := first(p); ok {
			return l
		}
	}
	return English
}

// first returns the most wanted supported language of one preference.
func first(preference string) (Lang, bool) {
	if len(preference) > maxList {
		return "", false
	}
	if !strings.ContainsAny(preference, ",;") {
		for _, tag := range strings.Fields(preference) {
			if l, ok := Parse(tag); ok {
				return l, true
			}
		}
		return "", false
	}
	var best Lang
	var most float32
	for _, item := range strings.Split(preference, ",") { // one that is not understood hides no other
		tags, weights, err := language.ParseAcceptLanguage(item)
		if err != nil || len(tags) != 1 || weights[0] <= most {
			continue
		}
		if l, ok := supported(tags[0]); ok {
			best, most = l, weights[0]
		}
	}
	return best, most > 0
}

func supported(t language.Tag) (Lang, bool) {
	base, confidence := t.Base()
	l := Lang(base.String())
	_, ok := endonyms[l]
	// A tag without a language ("und-FR") only suggests one.
	return l, ok && confidence != language.No && !strings.HasPrefix(t.String(), "und")
}
