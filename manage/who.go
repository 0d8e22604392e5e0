package manage

import (
	"slices"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

// Fresh is how young a person's proofs must be for a change.
const Fresh = authn.Sensitive

// Who is somebody who was let in to one account. Make one with [User] or [Client].
type Who struct {
	by        audit.Actor
	accountID string
	userID    string // empty for a service
	service   bool
	name      string
	may       permissions
	scopes    []string // what the token is for; nil without one
	evidence  authn.Evidence
	subject   authn.Subject
	cooldown  *time.Time
}

// Asked is what a door wants of whoever comes in: two steps.
func Asked() authn.Ask { return authn.Ask{Levels: []authn.Level{authn.LevelMFA}, Essential: true} }

// Enters tells whether a user's roles open anything here.
func Enters(u storage.User) bool { return len(union(roles, u.Roles)) > 0 }

// User lets a person in, with what the present session or token has proven. It
// fails with [ErrForbidden] if the person's roles open nothing here, and with
// [ProofsError] if less than two steps are proven, or less than the account
// requires now. scopes are those of the token; nil for a session.
func User(p storage.Person, evidence authn.Evidence, scopes []string, by audit.Actor) (Who, error) {
	may := union(roles, p.User.Roles)
	if !p.Active() || len(may) == 0 {
		return Who{}, ErrForbidden
	}
	requirement, err := authn.Require(p.Policy.Policy, p.Subject, Asked())
	if err != nil || !requirement.Met(evidence, p.Subject) {
		return Who{}, ProofsError{}
	}
	if scopes != nil {
		may = may.and(union(permissionsOf, scopes))
	}
	by = p.User.Acting(by)
	return Who{
		by: by, accountID: p.Account.ID, userID: p.User.ID, name: p.User.Name, may: may, scopes: scopes,
		evidence: evidence, subject: p.Subject, cooldown: p.User.CooldownUntil,
	}, nil
}

// Client lets a service in that is bound to an account, with the scopes of its
// token. It fails with [ErrForbidden] for any other client.
func Client(c storage.Client, scopes []string, by audit.Actor) (Who, error) {
	may := union(permissionsOf, scopes).without(personal)
	if c.AccountID == "" || c.Disabled || c.Suspended || len(may) == 0 {
		return Who{}, ErrForbidden
	}
	by.Kind, by.ID = "client", c.ID
	return Who{by: by, accountID: c.AccountID, service: true, name: c.Metadata.Name, may: may, scopes: scopes}, nil
}

// AccountID is the account that Who was let in to.
func (w Who) AccountID() string { return w.accountID }

// UserID is the person; empty for a service.
func (w Who) UserID() string { return w.userID }

// Name is how pages call whoever it is.
func (w Who) Name() string { return w.name }

// Has tells whether Who has a permission, apart from how fresh the proofs are.
func (w Who) Has(p Permission) bool { return w.may[p] }

// May fails unless Who may do something with the permission now.
func (w Who) May(p Permission, now time.Time) error {
	if !w.may[p] {
		return ErrForbidden
	}
	if !p.changes() || w.userID == "" {
		return nil
	}
	if w.cooldown != nil && w.cooldown.After(now) {
		return CooldownError{Until: *w.cooldown}
	}
	if fresh := w.evidence.Of(w.subject).Since(now.Add(-Fresh)); fresh.Lasting().Level() < authn.LevelMFA {
		return ProofsError{MaxAge: Fresh, Recovery: fresh.Level() >= authn.LevelMFA}
	}
	return nil
}

func (s *Service) may(w Who, p Permission) error { return w.May(p, s.Now()) }

// mayGive fails if a role can do what Who can't: nobody gives a role, or takes
// one from others, that is more than his own. So no service gives or takes one
// that can do what only people may: nothing does that one hop away.
func (w Who) mayGive(given []string) error {
	for p := range union(roles, given) {
		if !w.may[p] {
			return ErrForbidden
		}
	}
	return nil
}

// mayChange fails if Who may not change somebody with these roles. What only
// people may do is not held against a service here, see mayRegrade.
func (w Who) mayChange(has []string) error {
	for p := range union(roles, has) {
		if !w.may[p] && (!w.service || !personal[p]) {
			return ErrForbidden
		}
	}
	return nil
}

// mayRegrade fails unless Who may give and take the roles that differ between
// two states of a user, all of them where the user is switched off or on again.
func (w Who) mayRegrade(before, after storage.User) error {
	if err := w.mayChange(before.Roles); err != nil {
		return err
	}
	if (before.DisabledAt == nil) != (after.DisabledAt == nil) {
		return w.mayGive(slices.Concat(before.Roles, after.Roles))
	}
	var differ []string
	for _, r := range slices.Concat(before.Roles, after.Roles) {
		if slices.Contains(before.Roles, r) != slices.Contains(after.Roles, r) {
			differ = append(differ, r)
		}
	}
	return w.mayGive(differ)
}

// mayGiveScopes fails if a client would get scopes of ours that the token of Who
// doesn't have.
func (w Who) mayGiveScopes(wanted []string) error {
	for _, s := range wanted {
		if _, ours := permissionsOf[s]; ours && w.scopes != nil && !slices.Contains(w.scopes, s) {
			return ErrForbidden
		}
	}
	return nil
}
