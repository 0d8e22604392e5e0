package config

import (
	"bytes"
	"fmt"
	"strings"
)

const heading = `# Stile's configuration. Lines that begin with #key show the default: remove the # to change one.
# Any key can be given by the environment instead: STILE_ and its path in capitals, with __ between levels
# (STILE_MAIL__PASSWORD); with _FILE at the end the variable names a file that holds the value.
# 'stile config' prints what holds and where it came from.
`

// Reference returns config.yaml as it is shipped: every key with its comment
// and its default.
func Reference() []byte {
	var b bytes.Buffer
	b.WriteString(heading)
	all := fields(Default())
	for i, f := range all {
		depth := strings.Count(f.key, ".")
		indent := strings.Repeat("  ", depth)
		if depth == 0 {
			b.WriteByte('\n')
		}
		if f.doc != "" {
			for line := range strings.SplitSeq(f.doc, "\n") {
				fmt.Fprintf(&b, "%s# %s\n", indent, line)
			}
		}
		sign := "#"
		if f.show || f.section && shown(all[i+1:], f.key+".") {
			sign = ""
		}
		if f.section {
			fmt.Fprintf(&b, "%s%s%s:\n", indent, sign, f.name())
			continue
		}
		fmt.Fprintf(&b, "%s%s%s: %s\n", indent, sign, f.name(), quoted(f))
	}
	return b.Bytes()
}

// shown tells whether a key under the prefix stands without a comment sign.
func shown(all []field, prefix string) bool {
	for _, f := range all {
		if strings.HasPrefix(f.key, prefix) && f.show {
			return true
		}
	}
	return false
}

// quoted writes a value as YAML.
func quoted(f field) string {
	items := f.text()
	for i, item := range items {
		if item == "" || strings.ContainsAny(item, ",[]{}#&*!|>'\"%@` ") || f.value.Kind().String() == "string" && strings.Trim(item, "0123456789.") == "" {
			items[i] = `"` + strings.ReplaceAll(item, `"`, `\"`) + `"`
		}
	}
	if f.entries() { // their default is none
		return "{}"
	}
	if f.list() {
		return "[" + strings.Join(items, ", ") + "]"
	}
	return items[0]
}
