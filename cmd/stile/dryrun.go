package main

import (
	"github.com/spf13/cobra"

	"stile/storage"
)

// dryRunFlag lets a verb say what it would do instead of doing it. The change
// is made, and undone: what would be refused is refused.
func (p *program) dryRunFlag(c *cobra.Command) {
	c.Flags().BoolVar(&p.dryRun, "dry-run", false, "print the differences and change nothing")
}

// changed ends a verb that changes something: it confirms what was done, or
// lists what would be done, in the words of apply.
func (p *program) changed(changes []storage.Change, document any, format string, args ...any) error {
	if p.dryRun {
		return p.printChanges(changes, true)
	}
	return p.done(document, format, args...)
}

// userChange is a change of a user that a list of differences shows as one
// field.
func userChange(of storage.Person, field, was, is string) []storage.Change {
	return []storage.Change{{
		Kind: storage.KindUser, Name: of.Account.Name + " / " + of.User.Email, Action: "updated",
		Fields: []storage.FieldChange{{Field: field, Was: was, Is: is}},
	}}
}
