package roster

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"stile/address"
	"stile/locale"
)

// Read reads a list to its end and returns its rows, all of them or none: with
// any fault it fails with [*Errors], which names the lines. It takes UTF-8, with
// or without a byte order mark, and holds no more than [MaxBytes].
func Read(r io.Reader) ([]Row, error) {
	var e Errors
	rows, err := read(r, &e)
	if err == nil && len(e.Lines) > 0 {
		err = &e
	}
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// read fails only if r does; faults of the list are added to e.
func read(r io.Reader, e *Errors) ([]Row, error) {
	text := csv.NewReader(&limited{r: r})
	text.FieldsPerRecord = -1 // said here, with what is expected
	text.ReuseRecord = true
	if head, err := text.Read(); !header(head, err, e) {
		return nil, unread(err)
	}
	var rows []Row
	seen := map[string]int{}
	for {
		cells, err := text.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			// What follows a broken quote can't be told apart.
			return nil, broken(err, e)
		}
		line, _ := text.FieldPos(0)
		if len(rows) == MaxRows {
			e.add(line, fault(FaultRows, locale.Args{"Most": MaxRows}, "more than %d users: split the list", MaxRows))
			return nil, nil
		}
		rows = append(rows, row(line, cells, seen, e))
	}
}

// header tells whether the list begins as it should.
func header(head []string, err error, e *Errors) bool {
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		e.add(1, fault(FaultEmpty, nil, "the list is empty: its first line is %s", Header))
		return false
	case err != nil && !errors.As(err, &parse):
		return false
	}
	first := strings.Join(head, ",")
	if err == nil && strings.TrimPrefix(first, "\ufeff") == Header {
		return true
	}
	switch {
	case strings.HasPrefix(first, "\xff\xfe"), strings.HasPrefix(first, "\xfe\xff"), strings.ContainsRune(first, 0):
		e.add(1, fault(FaultUTF16, nil, "the list is UTF-16: save it as CSV in UTF-8"))
	case !utf8.ValidString(first):
		e.add(1, fault(FaultUTF8, nil, "the list is not UTF-8: save it as CSV in UTF-8"))
	case strings.ContainsAny(first, ";\t"):
		e.add(1, fault(FaultSeparator, locale.Args{"Text": cut(first)}, "the first line is %q: separate the cells by commas, and begin with %s", cut(first), Header))
	default:
		e.add(1, fault(FaultHeader, locale.Args{"Text": cut(first)}, "the first line is %q: it has to be %s", cut(first), Header))
	}
	return false
}

// cut keeps a quotation short.
func cut(text string) string {
	const most = 80
	for i, n := 0, 0; i < len(text); n++ {
		if n == most {
			return text[:i] + "…"
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	return text
}

// broken says where the form ends, and returns what is no fault of the list.
func broken(err error, e *Errors) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return unread(err)
	}
	if errors.Is(err, errTooLong) {
		return unread(errTooLong)
	}
	e.add(parse.StartLine, fault(FaultQuote, nil, "a quote that does not end, or stands in the middle of a cell: put the cell in quotes, and write \" in it as \"\""))
	return nil
}

// unread is what reading itself failed with.
func unread(err error) error {
	var parse *csv.ParseError
	if err == nil || errors.Is(err, io.EOF) || errors.As(err, &parse) {
		return nil
	}
	return fmt.Errorf("list of users: %w", err)
}

// row reads one line. seen has the lines of the addresses before.
func row(line int, cells []string, seen map[string]int, e *Errors) Row {
	columns := strings.Count(Header, ",") + 1
	if len(cells) != columns {
		e.add(line, fault(FaultCells, locale.Args{"Cells": len(cells), "Columns": columns}, "%d cells instead of %d: %s", len(cells), columns, Header))
		return Row{}
	}
	for i, cell := range cells {
		name := strings.Split(Header, ",")[i]
		switch cell = Plain(strings.TrimSpace(cell)); {
		case !utf8.ValidString(cell):
			e.add(line, fault(FaultUTF8, nil, "not UTF-8: save the list as CSV in UTF-8").at(name))
			return Row{}
		case len(cell) > maxCell:
			e.add(line, fault(FaultLong, locale.Args{"Most": maxCell}, "longer than %d bytes", maxCell).at(name))
			return Row{}
		case strings.ContainsFunc(cell, unicode.IsControl):
			e.add(line, fault(FaultControl, nil, "a line break or another control character").at(name))
			return Row{}
		default:
			cells[i] = cell
		}
	}
	w := Row{Line: line, Name: cells[1], Roles: split(cells[2]), Products: split(cells[3]), Language: cells[4], TimeZone: cells[5]}
	w.email(cells[0], seen, e)
	if w.Name == "" {
		e.add(line, fault(FaultMissing, nil, "it is missing").at("name"))
	}
	for _, list := range []struct {
		column string
		names  []string
	}{{"roles", w.Roles}, {"products", w.Products}} {
		if len(list.names) > maxList {
			e.add(line, fault(FaultList, locale.Args{"Most": maxList}, "more than %d", maxList).at(list.column))
		}
	}
	if w.Roles != nil && len(w.Roles) == 0 {
		e.add(line, fault(FaultNoRole, nil, "nobody is without one; leave the cell empty, or use member").at("roles"))
	}
	if _, ok := locale.Parse(w.Language); !ok && w.Language != "" {
		e.add(line, fault(FaultLanguage, locale.Args{"Value": cut(w.Language)}, "%q: use one of %v", cut(w.Language), locale.Supported).at("language"))
	}
	return w
}

// email takes the address, which stands in a list once.
func (w *Row) email(cell string, seen map[string]int, e *Errors) {
	email, err := address.Canonical(cell)
	if err != nil {
		e.add(w.Line, fault(FaultAddress, nil, "%w", err).at("email"))
		return
	}
	if first, twice := seen[email]; twice {
		e.add(w.Line, fault(FaultTwice, locale.Args{"Value": email, "First": first}, "%q stands in line %d already", email, first).at("email"))
	} else {
		seen[email] = w.Line
	}
	w.Email = email
}

// errTooLong says that a list is too long to be read.
var errTooLong = fmt.Errorf("longer than %d MB: split the list", MaxBytes>>20)

// limited fails rather than end where a list is too long: half a list is none.
type limited struct {
	r    io.Reader
	read int
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.read += n; l.read > MaxBytes {
		return 0, errTooLong
	}
	return n, err
}
