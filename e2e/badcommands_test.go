package e2e

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Commands that can't do what they are told say what is wrong and where, and
// leave everything as it was.
func TestBadCommands(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	start := "issuer: http://localhost:8080\nmail: {smtp: 'smtp://localhost:25', from: a@example.com}\n"
	newcomer := "accounts:\n  - name: Newcomers\n    users:\n      - {email: new@example.com, name: New}\n"

	accounts := func() string {
		return s.stile(t, "", "account", "list", "--json") + s.stile(t, "", "user", "list", "--json") + s.stile(t, "", "client", "list", "--json")
	}
	before := accounts()
	for name, c := range map[string]struct {
		stdin string
		args  []string
		says  string
	}{
		"port taken": {
			"",
			[]string{"serve", "--config", file("taken.yaml", start+"listen: "+taken+"\ndatabase: 'sqlite:taken.db'\n")},
			`listen: ` + regexp.QuoteMeta(taken) + ` can not be used: .*another address`,
		},
		"demo's port taken":          {"", []string{"demo", "--listen", taken, "--console", "127.0.0.1:0", "--mailbox", "127.0.0.1:0"}, `--listen: .* can not be used`},
		"demo's folder unwritable":   {"", []string{"demo", "--data", file("plain", "") + "/below"}, `--data: .*can be written`},
		"database folder unwritable": {"", []string{"migrate", "--config", file("unwritable.yaml", start+"database: 'sqlite:/proc/self/stile.db'\n")}, `/proc/self.*writable`},
		"unknown key":                {"", []string{"serve", "--config", file("unknown.yaml", start+"lissten: x\n")}, `unknown.yaml:3: unknown key "lissten": did you mean "listen"`},
		"wrong type":                 {"", []string{"serve", "--config", file("types.yaml", start+"listen: [a]\n")}, `types.yaml:3: listen takes one value`},
		"no configuration":           {"", []string{"serve", "--config", filepath.Join(dir, "absent.yaml")}, `absent.yaml: no such file`},
		"broken configuration":       {"", []string{"serve", "--config", file("brokenconfig.yaml", "issuer: \"x\nlisten: y\n")}, `brokenconfig.yaml:\d*:? `},
		"apply broken YAML":          {"", []string{"apply", file("new.yaml", newcomer), file("broken.yaml", "accounts:\n  - name: \"Sales\nclients: []\n"), "--config", s.Config()}, `broken.yaml:\d+: `},
		"apply broken further down":  {"", []string{"apply", file("late.yaml", newcomer+"clients:\n  - {client_id: x\n"), "--config", s.Config()}, `late.yaml:\d+: `},
		"apply an unknown key":       {"", []string{"apply", file("key.yaml", newcomer+"      - {mail: x@example.com}\n"), "--config", s.Config()}, `key.yaml:5: unknown key .*mail`},
		"apply a wrong type":         {"", []string{"apply", file("type.yaml", newcomer+"    suspended: perhaps\n"), "--config", s.Config()}, `type.yaml:5: .*neither true nor false`},
		"apply what can't be":        {"", []string{"apply", file("seat.yaml", newcomer+"      - {email: o@example.com, name: O, seats: [Nothing]}\n"), "--config", s.Config()}, `seat.yaml:5: .*Nothing`},
		"apply no such file":         {"", []string{"apply", filepath.Join(dir, "none.yaml"), "--config", s.Config()}, `none.yaml: no such file`},
		"apply bytes":                {"", []string{"apply", file("bytes.yaml", "\xff\xfe\x00"), "--config", s.Config()}, `bytes.yaml`},
		"short password":             {"short\n", []string{"user", "create", "--account", "Example Sales", "--email", "short@example.com", "--name", "S", "--password-stdin", "--config", s.Config()}, `at least \d+ characters`},
		"no password":                {"", []string{"user", "create", "--account", "Example Sales", "--email", "none@example.com", "--name", "S", "--password-stdin", "--config", s.Config()}, `[Pp]assword`},
		"bytes as password":          {"\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe\n", []string{"user", "create", "--account", "Example Sales", "--email", "bytes@example.com", "--name", "S", "--password-stdin", "--config", s.Config()}, `[Pp]assword`},
		"1 MB password":              {strings.Repeat("x", 1<<20) + "\n", []string{"user", "create", "--account", "Example Sales", "--email", "long@example.com", "--name", "S", "--password-stdin", "--config", s.Config()}, `.`},
		"metadata of another type":   {`{"redirect_uris": 1}`, []string{"client", "create", "--file", "-", "--config", s.Config()}, `redirect_uris`},
		"metadata that is no JSON":   {`{`, []string{"client", "create", "--file", "-", "--config", s.Config()}, `.`},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, c.stdin, "stile", c.args...)
			if r.Code != 1 || r.Out != "" || !regexp.MustCompile(c.says).MatchString(r.Err) {
				t.Errorf("exit %d, printed %q, said %q; want exit 1 and %s", r.Code, r.Out, r.Err, c.says)
			}
			if strings.Contains(r.Err, "panic") || strings.Contains(r.Err, "goroutine") || strings.Count(r.Err, "\n") > 3 {
				t.Errorf("not for people: %s", r.Err)
			}
			if after := accounts(); after != before {
				t.Errorf("something was changed: %s\nbefore\n%s", after, before)
			}
		})
	}
}
