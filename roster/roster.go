// Package roster reads and writes lists of an account's users as CSV: what a
// spreadsheet makes of them, and what a spreadsheet must not make of them. It
// looks at the form of a list only; whom it names is for others to judge.
package roster

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Header is the first line of every list.
const Header = "email,name,roles,products,language,time_zone"

// What bounds one list.
const (
	MaxRows   = 10_000
	MaxBytes  = 8 << 20
	MaxErrors = 100 // faults that are told of
)

// What bounds one line: bytes of a cell, roles or products of a user, who may
// hold all that an account has.
const (
	maxCell = 64 << 10
	maxList = 500
)

// Row is one user. What is empty is not said: it stays as it is, or is left to
// the default for who is new.
type Row struct {
	Line     int    // in the list; 0 for one that is to be written
	Email    string // canonical, see package address
	Name     string
	Roles    []string
	Products []string // names; not nil but empty says that there shall be none
	Language string
	TimeZone string
}

// LineError is what is wrong with one line.
type LineError struct {
	Line int
	Err  error
}

func (e LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong.
func (e LineError) Unwrap() error { return e.Err }

// Errors are the faults of a list, by line. There are at most [MaxErrors], and
// More that are not told of.
type Errors struct {
	Lines []LineError
	More  int
}

func (e *Errors) add(line int, f Fault) {
	if len(e.Lines) == MaxErrors {
		e.More++
		return
	}
	e.Lines = append(e.Lines, LineError{line, f})
}

func (e *Errors) Error() string {
	var lines []string
	for _, l := range e.Lines {
		lines = append(lines, l.Error())
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", e.More))
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns those that are told of.
func (e *Errors) Unwrap() []error {
	list := make([]error, len(e.Lines))
	for i, l := range e.Lines {
		list[i] = l
	}
	return list
}

// formula are the characters by which a spreadsheet takes a cell for a formula,
// full-width ones too, or drops the cell's beginning so that one may follow.
const formula = "=+-@\t\r\n＝＋－＠"

// calculates tells whether a spreadsheet may take a cell for a formula, now or
// once its apostrophes are gone.
func calculates(cell string) bool {
	for _, r := range cell {
		switch {
		case strings.ContainsRune(formula, r):
			return true
		case r != '\'' && !unicode.IsSpace(r):
			return false
		}
	}
	return false
}

// Neutral returns a cell that no spreadsheet calculates: one that could be a
// formula gets an apostrophe in front. Every list that leaves for a spreadsheet
// has its cells from here.
func Neutral(cell string) string {
	if calculates(cell) {
		return "'" + cell
	}
	return cell
}

// Plain takes the apostrophe of [Neutral] off again.
func Plain(cell string) string {
	if rest, quoted := strings.CutPrefix(cell, "'"); quoted && calculates(rest) {
		return rest
	}
	return cell
}

// none says that a list in a cell is empty, where an empty cell would say nothing.
const none = "-"

// joined writes a list in one cell: a;b;c, with \ before a ; that belongs to a
// name.
func joined(list []string) string {
	if list != nil && len(list) == 0 {
		return none
	}
	escape := strings.NewReplacer(`\`, `\\`, `;`, `\;`)
	cells := make([]string, len(list))
	for i, name := range list {
		cells[i] = escape.Replace(name)
	}
	if len(cells) == 1 && cells[0] == none {
		return `\` + none
	}
	return strings.Join(cells, ";")
}

// split is joined turned around. Spaces around names and names that come twice
// are dropped.
func split(cell string) []string {
	switch cell {
	case "":
		return nil
	case none:
		return []string{}
	}
	var list []string
	var name strings.Builder
	take := func() {
		if n := strings.TrimSpace(name.String()); n != "" && len(list) <= maxList && !slices.Contains(list, n) {
			list = append(list, n)
		}
		name.Reset()
	}
	escaped := false
	for _, r := range cell {
		switch {
		case escaped:
			if !strings.ContainsRune(`\;`+none, r) {
				name.WriteByte('\\')
			}
			name.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == ';':
			take()
		default:
			name.WriteRune(r)
		}
	}
	if escaped {
		name.WriteByte('\\')
	}
	take()
	return list
}
