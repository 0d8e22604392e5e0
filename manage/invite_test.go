package manage

import (
	"testing"
	"time"

	"stile/storage"
)

// An invitation stands while its sender may still give what it gives.
func TestN02_InvitationsStandWhileTheirSenderMay(t *testing.T) {
	off := time.Now()
	user := func(off *time.Time, roles ...string) storage.Inviter {
		return storage.Inviter{User: &storage.User{Roles: roles, DisabledAt: off}}
	}
	service := func(scope string, disabled bool) storage.Inviter {
		return storage.Inviter{Client: &storage.Client{Metadata: storage.Metadata{Scope: scope}, Disabled: disabled}}
	}
	for name, c := range map[string]struct {
		by     storage.Inviter
		role   string
		stands bool
	}{
		"operator":                     {storage.Inviter{}, storage.RoleAdmin, true},
		"admin":                        {user(nil, storage.RoleMember, storage.RoleAdmin), storage.RoleAdmin, true},
		"disabled admin":               {user(&off, storage.RoleAdmin), storage.RoleMember, false},
		"dismissed admin":              {user(nil, storage.RoleMember), storage.RoleMember, false},
		"dismissed admin, an admin":    {user(nil, storage.RoleMember), storage.RoleAdmin, false},
		"helpdesk":                     {user(nil, storage.RoleHelpdesk), storage.RoleMember, false},
		"service":                      {service("stile.users", false), storage.RoleMember, true},
		"service that reads, auditor":  {service("stile.users stile.read", false), storage.RoleAuditor, true},
		"service, auditor":             {service("stile.users", false), storage.RoleAuditor, false},
		"service with all, an admin":   {service("stile.read stile.users stile.policy stile.clients", false), storage.RoleAdmin, false},
		"service that lost its scope":  {service("stile.read", false), storage.RoleMember, false},
		"service that is switched off": {service("stile.users", true), storage.RoleMember, false},
	} {
		if got := MayInvite(c.by, []string{storage.RoleMember, c.role}); got != c.stands {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Whoever signs up is judged by what the operator has opened, see package signin.
func TestN02_NobodyInvitesHimselfHere(t *testing.T) {
	if MayInvite(storage.Inviter{Self: &storage.Self{Account: storage.Account{ID: "a1"}, Email: "sam@example.com"}}, []string{storage.RoleMember}) {
		t.Error("somebody invites himself")
	}
}
