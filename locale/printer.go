package locale

import (
	"strconv"
	"strings"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
)

// Args are the values of placeholders by name.
type Args = map[string]any

// Printer says texts in one language. The zero value is not usable; see [For].
type Printer struct{ texts *texts }

// Lang is the language that is spoken.
func (p Printer) Lang() Lang { return p.texts.lang }

// T is the text of a key. args are placeholder names and values in turn, or one
// [Args]. A time.Time is told by [Printer.Time], an int with the grouping of
// the language. An unknown key is its own text.
func (p Printer) T(key string, args ...any) string {
	if text, ok := p.texts.plain[key]; ok {
		return text
	}
	return p.localize(key, nil, p.args(args))
}

// N is the text of a key in the plural form that n calls for. The placeholder
// N is n itself.
func (p Printer) N(key string, n int, args ...any) string {
	values := p.args(args)
	values["N"] = p.number(n)
	return p.localize(key, n, values)
}

func (p Printer) localize(key string, count any, values Args) string {
	text, err := p.texts.localizer.Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: values, PluralCount: count})
	if err != nil {
		return key
	}
	return text
}

func (p Printer) args(args []any) Args {
	values := make(Args, len(args)/2+1)
	if len(args) == 1 {
		if given, ok := args[0].(Args); ok {
			for name, v := range given {
				values[name] = p.value(v)
			}
		}
		return values
	}
	for i := 0; i+1 < len(args); i += 2 {
		if name, ok := args[i].(string); ok {
			values[name] = p.value(args[i+1])
		}
	}
	return values
}

func (p Printer) value(v any) any {
	switch v := v.(type) {
	case time.Time:
		return p.Time(v)
	case int:
		return p.number(v)
	}
	return v
}

// Number is n with the grouping of the language.
func (p Printer) Number(n int) string { return p.number(n) }

// number writes n with the grouping of the language. Spanish and Portuguese
// leave four digits together.
func (p Printer) number(n int) string {
	digits := strconv.Itoa(n)
	if n < 1000 || n < 10000 && (p.Lang() == Spanish || p.Lang() == Portuguese) {
		return digits
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(p.T("number.group"))
		}
		b.WriteRune(d)
	}
	return b.String()
}

func hasPlaceholder(text string) bool { return strings.Contains(text, "{{") }
