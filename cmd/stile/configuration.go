package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"stile/config"
)

func (p *program) configuration() *cobra.Command {
	var example bool
	c := p.verb("config [--example]", "Print the configuration and where each value came from",
		"  stile config --config config.yaml\n  stile config --example > config.yaml",
		cobra.NoArgs, func(context.Context, []string) error {
			if example {
				_, err := p.out.Write(config.Reference())
				return err
			}
			_, origins, err := p.load()
			if err != nil {
				return err
			}
			var t table
			t.head = []string{"KEY", "VALUE", "FROM"}
			for _, o := range origins {
				t.row(o.Key, orDash(strings.Join(o.Value, ", ")), o.Source)
			}
			return p.print(origins, t)
		})
	c.Flags().BoolVar(&example, "example", false, "print a commented file with the defaults instead")
	return c
}
