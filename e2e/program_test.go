// Package e2e runs the program as its users do: built from the tree, started
// by its commands, used with real browsers, clients and databases.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stile/demo"
)

// bin is the folder of the programs under test.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "stile-e2e")
	if err != nil {
		panic(err)
	}
	bin = dir
	build := exec.Command("go", "build", "-o", dir, "../cmd/stile", "../cmd/desktop")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	code := 1
	if err := build.Run(); err == nil {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// process is a program that runs beside the test.
type process struct {
	cmd    *exec.Cmd
	Stdout *bufio.Reader
	mu     sync.Mutex
	stderr bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.Write(b)
}

// Log returns what the program has written to standard error.
func (p *process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// start runs a program until the test ends; then it must leave by itself when
// told to.
func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(filepath.Join(bin, name), args...)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = p
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Stdout = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("%s wrote:\n%s", name, p.Log())
		}
	})
	return p
}

// stop ends the program as a service manager does, and wants exit code 0.
func (p *process) stop(t *testing.T) {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_, _ = io.Copy(io.Discard, p.Stdout)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%s ended with %v", p.cmd.Path, err)
	}
}

// stile runs a command to its end and returns its output.
func stile(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "stile"), args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("stile %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

func mustStile(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := stile(t, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// system is a running demo, as `stile demo --json` describes it.
type system struct {
	Issuer, Console, Admin, Account, Mailbox string
	Users                                    []struct {
		Email, Password, Account string
		Roles                    []string
		TwoStep                  string `json:"two_step"`
	}
	Clients []struct {
		ClientID     string   `json:"client_id"`
		ClientSecret string   `json:"client_secret"`
		RedirectURIs []string `json:"redirect_uris"`
	}
	Dir  string
	proc *process
}

// startDemo starts the demo on free ports.
func startDemo(t *testing.T) *system {
	t.Helper()
	dir := t.TempDir()
	p := start(t, nil, "stile", "demo", "--json", "--data", dir, "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0", "--mailbox", "127.0.0.1:0")
	line, err := p.Stdout.ReadBytes('\n')
	if err != nil {
		t.Fatalf("stile demo printed nothing: %v\n%s", err, p.Log())
	}
	s := &system{Dir: dir, proc: p}
	if err := json.Unmarshal(line, s); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	return s
}

// Config returns the configuration file that other commands take.
func (s *system) Config() string { return filepath.Join(s.Dir, "config.yaml") }

func (s *system) password(t *testing.T, email string) string {
	t.Helper()
	for _, u := range s.Users {
		if u.Email == email {
			return u.Password
		}
	}
	t.Fatalf("no demo user %s", email)
	return ""
}

// secret returns the client_secret of a demo client.
func (s *system) secret(id string) string {
	for _, c := range s.Clients {
		if c.ClientID == id {
			return c.ClientSecret
		}
	}
	return ""
}

// codeAlone is a line of a mail that holds the code and nothing else.
var codeAlone = regexp.MustCompile(`(?m)^(\d{6})$`)

// codeByMail waits for the newest verification mail to an address that came
// after the first `seen` ones, and returns its code.
func (s *system) codeByMail(t *testing.T, to string, seen int) string {
	t.Helper()
	return codeFrom(t, s.mails(t, to, "Email Verification", seen+1)[0])
}

func codeFrom(t *testing.T, m demo.Message) string {
	t.Helper()
	code := codeAlone.FindString(m.Text)
	if code == "" {
		t.Fatalf("no code alone on a line of:\n%s", m.Text)
	}
	return code
}

// mails waits until at least n messages to an address have a subject that
// contains a text, and returns them, newest first.
func (s *system) mails(t *testing.T, to, subject string, n int) []demo.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var all, found []demo.Message
		resp, err := http.Get(s.Mailbox + "/messages?to=" + url.QueryEscape(to))
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(resp.Body).Decode(&all)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if strings.Contains(m.Subject, subject) {
				found = append(found, m)
			}
		}
		if len(found) >= n {
			return found
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d messages %q to %s, want %d; all: %+v", len(found), subject, to, n, all)
		}
	}
}
