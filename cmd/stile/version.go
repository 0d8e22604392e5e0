package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker for releases.
var version = "devel"

func (p *program) version() *cobra.Command {
	return p.verb("version", "Print version, commit and Go version", "  stile version --json", cobra.NoArgs, func(context.Context, []string) error {
		v := struct {
			Version string `json:"version"`
			Commit  string `json:"commit,omitempty"`
			Go      string `json:"go"`
		}{Version: version, Go: runtime.Version()}
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					v.Commit = s.Value
				}
			}
		}
		return p.print(v, table{rows: [][]string{{"version", v.Version}, {"commit", orDash(v.Commit)}, {"go", v.Go}}})
	})
}
