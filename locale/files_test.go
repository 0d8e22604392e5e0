package locale

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// message is one entry of a file: a text, or its plural forms, and in English a
// note for translators.
type message map[string]string

func readFile(t *testing.T, l Lang) map[string]message {
	t.Helper()
	data, err := files.ReadFile(string(l) + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatalf("%s: %v", l, err)
	}
	all := make(map[string]message, len(raw))
	for key, r := range raw {
		var text string
		if json.Unmarshal(r, &text) == nil {
			all[key] = message{"other": text}
			continue
		}
		var m message
		if err := json.Unmarshal(r, &m); err != nil {
			t.Fatalf("%s: %s: %v", l, key, err)
		}
		all[key] = m
	}
	return all
}

var placeholder = regexp.MustCompile(`\{\{(.*?)\}\}`)

func placeholders(text string) []string {
	var names []string
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// pluralForms are the cardinal categories of CLDR.
var pluralForms = map[Lang][]string{
	English: {"one", "other"}, German: {"one", "other"}, Dutch: {"one", "other"},
	French: {"many", "one", "other"}, Italian: {"many", "one", "other"},
	Spanish: {"many", "one", "other"}, Portuguese: {"many", "one", "other"},
}

func TestAllLanguagesSayAllThatEnglishSays(t *testing.T) {
	english := readFile(t, English)
	for _, l := range Supported {
		own := readFile(t, l)
		for key := range own {
			if _, ok := english[key]; !ok {
				t.Errorf("%s: %s is in no other language", l, key)
			}
		}
		for key, e := range english {
			m, ok := own[key]
			if !ok {
				t.Errorf("%s: %s is missing", l, key)
				continue
			}
			forms := slices.Sorted(maps.Keys(m))
			forms = slices.DeleteFunc(forms, func(f string) bool { return f == "description" })
			want := []string{"other"}
			if e["one"] != "" {
				want = pluralForms[l]
			}
			if !slices.Equal(forms, want) {
				t.Errorf("%s: %s has the forms %v, want %v", l, key, forms, want)
			}
			for _, f := range forms {
				if got, want := placeholders(m[f]), placeholders(e["other"]); !slices.Equal(got, want) {
					t.Errorf("%s: %s (%s) has the placeholders %v, want %v", l, key, f, got, want)
				}
			}
		}
	}
}

func TestNotesForTranslators(t *testing.T) {
	for key, m := range readFile(t, English) {
		if len(m["description"]) < 8 {
			t.Errorf("%s has no note for translators", key)
		}
	}
	for _, l := range Supported[1:] {
		for key, m := range readFile(t, l) {
			if m["description"] != "" {
				t.Errorf("%s: %s repeats the note", l, key)
			}
		}
	}
}

// TestTextsArePlain keeps markup and code out of the hands of translators (H04),
// and typing out of the typography.
func TestTextsArePlain(t *testing.T) {
	name := regexp.MustCompile(`^\.[A-Z][A-Za-z]*$`)
	word := func(alternatives string) *regexp.Regexp {
		return regexp.MustCompile(`(?i)(^|[^\p{L}])(` + alternatives + `)($|[^\p{L}])`)
	}
	informal := map[Lang]*regexp.Regexp{
		German: word(`du|dein|deine|deinen|deinem|dir|dich`), French: word(`tu|toi|ton|tes|ta`), Spanish: word(`tú|tu|tus|vosotros`),
		Italian: word(`tu|tuo|tua|tuoi|tue`), Portuguese: word(`tu|teu|tua|você`), Dutch: word(`je|jij|jouw|jou`),
	}
	for _, l := range Supported {
		for key, m := range readFile(t, l) {
			for form, text := range m {
				if form == "description" {
					continue
				}
				for _, p := range placeholders(text) {
					if !name.MatchString(p) {
						t.Errorf("%s: %s: {{%s}} is no plain placeholder", l, key, p)
					}
				}
				if strings.ContainsAny(text, "<>\n\t") || strings.ContainsFunc(text, func(r rune) bool { return r >= 0xE000 && r <= 0xF8FF }) {
					t.Errorf("%s: %s holds a character that no text needs: %q", l, key, text)
				}
				if key != "number.group" && text != strings.TrimSpace(text) || strings.Contains(text, "  ") {
					t.Errorf("%s: %s has spaces to spare: %q", l, key, text)
				}
				if l != English && strings.ContainsAny(text, `'"`) {
					t.Errorf("%s: %s has typewriter quotes: %q", l, key, text)
				}
				if l == French && regexp.MustCompile(`[^\x{a0}\x{202f}][?!;:»]`).MatchString(text) {
					t.Errorf("fr: %s wants a no-break space: %q", key, text)
				}
				if re := informal[l]; re != nil && re.MatchString(text) {
					t.Errorf("%s: %s is too familiar: %q", l, key, text)
				}
			}
		}
	}
}

// TestTranslated finds what was copied and forgotten.
func TestTranslated(t *testing.T) {
	english := readFile(t, English)
	same := map[string]int{}
	for _, l := range Supported[1:] {
		for key, m := range readFile(t, l) {
			if text := placeholder.ReplaceAllString(m["other"], ""); len(text) > 14 && m["other"] == english[key]["other"] {
				same[key]++
				t.Errorf("%s: %s is English", l, key)
			}
		}
	}
}
