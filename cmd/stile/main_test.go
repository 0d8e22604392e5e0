package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite what the scripts record")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"stile": main})
}

// TestScripts runs the commands as people do. The scripts are also the examples
// of the documentation.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update, RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TOMORROW", time.Now().AddDate(0, 0, 1).UTC().Format(time.RFC3339))
			for _, name := range []string{"PORT", "PORT2"} {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					return err
				}
				_, port, _ := net.SplitHostPort(l.Addr().String())
				e.Setenv(name, port)
				if err := l.Close(); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"field": field,
			"get":   get,
			"taken": taken,
			"waits": waits,
		},
	})
}

// exits CODE COMMAND… runs a command that ends with that code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command args")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

// field NAME PATH takes a value out of the JSON on standard output, such as
// users.0.email, and keeps it in the environment.
func field(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: field NAME path")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	for key := range strings.SplitSeq(args[1], ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			var i int
			_, err := fmt.Sscan(key, &i)
			ts.Check(err)
			if i >= len(x) {
				ts.Fatalf("%s: no item %d", args[1], i)
			}
			v = x[i]
		default:
			v = nil
		}
	}
	if v == nil {
		ts.Fatalf("no %s in the output", args[1])
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

// get STATUS URL waits until a page answers with that status.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get status url")
	}
	client := http.Client{Timeout: 5 * time.Second}
	deadline := time.Now().Add(15 * time.Second)
	last := ""
	for tick := time.NewTicker(20 * time.Millisecond); time.Now().Before(deadline); <-tick.C {
		r, err := client.Get(args[1])
		if err != nil {
			last = err.Error()
			continue
		}
		_ = r.Body.Close()
		if last = fmt.Sprint(r.StatusCode); last == args[0] {
			return
		}
	}
	ts.Fatalf("%s: %s", args[1], last)
}

// taken PORT holds a port until the end of the script.
func taken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: taken port")
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
}

// waits FILE waits until a file has a whole line.
func waits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waits file")
	}
	deadline := time.Now().Add(30 * time.Second)
	for tick := time.NewTicker(20 * time.Millisecond); time.Now().Before(deadline); <-tick.C {
		if text, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.HasSuffix(string(text), "\n") {
			return
		}
	}
	ts.Fatalf("%s was not written", args[0])
}

// tree visits every command.
func tree(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		tree(sub, visit)
	}
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	p := program{env: os.Environ()}
	tree(p.root(), func(c *cobra.Command) {
		if c.Name() == "help" || c.Name() == "completion" || c.Parent() != nil && c.Parent().Name() == "completion" {
			return
		}
		if c.Short == "" || c.Example == "" || c.RunE == nil {
			t.Errorf("%s: lacks help, example or action", c.CommandPath())
		}
		var out bytes.Buffer
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		if code := run(context.Background(), program{out: &out, err: &out}, args); code != exitDone || !strings.Contains(out.String(), "Examples:") {
			t.Errorf("%v: exit %d: %s", args, code, out.String())
		}
	})
}

func TestO06_NoFlagTakesASecret(t *testing.T) {
	p := program{}
	tree(p.root(), func(c *cobra.Command) {
		for _, name := range []string{"password", "secret", "client-secret", "key"} {
			if c.Flags().Lookup(name) != nil {
				t.Errorf("%s --%s would stand in process lists", c.CommandPath(), name)
			}
		}
	})
}

func TestExamplesAreCalledRightly(t *testing.T) {
	p := program{}
	root := p.root()
	tree(root, func(c *cobra.Command) {
		for line := range strings.SplitSeq(c.Example, "\n") {
			words := strings.Fields(line)
			if len(words) == 0 {
				continue
			}
			i := 0
			for i < len(words) && words[i] != "stile" { // STILE_X=y in front
				i++
			}
			found, _, err := root.Find(words[min(i+1, len(words)):])
			if err != nil || found == root && len(words) > i+1 {
				t.Errorf("%s: example %q: %v", c.CommandPath(), line, err)
			}
		}
	})
}
