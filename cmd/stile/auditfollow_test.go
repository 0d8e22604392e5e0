package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"stile/audit"
	"stile/manage"
	"stile/server"
)

// What comes in is printed once, one object a line, until the command is asked
// to end.
func TestLogIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(config, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p := program{env: os.Environ(), now: time.Now, err: os.Stderr, out: io.Discard, configPath: config}
		if code := run(t.Context(), p, []string{"migrate", "--config", config}); code != exitDone {
			t.Fatal(code)
		}
		cfg, _, err := p.load()
		if err != nil {
			t.Fatal(err)
		}
		db, _, err := server.OpenDatabase(t.Context(), cfg, time.Now, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		record := func(reason string) {
			t.Helper()
			time.Sleep(time.Millisecond) // of the bubble's clock: ids of one millisecond are in no order
			if err := db.Record(t.Context(), audit.Event{Kind: audit.SignInFailed, Outcome: audit.Refused, Reason: reason}); err != nil {
				t.Fatal(err)
			}
		}
		record("before")
		record("newest")
		out, in := io.Pipe()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan int)
		p.out, p.configPath = in, ""
		go func() {
			code := run(ctx, p, []string{"audit", "list", "--follow", "--json", "--kind", "sign_in.failed", "--limit", "1", "--config", config})
			_ = in.Close()
			ended <- code
		}()
		lines := bufio.NewScanner(out)
		for _, reason := range []string{"newest", "one", "two"} {
			if !lines.Scan() {
				t.Fatalf("it ended before %q", reason)
			}
			var e manage.EventRecord
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Reason != reason {
				t.Fatalf("%s, want %s", lines.Text(), reason)
			}
			switch reason {
			case "newest":
				record("one")
			case "one":
				record("two")
			}
		}
		stop()
		if lines.Scan() {
			t.Errorf("and then %s", lines.Text())
		}
		if code := <-ended; code != exitDone {
			t.Errorf("exit %d", code)
		}
	})
}
