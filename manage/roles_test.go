package manage

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

var now = time.Date(2026, 11, 22, 14, 32, 0, 0, time.UTC)

// somebody has a password and an authenticator app.
func somebody(roles ...string) storage.Person {
	return storage.Person{
		User:    storage.User{ID: "u1", AccountID: "a1", Name: "Ada", Roles: roles},
		Account: storage.Account{ID: "a1", Name: "Example"},
		Subject: authn.Subject{ID: "u1", AccountID: "a1", Authenticators: []authn.Authenticator{
			{ID: authn.PasswordID(1), Method: authn.Password}, {ID: "t1", Method: authn.TOTP},
		}},
	}
}

func proven(at time.Time, methods ...authn.Method) (e authn.Evidence) {
	ids := map[authn.Method]string{authn.Password: authn.PasswordID(1), authn.TOTP: "t1"}
	for _, m := range methods {
		e = e.With(authn.Proof{Method: m, At: at, Authenticator: ids[m]})
	}
	return e
}

func in(t *testing.T, p storage.Person, e authn.Evidence, scopes ...string) Who {
	t.Helper()
	w, err := User(p, e, scopes, audit.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// The table of what each role may do, as a reviewer reads it.
func TestN02_RolesOpenWhatTheyShould(t *testing.T) {
	for role, want := range map[string][]Permission{
		storage.RoleAdmin:    all,
		storage.RoleHelpdesk: {Read, SignOutUsers, AskForResets},
		storage.RoleAuditor:  {Read, ReadAudit},
	} {
		w := in(t, somebody(storage.RoleMember, role), proven(now, authn.Password, authn.TOTP))
		for _, p := range all {
			if err := w.May(p, now); (err == nil) != slices.Contains(want, p) {
				t.Errorf("%s: %s: %v", role, p, err)
			}
		}
	}
}

func TestN02_NobodyElseIsLetIn(t *testing.T) {
	both, disabled := proven(now, authn.Password, authn.TOTP), somebody(storage.RoleAdmin)
	disabled.User.DisabledAt = &now
	suspended := somebody(storage.RoleAdmin)
	suspended.Account.SuspendedAt = &now
	replaced := somebody(storage.RoleAdmin)
	replaced.Subject.Authenticators[1].ID = "t2"
	trusting := somebody(storage.RoleAdmin) // L04, L05: in a trusted browser
	trusting.Policy.TwoStep, trusting.Policy.TrustFor = true, time.Hour
	trusting.Subject.Trusted, trusting.Subject.At = authn.Trust{ID: "b1", Since: now, Until: now.Add(time.Hour)}, now
	for name, c := range map[string]struct {
		who      storage.Person
		evidence authn.Evidence
		want     error
	}{
		"member":                    {somebody(storage.RoleMember), both, ErrForbidden},
		"no role":                   {somebody(), both, ErrForbidden},
		"disabled":                  {disabled, both, ErrForbidden},
		"suspended account":         {suspended, both, ErrForbidden},
		"password only":             {somebody(storage.RoleAdmin), proven(now, authn.Password), ProofsError{}},
		"password, trusted browser": {trusting, proven(now, authn.Password), ProofsError{}},
		"code only":                 {somebody(storage.RoleAdmin), proven(now, authn.TOTP), ProofsError{}},
		"nothing":                   {somebody(storage.RoleAdmin), nil, ProofsError{}},
		"of an authenticator gone":  {replaced, both, ProofsError{}},
	} {
		if _, err := User(c.who, c.evidence, nil, audit.Actor{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestL04_ChangesNeedFreshProofsOfBothSteps(t *testing.T) {
	for name, c := range map[string]struct {
		evidence authn.Evidence
		fresh    bool
	}{
		"just now":       {proven(now, authn.Password, authn.TOTP), true},
		"ten minutes":    {proven(now.Add(-Fresh), authn.Password, authn.TOTP), true},
		"longer ago":     {proven(now.Add(-Fresh-time.Second), authn.Password, authn.TOTP), false},
		"stale password": {proven(now, authn.TOTP).Join(proven(now.Add(-time.Hour), authn.Password)), false},
		"stale code":     {proven(now, authn.Password).Join(proven(now.Add(-time.Hour), authn.TOTP)), false},
	} {
		w := in(t, somebody(storage.RoleAdmin), c.evidence)
		for _, p := range all {
			err := w.May(p, now)
			if p.changes() && !c.fresh && !errors.Is(err, ProofsError{MaxAge: Fresh}) || (c.fresh || !p.changes()) && err != nil {
				t.Errorf("%s: %s: %v", name, p, err)
			}
		}
	}
}

// A recovery code lets an admin look, and changes nothing.
func TestK08_ARecoveryCodeOpensNoChange(t *testing.T) {
	p := somebody(storage.RoleAdmin)
	p.Subject.Authenticators = append(p.Subject.Authenticators, authn.Authenticator{ID: "codes", Method: authn.Recovery})
	recovery := authn.Proof{Method: authn.Recovery, At: now, Authenticator: "codes"}
	for name, c := range map[string]struct {
		before authn.Evidence
		want   error
	}{
		"and nothing else":      {proven(now, authn.Password), ProofsError{MaxAge: Fresh, Recovery: true}},
		"after a code long ago": {proven(now, authn.Password).Join(proven(now.Add(-time.Hour), authn.TOTP)), ProofsError{MaxAge: Fresh, Recovery: true}},
		"and an old password":   {proven(now.Add(-time.Hour), authn.Password), ProofsError{MaxAge: Fresh}},
		"and a code":            {proven(now, authn.Password, authn.TOTP), nil},
	} {
		w := in(t, p, c.before.With(recovery))
		for _, perm := range all {
			if err := w.May(perm, now); perm.changes() && !errors.Is(err, c.want) || !perm.changes() && err != nil {
				t.Errorf("%s: %s: %v", name, perm, err)
			}
		}
	}
}

func TestK08_AReplacedAuthenticatorOpensNoChangeForAWhile(t *testing.T) {
	p, until := somebody(storage.RoleAdmin), now.Add(time.Hour)
	p.User.CooldownUntil = &until
	w := in(t, p, proven(now, authn.Password, authn.TOTP))
	for _, perm := range all {
		err := w.May(perm, now)
		if _, cooling := errors.AsType[CooldownError](err); cooling != perm.changes() {
			t.Errorf("%s: %v", perm, err)
		}
		if err := w.May(perm, until); !errors.Is(err, ProofsError{MaxAge: Fresh}) && perm.changes() {
			t.Errorf("%s after the cool-down, with old proofs: %v", perm, err)
		}
	}
}

func TestN02_ServicesAreBoundToOneAccount(t *testing.T) {
	bound := storage.Client{ID: "c1", AccountID: "a1"}
	for name, c := range map[string]struct {
		client storage.Client
		scopes []string
	}{
		"vendor's":   {storage.Client{ID: "c1"}, Scopes()},
		"disabled":   {storage.Client{ID: "c1", AccountID: "a1", Disabled: true}, Scopes()},
		"suspended":  {storage.Client{ID: "c1", AccountID: "a1", Suspended: true}, Scopes()},
		"no scope":   {bound, nil},
		"other ones": {bound, []string{"openid", "reports"}},
	} {
		if _, err := Client(c.client, c.scopes, audit.Actor{}); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w, err := Client(bound, Scopes(), audit.Actor{})
	if err != nil || w.AccountID() != "a1" {
		t.Fatal(err)
	}
	for _, p := range all {
		if err := w.May(p, now); (err != nil) != personal[p] {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// Whatever roles and scopes, nobody gives more than he has.
func TestN02_NobodyGivesWhatHeLacks(t *testing.T) {
	names := []string{storage.RoleMember, storage.RoleAdmin, storage.RoleHelpdesk, storage.RoleAuditor}
	rapid.Check(t, func(r *rapid.T) {
		own := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(r, "own")
		given := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(r, "given")
		tokenFor := rapid.SliceOfDistinct(rapid.SampledFrom(Scopes()), rapid.ID).Draw(r, "scopes")
		w, err := User(somebody(own...), proven(now, authn.Password, authn.TOTP), tokenFor, audit.Actor{})
		if err != nil {
			return
		}
		if w.mayGive(given) != nil {
			return
		}
		for p := range union(roles, given) {
			if !w.Has(p) {
				r.Errorf("%v with %v gives %v, which may %s", own, tokenFor, given, p)
			}
		}
	})
}

// Whoever may say where an app is answered has what it is given.
func TestN02_NobodyTurnsAnAppRoundThatHasMore(t *testing.T) {
	w, err := Client(storage.Client{ID: "c1", AccountID: "a1"}, []string{ScopeClients}, audit.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.mayGiveScopes([]string{"openid", ScopeClients}); err != nil {
		t.Errorf("its own scope: %v", err)
	}
	if err := w.mayGiveScopes([]string{ScopeClients, ScopePolicy}); !errors.Is(err, ErrForbidden) {
		t.Errorf("another one: %v", err)
	}
}
