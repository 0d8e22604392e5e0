package config

import (
	"encoding"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"stile/seal"
)

// field is one key of the configuration with the place of its value.
type field struct {
	key     string // dotted path, such as mail.smtp
	doc     string
	def     string // default as text, lists separated by commas
	secret  string // "", "value" or "url": what of it is hidden
	show    bool   // stands in config.yaml without a comment sign
	min     string // bounds of durations and numbers
	max     string
	section bool // holds further keys
	value   reflect.Value
}

// name returns the last part of the key.
func (f field) name() string { return f.key[strings.LastIndexByte(f.key, '.')+1:] }

// fields returns every key of c in the order of the struct, sections before
// what they hold.
func fields(c *Config) []field { return walk("", reflect.ValueOf(c).Elem()) }

func walk(prefix string, section reflect.Value) []field {
	var all []field
	for i := range section.NumField() {
		tag := section.Type().Field(i).Tag
		name := tag.Get("yaml")
		if name == "" || name == "-" {
			continue
		}
		f := field{
			key: prefix + name, doc: tag.Get("doc"), def: tag.Get("default"), secret: tag.Get("secret"), show: tag.Get("show") != "",
			min: tag.Get("min"), max: tag.Get("max"), value: section.Field(i), section: isSection(section.Field(i).Type()),
		}
		all = append(all, f)
		if f.section {
			all = append(all, walk(f.key+".", f.value)...)
		}
	}
	return all
}

// Default returns the configuration of an empty file.
func Default() *Config {
	c := &Config{Dir: ".", origins: map[string]Origin{}}
	for _, f := range fields(c) {
		if f.section || f.def == "" {
			continue
		}
		if err := f.set(f.split(f.def)...); err != nil {
			panic("config: default of " + f.key + ": " + err.Error()) // a fault of this program: TestDefault finds it
		}
	}
	return c
}

func (f field) list() bool { return f.value.Kind() == reflect.Slice }

// entries tells whether the field is a map of texts.
func (f field) entries() bool { return f.value.Kind() == reflect.Map }

// split makes the items of a list from text, or one item for what is no list.
func (f field) split(text string) []string {
	switch {
	case f.entries():
		return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' })
	case !f.list():
		return []string{text}
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
}

// set stores text in the field: each item of a list, or the one value.
func (f field) set(items ...string) error {
	if f.entries() {
		return f.setEntries(items)
	}
	if !f.list() {
		return put(f.value, items[0])
	}
	list := reflect.MakeSlice(f.value.Type(), len(items), len(items))
	for i, item := range items {
		if err := put(list.Index(i), item); err != nil {
			return err
		}
	}
	f.value.Set(list)
	return nil
}

func (f field) setEntries(items []string) error {
	all := reflect.MakeMap(f.value.Type())
	for _, item := range items {
		key, text, ok := strings.Cut(item, "=")
		name := reflect.ValueOf(strings.TrimSpace(key))
		if !ok {
			return fmt.Errorf("%q: write each entry as key=value, with commas between", item)
		}
		if all.MapIndex(name).IsValid() {
			return fmt.Errorf("%q is given twice: remove one", name)
		}
		all.SetMapIndex(name, reflect.ValueOf(strings.TrimSpace(text)))
	}
	f.value.Set(all)
	return nil
}

// put reads text into a value that is neither a list nor a section.
func put(v reflect.Value, text string) error {
	switch p := v.Addr().Interface().(type) {
	case *time.Duration:
		d, err := parseDuration(text)
		if err != nil {
			return err
		}
		*p = d
	case *seal.Secret:
		*p = seal.Secret(text)
	case *string:
		*p = text
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		*p = n
	case *bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*p = text == "true"
	case encoding.TextUnmarshaler:
		if err := p.UnmarshalText([]byte(text)); err != nil {
			return explain(v, text, err)
		}
	default:
		if v.Kind() != reflect.String {
			return fmt.Errorf("config: no reader for %s", v.Type()) // a fault of this program
		}
		v.SetString(text)
	}
	return nil
}

// explain says what is wrong where the type's own words are for programmers.
func explain(v reflect.Value, text string, err error) error {
	if v.Type() == reflect.TypeFor[time.Time]() {
		return fmt.Errorf("%q is not a time: write it such as 2026-12-24T06:00:00Z", text)
	}
	if v.Type() == reflect.TypeFor[netip.Prefix]() {
		return fmt.Errorf("%q is not a network: write it such as 10.0.0.0/8, or 10.1.2.3/32 for one address", text)
	}
	return err
}

// bounds fails if a number or duration lies outside the field's bounds.
func (f field) bounds() error {
	compare := func(bound string) int { return 0 }
	switch v := f.value.Interface().(type) {
	case int:
		compare = func(bound string) int { n, _ := strconv.Atoi(bound); return v - n }
	case time.Duration:
		compare = func(bound string) int { d, _ := parseDuration(bound); return int(v - d) }
	}
	if f.min != "" && compare(f.min) < 0 || f.max != "" && compare(f.max) > 0 {
		if f.max == "" {
			return fmt.Errorf("%s: use %s or more", f.text()[0], f.min)
		}
		return fmt.Errorf("%s: use %s to %s", f.text()[0], f.min, f.max)
	}
	return nil
}

// text returns the value as it would be written, with secrets hidden.
func (f field) text() []string {
	if f.entries() {
		var items []string
		for _, key := range f.value.MapKeys() {
			items = append(items, key.String()+"="+f.value.MapIndex(key).String())
		}
		slices.Sort(items)
		return items
	}
	if !f.list() {
		return []string{f.item(f.value)}
	}
	items := make([]string, f.value.Len())
	for i := range items {
		items[i] = f.item(f.value.Index(i))
	}
	return items
}

func (f field) item(v reflect.Value) string {
	switch p := v.Interface().(type) {
	case time.Duration:
		return formatDuration(p)
	case seal.Secret:
		return mask(f.secret, p.Reveal())
	case encoding.TextMarshaler:
		text, _ := p.MarshalText()
		return string(text)
	default:
		return fmt.Sprint(p)
	}
}

// parseDuration reads what time.ParseDuration does, and whole days such as 14d.
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration: write it such as 30s, 5m, 8h or 14d", text)
	}
	return d, nil
}

func formatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d > day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
