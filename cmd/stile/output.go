package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// table is a result for people. Its rows fit a terminal if their values do.
type table struct {
	head []string
	rows [][]string
}

func (t *table) row(values ...string) { t.rows = append(t.rows, values) }

// print writes a result: as JSON if that was asked for, else as the table.
func (p *program) print(document any, t table) error {
	if p.json {
		return p.document(document)
	}
	w := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
	if len(t.head) > 0 {
		fmt.Fprintln(w, strings.Join(t.head, "\t"))
	}
	for _, row := range t.rows {
		fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t "))
	}
	return w.Flush()
}

// document writes one JSON document.
func (p *program) document(v any) error {
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// say writes a remark that is no result.
func (p *program) say(format string, args ...any) { fmt.Fprintf(p.err, format+"\n", args...) }

// done confirms a change, as a result for people or as a record.
func (p *program) done(document any, format string, args ...any) error {
	if p.json {
		return p.document(document)
	}
	_, err := fmt.Fprintf(p.out, format+"\n", args...)
	return err
}

// when writes a time that may be missing.
func when(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.Format("2006-01-02 15:04Z")
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
