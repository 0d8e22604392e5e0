package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stile/demo"
)

// demoCommand runs a complete system to try. It has no --config: it writes one.
func demoCommand() *cobra.Command {
	o := demo.Options{Now: time.Now}
	var asJSON bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a complete system to try, on embedded parts",
		Long: "Runs the provider with demo accounts, a sample web console and a mailbox, and prints\n" +
			"what to open and who to sign in as. Nothing is left behind, unless --data names a\n" +
			"folder; with --config FOLDER/config.yaml every other command works on the demo.",
		Example: "  stile demo\n  stile demo --listen 127.0.0.1:0 --console 127.0.0.1:0 --mailbox 127.0.0.1:0 --data ./demo --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Logs = c.ErrOrStderr()
			o.Ready = func(d demo.Description) error {
				if asJSON {
					return json.NewEncoder(c.OutOrStdout()).Encode(d)
				}
				return describe(c.OutOrStdout(), d)
			}
			return demo.Run(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "address of the provider; port 0 takes a free one")
	f.StringVar(&o.Console, "console", "127.0.0.1:8081", "address of the sample web console")
	f.StringVar(&o.Mailbox, "mailbox", "127.0.0.1:8082", "address of the mailbox")
	f.StringVar(&o.Data, "data", "", "folder to keep everything in")
	f.BoolVar(&asJSON, "json", false, "print one JSON object instead of a table")
	return c
}

func describe(out io.Writer, d demo.Description) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "Open\n  console\t%s\tsign in here\n  admin\t%s\tthe Admin Center, for the admins below\n  account\t%s\tMy Account, for everybody\n  mailbox\t%s\tmail arrives here\n  provider\t%s\tthe issuer\n\n",
		d.Console, d.Admin, d.Account, d.Mailbox, d.Issuer)
	fmt.Fprintf(t, "Sign in as\tpassword\ttwo-step\taccount\n")
	for _, u := range d.Users {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", u.Email, u.Password, u.TwoStep, u.Account)
	}
	fmt.Fprintf(t, "\nClients\n")
	for _, c := range d.Clients {
		secret := c.Secret
		if secret == "" {
			secret = "(public, no secret)" //nolint:gosec // says that there is none
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", c.ID, secret, c.Name)
	}
	fmt.Fprintf(t, "\nPress Ctrl-C to end.\n")
	return t.Flush()
}
