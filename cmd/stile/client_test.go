package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"stile/config"
	"stile/storage"
)

// reading calls do when it is read for the first time.
type reading struct {
	*strings.Reader
	do func()
}

func (r *reading) Read(into []byte) (int, error) {
	if r.do != nil {
		r.do()
		r.do = nil
	}
	return r.Reader.Read(into)
}

// What somebody else changes while a client is being changed stays changed: a
// secret that was replaced, because it leaked, never works again.
func TestClientUpdateUndoesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	var env []string // the default: a database in the present folder
	stile := func(in *reading, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		p := program{env: env, out: &out, err: &errs, now: time.Now}
		if in != nil {
			p.in = in
		}
		if code := run(context.Background(), p, args); code != exitDone {
			t.Fatalf("%v: exit %d: %s", args, code, errs.String())
		}
		return out.String()
	}
	const metadata = `{"client_name": "Console", "redirect_uris": ["https://console.example.com/callback"]}`
	stile(nil, "migrate")
	made := stile(&reading{Reader: strings.NewReader(metadata)}, "client", "create", "--file", "-", "--client-id", "console")
	var rotated string
	changed := stile(&reading{strings.NewReader(strings.Replace(metadata, "Console", "Desk", 1)), func() {
		rotated = stile(nil, "client", "rotate-secret", "console")
		stile(nil, "client", "update", "console", "--disable", "--third-party")
	}}, "client", "update", "console", "--file", "-")
	var record clientRecord
	if err := json.Unmarshal([]byte(changed), &record); err != nil {
		t.Fatal(err)
	}
	if record.Name != "Desk" || !record.Disabled || !record.ThirdParty {
		t.Errorf("the client is %s", changed)
	}
	p := program{env: env, now: time.Now}
	check := p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, _ []string) error {
		c, err := db.Client(ctx, "console")
		for text, want := range map[string]bool{made: false, rotated: true} {
			var answer clientRecord
			if err := json.Unmarshal([]byte(text), &answer); err != nil {
				return err
			}
			if db.IsClientSecret(c, answer.Secret) != want {
				t.Errorf("the secret of %s works: %v", text, !want)
			}
		}
		return err
	})
	if err := check(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}
