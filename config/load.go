package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Origin tells where the value of a key came from.
type Origin struct {
	Key    string   `json:"key"`    // dotted path, such as mail.smtp
	Value  []string `json:"value"`  // as it would be written, secrets hidden; one item if the key is no list
	Source string   `json:"source"` // "default", "config.yaml:12", or the name of a variable
}

// maxFile bounds configuration files and files named by variables, in bytes.
const maxFile = 1 << 20

// DefaultPath is read when no other file is named; it may be absent.
const DefaultPath = "config.yaml"

// Load reads the file at path, then the variables in env ("NAME=value", as
// os.Environ gives them), over the defaults, and validates the result. An empty
// path is [DefaultPath], if that exists. Errors name every fault with its place
// and what to do. The origins are in the order of the keys.
func Load(path string, env []string) (*Config, []Origin, error) {
	c := Default()
	if err := c.readFile(path); err != nil {
		return nil, nil, err
	}
	if err := c.readEnv(env); err != nil {
		return nil, nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, nil, err
	}
	return c, c.Redacted(), nil
}

// Redacted returns every key with its value as text, secrets hidden.
func (c *Config) Redacted() []Origin {
	var all []Origin
	for _, f := range fields(c) {
		if !f.section {
			all = append(all, Origin{Key: f.key, Value: f.text(), Source: c.source(f.key)})
		}
	}
	return all
}

func (c *Config) source(key string) string {
	if o, ok := c.origins[key]; ok {
		return o.Source
	}
	return "default"
}

func (c *Config) readFile(path string) error {
	named := path != ""
	if !named {
		path = DefaultPath
	}
	text, err := readBounded(path)
	if errors.Is(err, os.ErrNotExist) && !named {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	c.Dir = filepath.Dir(path)
	return c.parse(path, text)
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	return text, nil
}

// parse reads the text of one YAML document over c. Name stands in errors.
func (c *Config) parse(name string, text []byte) error {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil // empty, or comments only
	case err != nil:
		return syntaxError(name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: more than one document: remove the line ---", name)
	}
	r := reader{name: name, config: c, byKey: map[string]field{}}
	for _, f := range fields(c) {
		r.byKey[f.key] = f
	}
	r.section("", doc.Content[0])
	return errors.Join(r.faults...)
}

// syntaxError gives the library's "yaml: line 3: what" the form of all others.
func syntaxError(name string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if line, what, ok := strings.Cut(rest, ": "); ok {
			return fmt.Errorf("%s:%s: %s", name, line, what)
		}
	}
	return fmt.Errorf("%s: %s", name, text)
}

// reader walks one document and collects every fault in it.
type reader struct {
	name   string
	config *Config
	byKey  map[string]field
	faults []error
}

func (r *reader) fault(n *yaml.Node, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s:%d: %w", r.name, n.Line, fmt.Errorf(format, args...)))
}

func (r *reader) section(prefix string, n *yaml.Node) {
	if isNull(n) {
		return // "mail:" with every line under it commented out
	}
	if n.Kind != yaml.MappingNode {
		what := "the file"
		if prefix != "" {
			what = strings.TrimSuffix(prefix, ".")
		}
		r.fault(n, "%s holds keys: write each as key: value", what)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if line, twice := seen[key.Value]; twice {
			r.fault(key, "%s%s is given twice, first in line %d: remove one", prefix, key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		f, known := r.byKey[prefix+key.Value]
		switch {
		case !known || strings.Contains(key.Value, ".") || key.Kind != yaml.ScalarNode:
			r.fault(key, "unknown key %q%s", prefix+key.Value, suggest(prefix+key.Value, r.known()))
		case f.section:
			r.section(f.key+".", value)
		default:
			r.value(f, value)
		}
	}
}

func (r *reader) known() []string {
	keys := make([]string, 0, len(r.byKey))
	for key := range r.byKey {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (r *reader) value(f field, n *yaml.Node) {
	var items []string
	switch {
	case isNull(n) && !f.list():
		r.fault(n, "%s has no value: write one, or remove the line for the default", f.key)
		return
	case isNull(n):
	case f.list() && n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode || isNull(item) {
				r.fault(item, "%s: each item is a plain value", f.key)
				return
			}
			items = append(items, item.Value)
		}
	case n.Kind != yaml.ScalarNode && f.list():
		r.fault(n, "%s is a list: write its items as - value", f.key)
		return
	case n.Kind != yaml.ScalarNode:
		r.fault(n, "%s takes one value, not a list or section", f.key)
		return
	default:
		items = f.split(n.Value)
	}
	r.config.origins[f.key] = Origin{Source: fmt.Sprintf("%s:%d", r.name, n.Line)}
	if err := f.set(items...); err != nil {
		r.fault(n, "%s: %w", f.key, err)
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// suggest names the known key that is nearest to a mistyped one, if one is near.
func suggest(key string, known []string) string {
	best, distance := "", min(len(key)/3+2, 6)
	for _, k := range known {
		if max(len(k)-len(key), len(key)-len(k)) >= distance && !strings.HasSuffix(k, "."+key) {
			continue
		}
		if d := editDistance(key, k); d < distance {
			best, distance = k, d
		}
		// The right key in the wrong place: smtp instead of mail.smtp.
		if strings.HasSuffix(k, "."+key) {
			best, distance = k, 0
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// editDistance is Levenshtein's, over bytes: keys are ASCII.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
