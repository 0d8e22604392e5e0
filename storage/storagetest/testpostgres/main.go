// Testpostgres starts a PostgreSQL server for tests, runs a command that finds
// it in STILE_TEST_POSTGRES, and stops it:
//
//	go run ./storage/storagetest/testpostgres -- go test ./...
//
// A server that the variable names already is used as it is.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"

	"stile/storage/storagetest"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = slices.Delete(args, 0, 1)
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: testpostgres -- COMMAND ARGUMENT…")
		os.Exit(2)
	}
	os.Exit(run(args))
}

func run(args []string) int {
	if os.Getenv(storagetest.Variable) == "" {
		url, stop, err := storagetest.StartPostgres()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer stop()
		os.Setenv(storagetest.Variable, url)
	}
	// The command gets the signal too, and ends first.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}
