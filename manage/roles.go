package manage

import "stile/storage"

// Permission is one thing that somebody may do with an account.
type Permission string

// The permissions. All but the first two change something.
const (
	Read         Permission = "read"           // account, policy, people, products, device groups, clients, requests
	ReadAudit    Permission = "read-audit"     // the audit log and what is drawn from it
	EditPolicy   Permission = "edit-policy"    // the switch, and what it requires
	EditDevices  Permission = "edit-devices"   // device groups and products
	EditUsers    Permission = "edit-users"     // invite, change, disable, seats, import
	SignOutUsers Permission = "sign-out-users" // end sessions of others
	ResetUsers   Permission = "reset-users"    // take an authenticator away
	AskForResets Permission = "ask-for-resets" // ask an admin to
	DecideResets Permission = "decide-resets"  // approve and refuse requests for new devices and resets
	EditClients  Permission = "edit-clients"   // connect apps, rotate secrets
)

// all lists the permissions, those that only read first.
var all = []Permission{Read, ReadAudit, EditPolicy, EditDevices, EditUsers, SignOutUsers, ResetUsers, AskForResets, DecideResets, EditClients}

// roles says what each role of a user may do. Members may do nothing here.
var roles = map[string][]Permission{
	storage.RoleAdmin:    all,
	storage.RoleHelpdesk: {Read, SignOutUsers, AskForResets},
	storage.RoleAuditor:  {Read, ReadAudit},
}

// Scopes of access tokens. A user's token may do what both the role and the
// scopes allow; a service's, what its scopes allow. Whoever takes an
// authenticator away, or decides about one, is a person: no scope alone does it.
const (
	ScopeRead    = "stile.read"
	ScopeUsers   = "stile.users"
	ScopePolicy  = "stile.policy"
	ScopeClients = "stile.clients"
)

// permissionsOf says what each scope may do.
var permissionsOf = map[string][]Permission{
	ScopeRead:    {Read, ReadAudit},
	ScopeUsers:   {Read, EditUsers, SignOutUsers, ResetUsers, AskForResets, DecideResets},
	ScopePolicy:  {Read, EditPolicy, EditDevices},
	ScopeClients: {Read, EditClients},
}

// Scopes lists the scopes that open an account to programs.
func Scopes() []string { return []string{ScopeRead, ScopeUsers, ScopePolicy, ScopeClients} }

// personal are the permissions that only people have.
var personal = permissions{ResetUsers: true, DecideResets: true, AskForResets: true}

// permissions is a set.
type permissions map[Permission]bool

// union collects what each of the names allows.
func union(table map[string][]Permission, names []string) permissions {
	set := permissions{}
	for _, name := range names {
		for _, p := range table[name] {
			set[p] = true
		}
	}
	return set
}

// and returns what both sets have.
func (s permissions) and(other permissions) permissions {
	both := permissions{}
	for p := range s {
		if other[p] {
			both[p] = true
		}
	}
	return both
}

// without returns what only the first set has.
func (s permissions) without(other permissions) permissions {
	rest := permissions{}
	for p := range s {
		if !other[p] {
			rest[p] = true
		}
	}
	return rest
}

// changes tells whether the permission is one to change something.
func (p Permission) changes() bool { return p != Read && p != ReadAudit }
