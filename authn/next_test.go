package authn

import (
	"strings"
	"testing"
	"time"
)

// story is a sign-in under a policy: event → step reason, line by line.
type story struct {
	name   string
	policy Policy
	before func(*walk)
	story  string
}

func enrolled(w *walk) { w.connect() }

// tell goes through stories, and fails where a step is another.
func tell(t *testing.T, stories []story) {
	t.Helper()
	for _, test := range stories {
		t.Run(test.name, func(t *testing.T) {
			w := newWalk(test.policy)
			if test.before != nil {
				test.before(w)
			}
			for _, line := range strings.Split(strings.TrimSpace(test.story), "\n") {
				event, want, _ := strings.Cut(strings.TrimSpace(line), "→")
				w.do(strings.TrimSpace(event))
				d := w.next()
				if got := string(d.Step) + " " + string(d.Reason); got != strings.TrimSpace(want) {
					t.Fatalf("after %q: %s, want %s", strings.TrimSpace(event), got, strings.TrimSpace(want))
				}
			}
		})
	}
}

func TestWalks(t *testing.T) {
	tell(t, []story{
		{name: "password only", policy: off, story: `
			→ sign-in nothing_proven
			password → finished not_required`},
		{name: "first enrolment", policy: everyone, story: `
			→ sign-in nothing_proven
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			connected → setup-code account_policy
			back to the QR code → connect-device account_policy
			connected → setup-code account_policy
			setup code → done first
			codes kept → enter-code setup_spent
			code → finished proven`},
		{name: "the setup code counts where the policy waives the first", policy: Policy{TwoStep: true, WaiveFirst: true}, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			connected → setup-code account_policy
			setup code → done first
			codes kept → finished proven`},
		{name: "later sign-in", policy: everyone, before: enrolled, story: `
			→ sign-in nothing_proven
			password → enter-code account_policy
			code → finished proven`},
		{name: "too many wrong codes in a month: an e-mail code comes first, and enrols nobody", policy: everyone, before: enrolled, story: `
			many wrong codes in a month → sign-in nothing_proven
			password → verify-email guarded
			code → finished proven
			a new sign-in → sign-in nothing_proven
			password → verify-email guarded
			e-mail code → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			not now → enter-code account_policy
			code → finished proven`},
		{
			name: "too many wrong codes in a month: what isn't the app's needs no e-mail code", policy: everyone,
			before: func(w *walk) { w.connect(); w.addPasskey(Passkey) }, story: `
			many wrong codes in a month → sign-in nothing_proven
			password → verify-email guarded
			recovery code → two-step-introduction recovery
			a new sign-in → sign-in nothing_proven
			passkey → finished proven
			app removed → finished proven
			a new sign-in → sign-in nothing_proven
			password → enter-code account_policy`,
		},
		{name: "a passkey in place of the app", policy: everyone, story: `
			password → two-step-introduction account_policy
			passkey instead → verify-email account_policy
			e-mail code → make-passkey account_policy
			an app after all → install-app account_policy
			passkey instead → make-passkey account_policy
			passkey made → done first
			codes kept → enter-code setup_spent
			passkey → finished proven`},
		{name: "K08 no passkey is made in place of an app that is there", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			passkey instead → enter-code account_policy
			e-mail code → enter-code account_policy`},
		{name: "some weeks later one is asked whether all is right, in whole sign-ins only", policy: everyone, before: enrolled, story: `
			some weeks later → sign-in nothing_proven
			looks right → sign-in nothing_proven
			a new sign-in → sign-in nothing_proven
			password → enter-code account_policy
			code → check-up check_up
			set up a new mobile device → two-step-introduction replace
			not now → check-up check_up
			looks right → finished proven
			session ends here → finished already_proven
			asked for fresh proofs → sign-in max_age
			password → enter-code max_age
			code → check-up check_up`},
		{name: "no check-up where two steps were not proven here", policy: off, before: enrolled, story: `
			some weeks later → sign-in nothing_proven
			password → finished not_required
			session ends here → finished not_required
			asked for a code → enter-code requested
			code → finished proven`},
		{name: "a passkey is the whole sign-in", policy: everyone, before: func(w *walk) { w.connect(); w.addPasskey(Passkey) }, story: `
			→ sign-in nothing_proven
			passkey → finished proven
			session ends here → finished already_proven`},
		{name: "L07 the passkey is the only second factor: it is asked for", policy: everyone, before: func(w *walk) { w.addPasskey(SyncedPasskey) }, story: `
			password → enter-code account_policy
			e-mail code → enter-code account_policy
			continue → enter-code account_policy
			passkey → finished proven`},
		{name: "L07 the app is suspended, a passkey is there", policy: everyone, before: func(w *walk) { w.connect(); w.addPasskey(Passkey) }, story: `
			too many wrong codes → sign-in nothing_proven
			password → enter-code account_policy
			code → enter-code account_policy
			passkey → finished proven`},
		{name: "L07 the only passkey is lost: another device by the rules", policy: everyone, before: func(w *walk) { w.addPasskey(Passkey) }, story: `
			password → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			e-mail code → install-app replace`},
		{name: "a passkey of this sign-in spares the e-mail", policy: everyone, before: func(w *walk) { w.connect(); w.addPasskey(Passkey) }, story: `
			passkey → finished proven
			set up a new mobile device → two-step-introduction replace
			continue → install-app replace`},
		{name: "step-up to a passkey", policy: everyone, before: func(w *walk) { w.connect(); w.addPasskey(Passkey) }, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			asked for nothing but a passkey → enter-code requested
			code → enter-code requested
			recovery code → two-step-introduction recovery
			not now → enter-code requested
			passkey → finished proven
			passkeys removed → sign-in authn: no level that the request calls essential can be reached`},
		{name: "who has no passkey is not asked for one", policy: everyone, before: enrolled, story: `
			asked for a passkey → sign-in nothing_proven
			password → enter-code account_policy
			code → finished proven
			asked for nothing but a passkey → sign-in authn: no level that the request calls essential can be reached`},
		{name: "what a removed passkey proved proves nothing", policy: everyone, before: func(w *walk) { w.connect(); w.addPasskey(Passkey) }, story: `
			passkey → finished proven
			session ends here → finished already_proven
			passkeys removed → sign-in changed`},
		{name: "single sign-on", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven`},
		{name: "L01 the switch is turned on over a session", policy: off, story: `
			password → finished not_required
			session ends here → finished not_required
			policy on → two-step-introduction account_policy`},
		{name: "step-up adds only the code", policy: off, before: enrolled, story: `
			password → finished not_required
			session ends here → finished not_required
			asked for a code → enter-code requested
			an hour later → enter-code requested
			code → finished proven`},
		{name: "step-up of who has no app", policy: off, story: `
			password → finished not_required
			session ends here → finished not_required
			asked for a code → two-step-introduction requested
			continue → verify-email requested`},
		{name: "K07 nobody enrols on a session left open: the password again", policy: off, story: `
			password → finished not_required
			session ends here → finished not_required
			asked for a code → two-step-introduction requested
			an hour later → sign-in stale_password
			password → two-step-introduction requested`},
		{name: "fresh proofs: password and code, both", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			an hour later → finished already_proven
			asked for fresh proofs → sign-in max_age
			password → enter-code max_age
			code → finished proven`},
		{name: "fresh proofs, slowly", policy: everyone, before: enrolled, story: `
			asked for fresh proofs → sign-in nothing_proven
			password → enter-code account_policy
			an hour later → sign-in nothing_proven
			password → enter-code account_policy
			code → finished proven`},
	})
}

// A decision never depends on what was done before it, only on the facts.
func TestMutatorsLeaveTheirReceiver(t *testing.T) {
	p := Progress{Started: at(0), Evidence: Evidence{password(0)}}
	s := Subject{Authenticators: []Authenticator{{ID: PasswordID(1), Method: Password}}}
	_ = p.Prove(code(3), s).Join(Evidence{recovered(1)}).Start(s).VerifyEmail().InstallApp().Connect().Activate(everyone, "app", at(1)).Keep().Decline()
	if len(p.Evidence) != 1 || p.Enrolment != (Enrolment{}) || !p.Started.Equal(at(0)) {
		t.Errorf("changed: %+v", p)
	}
	if FreshPassword != 10*time.Minute {
		t.Errorf("FreshPassword is %v", FreshPassword)
	}
}
