package config

import (
	"strings"
	"testing"
	"time"
)

type shelf struct {
	Label  string `yaml:"label"`
	Books  []book `yaml:"books"`
	Locked *bool  `yaml:"locked"`
	Hidden string `yaml:"-"`
}

type book struct {
	Details `yaml:",inline"`
	Tags    []string
	LentFor time.Duration
}

// Details has names of JSON, as records of other packages do.
type Details struct {
	Title string `json:"book_title,omitempty"`
}

func TestDecode(t *testing.T) {
	s := shelf{Label: "kept"}
	lines, err := Decode("s.yaml", []byte("locked: false\nbooks:\n  - book_title: One\n    lent_for: 14d\n    tags: [a, b c]\n  - book_title: Two\n"), &s)
	if err != nil {
		t.Fatal(err)
	}
	if s.Label != "kept" || s.Locked == nil || *s.Locked || len(s.Books) != 2 || s.Books[0].Title != "One" || s.Books[0].LentFor != 14*24*time.Hour || len(s.Books[0].Tags) != 2 {
		t.Errorf("got %+v", s)
	}
	for path, want := range map[string]int{"locked": 1, "books[0]": 3, "books[0].tags[1]": 5, "books[1]": 6, "label": 0} {
		if lines[path] != want {
			t.Errorf("%s in line %d, want %d", path, lines[path], want)
		}
	}
}

func TestDecodeFaults(t *testing.T) {
	for text, want := range map[string]string{
		"books:\n  - title: One\n":              `s.yaml:2: unknown key "books[0].title": did you mean "books.tags"?`,
		"books:\n  - book_titel: One\n":         `s.yaml:2: unknown key "books[0].book_titel": did you mean "books.book_title"?`,
		"books: One\n":                          "s.yaml:1: books is a list: write its items as - value, or [value, value]",
		"books: [One]\n":                        "s.yaml:1: books[0] holds keys",
		"locked:\n":                             "s.yaml:1: locked has no value",
		"hidden: x\n":                           `s.yaml:1: unknown key "hidden"`,
		"Hidden: x\n":                           `s.yaml:1: unknown key "Hidden"`,
		"books: [{tags: [[a]]}]\n":              "s.yaml:1: books[0].tags[0] takes one value",
		"books: [{tags: [a, ]}]\nlabel: [x]\n":  "s.yaml:2: label takes one value",
		"label: &a x\nbooks: [{tags: [*a]}]\n":  "s.yaml:2: books[0].tags[0] takes one value",
		"books: [{book_title: a, lent_for: 1}]": `lent_for: "1" is not a duration`,
	} {
		var s shelf
		if _, err := Decode("s.yaml", []byte(text), &s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
