package storage

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxName is the longest name of anything, in characters.
const maxName = 200

// checkName refuses names that nobody could read or type again. Marks that turn
// the direction of text around are refused: they make one name look like another.
func checkName(what, name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return fmt.Errorf("%s: it needs a name", what)
	case name != strings.TrimSpace(name):
		return fmt.Errorf("%s %q: spaces around the name", what, name)
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Errorf("%s: the name is longer than %d characters", what, maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d' // joiners belong to some scripts
	}):
		return fmt.Errorf("%s %q: invisible characters in the name", what, name)
	}
	return nil
}

// CheckName refuses, for the edge, what no record may be called; what says what
// the name is of.
func CheckName(what, name string) error { return checkName(what, name) }

// CheckZone refuses, for the edge, time zones that don't exist; empty is none.
func CheckZone(zone string) error { return checkPlace("", zone) }

var languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`)

// checkPlace refuses languages and time zones that don't exist; empty ones are
// somebody else's decision.
func checkPlace(language, zone string) error {
	if language != "" && !languageTag.MatchString(language) {
		return fmt.Errorf("language %q: use a tag such as en or pt-BR", language)
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		return fmt.Errorf("time zone %q: use a name such as Europe/Berlin", zone)
	}
	return nil
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}
