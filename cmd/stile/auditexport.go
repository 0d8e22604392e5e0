package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"time"

	"github.com/spf13/cobra"

	"stile/audit"
	"stile/config"
	"stile/roster"
	"stile/storage"
)

// exportPage is how many events are held in memory at a time.
const exportPage = 200

func (p *program) auditExport() *cobra.Command {
	var choice eventFlags
	var format string
	c := p.verb("export", "Write events, newest first, as JSON lines or CSV",
		"  stile audit export --account \"Example Support\" > events.jsonl\n  stile audit export --format csv --since 720h > events.csv",
		cobra.NoArgs, p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, _ []string) error {
			out := bufio.NewWriter(p.out)
			write, end := jsonLines(out)
			switch format {
			case "jsonl":
			case "csv":
				write, end = csvLines(out)
			default:
				return wrongUsage("--format %s: use jsonl or csv", format)
			}
			f, err := choice.filter(ctx, p, db)
			if err != nil {
				return err
			}
			f.Limit = exportPage
			// The export itself is the first event: before anything is out.
			err = db.Record(ctx, audit.Event{
				Kind: audit.AuditExported, Actor: by(), AccountID: f.AccountID, SubjectID: f.SubjectID, ClientID: f.ClientID,
				Detail: map[string]string{"format": format, "kind": cmp.Or(string(f.Kind), "all")},
			})
			if err != nil {
				return err
			}
			for {
				page, err := db.Events(ctx, f)
				if err != nil {
					return err
				}
				for _, e := range page {
					if err := write(eventOf(e)); err != nil {
						return err
					}
				}
				if len(page) < f.Limit {
					return end()
				}
				f.After = page[len(page)-1].ID
			}
		}))
	choice.flags(c)
	c.Flags().StringVar(&format, "format", "jsonl", "jsonl (a JSON document a line) or csv")
	return c
}

// jsonLines returns what writes an event, and what ends.
func jsonLines(w *bufio.Writer) (write func(eventRecord) error, end func() error) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return func(r eventRecord) error { return e.Encode(r) }, w.Flush
}

var eventColumns = []string{
	"id", "at", "kind", "outcome", "reason", "actor_kind", "actor_id", "network", "user_agent", "request_id",
	"account_id", "subject_id", "session_id", "grant_id", "client_id", "detail",
}

// csvLines is [jsonLines] for spreadsheets: no cell is a formula.
func csvLines(out io.Writer) (write func(eventRecord) error, end func() error) {
	w := csv.NewWriter(out)
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		return w.Write(eventColumns)
	}
	write = func(r eventRecord) error {
		if err := begin(); err != nil {
			return err
		}
		detail := ""
		if len(r.Detail) > 0 {
			text, _ := json.Marshal(r.Detail) // strings always encode
			detail = string(text)
		}
		cells := []string{
			r.ID, r.At.Format(time.RFC3339Nano), string(r.Kind), r.Outcome, r.Reason, r.ActorKind, r.ActorID, r.Network, r.UserAgent, r.RequestID,
			r.AccountID, r.SubjectID, r.SessionID, r.GrantID, r.ClientID, detail,
		}
		for i, cell := range cells {
			cells[i] = roster.Neutral(cell)
		}
		return w.Write(cells)
	}
	end = func() error {
		err := begin()
		w.Flush()
		if err == nil {
			err = w.Error()
		}
		if b, ok := out.(*bufio.Writer); ok && err == nil {
			err = b.Flush()
		}
		return err
	}
	return write, end
}
