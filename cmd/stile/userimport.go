package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stile/config"
	"stile/manage"
	"stile/roster"
	"stile/storage"
)

const importHelp = `Reads a list of users as CSV in UTF-8, of at most 10 000 lines, whose first line is

  ` + roster.Header + `

Members of the account are changed to what the list says; everybody else gets an
invitation by mail. All of it is done, or nothing; what is wrong is said line by
line. An empty cell leaves what a member has. Several roles or products of one
user have ; between them, and - alone takes all seats away.`

func (p *program) userImport() *cobra.Command {
	var account string
	c := p.verb("import FILE", "Change and invite an account's users as a list says; - reads standard input",
		"  stile user import users.csv --account \"Example Support\" --dry-run\n  stile user import users.csv --account \"Example Support\"",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, cfg *config.Config, args []string) error {
			a, err := db.Account(ctx, account)
			if err != nil {
				return err
			}
			name, list := args[0], p.in
			if name == "-" {
				name = "standard input"
			} else {
				f, err := os.Open(name)
				if err != nil {
					return err
				}
				defer f.Close()
				list = f
			}
			result, err := p.importUsers(ctx, db, cfg, a, list)
			if err != nil {
				return inFile(name, err)
			}
			what := "%d invited, %d changed, %d as they were"
			if p.dryRun {
				what = "would be: " + what
			}
			var sentBy *time.Time
			if !result.SentBy.IsZero() {
				sentBy = &result.SentBy
				what += "; the last message goes out at " + sentBy.Format(time.RFC3339)
			}
			return p.done(struct {
				DryRun    bool       `json:"dry_run"`
				Invited   int        `json:"invited"`
				Changed   int        `json:"changed"`
				Unchanged int        `json:"unchanged"`
				SentBy    *time.Time `json:"sent_by,omitempty"`
			}{p.dryRun, result.Invited, result.Changed, result.Unchanged, sentBy}, what, result.Invited, result.Changed, result.Unchanged)
		}))
	c.Long = importHelp
	c.Flags().StringVar(&account, "account", "", "name or id of the account")
	required(c, "account")
	c.Flags().BoolVar(&p.dryRun, "dry-run", false, "say how many would be invited and changed, and change nothing")
	return c
}

func (p *program) importUsers(ctx context.Context, db *storage.DB, cfg *config.Config, a storage.Account, list io.Reader) (storage.ImportResult, error) {
	who := manage.Operator(a.ID, serviceName(cfg), by())
	return manage.New(db, cfg.Issuer, cfg.Pages.Service, p.now).Import(ctx, who, list, p.dryRun)
}

// inFile says where the faults of a list are, as file:line.
func inFile(name string, err error) error {
	var form *roster.Errors
	var rows storage.RowErrors
	var lines []string
	say := func(line int, err error) { lines = append(lines, fmt.Sprintf("%s:%d: %v", name, line, err)) }
	switch {
	case errors.As(err, &form):
		for _, l := range form.Lines {
			say(l.Line, l.Err)
		}
		if form.More > 0 {
			lines = append(lines, fmt.Sprintf("and %d more", form.More))
		}
	case errors.As(err, &rows):
		for _, r := range rows {
			say(r.Line, r.Err)
		}
	default:
		return fmt.Errorf("%s: %w", name, err)
	}
	return errors.New(strings.Join(append(lines, "nothing was changed"), "\n"))
}
