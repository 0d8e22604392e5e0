package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const envPrefix = "STILE_"

// variable returns the name of the environment variable of a key.
func variable(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "__"))
}

// notOurs are variables that others make: the project's tests, and Kubernetes
// for a service named stile.
func notOurs(name string) bool {
	return name == "STILE_PORT" || strings.HasPrefix(name, "STILE_PORT_") || strings.HasPrefix(name, "STILE_SERVICE_") || strings.HasPrefix(name, "STILE_TEST_")
}

func (c *Config) readEnv(env []string) error {
	byName := map[string]field{}
	var names []string
	for _, f := range fields(c) {
		if !f.section {
			byName[variable(f.key)] = f
			names = append(names, variable(f.key))
		}
	}
	sorted := slices.Clone(env)
	slices.Sort(sorted)
	var faults []error
	given := map[string]string{}
	for _, entry := range sorted {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || notOurs(name) {
			continue
		}
		base, fromFile := name, false
		f, known := byName[name]
		if !known {
			base, fromFile = strings.CutSuffix(name, "_FILE")
			f, known = byName[base]
		}
		if !known {
			faults = append(faults, fmt.Errorf("%s: unknown variable%s", name, suggest(name, names)))
			continue
		}
		if first, twice := given[base]; twice {
			faults = append(faults, fmt.Errorf("%s: %s is set too: unset one", name, first))
			continue
		}
		given[base] = name
		if err := c.fromVariable(f, name, text, fromFile); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(faults...)
}

func (c *Config) fromVariable(f field, name, text string, fromFile bool) error {
	source := name
	if fromFile {
		if f.key == masterKey {
			if err := refuseReadable(text); err != nil {
				return err
			}
		}
		content, err := readBounded(text)
		if err != nil {
			return err
		}
		source, text = fmt.Sprintf("%s (%s)", name, text), strings.TrimRight(string(content), "\r\n")
	}
	c.origins[f.key] = Origin{Source: source}
	if f.entries() { // those of the file hold no longer
		maps.DeleteFunc(c.origins, func(key string, _ Origin) bool { return strings.HasPrefix(key, f.key+".") })
	}
	return f.set(f.split(text)...)
}
