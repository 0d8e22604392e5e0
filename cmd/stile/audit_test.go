package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/manage"
	"stile/server"
)

// What strangers have sent stands in the log, and a spreadsheet calculates
// whatever begins like a formula.
func TestN07_ExportHoldsNoFormula(t *testing.T) {
	var out bytes.Buffer
	write, end := manage.CSVLines(&out)
	agents := []string{`=HYPERLINK("http://x")`, "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "Mozilla/5.0", "a,\"b\"\nc"}
	for _, agent := range agents {
		if err := write(manage.EventRecord{UserAgent: agent, Reason: agent}); err != nil {
			t.Fatal(err)
		}
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != len(agents)+1 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for i, row := range rows {
		for _, cell := range row {
			if strings.TrimLeft(cell, " \t\r\n") != "" && strings.ContainsAny(strings.TrimLeft(cell, " \t\r\n")[:1], "=+-@") {
				t.Errorf("row %d: %q is a formula", i, cell)
			}
		}
	}
	if rows[7][8] != agents[6] || rows[8][8] != agents[7] {
		t.Errorf("what is no formula was changed: %q %q", rows[7][8], rows[8][8])
	}
}

// An export goes through pages, and holds each line once, the newest first.
func TestExportOfManyPages(t *testing.T) {
	dir := t.TempDir()
	p := program{env: os.Environ(), now: time.Now, err: os.Stderr, configPath: filepath.Join(dir, "config.yaml")}
	if err := os.WriteFile(p.configPath, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	do := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		q := p
		q.out, q.configPath = &out, ""
		if code := run(context.Background(), q, append(args, "--config", p.configPath)); code != exitDone {
			t.Fatalf("%v: exit %d", args, code)
		}
		return out.String()
	}
	do("migrate")
	cfg, _, err := p.load()
	if err != nil {
		t.Fatal(err)
	}
	db, _, err := server.OpenDatabase(t.Context(), cfg, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const n = 2*exportPage + 50
	for i := range n {
		if err := db.Record(t.Context(), audit.Event{Kind: audit.SignInFailed, Reason: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(do("audit", "export", "--kind", "sign_in.failed")), "\n")
	seen := map[string]bool{}
	for _, line := range lines {
		var e manage.EventRecord
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		seen[e.Reason] = true
	}
	if len(lines) != n || len(seen) != n {
		t.Errorf("%d lines, %d different, want %d", len(lines), len(seen), n)
	}
}
