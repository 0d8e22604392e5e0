package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	lines, err := Decode(name, text, c)
	for key, line := range lines {
		c.origins[key] = Origin{Source: fmt.Sprintf("%s:%d", name, line)}
	}
	return err
}
