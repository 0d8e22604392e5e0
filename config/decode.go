package config

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// Lines holds the line of each value and list item that a file gave, by its
// path, such as mail.smtp or accounts[0].users[2].email.
type Lines map[string]int

// Decode reads one YAML document into the struct that into points to, strictly:
// unknown keys, keys given twice, values of another form and aliases are faults.
// All of them are returned, each with name:line and what to do. What the
// document does not name stays as it is.
//
// A key is the field's yaml tag, else its json tag, else its name with _ between
// words; embedded structs lie open, and fields tagged "-" are closed.
func Decode(name string, text []byte, into any) (Lines, error) {
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil // empty, or comments only
	case err != nil:
		return nil, syntaxError(name, err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one document: remove the line ---", name)
	}
	r := reader{name: name, lines: Lines{}, known: paths("", reflect.TypeOf(into).Elem(), nil)}
	r.value("", doc.Content[0], reflect.ValueOf(into).Elem())
	return r.lines, errors.Join(r.faults...)
}

// syntaxError gives the library's "yaml: line 3: what" the form of all others.
func syntaxError(name string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if line, what, ok := strings.Cut(rest, ": "); ok {
			return fmt.Errorf("%s:%s: %s", name, line, what)
		}
	}
	return fmt.Errorf("%s: %s", name, text)
}

// reader walks one document and collects every fault in it.
type reader struct {
	name   string
	lines  Lines
	known  []string // paths of all keys, for suggestions
	faults []error
}

func (r *reader) fault(n *yaml.Node, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s:%d: %w", r.name, n.Line, fmt.Errorf(format, args...)))
}

func (r *reader) value(path string, n *yaml.Node, v reflect.Value) {
	r.lines[path] = n.Line
	switch {
	case v.Kind() == reflect.Pointer:
		if isNull(n) {
			r.fault(n, "%s has no value: write one, or remove the line", path)
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		r.value(path, n, v.Elem())
	case isSection(v.Type()):
		r.section(path, n, v)
	case v.Kind() == reflect.Slice:
		r.list(path, n, v)
	case v.Kind() == reflect.Map:
		r.entries(path, n, v)
	case isNull(n):
		r.fault(n, "%s has no value: write one, or remove the line for the default", path)
	case n.Kind != yaml.ScalarNode:
		r.fault(n, "%s takes one value, not a list or section", path)
	default:
		if err := put(v, n.Value); err != nil {
			r.fault(n, "%s: %w", path, err)
		}
	}
}

func (r *reader) list(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) {
		n = &yaml.Node{Kind: yaml.SequenceNode, Line: n.Line}
	}
	if n.Kind != yaml.SequenceNode {
		r.fault(n, "%s is a list: write its items as - value, or [value, value]", path)
		return
	}
	items := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		r.value(fmt.Sprintf("%s[%d]", path, i), item, items.Index(i))
	}
	v.Set(items)
}

// entries reads a map of texts, whose keys are the writer's own.
func (r *reader) entries(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) {
		n = &yaml.Node{Kind: yaml.MappingNode, Line: n.Line}
	}
	if n.Kind != yaml.MappingNode {
		r.fault(n, "%s holds entries: write each as key: value", path)
		return
	}
	all := reflect.MakeMap(v.Type())
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], reflect.New(v.Type().Elem()).Elem()
		at := join(path, key.Value)
		if line, twice := r.lines[at]; twice {
			r.fault(key, "%s is given twice, first in line %d: remove one", at, line)
			continue
		}
		r.value(at, n.Content[i+1], value)
		all.SetMapIndex(reflect.ValueOf(key.Value), value)
	}
	v.Set(all)
}

func (r *reader) section(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) {
		return // "mail:" with every line under it commented out
	}
	if n.Kind != yaml.MappingNode {
		what := path
		if path == "" {
			what = "the file"
		}
		r.fault(n, "%s holds keys: write each as key: value", what)
		return
	}
	keys := keysOf(v.Type())
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		index, known := keys[key.Value]
		line, twice := seen[key.Value]
		seen[key.Value] = key.Line
		switch {
		case !known || key.Kind != yaml.ScalarNode:
			r.fault(key, "unknown key %q%s", at, suggest(withoutIndex(at), r.known))
		case twice:
			r.fault(key, "%s is given twice, first in line %d: remove one", at, line)
		default:
			r.value(at, value, v.FieldByIndex(index))
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// isSection tells whether a type is written as keys and values.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) && t != reflect.TypeFor[time.Time]()
}

// keysOf returns the fields of a struct by their keys.
func keysOf(t reflect.Type) map[string][]int {
	keys := map[string][]int{}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		if f.Anonymous {
			for key, index := range keysOf(f.Type) {
				keys[key] = append([]int{i}, index...)
			}
			continue
		}
		if key := keyOf(f); key != "-" {
			keys[key] = []int{i}
		}
	}
	return keys
}

func keyOf(f reflect.StructField) string {
	for _, tag := range []string{"yaml", "json"} {
		if key, _, _ := strings.Cut(f.Tag.Get(tag), ","); key != "" {
			return key
		}
	}
	var b strings.Builder
	for i, c := range f.Name {
		if unicode.IsUpper(c) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// paths lists the paths of all keys of a struct, without the places in lists.
func paths(prefix string, t reflect.Type, all []string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if !isSection(t) {
		return all
	}
	for key, index := range keysOf(t) {
		all = append(all, join(prefix, key))
		all = paths(join(prefix, key), t.FieldByIndex(index).Type, all)
	}
	slices.Sort(all)
	return all
}

func withoutIndex(path string) string {
	var b strings.Builder
	inside := false
	for _, c := range path {
		inside = c == '[' || inside && c != ']'
		if !inside && c != ']' {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// suggest names the known key that is nearest to a mistyped one, if one is near.
func suggest(key string, known []string) string {
	best, distance := "", min(len(key)/3+2, 6)
	for _, k := range known {
		if max(len(k)-len(key), len(key)-len(k)) >= distance && !strings.HasSuffix(k, "."+key) {
			continue
		}
		if d := editDistance(key, k); d < distance {
			best, distance = k, d
		}
		// The right key in the wrong place: smtp instead of mail.smtp.
		if strings.HasSuffix(k, "."+key) {
			best, distance = k, 0
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// editDistance is Levenshtein's, over bytes: keys are ASCII.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
