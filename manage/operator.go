package manage

import (
	"stile/audit"
	"stile/storage"
)

// Operator lets somebody in who runs the installation and works at its command
// line: there is nothing in an account that the database wouldn't give. name
// is what invitations say of who invites.
func Operator(accountID, name string, by audit.Actor) Who {
	return Who{by: by, accountID: accountID, name: name, may: union(roles, []string{storage.RoleAdmin})}
}
