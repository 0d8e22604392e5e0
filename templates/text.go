package templates

import (
	"fmt"
	"strings"
	"time"
)

// Segment is a piece of a sentence. A sentence is translated whole; where one
// of its placeholders is a name or a time, the page marks it up, and the
// template "text" writes piece after piece. So no text is ever markup.
type Segment struct {
	Kind  string // "" words, "name", "value", "time", "foreign"
	Text  string
	Stamp string    // of a time: RFC 3339, UTC
	Parts []Segment // of a name that is a sentence itself
}

// name is a placeholder that stands out.
type name string

// foreign is a placeholder in English, whatever the language of the page.
type foreign string

// Where placeholders stand in a translated sentence, until they are cut out
// again: characters for private use, which no translation holds (a test looks).
const (
	open  = '\uE000'
	close = '\uE001'
	first = '\uE100' // first placeholder, the next is one further
)

// Text is the sentence of a key in pieces. args are names and values in turn; a
// value may be made by Name, be a time.Time, or be pieces itself.
func (v *view) Text(key string, args ...any) []Segment {
	marked := make([]any, len(args))
	var values []Segment
	for i := range args {
		if i%2 == 0 {
			marked[i] = args[i]
			continue
		}
		marked[i] = string([]rune{open, first + rune(len(values)), close})
		values = append(values, v.segment(args[i]))
	}
	return cut(v.Printer.T(key, marked...), values)
}

// Said is Text for a sentence that came with the Frame.
func (v *view) Said(key string, args map[string]any) []Segment {
	if n, ok := args["N"].(int); ok {
		return []Segment{{Text: v.Printer.N(key, n)}}
	}
	pairs := make([]any, 0, 2*len(args))
	for n, a := range args {
		pairs = append(pairs, n, a)
	}
	return v.Text(key, pairs...)
}

func (v *view) segment(a any) Segment {
	switch a := a.(type) {
	case name:
		return Segment{Kind: "name", Text: string(a)}
	case foreign:
		return Segment{Kind: "foreign", Text: string(a)}
	case time.Time:
		return Segment{Kind: "time", Text: v.Printer.Moment(a.In(v.zone()), v.Now), Stamp: stamp(a)}
	case []Segment:
		return Segment{Kind: "name", Parts: a}
	case string:
		return Segment{Kind: "value", Text: a}
	}
	return Segment{Text: fmt.Sprint(a)}
}

// cut puts the values where their marks stand.
func cut(text string, values []Segment) []Segment {
	var all []Segment
	for {
		before, rest, found := strings.Cut(text, string(open))
		if before != "" {
			all = append(all, Segment{Text: before})
		}
		if !found {
			return all
		}
		mark, after, _ := strings.Cut(rest, string(close))
		for _, r := range mark {
			if i := int(r - first); i >= 0 && i < len(values) {
				all = append(all, values[i])
			}
		}
		text = after
	}
}

// plain is what the pieces say.
func plain(segments []Segment) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteString(s.Text)
		b.WriteString(plain(s.Parts))
	}
	return b.String()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
