package config

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// write puts a file into a fresh folder and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefault(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	for _, f := range fields(Default()) {
		if !f.section && f.doc == "" && !strings.HasPrefix(f.key, "limits.") && strings.Count(f.key, ".") < 2 && f.key != "policy.client_build" {
			t.Errorf("%s has no comment", f.key)
		}
	}
}

func TestConfigFile(t *testing.T) {
	const path = "../config.yaml"
	if *update {
		if err := os.WriteFile(path, Reference(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(Reference()), string(got)); diff != "" {
		t.Errorf("config.yaml differs from the tags (go generate ./config):\n%s", diff)
	}
	want := Default().Redacted()
	for name, text := range map[string]string{
		"as it is":       string(got),
		"with every key": regexp.MustCompile(`(?m)^( *)#([a-z_]+:)`).ReplaceAllString(string(got), "$1$2"),
	} {
		c := Default()
		if err := c.parse("config.yaml", []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.origins = nil
		if diff := cmp.Diff(want, c.Redacted()); diff != "" {
			t.Errorf("%s: differs from the defaults:\n%s", name, diff)
		}
	}
}

func TestEnvironmentOverFileOverDefault(t *testing.T) {
	path := write(t, "config.yaml", "issuer: https://id.example.com\nlisten: :1\nmail:\n  user: bob\n  password: from-file\ntrusted_proxies: [10.0.0.0/8]\n")
	secret := write(t, "secret", "from-secret-file\n")
	c, origins, err := Load(path, []string{
		"STILE_LISTEN=:2", "STILE_MAIL__PASSWORD_FILE=" + secret, "STILE_TRUSTED_PROXIES=10.1.0.0/16, fd00::/8",
		"STILE_POLICY__SESSION__IDLE=2h", "STILE_PORT=tcp://10.0.0.1:80", "STILE_SERVICE_HOST=x", "STILE_TEST_POSTGRES=x", "PATH=/bin",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Issuer != "https://id.example.com" || c.Listen != ":2" || c.Mail.Password.Reveal() != "from-secret-file" || c.Policy.Session.Idle != 2*time.Hour {
		t.Errorf("got %+v", c)
	}
	if got := fmt.Sprint(c.TrustedProxies); got != "[10.1.0.0/16 fd00::/8]" {
		t.Errorf("trusted_proxies %s", got)
	}
	sources := map[string]string{}
	for _, o := range origins {
		sources[o.Key] = o.Source
	}
	for key, want := range map[string]string{"issuer": path + ":1", "listen": "STILE_LISTEN", "mail.password": "STILE_MAIL__PASSWORD_FILE (" + secret + ")", "metrics": "default", "mail.user": path + ":4"} {
		if sources[key] != want {
			t.Errorf("%s from %q, want %q", key, sources[key], want)
		}
	}
}

func TestFaultsInTheFile(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":       {"issuer: https://a.example\nlissen: :80\n", `config.yaml:2: unknown key "lissen": did you mean "listen"?`},
		"unknown, nested":   {"mail:\n  smtpp: smtp://x\n", `config.yaml:2: unknown key "mail.smtpp": did you mean "mail.smtp"?`},
		"key elsewhere":     {"smtp: smtp://x\n", `config.yaml:1: unknown key "smtp": did you mean "mail.smtp"?`},
		"dotted":            {"mail.smtp: smtp://x\n", `config.yaml:1: unknown key "mail.smtp"`},
		"unknown, far":      {"colour: blue\n", "config.yaml:1: unknown key \"colour\""},
		"twice":             {"listen: :1\nlisten: :2\n", "config.yaml:2: listen is given twice, first in line 1: remove one"},
		"section as value":  {"mail: x\n", "config.yaml:1: mail holds keys"},
		"value as section":  {"listen:\n  a: b\n", "config.yaml:2: listen takes one value"},
		"list for value":    {"listen: [a, b]\n", "config.yaml:1: listen takes one value"},
		"not a list":        {"issuer: 1\n- 2\n", "config.yaml:"},
		"number":            {"policy: {client_build: many}\n", `config.yaml:1: policy.client_build: "many" is not a whole number`},
		"duration":          {"policy:\n  session:\n    idle: 8 hours\n", `config.yaml:3: policy.session.idle: "8 hours" is not a duration: write it such as 30s, 5m, 8h or 14d`},
		"too long":          {"policy: {session: {two_step_absolute: 25h}}\n", "config.yaml:1: policy.session.two_step_absolute: 25h: use 1m to 24h"},
		"limit":             {"limits:\n  totp: 5 tries\n", `config.yaml:2: limits.totp: limit "5 tries": it says nothing like 10 in 15m`},
		"limit, none":       {"limits: {email_code_tries: 0}\n", "config.yaml:1: limits.email_code_tries: 0: use 1 or more"},
		"network":           {"trusted_proxies: [10.0.0.1]\n", `config.yaml:1: trusted_proxies[0]: "10.0.0.1" is not a network`},
		"no value":          {"listen:\n", "config.yaml:1: listen has no value"},
		"alias":             {"issuer: &a https://a.example\nlisten: *a\n", "config.yaml:2: listen takes one value"},
		"two documents":     {"listen: :1\n---\nlisten: :2\n", "more than one document"},
		"broken":            {"issuer: https://a.example\nlisten: [\n", "config.yaml:"},
		"every fault named": {"lissen: 1\nmail: x\n", "config.yaml:2: mail holds keys"},
		"scalar document":   {"hello\n", "config.yaml:1: the file holds keys"},
		"issuer":            {"\nissuer: http://id.example.com\n", "config.yaml:2: issuer: \"http://id.example.com\": use https"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("config.yaml", []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := Load("", nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestFaultsInTheEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		env  []string
		want string
	}{
		"unknown":      {[]string{"STILE_LISTN=:1"}, `STILE_LISTN: unknown variable: did you mean "STILE_LISTEN"?`},
		"both":         {[]string{"STILE_LISTEN=:1", "STILE_LISTEN_FILE=x"}, "STILE_LISTEN is set too"},
		"missing file": {[]string{"STILE_LISTEN_FILE=/nowhere/x"}, "STILE_LISTEN_FILE: open /nowhere/x"},
		"type":         {[]string{"STILE_POLICY__CLIENT_BUILD="}, `STILE_POLICY__CLIENT_BUILD: "" is not a whole number`},
		"value":        {[]string{"STILE_LISTEN=80"}, `STILE_LISTEN: listen: "80" is not an address`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			_, _, err := Load("", c.env)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, _, err := Load("", nil); err != nil {
		t.Errorf("no file named: %v", err)
	}
	if _, _, err := Load("other.yaml", nil); err == nil || !strings.Contains(err.Error(), "other.yaml") {
		t.Errorf("a named file must exist: %v", err)
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"https":            {func(c *Config) { c.Issuer = "https://id.example.com" }, ""},
		"https with port":  {func(c *Config) { c.Issuer = "https://id.example.com:8443" }, ""},
		"loopback v6":      {func(c *Config) { c.Issuer = "http://[::1]:8080" }, ""},
		"localhost name":   {func(c *Config) { c.Issuer = "http://stile.localhost:8080" }, ""},
		"path":             {func(c *Config) { c.Issuer = "https://id.example.com/" }, "write https://id.example.com"},
		"upper case":       {func(c *Config) { c.Issuer = "https://ID.example.com" }, "lower case"},
		"query":            {func(c *Config) { c.Issuer = "https://id.example.com?" }, "leave out everything"},
		"user":             {func(c *Config) { c.Issuer = "https://a:secret@id.example.com" }, "leave out everything"},
		"own port":         {func(c *Config) { c.Issuer = "https://id.example.com:443" }, "leave out the port"},
		"bad port":         {func(c *Config) { c.Issuer = "https://id.example.com:99999" }, "port"},
		"not a URL":        {func(c *Config) { c.Issuer = "id.example.com" }, "not a URL"},
		"other scheme":     {func(c *Config) { c.Issuer = "ftp://id.example.com" }, "use https"},
		"http elsewhere":   {func(c *Config) { c.Issuer = "http://127.0.0.1.example.com" }, "use https"},
		"listen name":      {func(c *Config) { c.Listen = "127.0.0.1:http" }, "not a number"},
		"half a TLS":       {func(c *Config) { c.TLS.Cert = "x" }, "belong together"},
		"TLS without s":    {func(c *Config) { c.TLS = TLS{"x", "y"} }, "write the issuer with https"},
		"sqlite empty":     {func(c *Config) { c.Database = "sqlite:" }, "path of a file"},
		"sqlite query":     {func(c *Config) { c.Database = "sqlite:a?b" }, "without ? and #"},
		"mysql":            {func(c *Config) { c.Database = "mysql://u:hunter2@h/d" }, "sqlite:PATH or postgres"},
		"help":             {func(c *Config) { c.Pages.Help = "help.example.com" }, "whole URL"},
		"help by mail":     {func(c *Config) { c.Pages.Help = "mailto:help@example.com" }, ""},
		"script":           {func(c *Config) { c.Pages.Privacy = "javascript:alert(1)" }, "whole URL"},
		"migrate":          {func(c *Config) { c.Migrate = "never" }, `"never": use auto or manual`},
		"smtp user":        {func(c *Config) { c.Mail.SMTP = "smtp://bob:hunter2@h" }, "mail.user"},
		"smtp scheme":      {func(c *Config) { c.Mail.SMTP = "http://h" }, "smtp://host:587"},
		"smtp path":        {func(c *Config) { c.Mail.SMTP = "smtp://h/x" }, "leave out"},
		"from":             {func(c *Config) { c.Mail.From = "nobody" }, "not an address"},
		"J06 from":         {func(c *Config) { c.Mail.From = "a@b.c\r\nBcc: x@y.z" }, "not an address"},
		"half credentials": {func(c *Config) { c.Mail.User = "bob" }, "belong together"},
		"P09 metrics":      {func(c *Config) { c.Metrics = c.Listen }, "must not be public"},
		"same name":        {func(c *Config) { c.Policy.Levels.MFA = []string{"urn:stile:acr:password"} }, "one name, one level"},
		"no name":          {func(c *Config) { c.Policy.Levels.Password = nil }, "needs a name"},
		"name with space":  {func(c *Config) { c.Policy.Levels.MFA = []string{"a b"} }, "neither spaces"},
		"idle":             {func(c *Config) { c.Policy.Session.TwoStepIdle = 20 * time.Hour }, "longer than policy.session.two_step_absolute"},
		"no time":          {func(c *Config) { c.Policy.Session.Idle = 0 }, "use 1m to 30d"},
		"client version":   {func(c *Config) { c.Policy.ClientVersion = "four" }, "such as 4.3"},
		"log":              {func(c *Config) { c.Log.Level = "loud" }, "debug or info or warn or error"},
		"templates":        {func(c *Config) { c.Templates.Dir = "/nowhere" }, "/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Default()
			c.change(cfg)
			err := cfg.Validate()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
	everyone := Default()
	if err := everyone.parse("x", []byte("trusted_proxies: [0.0.0.0/0]")); err != nil || everyone.Validate() == nil {
		t.Errorf("everybody is a trusted proxy: %v", err)
	}
}

func TestO06_SecretsAreMasked(t *testing.T) {
	c := Default()
	text := "database: postgres://stile:hunter2@db/stile?sslpassword=hunter2&sslmode=require\nmaster_key: ['a:hunter2']\nmail: {user: bob, password: hunter2}\n"
	if err := c.parse("x", []byte(text)); err != nil {
		t.Fatal(err)
	}
	origins, _ := json.Marshal(c.Redacted())
	whole, _ := json.Marshal(c)
	for _, shown := range []string{string(origins), string(whole), fmt.Sprintf("%v %+v %#v", c, c, c)} {
		if strings.Contains(shown, "hunter2") {
			t.Errorf("a secret is shown: %s", shown)
		}
	}
	if !strings.Contains(string(origins), "postgres://stile:***@db/stile?sslmode=require") {
		t.Errorf("the rest of the URL is hidden: %s", origins)
	}
}

func TestPaths(t *testing.T) {
	c := Default()
	c.Dir = "/etc/stile"
	if c.Path("a") != "/etc/stile/a" || c.Path("/b") != "/b" || c.Path("") != "" || c.DatabaseURL() != "sqlite:/etc/stile/stile.db" {
		t.Errorf("%s %s %q %s", c.Path("a"), c.Path("/b"), c.Path(""), c.DatabaseURL())
	}
	c.Database = "postgres://h/d"
	if c.DatabaseURL() != "postgres://h/d" {
		t.Error(c.DatabaseURL())
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]string{"14d": "14d", "36h": "36h", "24h": "24h", "90m": "1h30m", "90s": "1m30s", "5m": "5m", "48h": "2d", "0s": "0s"} {
		d, err := parseDuration(text)
		if got := formatDuration(d); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "-1d", "-5m", "1.5d", "5", "99999999d", "1 h"} {
		if d, err := parseDuration(text); err == nil {
			t.Errorf("%q is %s", text, d)
		}
	}
}

// Whatever is loaded without a fault can be written down and loaded again.
func FuzzConfig(f *testing.F) {
	f.Add("issuer: https://id.example.com\nlisten: :8080\nlog: {level: debug}\n") // short seeds: the engine shortens what it finds
	f.Add("limits:\n  totp: 5 in 15m, pause 15m to 24h, 50 in a row\n")
	f.Add("mail: {smtp: 'smtps://h:465', user: a, password: b}\ntrusted_proxies: [10.0.0.0/8]\n")
	f.Add("issuer: &a [*a]\n<<: *a\n")
	f.Add("? [a]: b\n: c\n")
	f.Add("policy: {session: {idle: 1h}, levels: {mfa: [a, b]}}\nlimits: {}\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := Default()
		if err := c.parse("x", []byte(text)); err != nil {
			if strings.Contains(err.Error(), "%!") {
				t.Errorf("broken message: %v", err)
			}
			return
		}
		_ = c.Validate()
		again := Default()
		for _, field := range fields(c) {
			if field.section || field.secret != "" {
				continue
			}
			for _, other := range fields(again) {
				if other.key == field.key && (!other.list() || len(field.text()) > 0) {
					if err := other.set(field.text()...); err != nil {
						t.Fatalf("%s: %v", field.key, err)
					}
					if !reflect.DeepEqual(other.text(), field.text()) {
						t.Fatalf("%s: %q became %q", field.key, field.text(), other.text())
					}
				}
			}
		}
	})
}
