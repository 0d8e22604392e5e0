package manage

import (
	"slices"

	"stile/audit"
)

// ScopesFor lists the scopes that allow something.
func ScopesFor(p Permission) []string {
	var allow []string
	for _, s := range Scopes() {
		if slices.Contains(permissionsOf[s], p) {
			allow = append(allow, s)
		}
	}
	return allow
}

// Actor is Who as the audit log names it.
func (w Who) Actor() audit.Actor { return w.by }
