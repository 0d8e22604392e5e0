package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An operator's mistakes, beside badcommands_test.go: each ends at once with what
// is wrong, where, and what to do.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	const good = "issuer: http://localhost:8080\nlisten: 127.0.0.1:0\ndatabase: sqlite:stile.db\n"

	for name, c := range map[string]struct {
		config string
		says   []string
	}{
		"unknown inner key": {good + "policy:\n  session:\n    idel: 1h\n", []string{"config.yaml:6:", "idel", "idle"}},
		"wrong type":        {good + "trusted_proxies: banana\n", []string{"config.yaml:4:", "trusted_proxies"}},
		"another type":      {good + "policy:\n  client_build: many\n", []string{"config.yaml:5:", "client_build"}},
		"wrong limit":       {good + "limits:\n  password: often\n", []string{"config.yaml:5:", "limits.password"}},
		"key twice":         {good + "listen: 127.0.0.1:1\n", []string{"config.yaml:4:", "listen"}},
		"http issuer":       {"issuer: http://id.example.com\n", []string{"config.yaml:1:", "issuer", "https"}},
		"issuer with path":  {"issuer: https://id.example.com/auth\n", []string{"config.yaml:1:", "issuer", "path"}},
		"no such engine":    {"database: mysql://x\n", []string{"config.yaml:1:", "database", "postgres://"}},
		"no such folder":    {"issuer: http://localhost:8080\nlisten: 127.0.0.1:0\ndatabase: sqlite:/nowhere/at/all/stile.db\n", []string{"/nowhere/at/all"}},
		"no database there": {"issuer: http://localhost:8080\nlisten: 127.0.0.1:0\nmaster_key: ['a:" + strings.Repeat("QUJD", 10) + "QUI=']\ndatabase: postgres://me:opensesame@127.0.0.1:1/x\n", []string{"database"}},
		"short master key":  {good + "master_key: ['a:c2hvcnQ=']\n", []string{"config.yaml:4:", "master_key", "32"}},
		"no certificate":    {"issuer: https://localhost:8443\nlisten: 127.0.0.1:0\ntls: {cert: none.pem, key: none.key}\n", []string{"tls", "none.pem"}},
		"TLS for http":      {good + "tls: {cert: none.pem, key: none.key}\n", []string{"config.yaml:4:", "tls", "https"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "config.yaml")
			if err := os.WriteFile(path, []byte(c.config), 0o600); err != nil {
				t.Fatal(err)
			}
			r := run(t, "", "stile", "serve", "--config", path)
			if r.Code != 1 || r.Out != "" {
				t.Errorf("exit %d, output %q, %q", r.Code, r.Out, r.Err)
			}
			for _, part := range c.says {
				if !strings.Contains(r.Err, part) {
					t.Errorf("%q is not in: %s", part, r.Err)
				}
			}
			if strings.Contains(r.Err, "goroutine") || strings.Contains(r.Err, "opensesame") {
				t.Errorf("the error shows too much: %s", r.Err)
			}
		})
	}

	t.Run("wrong usage", func(t *testing.T) {
		for _, args := range [][]string{{}, {"srve"}, {"serve", "--confg", "x"}, {"policy", "show"}, {"policy", "update", "A", "--two-step", "maybe"}} {
			if r := run(t, "", "stile", args...); r.Code != 2 || !strings.Contains(r.Err, "--help") {
				t.Errorf("stile %v: exit %d, %q", args, r.Code, r.Err)
			}
		}
	})
}

// What `stile client create` refuses is not registered.
func TestB02_BadClients(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	before := s.stile(t, "", "client", "list", "--json")
	for name, c := range map[string]struct{ text, says string }{
		"a list":              {`[]`, "object"},
		"B02 wildcard":        {`{"client_name":"X","redirect_uris":["https://*.a.example/cb"]}`, "redirect_uris"},
		"B02 fragment":        {`{"client_name":"X","redirect_uris":["https://a.example/cb#x"]}`, "redirect_uris"},
		"B02 javascript":      {`{"client_name":"X","redirect_uris":["javascript:alert(1)"]}`, "redirect_uris"},
		"B02 http":            {`{"client_name":"X","redirect_uris":["http://a.example/cb"]}`, "redirect_uris"},
		"B02 scheme":          {`{"client_name":"X","application_type":"native","redirect_uris":["myapp:/cb"]}`, "redirect_uris"},
		"B06 code in the URI": {`{"client_name":"X","redirect_uris":["https://a.example/cb?code=1"]}`, "redirect_uris"},
		"no redirect URI":     {`{"client_name":"X"}`, "redirect_uris"},
		"own secret":          {`{"client_name":"X","client_secret":"hello","redirect_uris":["https://a.example/cb"]}`, "client_secret"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, c.text, "stile", "client", "create", "--file", "-", "--config", s.Config())
			if r.Code != 1 || r.Out != "" || !strings.Contains(r.Err, c.says) {
				t.Errorf("exit %d, output %q, want %q in %q", r.Code, r.Out, c.says, r.Err)
			}
		})
	}
	if after := s.stile(t, "", "client", "list", "--json"); after != before {
		t.Errorf("clients before %s, after %s", before, after)
	}
}

// O04: a master key that is missing, or that others can read.
func TestO04_MasterKey(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	s.proc.stop(t)
	key := filepath.Join(s.Dir, "master.key")
	info, err := os.Stat(key)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("master.key: %v %v", info, err)
	}
	refused := func(says string) {
		t.Helper()
		if r := run(t, "", "stile", "serve", "--config", s.Config()); r.Code != 1 || !strings.Contains(r.Err, says) {
			t.Errorf("exit %d, want %q in %q", r.Code, says, r.Err)
		}
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	refused("master.key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	refused("master.key")
	if err := os.WriteFile(key, []byte("other:"+strings.Repeat("QUJD", 10)+"QUI=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("key")
}
