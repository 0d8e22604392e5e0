package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"stile/seal"
)

// maxSecret bounds a secret that is read, in bytes.
const maxSecret = 4096

// secretSource says where a password comes from. It is never an argument: those
// stand in process lists and shell histories.
type secretSource struct {
	stdin bool
	file  string
}

func (s *secretSource) flags(f *pflag.FlagSet) {
	f.BoolVar(&s.stdin, "password-stdin", false, "read the password from standard input")
	f.StringVar(&s.file, "password-file", "", "read the password from a `FILE`")
}

// read returns the password: from standard input or a file as the flags say,
// else typed twice at a terminal without being shown.
func (s *secretSource) read(p *program, prompt string) (seal.Secret, error) {
	switch {
	case s.stdin && s.file != "":
		return "", wrongUsage("--password-stdin and --password-file: give one")
	case s.stdin:
		return firstLine(p.in, "standard input")
	case s.file != "":
		f, err := os.Open(s.file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		return firstLine(f, s.file)
	}
	fd, ok := terminal(p.in)
	if !ok {
		return "", wrongUsage("no terminal to ask for the password: use --password-stdin or --password-file")
	}
	first, err := ask(p, fd, prompt+": ")
	if err != nil {
		return "", err
	}
	second, err := ask(p, fd, "Once more: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passwords differ: nothing was changed")
	}
	return first, nil
}

func ask(p *program, fd int, prompt string) (seal.Secret, error) {
	fmt.Fprint(p.err, prompt)
	text, err := term.ReadPassword(fd)
	fmt.Fprintln(p.err)
	if err == nil && len(text) == 0 {
		err = errors.New("the password is empty: nothing was changed")
	}
	return seal.Secret(text), err
}

// firstLine reads a secret that may end in a line break. More lines are a
// mistake: the wrong file, or a password nobody could type.
func firstLine(r io.Reader, name string) (seal.Secret, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case line == "":
		return "", fmt.Errorf("%s holds no password", name)
	case len(text) > maxSecret, strings.ContainsAny(line, "\r\n\x00"):
		return "", fmt.Errorf("%s: a password is one line of at most %d bytes", name, maxSecret)
	}
	return seal.Secret(line), nil
}

// terminal returns the descriptor of a terminal behind r.
func terminal(r io.Reader) (int, bool) {
	f, ok := r.(*os.File)
	if !ok {
		return 0, false
	}
	fd := int(f.Fd())
	return fd, term.IsTerminal(fd)
}

// sure asks, by name, whether something is to be destroyed.
func (p *program) sure(yes bool, name, what string) error {
	if yes || p.dryRun {
		return nil
	}
	if _, ok := terminal(p.in); !ok {
		return wrongUsage("%s: add --yes to do it without being asked", what)
	}
	fmt.Fprintf(p.err, "%s. Type %q to go on: ", what, name)
	line, err := bufio.NewReader(p.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(line) != name {
		return errors.New("nothing was changed")
	}
	return nil
}
