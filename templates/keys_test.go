package templates_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"html/template"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	texttemplate "text/template"
	"text/template/parse"

	"golang.org/x/net/html"
)

// trees are the parsed templates by file, and whether they are HTML.
func trees(t *testing.T) map[string]map[string]*parse.Tree {
	t.Helper()
	all := map[string]map[string]*parse.Tree{}
	for _, pattern := range []string{"*.html", "mail/*.html", "mail/*.txt"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, p := range paths {
			body, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			found := map[string]*parse.Tree{}
			if strings.HasSuffix(p, ".html") {
				set, err := template.New(p).Parse(string(body))
				if err != nil {
					t.Fatal(err)
				}
				for _, one := range set.Templates() {
					found[one.Name()] = one.Tree
				}
			} else {
				set, err := texttemplate.New(p).Parse(string(body))
				if err != nil {
					t.Fatal(err)
				}
				for _, one := range set.Templates() {
					found[one.Name()] = one.Tree
				}
			}
			all[p] = found
		}
	}
	return all
}

// walk calls f with every node below n.
func walk(n parse.Node, f func(parse.Node)) {
	if n == nil {
		return
	}
	f(n)
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, c := range n.Nodes {
				walk(c, f)
			}
		}
	case *parse.ActionNode:
		walk(n.Pipe, f)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			walk(n.Pipe, f)
		}
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			walk(c, f)
		}
	case *parse.CommandNode:
		for _, a := range n.Args {
			walk(a, f)
		}
	case *parse.IfNode:
		branch(&n.BranchNode, f)
	case *parse.RangeNode:
		branch(&n.BranchNode, f)
	case *parse.WithNode:
		branch(&n.BranchNode, f)
	}
}

func branch(n *parse.BranchNode, f func(parse.Node)) {
	walk(n.Pipe, f)
	walk(n.List, f)
	if n.ElseList != nil {
		walk(n.ElseList, f)
	}
}

var keyForm = regexp.MustCompile(`^[a-z_]+(\.[a-z0-9_]+)+$`)

func englishKeys(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile("../locale/en.json")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for k := range raw {
		keys[k] = true
	}
	return keys
}

// TestKeys: every key that templates or Go code use exists, and every key that
// exists is used.
func TestKeys(t *testing.T) {
	exists := englishKeys(t)
	sections := map[string]bool{}
	for k := range exists {
		section, _, _ := strings.Cut(k, ".")
		sections[section] = true
	}
	used := map[string]bool{}
	use := func(where, s string) {
		section, _, _ := strings.Cut(s, ".")
		if keyForm.MatchString(s) && sections[section] && filepath.Ext(s) != ".html" && filepath.Ext(s) != ".css" && filepath.Ext(s) != ".js" {
			used[s] = true
			if !exists[s] {
				t.Errorf("%s uses %q, which does not exist", where, s)
			}
		}
	}
	for file, found := range trees(t) {
		for _, tree := range found {
			walk(tree.Root, func(n parse.Node) {
				switch n := n.(type) {
				case *parse.StringNode:
					use(file, n.Text)
				case *parse.CommandNode:
					checkCall(t, file, n, exists)
				}
			})
		}
	}
	for _, dir := range []string{".", "../locale"} {
		for _, s := range goStrings(t, dir) {
			use(dir, s)
		}
	}
	for k := range exists {
		if !used[k] {
			t.Errorf("%q is used nowhere", k)
		}
	}
}

// checkCall makes sure that texts are asked for by a key that is written out.
func checkCall(t *testing.T, file string, n *parse.CommandNode, exists map[string]bool) {
	name := ""
	switch f := n.Args[0].(type) {
	case *parse.FieldNode:
		name = f.Ident[len(f.Ident)-1]
	case *parse.VariableNode:
		name = f.Ident[len(f.Ident)-1]
	}
	at := map[string]int{"T": 1, "N": 1, "Text": 1, "Other": 2}[name]
	if at == 0 || len(n.Args) <= at {
		return
	}
	switch key := n.Args[at].(type) {
	case *parse.StringNode:
		if !exists[key.Text] {
			t.Errorf("%s: no key %q", file, key.Text)
		}
	default:
		if text := n.String(); text != "$.T .Kind.Key" {
			t.Errorf("%s: the key in {{%s}} is not written out", file, text)
		}
	}
}

func goStrings(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil {
					all = append(all, s)
				}
			}
			return true
		})
	}
	return all
}

// TestNoTextOutsideKeys: what people read stands in the language files.
func TestNoTextOutsideKeys(t *testing.T) {
	for file, found := range trees(t) {
		for name, tree := range found {
			var b strings.Builder
			walk(tree.Root, func(n parse.Node) {
				switch n := n.(type) {
				case *parse.TextNode:
					b.Write(n.Text)
				case *parse.ActionNode, *parse.TemplateNode:
					b.WriteByte(1)
				}
			})
			if strings.HasSuffix(file, ".txt") {
				if regexp.MustCompile(`\p{L}`).MatchString(b.String()) {
					t.Errorf("%s: %s holds words: %q", file, name, b.String())
				}
				continue
			}
			markup := b.String()
			if name == "tied" { // stands inside a tag
				markup = "<input" + markup + ">"
			}
			checkMarkup(t, file+": "+name, markup)
		}
	}
}

func checkMarkup(t *testing.T, where, markup string) {
	word := regexp.MustCompile(`\p{L}{2,}`)
	z := html.NewTokenizer(strings.NewReader(markup))
	inScript := false
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			if text := string(z.Text()); word.MatchString(text) && !inScript {
				t.Errorf("%s holds words outside keys: %q", where, strings.TrimSpace(text))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			inScript = tok.Data == "script"
			button := tok.Data == "input" && hasAttr(tok, "type", "button")
			for _, a := range tok.Attr {
				told := a.Key == "title" || a.Key == "alt" || a.Key == "placeholder" || a.Key == "aria-label" || a.Key == "value" && button ||
					strings.HasPrefix(a.Key, "data-t") || a.Key == "data-done"
				if told && word.MatchString(a.Val) {
					t.Errorf("%s holds words outside keys: %s=%q", where, a.Key, a.Val)
				}
			}
		case html.EndTagToken:
			inScript = false
		}
	}
}

func hasAttr(tok html.Token, key, value string) bool {
	for _, a := range tok.Attr {
		if a.Key == key && a.Val == value {
			return true
		}
	}
	return false
}
