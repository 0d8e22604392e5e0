package op

import (
	"slices"

	"stile/authn"
)

// Levels gives the levels of the core their acr names. Every value is a name of
// ours or an alias: the dialect of some clients.
type Levels struct {
	Names   map[authn.Level]string // one for each level but LevelNone
	Aliases map[string]authn.Level
}

// Name returns the level's own acr, empty for LevelNone.
func (l Levels) Name(level authn.Level) string { return l.Names[level] }

// Level returns what an acr names; ok is false for a value that names nothing.
func (l Levels) Level(acr string) (level authn.Level, ok bool) {
	for level, name := range l.Names {
		if name == acr {
			return level, true
		}
	}
	level, ok = l.Aliases[acr]
	return level, ok
}

// Of returns the levels that the values name, in their order, without those
// that name nothing.
func (l Levels) Of(values []string) []authn.Level {
	var levels []authn.Level
	for _, v := range values {
		if level, ok := l.Level(v); ok {
			levels = append(levels, level)
		}
	}
	return levels
}

// Answer returns the acr of a token: the first of the values asked for that
// names the level reached or one below, else the level's own name. So a token
// never says more than was proven, and says it in the client's dialect.
func (l Levels) Answer(reached authn.Level, asked []string) string {
	for _, v := range asked {
		if level, ok := l.Level(v); ok && level <= reached {
			return v
		}
	}
	return l.Name(reached)
}

// Supported lists the values that somebody can reach, for discovery
// (acr_values_supported): the weakest first, names before aliases.
func (l Levels) Supported() []string {
	var values []string
	for _, level := range []authn.Level{authn.LevelPassword, authn.LevelMFA, authn.LevelPhishingResistant} {
		if !(authn.Subject{}).CanMeet(level) {
			continue
		}
		values = append(values, l.Names[level])
		var others []string
		for alias, named := range l.Aliases {
			if named == level {
				others = append(others, alias)
			}
		}
		slices.Sort(others)
		values = append(values, others...)
	}
	return values
}
