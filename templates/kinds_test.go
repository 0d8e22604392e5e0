package templates

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"stile/audit"
	"stile/locale"
)

// TestEveryKindOfEventHasWords reads the kinds from package audit, so that a new
// one is not forgotten.
func TestEveryKindOfEventHasWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../audit/audit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	kinds, offered := 0, audit.Kinds()
	for n := range ast.Preorder(file) {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			continue
		}
		if typed, ok := spec.Type.(*ast.Ident); !ok || typed.Name != "Kind" {
			continue
		}
		kinds++
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil || kindKeys[audit.Kind(value)] == "" {
			t.Errorf("%s has no words: %v", value, err)
		}
		if slices.Contains(offered, audit.Kind(value)) == (audit.Kind(value) == audit.KeyRotated) {
			t.Errorf("%s: the list of kinds that an account's log can hold", value)
		}
	}
	if kinds < 30 || len(kindKeys) != kinds {
		t.Errorf("%d kinds, %d with words", kinds, len(kindKeys))
	}
}

// TestEveryRefusalOfAnAdminHasWords reads the reasons from where they are written.
func TestEveryRefusalOfAnAdminHasWords(t *testing.T) {
	set, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	written := regexp.MustCompile(`(?:recordRefusal|\.record|\.refused)\([^)\n]*"(\w+)"\)`)
	found := map[string]bool{}
	for _, pattern := range []string{"../admin/*.go", "../api/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range written.FindAllStringSubmatch(string(text), -1) {
				found[m[1]] = true
			}
		}
	}
	if len(found) < 3 {
		t.Fatalf("found %v", found)
	}
	for reason := range found {
		for _, l := range locale.Supported {
			v := view{Frame: Frame{Printer: set.Printer(l)}, set: set}
			if v.ReasonName(string(audit.AdminRefused), reason) == "" {
				t.Errorf("%s has no words in %s", reason, l)
			}
		}
	}
}
