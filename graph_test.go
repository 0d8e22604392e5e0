// Package stile_test holds what concerns the tree as a whole.
package stile_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// levels is the order of the packages: each imports only from lower levels.
var levels = map[string]int{
	"authn": 0, "audit": 0, "seal": 0, "device": 0, "limit": 0, "address": 0, "locale": 0, "templates": 1, "config": 1, "roster": 1,
	"resource":           0,
	"storage/migrations": 1, "storage": 2,
	"factor": 3, "token": 3, "web": 3, "mail": 3,
	"session": 4, "manage": 4,
	"signin": 5,
	"op":     6, "login": 6, "admin": 6, "account": 6, "api": 6, "welcome": 6,
	"server":    7,
	"demo":      8,
	"cmd/stile": 9, "cmd/desktop": 9,
}

// onlyFor says who may import what, besides tests.
var onlyFor = map[string][]string{
	"database/sql":                  {"storage"},
	"github.com/jackc/pgx/v5":       {"storage"},
	"modernc.org/sqlite":            {"storage"},
	"github.com/zitadel/oidc/v3":    {"op", "token", "admin", "demo", "cmd/desktop"},
	"github.com/pquerna/otp":        {"factor"},
	"github.com/skip2/go-qrcode":    {"factor"},
	"github.com/go-webauthn":        {"factor"},
	"github.com/wneessen/go-mail":   {"mail"},
	"github.com/gorilla/mux":        {"op", "login", "admin", "account", "api", "welcome", "server", "web", "session"},
	"net/http":                      {"op", "login", "admin", "account", "api", "welcome", "signin", "session", "web", "server", "demo", "cmd/stile", "cmd/desktop", "resource"},
	"github.com/danielgtaylor/huma": {"api"},
}

// pure lists what the core of the decisions may not touch.
var pure = []string{"net", "net/http", "os", "database/sql"}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportsOnlyPointDown(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "stile/")
		level, known := levels[name]
		if !known {
			if !strings.HasPrefix(name, "warm") && !strings.HasPrefix(name, "storage/storagetest") && !strings.HasPrefix(name, "stiletest") && name != "e2e" && name != "stile" {
				t.Errorf("package %s has no level: give it one in this test", name)
			}
			continue
		}
		for _, imported := range p.Imports {
			if own, ok := strings.CutPrefix(imported, "stile/"); ok {
				if below, known := levels[own]; !known || below >= level {
					t.Errorf("%s (level %d) imports %s (level %d)", name, level, own, below)
				}
			}
			for lib, users := range onlyFor {
				if (imported == lib || strings.HasPrefix(imported, lib+"/") && lib != "net/http") && !slices.Contains(users, name) {
					t.Errorf("%s imports %s, which is only for %v", name, imported, users)
				}
			}
			if name == "authn" && slices.Contains(pure, imported) {
				t.Errorf("authn imports %s: the core has no input and output", imported)
			}
		}
	}
}
