package roster

import (
	"encoding/csv"
	"io"
	"strings"
)

// Writer writes a list that [Read] takes again.
type Writer struct {
	csv   *csv.Writer
	begun bool
}

// NewWriter returns a writer of one list.
func NewWriter(w io.Writer) *Writer { return &Writer{csv: csv.NewWriter(w)} }

// Write adds a user.
func (w *Writer) Write(r Row) error {
	if err := w.begin(); err != nil {
		return err
	}
	cells := []string{r.Email, r.Name, joined(r.Roles), joined(r.Products), r.Language, r.TimeZone}
	for i, cell := range cells {
		cells[i] = Neutral(cell)
	}
	return w.csv.Write(cells)
}

// Flush ends the list. A list of nobody has a header too.
func (w *Writer) Flush() error {
	if err := w.begin(); err != nil {
		return err
	}
	w.csv.Flush()
	return w.csv.Error()
}

func (w *Writer) begin() error {
	if w.begun {
		return nil
	}
	w.begun = true
	return w.csv.Write(strings.Split(Header, ","))
}
