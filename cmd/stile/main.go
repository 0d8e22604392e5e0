// Command stile runs the identity provider and keeps what it holds.
//
// Commands are nouns with verbs ("stile user create"); each lives in the file
// of its noun and is one function that returns a cobra command. Results go to
// standard output, as a table or, with --json, as one JSON document; everything
// else goes to standard error. The exit code is 0 when it is done, 1 when it
// failed, 2 when it was called wrongly.
package main

//go:generate go test -run=TestCommandReference -update .

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"stile/audit"
	"stile/config"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the program at once
	}()
	os.Exit(run(ctx, program{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Environ(), now: time.Now}, os.Args[1:]))
}

// program is what a command sees of the world around it.
type program struct {
	in  io.Reader
	out io.Writer
	err io.Writer
	env []string
	now func() time.Time

	configPath string
	json       bool
	began      bool // the command line was understood
	dryRun     bool // say what would change, and change nothing
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, p program, args []string) int {
	root := p.root() //nolint:contextcheck // cobra gives each command the context below
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	at, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitDone
	case !p.began, errors.As(err, new(usageError)):
		fmt.Fprintf(p.err, "stile: %v\nSee '%s --help'.\n", err, at.CommandPath())
		return exitUsage
	default:
		fmt.Fprintf(p.err, "stile: %v\n", err)
		return exitFailed
	}
}

// usageError says that a command was called wrongly in a way that only the
// command itself could tell.
type usageError struct{ error }

func wrongUsage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "stile",
		Short: "An OpenID Connect provider with step-up two-step verification",
		Long: `Stile is the one place where people sign in: an OpenID Connect provider with
step-up two-step verification.

Exit codes: 0 done, 1 failed, 2 wrong usage.`,
		Example:       "  stile demo\n  stile serve --config config.yaml",
		SilenceErrors: true, DisableFlagsInUseLine: true,
		SilenceUsage: true,
	}
	root.PersistentFlags().StringVarP(&p.configPath, "config", "c", "", "configuration `FILE` (default config.yaml, if there is one)")
	root.PersistentFlags().BoolVar(&p.json, "json", false, "print one JSON document")
	root.CompletionOptions.HiddenDefaultCmd = true
	p.verbs(root,
		p.begins(demoCommand()), p.serve(), p.migrate(), p.configuration(), p.version(),
		p.apply(), p.account(), p.policy(), p.user(), p.product(), p.seat(), p.deviceGroup(), p.client(), p.key(), p.audit(),
	)
	return root
}

// noun makes a command that only holds others.
func (p *program) noun(use, short, example string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Example: example, DisableFlagsInUseLine: true}
	p.verbs(c, verbs...)
	return c
}

// verbs adds commands to one that does nothing by itself. Without one of them,
// or with one that does not exist, it is called wrongly.
func (p *program) verbs(c *cobra.Command, verbs ...*cobra.Command) {
	c.AddCommand(verbs...)
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		more := ""
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			more = fmt.Sprintf(": did you mean %q?", near[0])
		}
		return fmt.Errorf("%s has no command %q%s", c.CommandPath(), args[0], more)
	}
	c.SuggestionsMinimumDistance = 2
	c.RunE = func(c *cobra.Command, _ []string) error {
		fmt.Fprintln(p.err, c.UsageString())
		return usageError{errors.New("say what to do")}
	}
}

// verb makes a command that does something. What it returns after it began is a
// failure; everything before is wrong usage.
func (p *program) verb(use, short, example string, args cobra.PositionalArgs, do func(ctx context.Context, args []string) error) *cobra.Command {
	return p.begins(&cobra.Command{
		Use: use, Short: short, Example: example, Args: args, DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, args []string) error { return do(c.Context(), args) },
	})
}

// begins notes that a command was called rightly.
func (p *program) begins(c *cobra.Command) *cobra.Command {
	do := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		p.began = true
		return do(c, args)
	}
	return c
}

// load reads the configuration.
func (p *program) load() (*config.Config, []config.Origin, error) {
	return config.Load(p.configPath, p.env)
}

// by is who acts: the person at the machine, as the operating system knows them.
func by() audit.Actor {
	a := audit.Actor{Kind: "cli"}
	if u, err := user.Current(); err == nil {
		a.ID = u.Username
	}
	return a
}
