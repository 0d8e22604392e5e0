package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	prompted = regexp.MustCompile(`(?m)^\$ (.+)$`)
	inTable  = regexp.MustCompile("(?m)^\\|[^|]*\\| `(stile [^`]+)` \\|$")
	links    = regexp.MustCompile(`\]\(([^)#]+)`)
)

// source returns a file of the tree.
func source(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// shell runs a command line as somebody would who has `stile` on the PATH.
func shell(t testing.TB, dir, line string) (string, error) {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// What README, docs/connect.md and docs/step-up.md tell people to type works as it is written.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	s := startServe(t, "") // its folder is where the commands are typed
	accounts := "accounts:\n  - name: Example Support\n    users:\n      - {email: agent@example.com, name: Agent}\n" +
		"    device_groups:\n      - {name: Tablets, client_version: \"4.3\", client_build: 1575}\n"
	if err := os.WriteFile(filepath.Join(s.Dir, "accounts.yaml"), []byte(accounts), 0o600); err != nil {
		t.Fatal(err)
	}
	metadata := `{"client_name": "My App", "redirect_uris": ["https://app.example.com/callback"]}`
	if err := os.WriteFile(filepath.Join(s.Dir, "metadata.json"), []byte(metadata), 0o600); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range prompted.FindAllStringSubmatch(source(t, "README.md"), -1) {
		lines = append(lines, m[1])
	}
	connect := source(t, "docs/connect.md")
	for _, m := range inTable.FindAllStringSubmatch(connect, -1) {
		lines = append(lines, m[1])
	}
	for _, m := range inTable.FindAllStringSubmatch(source(t, "docs/step-up.md"), -1) {
		lines = append(lines, m[1])
	}
	if m := regexp.MustCompile("`(stile client create --file [^`]+)`").FindStringSubmatch(connect); m != nil {
		lines = append(lines, m[1])
	}
	if len(lines) < 13 {
		t.Fatalf("only %d commands were found: %q", len(lines), lines)
	}
	for _, line := range lines {
		t.Run(line, func(t *testing.T) {
			switch {
			case line == "go run ./cmd/stile demo":
				// Built and started by this package's own tests, on free ports.
				d := startDemo(t)
				d.demoUser(t, agent)
				d.proc.stop(t)
			case strings.HasPrefix(line, "make "):
				target := strings.TrimPrefix(line, "make ")
				if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:`).MatchString(source(t, "Makefile")) {
					t.Errorf("no target %q in the Makefile", target)
				}
			case strings.HasPrefix(line, "stile serve "):
				s.proc.stop(t) // the same configuration, started as it is written
				args := strings.Fields(line)[1:]
				for i, a := range args {
					if a == "config.yaml" {
						args[i] = s.Config()
					}
				}
				s.proc = start(t, nil, "stile", args...)
				s.ready(t)
			default:
				out, err := shell(t, s.Dir, line)
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				if strings.HasPrefix(line, "stile client create") && !strings.Contains(out, "client_id") {
					t.Errorf("no client_id in %s", out)
				}
			}
		})
	}
}

// Whatever a document of ours links to in the tree is there.
func TestDocumentedFiles(t *testing.T) {
	t.Parallel()
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/connect.md", "docs/step-up.md", "docs/api.md", "docs/operations.md"} {
		for _, m := range links.FindAllStringSubmatch(source(t, document), -1) {
			if strings.Contains(m[1], ":") {
				continue
			}
			if _, err := os.Stat(filepath.Join("..", filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", document, m[1], err)
			}
		}
	}
	named := regexp.MustCompile("`((?:cmd|demo|docs)/[\\w./-]+)`")
	for _, document := range []string{"docs/connect.md", "docs/step-up.md"} {
		for _, m := range named.FindAllStringSubmatch(source(t, document), -1) {
			if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
				t.Errorf("%s names %s: %v", document, m[1], err)
			}
		}
	}
}
