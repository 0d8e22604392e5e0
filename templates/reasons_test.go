package templates

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestEveryReasonHasWords reads the program for the reasons that events are
// given, so that a new one is not forgotten: literals that stand beside a kind of
// event or are called a reason, and the constants that are used as reasons.
func TestEveryReasonHasWords(t *testing.T) {
	found := map[string]string{} // where it was seen
	for _, dir := range []string{"account", "admin", "api", "login", "manage", "op", "server", "session", "signin", "storage", "welcome"} {
		files, err := filepath.Glob("../" + dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, path := range files {
			if !strings.HasSuffix(path, "_test.go") {
				reasonsOf(t, path, found)
			}
		}
	}
	for path, kind := range map[string]string{"../limit/booking.go": "Name", "../authn/evidence.go": "Method", "../storage/addresslinks.go": "LinkPurpose"} {
		constants(t, path, kind, found)
	}
	for path, prefix := range map[string]string{"../storage/devicerequests.go": "Device", "../storage/devicewaits.go": "Wait", "../manage/users.go": "read"} {
		untyped(t, path, prefix, found)
	}
	if len(found) < 60 {
		t.Errorf("only %d reasons are found: does the test still read the program?", len(found))
	}
	for reason, at := range found {
		words := 0
		for _, keys := range []map[string]string{reasonKeys, readKeys, limitKeys} {
			if keys[reason] != "" {
				words++
			}
		}
		if words == 0 {
			t.Errorf("%s: the reason %q has no words in the log", at, reason)
		}
	}
}

var code = regexp.MustCompile(`^[a-z]+([_-][a-z]+)*$`)

func parsed(t *testing.T, path string) *ast.File {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// literal is the code that an expression writes, if it does.
func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		if s, err := strconv.Unquote(l.Value); err == nil && code.MatchString(s) {
			return s
		}
	}
	return ""
}

// called tells what an expression is called, after its last dot.
func called(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// aKind tells whether an expression is a kind of event, or, in package signin, a
// variable of that name.
func aKind(path string, e ast.Expr) bool {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if pkg, ok := s.X.(*ast.Ident); ok && pkg.Name == "audit" {
			return true
		}
	}
	return called(e) == "kind" && strings.HasPrefix(path, "../signin/")
}

func reasonsOf(t *testing.T, path string, found map[string]string) {
	t.Helper()
	note := func(reason string) {
		if reason != "" {
			found[reason] = path
		}
	}
	for n := range ast.Preorder(parsed(t, path)) {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if called(n.Key) == "Reason" {
				note(literal(n.Value))
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if name := called(left); i < len(n.Rhs) && (name == "Reason" || name == "reason" || name == "refused") {
					note(literal(n.Rhs[i]))
				}
			}
		case *ast.CallExpr:
			if name := called(n.Fun); name == "recordRefusal" || name == "endReused" || name == "signOut" {
				note(literal(n.Args[len(n.Args)-1]))
			}
			for i, arg := range n.Args[:max(0, len(n.Args)-1)] {
				if aKind(path, arg) {
					for _, next := range n.Args[i+1 : min(len(n.Args), i+3)] {
						note(literal(next))
					}
				}
			}
		case *ast.FuncDecl:
			if n.Name.Name == "refusedReason" {
				for in := range ast.Preorder(n) {
					if r, ok := in.(*ast.ReturnStmt); ok {
						note(literal(r.Results[0]))
					}
				}
			}
		case *ast.CompositeLit: // a table of errors and the reasons that they are
			if len(n.Elts) == 2 && path == "../op/grants.go" {
				note(literal(n.Elts[1]))
			}
		}
	}
}

// constants are those of a type.
func constants(t *testing.T, path, kind string, found map[string]string) {
	t.Helper()
	for n := range ast.Preorder(parsed(t, path)) {
		if spec, ok := n.(*ast.ValueSpec); ok && called(spec.Type) == kind && len(spec.Values) > 0 {
			found[literal(spec.Values[0])] = path
		}
	}
}

// untyped are constants whose names begin so.
func untyped(t *testing.T, path, prefix string, found map[string]string) {
	t.Helper()
	for n := range ast.Preorder(parsed(t, path)) {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Type == nil && len(spec.Values) > 0 && strings.HasPrefix(spec.Names[0].Name, prefix) {
			if reason := literal(spec.Values[0]); reason != "" {
				found[reason] = path
			}
		}
	}
}
