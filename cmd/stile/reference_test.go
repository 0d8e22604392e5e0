package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/cobra"
)

const referenceFile = "../../docs/cli.md"

// reference is docs/cli.md: what --help says of every command.
func reference() string {
	root := (&program{}).root()
	var b strings.Builder
	fmt.Fprintf(&b, "# Commands\n\nMade by `go generate` from what `--help` says; each example is run by a test.\n\n%s\n\n", root.Long)
	fmt.Fprintf(&b, "All commands take:\n\n```text\n%s```\n", root.PersistentFlags().FlagUsages())
	tree(root, func(c *cobra.Command) {
		if c == root || c.Hidden || c.Name() == "help" {
			return
		}
		mark := "##"
		if c.Parent() != root {
			mark = "###"
		}
		fmt.Fprintf(&b, "\n%s %s\n\n%s.\n", mark, c.CommandPath(), c.Short)
		if c.Long != "" {
			fmt.Fprintf(&b, "\n```text\n%s\n```\n", c.Long)
		}
		example := regexp.MustCompile(`(?m)^ +`).ReplaceAllString(c.Example, "$$ ")
		fmt.Fprintf(&b, "\n```console\n%s\n```\n", example)
		if c.HasSubCommands() {
			return
		}
		fmt.Fprintf(&b, "\n```text\nUsage: %s\n", c.UseLine())
		if flags := c.LocalNonPersistentFlags().FlagUsages(); flags != "" {
			fmt.Fprintf(&b, "\n%s", flags)
		}
		fmt.Fprint(&b, "```\n")
	})
	return b.String()
}

func TestCommandReference(t *testing.T) {
	want := reference()
	if *update {
		if err := os.WriteFile(referenceFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(referenceFile); err != nil || string(got) != want {
		t.Errorf("docs/cli.md is not what the commands say (%v): go generate ./cmd/stile", err)
	}
}

// words takes a command line apart as a shell does. What comes behind a pipe or
// a redirection is not ours.
func words(line string) (list []string) {
	var word strings.Builder
	open, quote := false, rune(0)
	end := func() {
		if open {
			list = append(list, word.String())
		}
		word.Reset()
		open = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, open = r, true
		case quote == 0 && strings.ContainsRune("|<>&#", r):
			end()
			return list
		case quote == 0 && r == ' ':
			end()
		default:
			word.WriteRune(r)
			open = true
		}
	}
	end()
	return list
}

// command returns the words from "stile" on, if a line runs it.
func command(line string) []string {
	list := words(strings.Replace(line, "go run ./cmd/stile", "stile", 1))
	for len(list) > 0 && strings.HasPrefix(list[0], "STILE_") {
		list = list[1:]
	}
	if len(list) < 2 || list[0] != "stile" {
		return nil
	}
	return list
}

// run by the scripts, written so that they can be compared.
func scripted(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	runs := regexp.MustCompile(`^(?:exec|exits \d) (?:sh -c ')?(stile .*?)(?: \d?>.*)?$`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(txtar.Parse(text).Comment) {
			if m := runs.FindStringSubmatch(strings.TrimSpace(string(line))); m != nil {
				all[strings.Join(command(m[1]), "\x00")] = true
			}
		}
	}
	return all
}

// elsewhere are commands that the scripts can't run as they stand.
var elsewhere = map[string]string{
	"stile demo": "its ports may be taken; demo.txtar takes free ones",
}

// placeholder is a word that stands for the reader's own.
var placeholder = regexp.MustCompile(`^(?:[A-Z][A-Z_]+|FILE\.\.\.|…)$|^[A-Z]+/`)

// TestCommandsInTheDocumentationAreRun: no page shows a command that no script
// runs as it stands there.
func TestCommandsInTheDocumentationAreRun(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	known := scripted(t)
	shown := regexp.MustCompile("`((?:STILE_[^` ]+ )*stile [^`]+)`")
	root := (&program{}).root()
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		fenced := false
		for n, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "```") {
				fenced = !fenced
				continue
			}
			var lines []string
			if fenced {
				line, _ = strings.CutPrefix(strings.TrimSpace(line), "$ ")
				lines = strings.Split(line, " || ")
			} else {
				for _, m := range shown.FindAllStringSubmatch(line, -1) {
					lines = append(lines, m[1])
				}
			}
			for _, line := range lines {
				c := command(line)
				if c == nil || elsewhere[strings.Join(c, " ")] != "" {
					continue
				}
				at, _, err := root.Find(c[1:])
				// One that is only named is there; one with the reader's own words too.
				named := at != nil && !fenced && len(c) == len(strings.Fields(at.CommandPath()))
				whole := !slices.ContainsFunc(c, placeholder.MatchString) && !named
				if err != nil || at.HasSubCommands() && !named || whole && !known[strings.Join(c, "\x00")] {
					t.Errorf("%s:%d: no script runs %q (%v)", page, n+1, line, err)
				}
			}
		}
	}
}
