package main

import (
	"context"

	"github.com/spf13/cobra"

	"stile/server"
)

func (p *program) serve() *cobra.Command {
	return p.verb("serve [--config FILE]", "Run the provider",
		"  stile serve --config config.yaml\n  STILE_ISSUER=https://id.example.com STILE_DATABASE_FILE=/run/secrets/database stile serve",
		cobra.NoArgs, func(ctx context.Context, _ []string) error {
			cfg, _, err := p.load()
			if err != nil {
				return err
			}
			return server.Run(ctx, cfg, server.Seams{Now: p.now, Logs: p.err})
		})
}
