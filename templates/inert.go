package templates

import (
	"regexp"
	"strings"
	"unicode"
)

// maxName is how much of a name that somebody chose a message shows.
const maxName = 64

// link is what mail programs make a link of: a scheme, "www." or something that
// looks like a host name, with all that follows.
var link = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://|www\.)\S*|[\p{L}\p{N}-]+(\.[\p{L}\p{N}-]+)*\.\p{L}{2,}(/\S*)?`)

// inert makes a name that somebody chose safe to stand in a message of ours:
// one line, without anything that becomes a link, and not long. So nobody's
// name is an advertisement.
func inert(text string) string {
	text = oneLine(link.ReplaceAllString(oneLine(text), "…"))
	if runes := []rune(text); len(runes) > maxName {
		text = strings.TrimSpace(string(runes[:maxName-1])) + "…"
	}
	return text
}

// oneLine leaves out line breaks, and marks that turn the direction around or
// can't be seen.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
