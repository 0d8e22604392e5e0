package main

import (
	"bufio"
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"stile/audit"
	"stile/config"
	"stile/manage"
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
			write, end := manage.JSONLines(out)
			switch format {
			case "jsonl":
			case "csv":
				write, end = manage.CSVLines(out)
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
			record := manage.RecordOf(db)
			for {
				page, err := db.Events(ctx, f)
				if err != nil {
					return err
				}
				for _, e := range page {
					if err := write(record(e)); err != nil {
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
