package locale

import (
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// Pseudo speaks English with accents, two fifths longer and in brackets, for
// tests: what stands outside the brackets was not translated, and what no
// longer fits will not fit in German.
func Pseudo() Printer {
	t, err := newBundle(nil).readWith(English, pseudo)
	if err != nil {
		return Printer{&texts{lang: "en-XA", localizer: i18n.NewLocalizer(i18n.NewBundle(language.English))}}
	}
	t.lang = "en-XA"
	return Printer{t}
}

var accents = strings.NewReplacer(
	"a", "á", "c", "ç", "e", "é", "i", "î", "n", "ñ", "o", "ö", "u", "û", "y", "ý",
	"A", "Å", "C", "Ç", "E", "É", "I", "Î", "N", "Ñ", "O", "Ö", "U", "Û", "S", "Š",
)

// pseudo changes a text but for its placeholders.
func pseudo(text string) string {
	var b strings.Builder
	b.WriteString("⟦")
	letters := 0
	for rest := text; rest != ""; {
		literal, after, found := strings.Cut(rest, "{{")
		b.WriteString(accents.Replace(literal))
		letters += len(literal)
		if !found {
			break
		}
		name, next, _ := strings.Cut(after, "}}")
		b.WriteString("{{" + name + "}}")
		rest = next
	}
	if extra := letters * 2 / 5; extra > 0 {
		b.WriteString(" " + strings.Repeat("~", extra))
	}
	b.WriteString("⟧")
	return b.String()
}
