package authn

import (
	"strings"
	"testing"
	"time"
)

func TestWalks(t *testing.T) {
	enrolled := func(w *walk) { w.connect() }
	for _, test := range []struct {
		name   string
		policy Policy
		before func(*walk)
		story  string // event → step reason, line by line
	}{
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
		{name: "replacement keeps the password and asks for the e-mail code", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			e-mail code → install-app replace
			app installed → connect-device replace
			connected → setup-code replace
			setup code → done replace
			codes kept → enter-code setup_spent
			code → finished proven`},
		{name: "a code of the present app, in this sign-in, spares the e-mail", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			set up a new mobile device → two-step-introduction replace
			continue → install-app replace
			app installed → connect-device replace
			connected → setup-code replace
			setup code → done replace
			codes kept → enter-code setup_spent
			code → finished proven`},
		{name: "a code given before this sign-in spares nothing", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace`},
		{name: "the old phone turns up", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			not now → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			not now → enter-code account_policy
			code → finished proven`},
		{name: "replacement out of an old session wants the password again", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			session ends here → enter-code account_policy
			an hour later → enter-code account_policy
			set up a new mobile device → sign-in stale_password
			password → two-step-introduction replace`},
		{name: "replaced in a step-up: the old code proves nothing", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			other window enrols → enter-code changed`},
		{name: "an admin's approval spares the e-mail", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			admin approves → install-app replace
			app installed → connect-device replace
			connected → setup-code replace
			setup code → done replace
			codes kept → enter-code setup_spent
			code → finished proven`},
		{name: "an admin's approval, of an app that takes no codes", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			too many wrong codes → two-step-introduction suspended
			admin approves → install-app replace`},
		{name: "an admin's approval is void when another device was connected", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			admin approves → install-app replace
			other window enrols → enter-code enrolled_elsewhere`},
		{name: "an admin's approval out of an old session wants the password", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			an hour later → finished already_proven
			admin approves → sign-in stale_password`},
		{name: "recovery code, then a new device at once", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			recovery code → two-step-introduction recovery
			continue → install-app recovery
			app installed → connect-device recovery
			connected → setup-code recovery
			setup code → done recovery
			codes kept → enter-code setup_spent
			code → finished proven`},
		{name: "recovery code, not now", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			recovery code → two-step-introduction recovery
			not now → finished proven
			session ends here → finished already_proven`},
		{name: "recovery code in the middle of a replacement spares the e-mail", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			recovery code → install-app recovery
			not now → finished proven`},
		{name: "a recovery code of the new set, in place of the first code", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			e-mail code → install-app replace
			app installed → connect-device replace
			connected → setup-code replace
			setup code → done replace
			codes kept → enter-code setup_spent
			recovery code → two-step-introduction recovery
			not now → finished proven`},
		{name: "an old recovery code spares nothing", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			recovery code → two-step-introduction recovery
			not now → finished proven
			session ends here → finished already_proven
			an hour later → finished already_proven
			set up a new mobile device → sign-in stale_password
			password → two-step-introduction replace
			continue → verify-email replace`},
		{name: "L07 suspended authenticator", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			too many wrong codes → two-step-introduction suspended
			continue → verify-email suspended
			e-mail code → install-app suspended`},
		{name: "L07 suspended authenticator and a recovery code", policy: everyone, before: enrolled, story: `
			too many wrong codes → sign-in nothing_proven
			password → two-step-introduction suspended
			recovery code → two-step-introduction recovery
			continue → install-app recovery`},
		{name: "L07 a suspension takes no proof away", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			too many wrong codes → finished already_proven`},
		{name: "K08 required enrolment can't be waved away", policy: everyone, story: `
			password → two-step-introduction account_policy
			not now → two-step-introduction account_policy
			continue → verify-email account_policy
			not now → two-step-introduction account_policy`},
		{name: "K09 screens can't be skipped", policy: everyone, story: `
			connected → sign-in nothing_proven
			e-mail code → sign-in nothing_proven
			password → two-step-introduction account_policy
			app installed → two-step-introduction account_policy
			codes kept → two-step-introduction account_policy
			continue → verify-email account_policy
			connected → verify-email account_policy`},
		{name: "K11 broken off, begun again from the start", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			a new sign-in → sign-in nothing_proven
			password → two-step-introduction account_policy`},
		{name: "K11 broken off before the codes were kept", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			connected → setup-code account_policy
			setup code → done first
			a new sign-in → sign-in nothing_proven
			password → enter-code account_policy`},
		{name: "the key lapsed: the QR code again, no second e-mail", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			connected → setup-code account_policy
			new key → connect-device account_policy`},
		{name: "K10 enrolled meanwhile in another tab", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			other window enrols → enter-code enrolled_elsewhere
			code → finished proven`},
		{name: "K08 a pending first enrolment does not replace what was connected meanwhile", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			connected → setup-code account_policy
			other window enrols → enter-code enrolled_elsewhere
			connected → enter-code enrolled_elsewhere`},
		{name: "K10 replaced meanwhile in another tab", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			other window enrols → enter-code enrolled_elsewhere
			code → finished proven`},
		{name: "K10 replaced again before the codes were kept", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			connected → setup-code account_policy
			setup code → done first
			other window enrols → enter-code enrolled_elsewhere`},
		{name: "reset by an admin in the middle", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			e-mail code → install-app replace
			admin resets → two-step-introduction account_policy
			continue → verify-email account_policy`},
		{name: "reset by an admin under a session", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			admin resets → two-step-introduction account_policy`},
		{name: "password changed under a session", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			password changed → sign-in changed
			password → finished already_proven`},
		{name: "L02 a password that others know is changed with the second factor", policy: everyone, before: enrolled, story: `
			password exposed → sign-in nothing_proven
			password → enter-code account_policy
			code → new-password exposed
			set up a new mobile device → two-step-introduction replace
			not now → new-password exposed
			chooses another password → finished proven
			session ends here → finished already_proven`},
		{name: "L02 who has no more than the exposed password chooses none", policy: off, before: enrolled, story: `
			password exposed → sign-in nothing_proven
			password → finished not_required`},
		{name: "L02 a session from before goes on, a step-up of it does not", policy: off, before: enrolled, story: `
			password → finished not_required
			session ends here → finished not_required
			password exposed → finished not_required
			asked for a code → enter-code requested
			code → new-password exposed
			chooses another password → finished proven`},
		{name: "L02 a recovery code counts as well", policy: everyone, before: enrolled, story: `
			password exposed → sign-in nothing_proven
			password → enter-code account_policy
			recovery code → two-step-introduction recovery
			not now → new-password exposed`},
		{name: "K08 a recovery code is not enough for what protects the sign-in; another device is connected all the same", policy: off, before: enrolled, story: `
			password → finished not_required
			asked for more than a recovery code → enter-code requested
			recovery code → two-step-introduction recovery
			not now → enter-code lasting
			set up a new mobile device → two-step-introduction replace
			continue → install-app replace
			app installed → connect-device replace
			connected → setup-code replace
			setup code → done replace
			codes kept → enter-code setup_spent
			code → finished proven`},
		{name: "K08 a recovery code beside a code takes nothing away", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			recovery code → two-step-introduction recovery
			not now → finished proven
			session ends here → finished already_proven
			asked for more than a recovery code → enter-code lasting
			code → finished proven`},
		{name: "the switch is turned off in the middle", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			policy off → finished not_required`},
		{name: "the switch is turned off just after activation: the codes are shown all the same", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			connected → setup-code account_policy
			setup code → done first
			policy off → done first
			codes kept → finished not_required`},
	} {
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
