// Package e2e runs the program as its users do: built from the tree, started
// by its commands, used with real browsers, clients, mail servers and
// databases.
//
// program_test.go starts and ends programs. system_test.go is a running
// installation, a demo or one of `stile serve`, with its people and clients.
// chrome_test.go drives Chromium, walk_test.go walks through the screens with a
// browser that runs no scripts. The other files hold the tests, by subject.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bin is the folder of the programs under test.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	// Tests wait for the clock of authenticator apps more than they compute.
	_ = flag.Set("test.parallel", "8")
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
	stopBrowser()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// process is a program that runs beside the test.
type process struct {
	cmd    *exec.Cmd
	Stdout *bufio.Reader

	mu     sync.Mutex
	stderr bytes.Buffer
	ended  bool
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
// told to, without having panicked.
func start(t testing.TB, env []string, name string, args ...string) *process {
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
		if strings.Contains(p.Log(), "panic") {
			t.Errorf("%s panicked", name)
		}
		if t.Failed() {
			t.Logf("%s wrote:\n%s", name, tail(p.Log(), 4000))
		}
	})
	return p
}

// tail returns the last n bytes of a text.
func tail(text string, n int) string { return text[max(0, len(text)-n):] }

// stop ends the program as a service manager does, and wants exit code 0.
func (p *process) stop(t testing.TB) {
	t.Helper()
	if p.ended {
		return
	}
	p.ended = true
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_, _ = io.Copy(io.Discard, p.Stdout)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%s ended with %v", p.cmd.Path, err)
	}
}

// wait waits until the program ends by itself, and returns the rest of what it
// has printed.
func (p *process) wait(t testing.TB) string {
	t.Helper()
	p.ended = true
	out, err := io.ReadAll(p.Stdout)
	if err := errors.Join(err, p.cmd.Wait()); err != nil {
		t.Fatalf("%s: %v: %s", p.cmd.Path, err, p.Log())
	}
	return string(out)
}

// kill ends the program as a power cut does.
func (p *process) kill(t testing.TB) {
	t.Helper()
	p.ended = true
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, p.Stdout)
	_ = p.cmd.Wait()
}

// result is how a command ended.
type result struct {
	Out, Err string
	Code     int
}

// run runs a program to its end, which must come by itself.
func run(t testing.TB, stdin, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
	cmd.Dir = t.TempDir() // no config.yaml but the one that is named
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil || ctx.Err() != nil {
		t.Fatalf("%s: %v, %v: %s%s", name, err, ctx.Err(), out.String(), errs.String())
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// mustRun runs a program that has to succeed, and returns its output.
func mustRun(t testing.TB, stdin, name string, args ...string) string {
	t.Helper()
	r := run(t, stdin, name, args...)
	if r.Code != 0 {
		t.Fatalf("%s: exit %d: %s", fmt.Sprint(name, args), r.Code, r.Err)
	}
	return r.Out
}
